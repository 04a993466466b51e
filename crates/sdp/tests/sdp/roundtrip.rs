//! Properties over random bodies. proptest prints the seed and the smallest body of a failure.

use proptest::prelude::*;
use sdp::Sdp;

use crate::PLAIN;
use crate::settle::settles;

/// A line of any letter with a value that is often nearly right.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        "[a-z-]{1,12}(:[ -~]{0,30})?",
        Just("IN IP4 192.0.2.1".to_owned()),
        Just("- 1 2 IN IP6 2001:db8::1".to_owned()),
        "(audio|video|image|x) [0-9]{1,5}(/[0-9])? (RTP/AVP|RTP/SAVPF|udptl|TCP/MSRP)( [0-9]{1,3}){0,6}",
        "(rtpmap|fmtp|rtcp-fb|rtcp|ptime|extmap|crypto|candidate|setup|mid|group):[ -~]{0,40}",
        "rtpmap:[0-9]{1,3} [a-zA-Z0-9-]{1,8}/[0-9]{1,6}(/[0-9])?",
        "crypto:[0-9] AES_CM_128_HMAC_SHA1_(80|32) inline:[a-zA-Z0-9+/]{40}(\\|2\\^31)?(\\|[0-9]{1,3}:4)?",
        "candidate:[a-z0-9]{1,8} [12] (UDP|TCP) [0-9]{1,10} 192.0.2.1 [0-9]{1,5} typ (host|srflx|relay)( [a-z]{1,5} [0-9]{1,3}){0,3}",
    ];
    let bytes = prop_oneof![
        8 => value.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>().prop_filter("no line end", |b| !b"\r\n".contains(b)), 0..20),
    ];
    ("[vosiuepcbtrzkmaaaaaa]", bytes).prop_map(|(letter, value)| [letter.as_bytes(), b"=", &value].concat())
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![4 => Just(&b"\r\n"[..]), 1 => Just(&b"\n"[..])];
    (prop::collection::vec(line(), 0..30), end)
        .prop_map(|(lines, end)| [&b"v=0"[..], end, &lines.join(end), end].concat())
}

/// No line is lost: the same lines go in and come out, order aside.
fn keeps_every_line(body: &[u8]) {
    let Ok(tree) = Sdp::parse(body) else { return };
    let sorted = |bytes: &[u8]| {
        let lines = bytes
            .split(|&b| b == b'\n')
            .map(|l| l.strip_suffix(b"\r").unwrap_or(l).to_vec());
        let mut lines: Vec<Vec<u8>> = lines.filter(|l| !l.is_empty()).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&tree.to_bytes()), sorted(body));
}

proptest! {
    #[test]
    fn lines_of_all_kinds(body in body()) {
        settles(&body);
    }

    #[test]
    fn bytes_of_all_kinds(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        settles(&bytes);
        settles(&[PLAIN.as_bytes(), &bytes].concat());
    }

    #[test]
    fn one_byte_changed(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = PLAIN.as_bytes().to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        settles(&body);
    }

    #[test]
    fn no_line_is_lost(attributes in prop::collection::vec("[a-z0-9-]{1,12}(:[ -~]{0,30})?", 0..20), split in 0..20usize) {
        let split = split.min(attributes.len());
        let lines = |list: &[String]| list.iter().map(|a| format!("a={a}\r\n")).collect::<String>();
        let body = crate::plain_and(&lines(&attributes[..split]), &lines(&attributes[split..]));
        keeps_every_line(body.as_bytes());
        // In this order nothing moves at all.
        prop_assert_eq!(crate::parse(&body).to_bytes(), body.into_bytes());
    }
}
