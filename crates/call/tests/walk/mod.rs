//! What must hold whatever attributes two parties write, above all keys and candidates: nothing panics, every body that is
//! told can be read with all its keys and candidates, and a call that has ended holds no port.
//!
//! The first byte chooses transport and ICE, the rest is the lines of an offer, an answer, and an offer again, apart by
//! a byte of 0x1e.

use std::time::Duration;

use ng_protocol::{Dict, Value};
use sdp::Sdp;
use testkit::TestCalls;

const APART: u8 = 0x1e;
const PROFILES: [&str; 4] = ["RTP/AVP", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"];
const ICE: [&str; 4] = ["remove", "force", "optional", "default"];

/// Any lines as offers and answers.
pub(crate) fn offers(bytes: &[u8]) {
    let Some((&choice, lines)) = bytes.split_first() else {
        return;
    };
    let (said, wanted, ice) = (
        PROFILES[usize::from(choice & 3)],
        PROFILES[usize::from(choice >> 2 & 3)],
        ICE[usize::from(choice >> 4 & 3)],
    );
    let mut calls = calls();
    for (number, lines) in lines.split(|byte| *byte == APART).take(4).enumerate() {
        let is_answer = number == 1;
        let profile = if is_answer { wanted } else { said };
        let mut request = Dict::new()
            .with("command", if is_answer { "answer" } else { "offer" })
            .with("call-id", "c")
            .with("from-tag", "a")
            .with("sdp", Value::from(body(profile, lines)));
        request = if is_answer {
            request.with("to-tag", "b")
        } else {
            request.with("transport-protocol", wanted).with("ICE", ice)
        };
        if let Ok(reply) = calls.handle(&request).reply {
            check(&reply);
        }
        calls.pass(Duration::from_millis(500));
    }
    let delete = Dict::new()
        .with("command", "delete")
        .with("call-id", "c")
        .with("from-tag", "a")
        .with("delete-delay", 0);
    let _ = calls.handle(&delete);
    calls.pass(Duration::from_secs(60));
    assert!(calls.is_empty(), "the call has ended");
    assert_eq!(calls.env.ports.in_use(), 0, "its ports are free");
}

fn check(reply: &Dict<'_>) {
    let Some(Value::Bytes(body)) = reply.get("sdp") else {
        return;
    };
    let told = Sdp::parse(body).expect("what is told can be read");
    let readable: usize = told
        .sessions
        .iter()
        .flat_map(|session| session.views())
        .map(|view| view.cryptos().len() + view.candidates().count())
        .sum();
    let written = body
        .split(|byte| *byte == b'\n')
        .filter(|line| line.starts_with(b"a=crypto:") || line.starts_with(b"a=candidate:"))
        .count();
    assert!(
        readable >= written,
        "{readable} of {written} in {}",
        String::from_utf8_lossy(body)
    );
}

fn body(profile: &str, lines: &[u8]) -> Vec<u8> {
    let head = format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 {profile} 0\r\n"
    );
    let mut body = head.into_bytes();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        body.extend_from_slice(b"a=");
        body.extend_from_slice(line);
        body.extend_from_slice(b"\r\n");
    }
    body
}

fn calls() -> TestCalls {
    TestCalls::new(testkit::config(&["public/203.0.113.1"]), 1)
}
