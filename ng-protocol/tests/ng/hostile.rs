//! What nobody should send.

use ng_protocol::envelope::{Format, encode};
use ng_protocol::rtpp_flags::RawFlags;
use ng_protocol::{CommandKind, Dict, Request, Templates, Value, flags, keys};
use proptest::prelude::*;

use crate::request;

#[test]
fn deep_and_long() {
    for payload in [
        [b"d1:a".to_vec(), b"l".repeat(30_000)].concat(),
        b"d1:a".repeat(30_000),
        b"d99999999999:a".to_vec(),
        b"d1:a99999999999:a".to_vec(),
        b"{\"a\":".repeat(30_000),
        [b"{\"a\":".to_vec(), b"[".repeat(30_000)].concat(),
    ] {
        assert!(request(&payload).is_err());
    }
}

#[test]
fn many_of_everything() {
    // Lists are bounded, and so are the warnings about it.
    let names: Vec<String> = (0..10_000).map(|n| format!("codec-strip-x{n}")).collect();
    let flags: Value<'_> = names.iter().map(String::as_str).collect();
    let dict = crate::offer()
        .with("flags", flags)
        .with("frequencies", "1,".repeat(20_000));
    let (args, warnings) = crate::parse_offer(&dict, &Templates::default());
    assert!(args.settings.codec.strip.specs.len() <= ng_protocol::limits::LIST_ENTRIES_MAX);
    assert!(args.settings.dtmf.frequencies.len() <= ng_protocol::limits::LIST_ENTRIES_MAX);
    assert!(!warnings.is_empty() && warnings.len() <= ng_protocol::limits::WARNINGS_MAX);
}

#[test]
fn every_truncation_is_refused() {
    let dict = crate::offer()
        .with("flags", vec![Value::from("trust-address")])
        .with("codec", Value::dict().with("strip", vec![Value::from("all")]));
    for format in [Format::Bencode, Format::Json] {
        let whole = encode(format, &dict);
        assert!(request(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(request(&whole[..end]).is_err(), "{end}");
        }
    }
}

/// Any tree, with keys and texts from our tables so that it gets deep into the parsers.
fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Value::from),
        prop::sample::select(flags::table()).prop_map(|f| Value::from(f.name)),
        prop::sample::select(
            &[
                "off",
                "all",
                "a>b",
                "1,2,,3",
                "no-x",
                "order:;;",
                "x/1/2/3/4/5/6/7",
                "--..--",
                "[[a=[b"
            ][..]
        )
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            dict(inner).prop_map(Value::Dict),
        ]
    })
}

fn dict(value: impl Strategy<Value = Value<'static>>) -> impl Strategy<Value = Dict<'static>> {
    let key = prop_oneof![
        4 => prop::sample::select(keys::table()).prop_map(|k| k.name.as_bytes().to_vec()),
        2 => prop::sample::select(&["strip", "mask", "audio", "add", "substitute", "from", "to", "input", "destination",
            "codec-set-", "sdp-attr-"][..]).prop_map(|k| k.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ];
    prop::collection::vec((key, value), 0..12).prop_map(|pairs| {
        let mut dict = Dict::new();
        for (key, value) in pairs {
            dict.push(std::borrow::Cow::Owned(key), value);
        }
        dict
    })
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn no_tree_is_fatal(dict in dict(value()), kind in prop::sample::select(CommandKind::ALL)) {
        let _ = Request::parse(kind, &dict, &Templates::default());
        let _ = request(&encode(Format::Bencode, &dict));
        let _ = request(&encode(Format::Json, &dict));
    }

    #[test]
    fn what_is_written_is_read(dict in dict(value())) {
        let bytes = encode(Format::Bencode, &dict);
        prop_assert_eq!(ng_protocol::envelope::decode(&bytes), Ok(dict));
    }

    #[test]
    fn no_flag_string_is_fatal(text in "[a-z=\\[\\] .-]{0,80}") {
        RawFlags::parse(text.as_bytes());
        let _ = crate::raw(&text);
    }
}
