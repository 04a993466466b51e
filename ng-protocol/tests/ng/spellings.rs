//! Every key and flag in every spelling, and the spellings that are seen in the field.

use ng_protocol::{Request, Templates, Value, Warning, flags, keys};

use crate::{flags as with_flags, offer, parse_offer};

/// A name with its separators and case changed.
fn spellings(name: &str) -> Vec<String> {
    let separators = |to: char| name.replace(['-', ' ', '_'], &to.to_string());
    let mut out = vec![name.to_owned(), separators('-'), separators(' '), separators('_')];
    let cased: Vec<_> = out
        .iter()
        .flat_map(|s| [s.to_lowercase(), s.to_uppercase()])
        .collect();
    out.extend(cased);
    out
}

#[test]
fn flags_in_every_spelling() {
    for flag in flags::table() {
        let reference = with_flags(&[flag.name]);
        for name in std::iter::once(&flag.name).chain(flag.aliases) {
            for spelling in spellings(name) {
                assert_eq!(with_flags(&[&spelling]), reference, "{spelling}");
            }
        }
    }
}

#[test]
fn keys_in_every_spelling() {
    // A value that every key takes or refuses in the same way.
    let read = |key: &str| {
        let dict = offer().with(key.to_owned(), "off");
        let request = Request::parse(ng_protocol::CommandKind::Offer, &dict, &Templates::default());
        let request = request.expect("an offer");
        let known = !request
            .warnings
            .iter()
            .any(|w| matches!(w, Warning::UnknownKey(_)));
        assert!(known, "{key}");
        request
    };
    for key in keys::table() {
        let reference = read(key.name);
        for name in std::iter::once(&key.name).chain(key.aliases) {
            for spelling in spellings(name) {
                assert_eq!(read(&spelling), reference, "{spelling}");
            }
        }
    }
}

#[test]
fn names_are_unique() {
    let check = |names: Vec<&str>| {
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            assert!(
                seen.insert(name.to_lowercase().replace([' ', '_'], "-")),
                "{name} twice"
            );
        }
    };
    check(
        flags::table()
            .iter()
            .flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()))
            .collect(),
    );
    check(
        keys::table()
            .iter()
            .flat_map(|k| std::iter::once(k.name).chain(k.aliases.iter().copied()))
            .collect(),
    );
}

#[test]
fn flags_from_the_field() {
    let (_, warnings) = with_flags(&[
        "OSRTP-accept",
        "SDES-off",
        "SDES-no",
        "SIPREC",
        "WebRTC",
        "all",
        "allow asymmetric codecs",
        "allow-transcoding",
        "always transcode",
        "asymmetric",
        "bidirectional",
        "codec-mask-all",
        "codec-offer-telephone-event",
        "codec-strip-G7221",
        "codec-transcode-t38",
        "directional",
        "early media",
        "egress",
        "from-tags-x",
        "full-rtcp-attribute",
        "generate RTCP",
        "generate-rtcp",
        "generate-mid",
        "inactive",
        "inject DTMF",
        "loop-protect",
        "mirror RTCP",
        "no-codec-renegotiation",
        "no-rtcp-attribute",
        "pad crypto",
        "port latching",
        "record-call",
        "recrypt",
        "replace-origin",
        "reuse-codecs",
        "sdp-attr-add-none-test2",
        "sdp-attr-remove-audio-fmtp:101",
        "sdp-attr-substitute-audio-fmtp:101>fmtp:101..0-15,32,36",
        "single codec",
        "static codecs",
        "strict source",
        "strip extmap",
        "transcode-G722",
        "trickle ICE",
        "trust-address",
        "unsubscribe",
        "media handover",
        "reset",
        "fragment",
        "symmetric",
        "pierce NAT",
        "SIP-source-address",
        "block-short-packets",
        "T.38-decode",
        "T38-force",
        "rtcp-mux-demux",
        "endpoint-learning-heuristic",
    ]);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn values_from_the_field() {
    for (key, values) in [
        (
            "ICE",
            &[
                "remove",
                "force",
                "default",
                "optional",
                "force-relay",
                "ICE2",
                "trickle",
            ][..],
        ),
        ("DTLS", &["off", "passive", "active", "no", "disable", "disabled"]),
        ("DTLS-fingerprint", &["SHA-1", "sha-256"]),
        (
            "DTMF-security",
            &["tone", "zero", "drop", "silence", "random", "DTMF", "off"],
        ),
        ("ICE-lite", &["backward", "forward", "both", "off"]),
        (
            "OSRTP",
            &[
                "offer",
                "accept",
                "offer-RFC",
                "offer-legacy",
                "accept-RFC",
                "accept-legacy",
            ],
        ),
        (
            "SDES",
            &[
                "off",
                "nonew",
                "static",
                "lifetime",
                "pad",
                "order:A;B",
                "only-A",
                "no-A",
                "offerer_pref:A",
            ],
        ),
        (
            "T.38",
            &[
                "decode",
                "force",
                "stop",
                "FEC",
                "no-ECM",
                "no-V.17",
                "no-V.27ter",
                "no-V.29",
                "no-V.34",
                "no-IAF",
            ],
        ),
        ("address family", &["IP4", "IP6"]),
        ("alias-key", &["SDP", "address", "endpoint", "off"]),
        (
            "audio-player",
            &[
                "force",
                "always",
                "default",
                "transcoding",
                "on",
                "yes",
                "off",
                "no",
            ],
        ),
        ("bundle", &["accept", "offer", "require", "strict", "reject"]),
        ("endpoint learning", &["off", "immediate", "delayed", "heuristic"]),
        (
            "media-echo",
            &["blackhole", "sinkhole", "forward", "backwards", "both"],
        ),
        ("record-call", &["yes", "on", "no", "off", "discard"]),
        ("record call", &["yes", "no"]),
        (
            "replace",
            &[
                "origin",
                "session-connection",
                "session connection",
                "SDP version",
                "SDP-version",
                "username",
                "session-name",
                "session name",
                "origin-full",
                "zero-address",
                "zero address",
                "force-increment-sdp-ver",
            ],
        ),
        ("rtcp-mux", &["offer", "require", "demux", "accept", "reject"]),
        (
            "SIP-message-type",
            &["sip_request", "sip_reply", "SIP request", "SIP response"],
        ),
        ("supports", &["load limit"]),
        (
            "transport protocol",
            &["RTP/AVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "accept"],
        ),
        ("drop-traffic", &["start", "stop"]),
        ("received-from", &["", "?", "192.0.2.1"]),
    ] {
        for value in values {
            for form in [Value::from(*value), [*value].into_iter().collect()] {
                if matches!(form, Value::List(_)) && matches!(key, "drop-traffic") {
                    continue;
                }
                let (_, warnings) = parse_offer(&offer().with(key, form), &Templates::default());
                assert_eq!(warnings, [""; 0], "{key}: {value}");
            }
        }
    }
}
