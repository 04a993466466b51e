//! The two encodings of one intent: a script's flag string, taken apart by the proxy's module (classic) or sent as
//! it is (raw), must come to the same settings.

use ng_protocol::{Dict, Templates, Value};
use proptest::prelude::*;

use crate::{offer, parse_offer};

/// Flags that a module pushes into `flags` as typed.
const FLAGS: &[&str] = &[
    "trust-address",
    "SIP-source-address",
    "symmetric",
    "asymmetric",
    "strict-source",
    "media-handover",
    "port-latching",
    "no-port-latching",
    "unidirectional",
    "loop-protect",
    "always-transcode",
    "record-call",
    "generate-mid",
    "no-rtcp-attribute",
    "full-rtcp-attribute",
    "reset",
    "fragment",
    "trickle-ICE",
    "original-sendrecv",
    "strip-extmap",
    "generate-RTCP",
    "single-codec",
    "inject-DTMF",
    "debug",
    "pierce-NAT",
    "sdp-attr-remove-audio-fmtp:101",
    "sdp-attr-add-none-x:1..2",
    "endpoint-learning-immediate",
    "OSRTP-accept",
    "ICE-lite-forward",
    "extmap-strip-all",
];

/// Keys that a module passes on as they are. None contradicts a flag: which of the two is later differs.
const PAIRS: &[(&str, &str)] = &[
    ("ICE", "remove"),
    ("ICE", "force"),
    ("DTLS", "passive"),
    ("DTLS-reverse", "off"),
    ("media-address", "192.0.2.1"),
    ("media-address", "2001:db8::1"),
    ("address-family", "IP6"),
    ("label", "caller"),
    ("metadata", "a:b|c:d"),
    ("ptime", "30"),
    ("delete-delay", "5"),
    ("xmlrpc-callback", "192.0.2.9"),
    ("DTMF-security", "tone"),
    ("via-branch", "z9hG4bK-1"),
    ("SIP-code", "183"),
];

const CODECS: &[&str] = &[
    "PCMA",
    "opus/48000/2/16000//useinbandfec=1",
    "AMR/8000/1///octet-align--1",
    "AMR/8000/1///mode-set=0,1,2;octet-align=1",
    "all",
    "telephone-event",
];

/// One word of the script's flag string.
#[derive(Clone, Debug)]
enum Word {
    Flag(&'static str),
    Pair(&'static str, &'static str),
    /// A sub-list: its key, the value, and whether it is written with `=`.
    Sub(&'static str, &'static str, bool),
    Codec(&'static str, &'static str),
    Transport(&'static str),
    Direction(&'static str),
    Tos(i16),
}

impl Word {
    fn text(&self) -> String {
        match self {
            Self::Flag(flag) => (*flag).to_owned(),
            Self::Pair(key, value) | Self::Sub(key, value, true) => format!("{key}={value}"),
            Self::Sub(key, value, false) => format!("{key}-{value}"),
            Self::Codec("transcode", codec) => format!("transcode-{codec}"),
            Self::Codec(word, codec) => format!("codec-{word}-{codec}"),
            Self::Transport(token) => (*token).to_owned(),
            Self::Direction(name @ ("internal" | "external")) => (*name).to_owned(),
            Self::Direction(name) => format!("direction={name}"),
            Self::Tos(n) => format!("TOS={n}"),
        }
    }
}

/// What Kamailio's module makes of the words.
fn classic(words: &[Word]) -> Dict<'static> {
    let mut dict = offer();
    let mut lists: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut codecs: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut transport: Option<u8> = None;
    let add = |lists: &mut Vec<(&'static str, Vec<&'static str>)>, key: &'static str, value: &'static str| {
        match lists.iter_mut().find(|(k, _)| *k == key) {
            Some((_, values)) => values.push(value),
            None => lists.push((key, vec![value])),
        }
    };
    for word in words {
        match *word {
            Word::Flag(flag) => add(&mut lists, "flags", flag),
            Word::Pair(key, value) => dict.push(key, value),
            Word::Sub(key, value, _) => {
                let key = if key == "T38" { "T.38" } else { key };
                add(&mut lists, key, value);
            }
            Word::Codec(word, codec) => add(&mut codecs, word, codec),
            Word::Direction(name) => add(&mut lists, "direction", name),
            Word::Tos(n) => dict.push("TOS", i64::from(n)),
            Word::Transport(token) => {
                let bits = transport.unwrap_or(0);
                transport = Some(match token {
                    "RTP" => bits & !1,
                    "SRTP" => bits | 1,
                    "AVP" => bits & !2,
                    "AVPF" => bits | 2,
                    "DTLS" => bits | 4,
                    "RTP/SAVPF" => 3,
                    other => panic!("{other}"),
                });
            }
        }
    }
    let list = |values: Vec<&'static str>| values.into_iter().collect::<Value<'static>>();
    let names = [
        "RTP/AVP",
        "RTP/SAVP",
        "RTP/AVPF",
        "RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
        "UDP/TLS/RTP/SAVP",
        "UDP/TLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVPF",
    ];
    for (key, values) in lists {
        dict.push(key, list(values));
    }
    if !codecs.is_empty() {
        let mut codec = Value::dict();
        for (word, values) in codecs {
            codec.push(word, list(values));
        }
        dict.push("codec", codec);
    }
    if let Some(bits) = transport {
        dict.push("transport-protocol", names[usize::from(bits)]);
    }
    dict
}

fn word() -> impl Strategy<Value = Word> {
    let pick = |values: &'static [&'static str]| prop::sample::select(values);
    let sub = |key, values| (pick(values), any::<bool>()).prop_map(move |(v, eq)| Word::Sub(key, v, eq));
    prop_oneof![
        4 => pick(FLAGS).prop_map(Word::Flag),
        4 => prop::sample::select(PAIRS).prop_map(|(k, v)| Word::Pair(k, v)),
        1 => sub("replace", &["origin", "session-connection", "SDP-version", "username", "zero-address"]),
        1 => sub("SDES", &["off", "no-AES_CM_128_HMAC_SHA1_32", "only-AES_CM_128_HMAC_SHA1_80", "pad", "nonew"]),
        1 => sub("T38", &["decode", "force", "no-ECM", "FEC"]),
        1 => sub("T.38", &["stop", "no-V.17"]),
        1 => sub("rtcp-mux", &["offer", "require", "demux", "accept", "reject"]),
        2 => (pick(&["strip", "offer", "mask", "set", "except", "accept", "consume", "transcode"]), pick(CODECS))
            .prop_map(|(w, c)| Word::Codec(w, c)),
        1 => pick(&["RTP", "SRTP", "AVP", "AVPF", "DTLS", "RTP/SAVPF"]).prop_map(Word::Transport),
        1 => (-1i16..300).prop_map(Word::Tos),
    ]
}

fn words() -> impl Strategy<Value = Vec<Word>> {
    let directions = prop::collection::vec(
        prop::sample::select(&["pub", "priv", "internal", "external"][..]).prop_map(Word::Direction),
        0..=2,
    );
    (prop::collection::vec(word(), 0..12), directions).prop_map(|(mut words, directions)| {
        words.extend(directions);
        words
    })
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn classic_and_raw_mean_the_same(words in words()) {
        let text: Vec<_> = words.iter().map(Word::text).collect();
        let raw = offer().with("rtpp-flags", text.join(" "));
        let templates = Templates::default();
        let (classic, classic_warnings) = parse_offer(&classic(&words), &templates);
        let (raw, raw_warnings) = parse_offer(&raw, &templates);
        prop_assert_eq!(classic, raw, "{:?}", text);
        prop_assert_eq!(classic_warnings, [""; 0]);
        prop_assert_eq!(raw_warnings, [""; 0]);
    }
}
