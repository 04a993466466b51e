//! What attributes mean, and which of them are copied.

use std::net::IpAddr;

use sdp::{
    Attribute, Candidate, CandidateType, Crypto, CryptoKey, Direction, Extmap, Fingerprint, Fmtp, Group, Mki,
    RemoteCandidate, Rtcp, RtcpFb, Rtpmap, Setup, Ssrc, T38, T38Field, Text, Treatment, Value,
};

fn read(line: &str) -> Value {
    Attribute::parse(Text::from(line)).parsed
}

fn text(s: &str) -> Text {
    Text::from(s)
}

fn ip(s: &str) -> IpAddr {
    s.parse().expect("an address")
}

#[test]
fn codecs() {
    let map = |payload_type, name, clock_rate, channels, parameters: Option<&str>| {
        let parameters = parameters.map(text);
        Value::Rtpmap(Rtpmap {
            payload_type,
            name: text(name),
            clock_rate,
            channels,
            parameters,
        })
    };
    assert_eq!(read("rtpmap:0 PCMU/8000"), map(0, "PCMU", 8000, 1, None));
    assert_eq!(read("rtpmap:96  opus/48000/2 "), map(96, "opus", 48_000, 2, None));
    assert_eq!(read("rtpmap:97 L16/8000/0"), map(97, "L16", 8000, 1, None));
    assert_eq!(read("rtpmap:98 X/8000/mono"), map(98, "X", 8000, 1, Some("mono")));
    let fmtp = |format, payload_type, parameters| {
        Value::Fmtp(Fmtp {
            format: text(format),
            payload_type,
            parameters: text(parameters),
        })
    };
    assert_eq!(read("fmtp:101 0-15"), fmtp("101", Some(101), "0-15"));
    assert_eq!(read("fmtp:96 a=1; b=2 "), fmtp("96", Some(96), "a=1; b=2 "));
    assert_eq!(read("fmtp:x y"), fmtp("x", None, "y"));
    let fb = |payload_type, value| {
        Value::RtcpFb(RtcpFb {
            payload_type,
            value: text(value),
        })
    };
    assert_eq!(read("rtcp-fb:96 nack pli"), fb(Some(96), "nack pli"));
    assert_eq!(read("rtcp-fb:* ccm fir"), fb(None, "ccm fir"));
    assert_eq!(read("ptime:20"), Value::Ptime(20));
    assert_eq!(read("ptime:20.5 "), Value::Ptime(20));
    assert_eq!(read("maxptime:60"), Value::Maxptime(60));
}

#[test]
fn transport() {
    let address = |host: &str, ip: Option<IpAddr>| {
        Some(sdp::Address {
            net_type: text("IN"),
            addr_type: text("IP4"),
            host: text(host),
            ip,
        })
    };
    assert_eq!(
        read("rtcp:5001"),
        Value::Rtcp(Rtcp {
            port: 5001,
            address: None
        })
    );
    let rtcp = Rtcp {
        port: 5001,
        address: address("192.0.2.7", Some(ip("192.0.2.7"))),
    };
    assert_eq!(read("rtcp:5001 IN IP4 192.0.2.7"), Value::Rtcp(rtcp));
    let rtcp = Rtcp {
        port: 5001,
        address: address("host.example", None),
    };
    assert_eq!(read("rtcp:5001 IN IP4 host.example"), Value::Rtcp(rtcp));
    assert_eq!(read("rtcp-mux"), Value::RtcpMux);
    assert_eq!(read("rtcp-mux "), Value::RtcpMux);
    assert_eq!(read("mid:a1"), Value::Mid(text("a1")));
    let bundle = Group {
        semantics: text("BUNDLE"),
        mids: vec![text("a"), text("b")],
    };
    assert_eq!(read("group:BUNDLE a  b"), Value::Group(bundle));
    assert_eq!(
        read("group:LS"),
        Value::Group(Group {
            semantics: text("LS"),
            mids: vec![]
        })
    );
    let extmap = Extmap {
        id: 3,
        direction: None,
        uri: text("urn:x"),
        parameters: None,
    };
    assert_eq!(read("extmap:3 urn:x"), Value::Extmap(extmap.clone()));
    let full = Extmap {
        direction: Some(Direction::SendOnly),
        parameters: Some(text("p q")),
        ..extmap
    };
    assert_eq!(read("extmap:3/sendonly urn:x p q"), Value::Extmap(full));
    assert_eq!(
        read("ssrc:12 cname:x y"),
        Value::Ssrc(Ssrc {
            ssrc: 12,
            attribute: text("cname:x y")
        })
    );
    assert_eq!(read("recvonly"), Value::Direction(Direction::RecvOnly));
    assert_eq!(read("label:7"), Value::Label(text("7")));
    assert_eq!(read("rtpengine:abc"), Value::Marker(text("abc")));
    assert_eq!(read("bundle-only"), Value::BundleOnly);
    let fax = T38 {
        field: T38Field::UdpEc,
        value: Some(text("t38UDPFEC")),
    };
    assert_eq!(read("T38FaxUdpEC:t38UDPFEC"), Value::T38(fax));
    assert_eq!(
        read("T38FaxFillBitRemoval"),
        Value::T38(T38 {
            field: T38Field::FillBitRemoval,
            value: None
        })
    );
}

#[test]
fn keys() {
    assert_eq!(read("setup:actpass"), Value::Setup(Setup::Actpass));
    let digest = vec![0xab, 0xcd, 0x01];
    let fingerprint = Fingerprint {
        hash: text("SHA-256"),
        digest,
    };
    assert_eq!(
        read("fingerprint:SHA-256 AB:cd:01"),
        Value::Fingerprint(fingerprint)
    );
    let key = |key, lifetime: Option<&str>, mki| CryptoKey {
        key: text(key),
        lifetime: lifetime.map(text),
        mki,
    };
    let plain = Crypto {
        tag: 1,
        suite: text("AES_CM_128_HMAC_SHA1_80"),
        keys: vec![key("QUJD", None, None)],
        parameters: vec![],
    };
    assert_eq!(
        read("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJD"),
        Value::Crypto(plain.clone())
    );
    let identified = |lifetime| {
        let mki = Mki {
            value: 258,
            length: 4,
        };
        key("QUJD", lifetime, Some(mki))
    };
    let mki = Crypto {
        keys: vec![identified(None)],
        ..plain.clone()
    };
    assert_eq!(
        read("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJD|258:4"),
        Value::Crypto(mki.clone())
    );
    let full = Crypto {
        keys: vec![identified(Some("2^20")), key("REVG", None, None)],
        parameters: vec![text("UNENCRYPTED_SRTP"), text("KDR=1")],
        ..mki
    };
    let line = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJD|2^20|258:4;inline:REVG UNENCRYPTED_SRTP KDR=1";
    assert_eq!(read(line), Value::Crypto(full.clone()));
    assert!(full.has_parameter("unencrypted_srtp") && !plain.has_parameter("KDR=1"));
}

#[test]
fn candidates() {
    let host = Candidate {
        foundation: text("1"),
        component: 2,
        transport: text("UDP"),
        priority: 2_130_706_431,
        host: text("192.0.2.1"),
        ip: Some(ip("192.0.2.1")),
        port: 4001,
        kind: CandidateType::Host,
        related_ip: None,
        related_port: None,
        extensions: vec![],
    };
    let line = "candidate:1 2 UDP 2130706431 192.0.2.1 4001 typ host";
    assert_eq!(read(line), Value::Candidate(Box::new(host.clone())));
    let relay = Candidate {
        kind: CandidateType::Relay,
        related_ip: Some(ip("2001:db8::7")),
        related_port: Some(9),
        extensions: vec![(text("generation"), text("0")), (text("ufrag"), text("EsAw"))],
        ..host.clone()
    };
    assert_eq!(relay.ufrag(), Some(&text("EsAw")));
    let line = "candidate:1 2 UDP 2130706431 192.0.2.1 4001 typ relay raddr 2001:db8::7 rport 9 generation 0 ufrag EsAw";
    assert_eq!(read(line), Value::Candidate(Box::new(relay)));
    let mdns = Candidate {
        host: text("x.local"),
        ip: None,
        ..host
    };
    assert_eq!(
        read("candidate:1 2 UDP 2130706431 x.local 4001 typ host"),
        Value::Candidate(Box::new(mdns))
    );
    let remote = |component, port| RemoteCandidate {
        component,
        host: text("192.0.2.1"),
        ip: Some(ip("192.0.2.1")),
        port,
    };
    let list = Value::RemoteCandidates(vec![remote(1, 4000), remote(2, 4001)]);
    assert_eq!(read("remote-candidates:1 192.0.2.1 4000 2 192.0.2.1 4001"), list);
    assert_eq!(
        read("ice-options:trickle ice2"),
        Value::IceOptions(vec![text("trickle"), text("ice2")])
    );
    assert_eq!(read("end-of-candidates"), Value::EndOfCandidates);
    assert_eq!(read("ice-lite"), Value::IceLite);
}

#[test]
fn malformed_values_are_no_error() {
    let lines = [
        "rtpmap",
        "rtpmap:",
        "rtpmap:96",
        "rtpmap:128 A/8000",
        "rtpmap:96 A",
        "rtpmap:96 /8000",
        "rtpmap:x A/8000",
        "rtpmap:96 A/99999999999",
        "fmtp:",
        "fmtp",
        "rtcp-fb:x nack",
        "rtcp:x",
        "rtcp:70000",
        "rtcp",
        "mid",
        "mid:",
        "group:",
        "setup:foo",
        "setup",
        "fingerprint:sha-1",
        "fingerprint:sha-1 A",
        "fingerprint:sha-1 AB:",
        "fingerprint:sha-1 XY",
        "tls-id:",
        "crypto:",
        "crypto:x S inline:k",
        "crypto:1 S",
        "crypto:1 S k",
        "crypto:1 S inline:",
        "crypto:1 S inline:k|1:0",
        "crypto:1 S inline:k|1:129",
        "ptime:x",
        "ptime:",
        "maxptime",
        "extmap:0 u",
        "extmap:x u",
        "extmap:1",
        "extmap:1/up u",
        "extmap:70000 u",
        "ice-ufrag:",
        "ice-pwd",
        "ice-options:",
        "candidate:",
        "candidate:1 0 UDP 1 192.0.2.1 1 typ host",
        "candidate:1 1 UDP 1 192.0.2.1 1 host",
        "candidate:1 1 UDP 1 192.0.2.1 1 typ foo",
        "candidate:1 1 UDP x 192.0.2.1 1 typ host",
        "candidate:1 1 UDP 1 192.0.2.1 70000 typ host",
        "remote-candidates:1 192.0.2.1",
        "remote-candidates:",
        "label:",
        "rtpengine:",
        "ssrc:x y",
        "ssrc:4294967296 y",
    ];
    for line in lines {
        assert_eq!(read(line), Value::Malformed, "{line}");
        assert_eq!(Attribute::parse(text(line)).text, line);
    }
}

#[test]
fn treatment() {
    let consumed = [
        "mid:a",
        "rtcp:1",
        "fmtp:0 x",
        "rtpmap:0 PCMU/8000",
        "rtcp-fb:0 nack",
        "group:BUNDLE a",
        "setup:active",
        "fingerprint:sha-1 AB",
        "tls-id:x",
        "crypto:1 A inline:B",
        "ptime:20",
        "maxptime:20",
        "extmap:1 u",
        "extmap-allow-mixed",
        "ice-ufrag:x",
        "ice-pwd:x",
        "ice-lite",
        "ice-options:x",
        "ice-mismatch",
        "candidate:x",
        "remote-candidates:x",
        "end-of-candidates",
        "inactive",
        "sendrecv",
        "sendonly",
        "recvonly",
        "rtcp-mux",
        "rtpengine:x",
        "label:x",
        "bundle-only",
        "crypto:malformed",
    ];
    let passed = [
        "rtcp-fb:* nack",
        "ssrc:1 cname:x",
        "ssrc-group:FID 1 2",
        "msid:x",
        "rtcp-rsize",
        "silenceSupp:off - - - -",
        "X-nat:1",
        "",
        ":",
        "foo",
        "MID:a",
        "RTPMAP:0 X/1",
        "mid2:a",
    ];
    let rows = consumed.map(|l| (l, Treatment::Consumed)).into_iter();
    let rows = rows.chain(passed.map(|l| (l, Treatment::PassedThrough)));
    for (line, expected) in rows.chain([
        ("T38FaxVersion:0", Treatment::Fax),
        ("t38maxbitrate:1", Treatment::Fax),
    ]) {
        let attribute = Attribute::parse(text(line));
        assert_eq!(attribute.treatment(), expected, "{line}");
        assert_eq!(attribute.is_consumed(), expected == Treatment::Consumed, "{line}");
    }
}
