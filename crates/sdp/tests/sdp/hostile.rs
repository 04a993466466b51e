//! Bodies made to hurt: each ends in a tree or a typed error, in time linear in its length.

use sdp::{Error, Sdp, limits};

const HEAD: &str = "v=0\r\nm=audio 1 RTP/AVP 0\r\n";

#[test]
fn bounds() {
    let medias = |n| format!("v=0\r\n{}", "m=audio 1 RTP/AVP 0\r\n".repeat(n));
    let formats = |n| format!("v=0\r\nm=audio 1 RTP/AVP{}\r\n", " 0".repeat(n));
    let attributes = |n: usize| format!("{HEAD}{}", "a=x\r\n".repeat(n - 2));
    let rows = [
        ("v=0\n".repeat(limits::SESSIONS_MAX), None),
        (
            "v=0\n".repeat(limits::SESSIONS_MAX + 1),
            Some(Error::TooManySessions),
        ),
        (medias(limits::MEDIAS_MAX), None),
        (medias(limits::MEDIAS_MAX + 1), Some(Error::TooManyMedias)),
        (formats(limits::FORMATS_MAX), None),
        (
            formats(limits::FORMATS_MAX + 1),
            Some(Error::TooManyFormats { line: 2 }),
        ),
        (attributes(limits::LINES_MAX), None),
        (attributes(limits::LINES_MAX + 1), Some(Error::TooManyLines)),
        (
            format!("v=0\r\ns={}", "x".repeat(limits::BODY_BYTES_MAX - 7)),
            None,
        ),
        (
            format!("v=0\r\ns={}", "x".repeat(limits::BODY_BYTES_MAX - 6)),
            Some(Error::TooLong),
        ),
    ];
    for (body, expected) in rows {
        assert_eq!(
            Sdp::parse(body.as_bytes()).err(),
            expected,
            "{}",
            &body[..60.min(body.len())]
        );
    }
}

/// Long lines and many lines of every shape that has a list in it.
#[test]
fn long_lists() {
    let tails = [
        format!("a=fingerprint:x {}", "aa:".repeat(70_000)),
        format!(
            "a=candidate:1 1 UDP 1 192.0.2.1 1 typ host{}",
            " a b".repeat(60_000)
        ),
        format!("a=crypto:1 S inline:k{}", "|k;inline:k".repeat(20_000)),
        format!("a=group:BUNDLE{}", " a".repeat(100_000)),
        format!("a=ice-options:{}", "x ".repeat(100_000)),
        format!("a=remote-candidates:{}", "1 192.0.2.1 1 ".repeat(15_000)),
        format!("a={}", ":".repeat(200_000)),
        format!("o={}", " ".repeat(200_000)),
        "a=rtpmap:0 PCMU/8000\r\n".repeat(8000),
        "a=extmap:1 x\r\n".repeat(8000),
        "a=rtcp-fb:0 nack\r\n".repeat(8000),
    ];
    for tail in tails {
        let body = format!("{HEAD}{tail}\r\n");
        let Ok(tree) = Sdp::parse(body.as_bytes()) else {
            continue;
        };
        let view = tree.sessions[0].view(0).expect("a media");
        let _ = (
            view.formats(),
            view.extmaps(),
            view.cryptos(),
            view.ice_options(),
            view.direction(),
        );
        assert!(tree.to_bytes().len() <= body.len());
    }
}
