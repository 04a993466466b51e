//! Keys in SDP and what they mean for packets: SDES, OSRTP, and the bridge between protected and plain.

use call::{Config, RecordingConfig, SrtpPassthrough};
use ng_protocol::{Dict, Value};
use plan::{Framing, Plan, RtcpPolicy, Security};
use testkit::TestCalls;

/// Ports of ours towards the caller and towards the callee.
const CALLER: u16 = 30000;
const CALLEE: u16 = 30002;

const SUITE_80: &str = "AES_CM_128_HMAC_SHA1_80";
const SUITE_32: &str = "AES_CM_128_HMAC_SHA1_32";

/// Key and salt of the 128-bit suites that are not GCM: 30 bytes.
fn key(of: char) -> String {
    of.to_string().repeat(40)
}

fn crypto(tag: u32, suite: &str, of: char) -> String {
    format!("a=crypto:{tag} {suite} inline:{}", key(of))
}

fn calls_with(change: impl FnOnce(&mut Config)) -> TestCalls {
    let mut config = testkit::config(&["public/203.0.113.1"]);
    change(&mut config);
    TestCalls::new(config, 1)
}

fn calls() -> TestCalls {
    calls_with(|_| {})
}

fn body(protocol: &str, lines: &[String]) -> String {
    let lines: String = lines.iter().map(|l| format!("{l}\r\n")).collect();
    let head = "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n";
    format!("{head}m=audio 4000 {protocol} 0\r\n{lines}")
}

/// Says something in the call and returns what the other side is told.
fn say(calls: &mut TestCalls, command: &str, keys: &[(&str, &str)], body: &str) -> String {
    let (from, to) = if command == "offer" {
        ("a", None)
    } else {
        ("a", Some("b"))
    };
    let mut dict = Dict::new()
        .with("command", command)
        .with("call-id", "c")
        .with("from-tag", from)
        .with_some("to-tag", to);
    for (key, value) in keys {
        dict = match *key {
            "transport-protocol" => dict.with(*key, *value),
            _ => dict.with(*key, Value::from_iter(value.split(' '))),
        };
    }
    let reply = calls.handle(&dict.with("sdp", body)).reply.expect("ok");
    let sdp = reply.get("sdp").and_then(Value::as_str);
    sdp.expect("a body").to_owned()
}

fn cryptos(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|l| l.strip_prefix("a=crypto:")).collect()
}

/// Tag and suite of each line.
fn suites(sdp: &str) -> Vec<String> {
    let words = |l: &str| l.split(' ').take(2).collect::<Vec<_>>().join(" ");
    cryptos(sdp).into_iter().map(words).collect()
}

fn at(calls: &TestCalls, port: u16) -> &Plan {
    let plans = &calls.plans("c").expect("plans").plans;
    let found = plans
        .iter()
        .find(|p| p.sockets.iter().any(|s| s.addr.port() == port));
    found.expect("a plan at this port")
}

/// How a direction is protected, in a word.
fn word(security: &Security) -> String {
    match security {
        Security::Plain => "plain".to_owned(),
        Security::Pending => "pending".to_owned(),
        Security::Srtp(params) => {
            let key = params.keys().first().expect("a key");
            let protection = params.protection();
            let open = [
                (protection.encrypt_rtp, " rtp"),
                (protection.encrypt_rtcp, " rtcp"),
                (protection.authenticate_rtp, " tag"),
            ];
            let open: String = open.iter().filter(|(on, _)| !on).map(|(_, t)| *t).collect();
            format!("{} {:02x}{open}", key.suite().spec().name, key.key_and_salt()[0])
        }
    }
}

fn both(calls: &TestCalls, port: u16) -> [String; 2] {
    let plan = at(calls, port);
    let rtcp = at(calls, port + 1);
    assert_eq!(
        (word(&plan.recv), word(&plan.send)),
        (word(&rtcp.recv), word(&rtcp.send))
    );
    [word(&plan.recv), word(&plan.send)]
}

#[test]
fn an_offer_lists_suites_as_asked() {
    let all = [
        "AEAD_AES_256_GCM",
        "AEAD_AES_128_GCM",
        "AES_256_CM_HMAC_SHA1_80",
        "AES_256_CM_HMAC_SHA1_32",
        "AES_192_CM_HMAC_SHA1_80",
        "AES_192_CM_HMAC_SHA1_32",
        SUITE_80,
        SUITE_32,
        "F8_128_HMAC_SHA1_80",
        "F8_128_HMAC_SHA1_32",
        "NULL_HMAC_SHA1_80",
        "NULL_HMAC_SHA1_32",
    ];
    let numbered = |from: usize, left_out: &[&str]| -> Vec<String> {
        let rest = all.iter().filter(|s| !left_out.contains(s));
        rest.enumerate()
            .map(|(at, s)| format!("{} {s}", at + from))
            .collect()
    };
    let offered = [crypto(3, SUITE_32, 'a'), crypto(7, SUITE_80, 'b')];
    let own = [format!("3 {SUITE_32}"), format!("7 {SUITE_80}")];
    let with_own = |rest: Vec<String>| [own.to_vec(), rest].concat();
    let cases: Vec<(&str, &[String], Vec<String>)> = vec![
        ("pad", &[], numbered(1, &[])),
        ("pad", &offered, with_own(numbered(8, &[SUITE_80, SUITE_32]))),
        ("off", &offered, vec![]),
        ("nonew", &offered, own.to_vec()),
        ("nonew no-AES_CM_128_HMAC_SHA1_80", &offered, own.to_vec()),
        ("nonew", &[], vec![]),
        (
            "no-AES_CM_128_HMAC_SHA1_80 no-NULL_HMAC_SHA1_32",
            &offered,
            [
                vec![own[0].clone()],
                numbered(4, &[SUITE_80, SUITE_32, "NULL_HMAC_SHA1_32"]),
            ]
            .concat(),
        ),
        ("only-AES_CM_128_HMAC_SHA1_80", &offered, vec![own[1].clone()]),
        (
            "only-AEAD_AES_128_GCM",
            &offered,
            vec!["1 AEAD_AES_128_GCM".to_owned()],
        ),
        (
            "order:AES_CM_128_HMAC_SHA1_80 nonew",
            &offered,
            vec![own[1].clone(), own[0].clone()],
        ),
    ];
    for (flags, lines, expected) in cases {
        let sdp = say(
            &mut calls(),
            "offer",
            &[("SDES", flags), ("transport-protocol", "RTP/SAVP")],
            &body("RTP/SAVP", lines),
        );
        assert_eq!(suites(&sdp), expected, "{flags}");
    }
}

#[test]
fn a_line_that_cannot_be_honoured_is_no_line() {
    let long = "A".repeat(41);
    for (line, kept) in [
        (format!("1 {SUITE_80} inline:{}", key('a')), true),
        (format!("1 aes_cm_128_hmac_sha1_80 inline:{}", key('a')), true),
        (format!("1 {SUITE_80} inline:{}|2^20", key('a')), true),
        (format!("1 {SUITE_80} inline:{}|2^20|5:4", key('a')), true),
        (
            format!("1 {SUITE_80} inline:{} WSH=128 -NEW=1 KDR=0", key('a')),
            true,
        ),
        (format!("1 {SUITE_80} inline:{} KDR=1", key('a')), false),
        (format!("1 {SUITE_80} inline:{} NEW=1", key('a')), false),
        (format!("1 {SUITE_80} inline:{long}"), false),
        (format!("1 {SUITE_80} inline:{}|300:1", key('a')), false),
        (
            format!("1 {SUITE_80} inline:{};inline:{}", key('a'), key('b')),
            false,
        ),
        (
            format!("1 {SUITE_80} inline:{}|1:1;inline:{}|2:1", key('a'), key('b')),
            true,
        ),
        (format!("1 AES_CM_128_HMAC_SHA1_81 inline:{}", key('a')), false),
        (
            format!(
                "1 AEAD_AES_128_GCM inline:{} UNAUTHENTICATED_SRTP",
                "A".repeat(38)
            ),
            false,
        ),
    ] {
        let offer = body("RTP/SAVP", &[format!("a=crypto:{line}")]);
        let sdp = say(&mut calls(), "offer", &[("SDES", "nonew")], &offer);
        assert_eq!(cryptos(&sdp).len() == 1, kept, "{line}: {sdp}");
    }
}

#[test]
fn lines_are_printed_as_asked() {
    let gcm = "A".repeat(38);
    for (flags, line, expected) in [
        ("nonew", format!("{gcm}=="), gcm.clone()),
        ("nonew pad", gcm.clone(), format!("{gcm}==")),
        ("nonew lifetime", gcm.clone(), format!("{gcm}|2^31")),
        ("nonew", format!("{gcm}|2^20|258:4"), format!("{gcm}|258:4")),
        ("nonew", format!("{gcm}|1:20"), format!("{gcm}|1:20")),
        (
            "nonew",
            format!("{gcm}|1:1;inline:{gcm}|2:1"),
            format!("{gcm}|1:1;inline:{gcm}|2:1"),
        ),
        (
            "nonew",
            format!("{gcm} UNENCRYPTED_SRTCP"),
            format!("{gcm} UNENCRYPTED_SRTCP"),
        ),
        (
            "nonew encrypted_srtcp unencrypted_srtp",
            format!("{gcm} UNENCRYPTED_SRTCP"),
            format!("{gcm} UNENCRYPTED_SRTP"),
        ),
        // The suite cannot do without.
        ("nonew UNAUTHENTICATED_SRTP", gcm.clone(), gcm.clone()),
    ] {
        let offer = body(
            "RTP/SAVP",
            &[format!("a=crypto:1 AEAD_AES_128_GCM inline:{line}")],
        );
        let sdp = say(&mut calls(), "offer", &[("SDES", flags)], &offer);
        let expected = format!("1 AEAD_AES_128_GCM inline:{expected}");
        assert_eq!(cryptos(&sdp), [expected], "{flags}, {line}");
    }
}

#[test]
fn there_are_no_keys_before_an_answer_and_an_offer_changes_none() {
    let mut calls = calls();
    let offer = |of| body("RTP/SAVP", &[crypto(1, SUITE_80, of)]);
    say(&mut calls, "offer", &[], &offer('a'));
    let pending = || ["pending".to_owned(), "pending".to_owned()];
    assert_eq!(
        [both(&calls, CALLER), both(&calls, CALLEE)],
        [pending(), pending()]
    );
    let told = say(&mut calls, "answer", &[], &offer('b'));
    assert_eq!(told.matches(&key('b')).count(), 1);
    let pair = |recv: &str, send: &str| [format!("{SUITE_80} {recv}"), format!("{SUITE_80} {send}")];
    let agreed = [pair("69", "6d"), pair("6d", "69")];
    // The first byte of "aaaa" and of "bbbb" in base64.
    assert_eq!([both(&calls, CALLER), both(&calls, CALLEE)], agreed);
    assert!(at(&calls, CALLER).sinks[0].process.keep_protection);

    say(&mut calls, "offer", &[], &offer('c'));
    assert_eq!([both(&calls, CALLER), both(&calls, CALLEE)], agreed);
    let told = say(&mut calls, "answer", &[], &offer('b'));
    assert_eq!(told.matches(&key('b')).count(), 1);
    assert_eq!(both(&calls, CALLER), pair("71", "6d"));
    assert_eq!(both(&calls, CALLEE), pair("6d", "71"));
}

#[test]
fn a_new_key_of_the_answerer_reaches_the_offerer_unless_told_to_stay() {
    for (flags, expected) in [("pad", 'c'), ("static", 'b')] {
        let mut calls = calls();
        let line = |of| body("RTP/SAVP", &[crypto(1, SUITE_80, of)]);
        say(&mut calls, "offer", &[], &line('a'));
        say(&mut calls, "answer", &[], &line('b'));
        say(&mut calls, "offer", &[], &line('a'));
        let told = say(&mut calls, "answer", &[("SDES", flags)], &line('c'));
        assert_eq!(cryptos(&told), [format!("1 {SUITE_80} inline:{}", key(expected))]);
        // Whatever the offerer is told, what comes from the answerer is protected with the answerer's key.
        assert_eq!(both(&calls, CALLEE)[0], format!("{SUITE_80} 71"));
        assert_eq!(
            at(&calls, CALLEE).sinks[0].process.keep_protection,
            expected == 'c'
        );
    }
}

#[test]
fn nothing_new_is_said_under_one_key_of_both_parties() {
    let savp = || body("RTP/SAVP", &[crypto(1, SUITE_80, 'a')]);
    let savpf = || body("RTP/SAVPF", &[crypto(1, SUITE_80, 'a')]);
    let other = || body("RTP/SAVP", &[crypto(2, "AEAD_AES_128_GCM", 'x')]);
    for (what, keys, offer, [rtp, rtcp]) in [
        ("the same keys", &[][..], savp(), [true, true]),
        ("recrypt", &[("flags", "recrypt")][..], savp(), [false, true]),
        (
            "another suite",
            &[("SDES", "no-AES_CM_128_HMAC_SHA1_80")][..],
            savp(),
            [false, false],
        ),
        (
            "feedback would be stripped",
            &[("transport-protocol", "RTP/SAVP")][..],
            savpf(),
            [true, true],
        ),
        (
            "our own RTCP would be sent",
            &[("flags", "generate-RTCP")][..],
            savp(),
            [true, true],
        ),
        ("recording", &[("record-call", "yes")][..], savp(), [true, true]),
        ("other keys", &[][..], other(), [false, false]),
        (
            "the same key, but RTCP for everybody's eyes",
            &[("SDES", "unencrypted_srtcp")][..],
            savp(),
            [false, true],
        ),
    ] {
        for passthrough in [SrtpPassthrough::Verify, SrtpPassthrough::Blind] {
            let mut calls = calls_with(|config| {
                config.srtp_passthrough = passthrough;
                config.recording = RecordingConfig {
                    dir: Some("/tmp".to_owned()),
                    ..RecordingConfig::default()
                };
            });
            let told = say(&mut calls, "offer", keys, &offer);
            let first = cryptos(&told)[0].replace(&key('a'), &key('b'));
            say(
                &mut calls,
                "answer",
                &[],
                &body("RTP/SAVP", &[format!("a=crypto:{first}")]),
            );
            let blind = what == "the same keys" && passthrough == SrtpPassthrough::Blind;
            let framing = if blind { Framing::Srtp } else { Framing::Rtp };
            let case = format!("{what}, {passthrough:?}");
            for port in [CALLER, CALLEE] {
                let plan = at(&calls, port);
                assert_eq!(plan.framing, framing, "{case}");
                assert_eq!(matches!(plan.recv, Security::Plain), blind, "{case}");
                assert_eq!(plan.sinks[0].process.keep_protection, rtp && !blind, "{case}");
                let sink = &at(&calls, port + 1).rtcp_sinks[0];
                assert_eq!(sink.process.keep_protection, rtcp && !blind, "{case}");
                if rtcp {
                    assert_eq!(sink.rtcp, RtcpPolicy::Forward, "{case}");
                }
            }
        }
    }
}

/// Two headers under one nonce give away the key of the tags of AES-GCM.
#[test]
fn header_extensions_change_under_one_key_only_if_the_suite_bears_it() {
    let gcm = format!("a=crypto:1 AEAD_AES_128_GCM inline:{}==", "A".repeat(38));
    for (line, changes) in [(crypto(1, SUITE_80, 'a'), true), (gcm, false)] {
        let body = body("RTP/SAVP", &[line.clone(), "a=extmap:1 urn:x".to_owned()]);
        let mut calls = calls();
        say(&mut calls, "offer", &[], &body);
        say(&mut calls, "answer", &[], &body);
        for port in [CALLER, CALLEE] {
            let process = &at(&calls, port).sinks[0].process;
            assert_eq!(process.ext_map.is_some(), changes, "{line}");
            assert_eq!(process.keep_protection, !changes, "{line}");
            let rtcp = &at(&calls, port + 1).rtcp_sinks[0].process;
            assert!(rtcp.keep_protection, "{line}");
        }
    }
}

#[test]
fn every_profile_talks_to_every_other() {
    let profiles = [
        ("RTP/AVP", false),
        ("RTP/AVPF", false),
        ("RTP/SAVP", true),
        ("RTP/SAVPF", true),
        ("UDP/TLS/RTP/SAVP", true),
        ("UDP/TLS/RTP/SAVPF", true),
    ];
    let lines = |secure: bool, of| match secure {
        true => vec![crypto(1, SUITE_80, of)],
        false => vec![],
    };
    let first = |secure: bool, of: &str| match secure {
        true => format!("{SUITE_80} {of}"),
        false => "plain".to_owned(),
    };
    for (near, near_secure) in profiles {
        for (far, far_secure) in profiles {
            let what = format!("{near} to {far}");
            let mut calls = calls();
            let keys = [
                ("transport-protocol", far),
                ("SDES", "only-AES_CM_128_HMAC_SHA1_80"),
            ];
            let told = say(&mut calls, "offer", &keys, &body(near, &lines(near_secure, 'a')));
            assert!(
                told.contains(&format!("m=audio {CALLEE} {far} 0")),
                "{what}: {told}"
            );
            assert_eq!(suites(&told).len(), usize::from(far_secure), "{what}: {told}");
            let told = say(&mut calls, "answer", &[], &body(far, &lines(far_secure, 'b')));
            assert!(
                told.contains(&format!("m=audio {CALLER} {near} 0")),
                "{what}: {told}"
            );
            assert_eq!(suites(&told).len(), usize::from(near_secure), "{what}: {told}");
            assert_eq!(both(&calls, CALLER)[0], first(near_secure, "69"), "{what}");
            assert_eq!(both(&calls, CALLEE)[0], first(far_secure, "6d"), "{what}");
            let kept = at(&calls, CALLER).sinks[0].process.keep_protection;
            assert_eq!(kept, near_secure && far_secure, "{what}");
        }
    }
}

#[test]
fn an_answer_without_a_usable_line_leaves_no_keys() {
    for line in [
        vec![],
        vec![crypto(1, SUITE_32, 'b')],
        vec![crypto(1, "NONE", 'b')],
    ] {
        let mut calls = calls();
        let offer = body("RTP/SAVP", &[crypto(1, SUITE_80, 'a')]);
        say(&mut calls, "offer", &[("SDES", "nonew")], &offer);
        say(&mut calls, "answer", &[], &body("RTP/SAVP", &line));
        assert_eq!(both(&calls, CALLEE), ["pending", "pending"], "{line:?}");
        // The offerer is none the worse.
        assert_eq!(both(&calls, CALLER)[0], format!("{SUITE_80} 69"), "{line:?}");
    }
}

#[test]
fn a_key_is_not_taken_up_again_after_plain_rtp() {
    let mut calls = calls();
    let to = |protocol| {
        [
            ("transport-protocol", protocol),
            ("SDES", "only-AES_CM_128_HMAC_SHA1_80"),
        ]
    };
    let plain = body("RTP/AVP", &[]);
    let first = say(&mut calls, "offer", &to("RTP/SAVP"), &plain);
    say(
        &mut calls,
        "answer",
        &[],
        &body("RTP/SAVP", &[crypto(1, SUITE_80, 'b')]),
    );
    let again = say(&mut calls, "offer", &to("RTP/SAVP"), &plain);
    assert_eq!(cryptos(&first), cryptos(&again), "kept over a re-INVITE");
    say(
        &mut calls,
        "answer",
        &[],
        &body("RTP/SAVP", &[crypto(1, SUITE_80, 'b')]),
    );
    say(&mut calls, "offer", &to("RTP/AVP"), &plain);
    say(&mut calls, "answer", &[], &plain);
    let anew = say(&mut calls, "offer", &to("RTP/SAVP"), &plain);
    assert_eq!(suites(&anew), suites(&first));
    assert_ne!(cryptos(&anew), cryptos(&first), "its counters are gone");
}

#[test]
fn opportunistic_srtp_is_agreed_or_plain() {
    let keyed = |of| body("RTP/AVP", &[crypto(1, SUITE_80, of)]);
    let plain = || body("RTP/AVP", &[]);
    for (what, offer_flags, offer, answer_flags, answer, secure) in [
        (
            "passed on, accepted",
            "pad",
            keyed('a'),
            "pad",
            keyed('b'),
            [true, true],
        ),
        (
            "passed on, refused",
            "pad",
            keyed('a'),
            "pad",
            plain(),
            [false, false],
        ),
        (
            "accepted for us alone",
            "pad",
            keyed('a'),
            "OSRTP-accept",
            plain(),
            [true, false],
        ),
        (
            "offered, accepted",
            "OSRTP-offer",
            plain(),
            "pad",
            keyed('b'),
            [false, true],
        ),
        (
            "offered, refused",
            "OSRTP-offer",
            plain(),
            "pad",
            plain(),
            [false, false],
        ),
        ("never offered", "pad", plain(), "pad", keyed('b'), [false, false]),
    ] {
        let mut calls = calls();
        let only = "SDES-only-AES_CM_128_HMAC_SHA1_80";
        let flags = format!("{offer_flags} {only}");
        say(&mut calls, "offer", &[("flags", &flags)], &offer);
        let told = say(&mut calls, "answer", &[("flags", answer_flags)], &answer);
        assert!(told.contains("RTP/AVP 0"), "{what}: {told}");
        assert_eq!(cryptos(&told).len(), usize::from(secure[0]), "{what}: {told}");
        for (port, secure) in [(CALLER, secure[0]), (CALLEE, secure[1])] {
            assert_eq!(both(&calls, port)[0] != "plain", secure, "{what} at {port}");
        }
    }
}

/// The `m=` lines of a body: port zero or not, and the protocol.
fn sections(sdp: &str) -> Vec<String> {
    let lines = sdp.lines().filter_map(|l| l.strip_prefix("m=audio "));
    let words = lines.map(|l| l.split(' ').collect::<Vec<_>>());
    words
        .map(|w| format!("{} {}", if w[0] == "0" { "0" } else { "port" }, w[1]))
        .collect()
}

#[test]
fn a_legacy_offer_stands_in_two_sections() {
    let secure = ["a=rtcp:4001".to_owned(), crypto(1, SUITE_80, 'b')];
    let two = |plain: u16, srtp: u16| {
        let body = body("RTP/AVP", &[]).replace("audio 4000", &format!("audio {plain}"));
        format!(
            "{body}m=audio {srtp} RTP/SAVP 0\r\n{}\r\n{}\r\n",
            secure[0], secure[1]
        )
    };
    let keys = [
        ("flags", "OSRTP-offer-legacy SDES-only-AES_CM_128_HMAC_SHA1_80"),
        ("transport-protocol", "RTP/SAVP"),
    ];
    for (answer, word, again) in [
        (
            two(0, 4000),
            format!("{SUITE_80} 6d"),
            ["0 RTP/AVP", "port RTP/SAVP"],
        ),
        (two(4000, 0), "plain".to_owned(), ["port RTP/AVP", "0 RTP/SAVP"]),
    ] {
        let mut calls = calls();
        let told = say(&mut calls, "offer", &keys, &body("RTP/AVP", &[]));
        assert_eq!(sections(&told), ["port RTP/AVP", "port RTP/SAVP"], "{told}");
        assert_eq!(cryptos(&told).len(), 1, "{told}");
        let told = say(&mut calls, "answer", &[], &answer);
        assert_eq!(sections(&told), ["port RTP/AVP"], "{told}");
        assert_eq!(both(&calls, CALLEE)[0], word);
        let told = say(&mut calls, "offer", &[], &body("RTP/AVP", &[]));
        assert_eq!(sections(&told), again, "{told}");
    }
}
