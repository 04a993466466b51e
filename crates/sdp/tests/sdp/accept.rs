//! What is taken and what is refused. The reference's choice was asked for each row (Debian's 10.5); rows where this
//! crate takes more than it say so.

use sdp::{Error, ParseOptions, Protocol, Sdp};

use crate::{PLAIN, parse, plain_and, plain_with};

const O: &str = "o=- 1 1 IN IP4 192.0.2.1\r\n";
const C: &str = "c=IN IP4 192.0.2.1\r\n";
const M: &str = "m=audio 4000 RTP/AVP 0\r\n";

#[test]
fn taken() {
    let bodies = [
        PLAIN.to_owned(),
        plain_with(O, ""),
        plain_with(O, "o=a b 1 1 IN IP4 192.0.2.1\r\n"),
        plain_with(O, "o= 1 1 IN IP4 192.0.2.1\r\n"),
        plain_with(O, "o=- 1 1 IN IP4 192.0.2.1 trailing\r\n"),
        plain_with(O, "o=- abc def IN IP4 host.example\r\n"),
        plain_with(O, "o=- 99999999999999999999999 1 XX IP9 host.example\r\n"),
        plain_with("s=x\r\n", ""),
        plain_with("s=x\r\n", "s=\r\n"),
        plain_with("t=0 0\r\n", ""),
        plain_with("t=0 0\r\n", "t=0 0\r\nt=1 1\r\nr=1 2 3\r\nz=1 2\r\nk=clear:x\r\n"),
        plain_with(C, ""),
        plain_with(C, "c=IN IP6 [2001:db8::1]\r\n"),
        plain_with(C, "c=IN IP4 192.0.2.1 \r\n"),
        plain_with(M, "m=audio 4000 RTP/AVP\r\n"),
        plain_with(M, "m=audio 4000/10 RTP/AVP 0\r\n"),
        plain_and("", "k=clear:x\r\nr=1\r\nt=1 1\r\nu=y\r\ne=z\r\np=1\r\ni=2\r\n"),
        plain_and("", "a=\r\na=:x\r\na=foo:\r\n"),
        PLAIN.replace('\r', ""),
        PLAIN.trim_end().to_owned(),
        format!("{PLAIN}\0"),
        format!("{PLAIN}{PLAIN}"),
        // More than the reference takes: nothing in these is ambiguous.
        plain_with(C, "c=IN IP4 233.252.0.1/127\r\n"),
        plain_with(C, "c=in ip4 192.0.2.1\r\n"),
        plain_with(C, "c=IN IP4 host.example\r\n"),
        plain_with(M, "m=audio  4000 RTP/AVP 0\r\n"),
        plain_and("", "c=IN IP4 192.0.2.8\r\nc=IN IP4 192.0.2.9\r\n"),
    ];
    for body in bodies {
        let tree = parse(&body);
        assert_eq!(tree.sessions[0].medias.len(), 1, "{body}");
        assert_eq!(tree.sessions[0].medias[0].port, 4000, "{body}");
    }
}

#[test]
fn refused() {
    let bad = |line, letter| Error::BadLine { line, letter };
    let rows = [
        (String::new(), Error::Empty),
        (format!("\r\n{PLAIN}"), Error::Empty),
        (plain_with("v=0", "v=1"), Error::BadVersion { line: 1 }),
        (format!("v=\n{PLAIN}"), Error::BadVersion { line: 1 }),
        (PLAIN.replace('\n', ""), Error::BadVersion { line: 1 }),
        (plain_with("v=0\r\n", ""), Error::NoVersion { line: 1 }),
        (plain_with(O, "o=- 1 IN IP4 192.0.2.1\r\n"), bad(2, b'o')),
        (plain_with(O, "o=-\r\n"), bad(2, b'o')),
        (plain_with(O, "o=\r\n"), bad(2, b'o')),
        (
            plain_with(O, &O.repeat(2)),
            Error::Repeated {
                line: 3,
                letter: b'o',
            },
        ),
        (plain_with(C, "c=IN IP4\r\n"), bad(4, b'c')),
        (
            plain_with(C, &C.repeat(2)),
            Error::Repeated {
                line: 5,
                letter: b'c',
            },
        ),
        (plain_with(M, "m=audio 4000\r\n"), bad(6, b'm')),
        (plain_with(M, "m=\r\n"), bad(6, b'm')),
        (plain_with("4000", "abc"), bad(6, b'm')),
        (plain_with("4000", "-1"), bad(6, b'm')),
        (plain_with("4000", "65536"), bad(6, b'm')),
        (plain_with("4000", "4000/0"), bad(6, b'm')),
        (plain_with("4000", "4000/11"), bad(6, b'm')),
        (plain_with("4000", "4000/x"), bad(6, b'm')),
        (
            plain_and("x=1\r\n", ""),
            Error::UnknownLetter {
                line: 6,
                letter: b'x',
            },
        ),
        (
            plain_and("A=1\r\n", ""),
            Error::UnknownLetter {
                line: 6,
                letter: b'A',
            },
        ),
        (
            plain_and("", "s=y\r\n"),
            Error::Repeated {
                line: 7,
                letter: b's',
            },
        ),
        (
            plain_and("", O),
            Error::Repeated {
                line: 7,
                letter: b'o',
            },
        ),
        (plain_and("foo\r\n", ""), Error::NoEquals { line: 6 }),
        (plain_and("", " a=foo\r\n"), Error::NoEquals { line: 7 }),
        // More than the reference refuses: a port is a number.
        (plain_with("4000", "4000x"), bad(6, b'm')),
    ];
    for (body, expected) in rows {
        assert_eq!(Sdp::parse(body.as_bytes()), Err(expected), "{body}");
    }
}

#[test]
fn blank_line_ends_the_body() {
    let body = format!("{PLAIN}\r\nm=audio 5000 RTP/AVP 8\r\n");
    assert_eq!(parse(&body), parse(PLAIN));
    let options = ParseOptions {
        reject_blank_line: true,
    };
    assert_eq!(
        Sdp::parse_with(body.as_bytes(), options),
        Err(Error::BlankLine { line: 7 })
    );
    assert!(Sdp::parse_with(PLAIN.as_bytes(), options).is_ok());
}

#[test]
fn origin_words() {
    let rows = [
        ("a b 1 2 IN IP4 192.0.2.1", ["a b", "1", "2", "192.0.2.1"]),
        ("- 1 2 IN IP4 192.0.2.1 trailing", ["-", "1", "2", "192.0.2.1"]),
        (" 1 2 IN IP4 192.0.2.1", ["", "1", "2", "192.0.2.1"]),
        ("-  1 2 IN IP6 2001:db8::1", ["-", "1", "2", "2001:db8::1"]),
        ("- x y XX IP4 host", ["-", "x", "y", "host"]),
        ("IN IN IN IN IP4 host", ["IN", "IN", "IN", "host"]),
    ];
    for (line, expected) in rows {
        let body = plain_with("- 1 1 IN IP4 192.0.2.1", line);
        let tree = parse(&body);
        let origin = tree.sessions[0].origin.as_ref().expect(line);
        let words = [
            &origin.username,
            &origin.session_id,
            &origin.version,
            &origin.address.host,
        ]
        .map(|t| t.to_string());
        assert_eq!(words, expected, "{line}");
        assert_eq!(origin.text, line);
    }
}

#[test]
fn addresses_count_only_in_their_family() {
    let rows = [
        ("IN IP4 192.0.2.1", Some("192.0.2.1")),
        ("in ip6 2001:DB8::1", Some("2001:db8::1")),
        ("IN IP6 [2001:db8::1]", Some("2001:db8::1")),
        ("IN IP4 233.252.0.1/127/3", Some("233.252.0.1")),
        ("IN IP6 192.0.2.1", None),
        ("IN IP4 2001:db8::1", None),
        ("ATM IP4 192.0.2.1", None),
        ("IN IP4 192.0.2.1x", None),
        ("IN IP4 192.0.2", None),
        ("IN IP4 host.example", None),
    ];
    for (line, expected) in rows {
        let body = plain_with("c=IN IP4 192.0.2.1", &format!("c={line}"));
        let tree = parse(&body);
        let ip = tree.sessions[0].connection.as_ref().and_then(|c| c.address.ip);
        assert_eq!(ip, expected.and_then(|e| e.parse().ok()), "{line}");
    }
}

#[test]
fn media_line() {
    let body = plain_with("m=audio 4000 RTP/AVP 0", "m=Video 5000/2 rtp/savpf 96  97 foo ");
    let tree = parse(&body);
    let media = &tree.sessions[0].medias[0];
    assert_eq!(media.kind, sdp::MediaKind::Video);
    assert_eq!(media.kind_text, "Video");
    assert_eq!((media.port, media.port_count), (5000, 2));
    assert_eq!(
        (media.protocol, media.protocol_text.to_string()),
        (Protocol::RtpSavpf, "rtp/savpf".into())
    );
    assert_eq!(media.formats, ["96", "97", "foo"].map(sdp::Text::from));
    assert_eq!(media.formats_text, "96  97 foo");
}

#[test]
fn protocols() {
    let udp = Protocol::Unknown { udp: true };
    let other = Protocol::Unknown { udp: false };
    let rows = [
        ("RTP/AVP", Protocol::RtpAvp),
        ("UDP/TLS/RTP/SAVPF", Protocol::UdpTlsRtpSavpf),
        ("UDPTL", Protocol::Udptl),
        ("udptl", Protocol::Udptl),
        ("UDP", udp),
        ("UDP/DTLS/SCTP", udp),
        ("udp/spirent", udp),
        ("TCP/MSRP", other),
        ("tcp/TLS/BFCP", other),
        ("DTLS/SCTP", other),
        ("TCP/RTP/AVP", other),
    ];
    for (name, expected) in rows {
        assert_eq!(Protocol::of(&sdp::Text::from(name)), expected, "{name}");
        if let Some(canonical) = expected.name() {
            assert!(canonical.eq_ignore_ascii_case(name));
        }
    }
    assert_eq!(Protocol::rtp(true, true, false), Some(Protocol::RtpSavpf));
    assert_eq!(Protocol::rtp(true, false, true), Some(Protocol::UdpTlsRtpSavp));
    assert_eq!(Protocol::rtp(false, false, true), None);
}

#[test]
fn several_sessions() {
    let tree = parse("v=0\r\nv=0\r\ns=two\r\nm=audio 1 RTP/AVP 0\r\n");
    assert_eq!(tree.sessions.len(), 2);
    assert_eq!(tree.sessions[0], sdp::Session::default());
    assert_eq!(tree.sessions[1].medias.len(), 1);
}
