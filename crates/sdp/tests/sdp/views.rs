//! Medias with what their session says about them.

use sdp::{Direction, Fragment, Setup, Text};

use crate::{parse, plain_and, plain_with};

#[test]
fn direction_of_media_and_session() {
    use Direction::*;
    let rows = [
        ("", "", SendRecv),
        ("", "a=sendonly\r\n", SendOnly),
        ("a=recvonly\r\n", "", RecvOnly),
        ("a=sendonly\r\n", "a=sendrecv\r\n", SendRecv),
        ("a=sendonly\r\n", "a=inactive\r\n", Inactive),
        ("", "a=sendonly\r\na=recvonly\r\n", RecvOnly),
        ("", "a=inactive\r\na=sendonly\r\n", SendOnly),
        ("", "a=sendrecv\r\na=inactive\r\n", Inactive),
    ];
    for (of_session, of_media, expected) in rows {
        let tree = parse(plain_and(of_session, of_media));
        let view = tree.sessions[0].view(0).expect("a media");
        assert_eq!(view.direction(), expected, "{of_session} {of_media}");
        assert_eq!(
            view.explicit_direction().is_some(),
            !(of_session.is_empty() && of_media.is_empty())
        );
    }
    assert_eq!(
        [SendRecv, SendOnly, RecvOnly, Inactive].map(Direction::reversed),
        [SendRecv, RecvOnly, SendOnly, Inactive]
    );
}

#[test]
fn zero_address_hold() {
    let ice = "a=ice-ufrag:u\r\na=ice-pwd:p\r\n";
    let rows = [
        ("c=IN IP4 192.0.2.1", "", "4000", false),
        ("c=IN IP4 0.0.0.0", "", "4000", true),
        ("c=IN IP6 ::", "", "4000", true),
        ("c=IN IP4 0.0.0.0", "", "0", false),
        ("c=IN IP4 0.0.0.0", ice, "9", false),
        ("c=IN IP4 0.0.0.0", "c=IN IP4 192.0.2.1\r\n", "4000", false),
    ];
    for (connection, of_media, port, expected) in rows {
        let body = plain_with("c=IN IP4 192.0.2.1", connection).replace("4000", port) + of_media;
        let tree = parse(&body);
        let view = tree.sessions[0].view(0).expect("a media");
        assert_eq!(view.is_zero_address_hold(), expected, "{body}");
    }
}

#[test]
fn session_level_is_a_default() {
    let of_session = "a=ice-ufrag:su\r\na=ice-pwd:sp\r\na=ice-options:trickle\r\na=setup:passive\r\na=fingerprint:sha-1 AA\r\n\
                      a=crypto:1 A inline:S\r\na=extmap:1 s1\r\na=extmap:2 s2\r\na=end-of-candidates\r\n\
                      a=ptime:30\r\na=rtcp-mux\r\na=mid:s\r\na=label:s\r\na=rtcp:7\r\n";
    let tree = parse(plain_and(of_session, ""));
    let view = tree.sessions[0].view(0).expect("a media");
    let is = |t: Option<&Text>, s: &str| assert_eq!(t, Some(&Text::from(s)));
    is(view.ice_ufrag(), "su");
    assert!(view.has_ice() && view.is_trickle() && view.is_end_of_candidates());
    assert_eq!(view.setup(), Some(&Setup::Passive));
    assert_eq!(view.fingerprint().map(|f| &f.digest[..]), Some(&[0xaa][..]));
    assert_eq!(view.cryptos().len(), 1);
    assert_eq!(view.extmaps().len(), 2);
    // These speak of one media only.
    assert!(view.ptime().is_none() && !view.is_rtcp_mux() && view.mid().is_none());
    assert!(view.label().is_none() && view.rtcp().is_none());

    let of_media = "a=ice-ufrag:mu\r\na=setup:active\r\na=crypto:1 A inline:M\r\na=crypto:2 B inline:M\r\na=extmap:2 m2\r\n\
                    a=mid:m\r\na=label:ml\r\na=rtcp-mux\r\na=ptime:20\r\na=maxptime:40\r\na=bundle-only\r\n";
    let tree = parse(plain_and(of_session, of_media));
    let view = tree.sessions[0].view(0).expect("a media");
    is(view.ice_ufrag(), "mu");
    is(view.ice_pwd(), "sp");
    is(view.mid(), "m");
    is(view.label(), "ml");
    assert_eq!(view.setup(), Some(&Setup::Active));
    assert!(view.cryptos().iter().all(|c| c.keys[0].key == "M") && view.cryptos().len() == 2);
    let uris: Vec<String> = view.extmaps().iter().map(|m| m.uri.to_string()).collect();
    assert_eq!(uris, ["m2", "s1"]);
    assert!(view.is_rtcp_mux() && view.is_bundle_only());
    assert_eq!((view.ptime(), view.maxptime()), (Some(&20), Some(&40)));
}

#[test]
fn formats_with_their_attributes() {
    let of_media = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtpmap:96 FOO/8000\r\na=rtpmap:96 BAR/16000\r\n\
                    a=fmtp:96 a=1\r\na=fmtp:96 b=2\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:* ccm fir\r\n\
                    a=rtpmap:77 LOST/8000\r\n";
    let body = plain_with("RTP/AVP 0", "RTP/AVP 0 101 96 101 x 300") + of_media;
    let tree = parse(&body);
    let formats = tree.sessions[0].view(0).expect("a media").formats();
    let numbers: Vec<u8> = formats.iter().map(|f| f.payload_type).collect();
    assert_eq!(numbers, [0, 101, 96]);
    assert!(formats[0].rtpmap.is_none() && formats[0].fmtp.is_none());
    assert_eq!(
        formats[1].fmtp.map(|f| f.parameters.to_string()).as_deref(),
        Some("0-15")
    );
    // The last one of several counts, as for the reference.
    assert_eq!(
        formats[2].rtpmap.map(|m| (m.name.to_string(), m.clock_rate)),
        Some(("BAR".into(), 16_000))
    );
    assert_eq!(
        formats[2].fmtp.map(|f| f.parameters.to_string()).as_deref(),
        Some("b=2")
    );
    let fb: Vec<String> = formats[2].rtcp_fb.iter().map(|fb| fb.value.to_string()).collect();
    assert_eq!(fb, ["nack", "nack pli"]);
}

#[test]
fn what_is_passed_through() {
    let tree = parse(plain_and(
        "a=x\r\na=group:BUNDLE a\r\na=ice-lite\r\n",
        "a=y\r\na=mid:a\r\na=T38FaxVersion:0\r\na=z:1\r\n",
    ));
    let session = &tree.sessions[0];
    let names = |list: &mut dyn Iterator<Item = &sdp::Attribute>| {
        list.map(|a| a.text.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&mut session.passed_through()), ["x"]);
    assert_eq!(
        names(&mut session.view(0).expect("a media").passed_through()),
        ["y", "T38FaxVersion:0", "z:1"]
    );
    assert!(session.is_ice_lite());
    assert_eq!(session.bundles().count(), 1);
}

#[test]
fn markers_stand_anywhere() {
    let tree = parse(plain_and("a=rtpengine:one\r\n", "a=rtpengine:two\r\n"));
    let markers: Vec<String> = tree.sessions[0].markers().map(ToString::to_string).collect();
    assert_eq!(markers, ["one", "two"]);
}

#[test]
fn trickle_fragments() {
    let without_media = "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\n";
    let with_media = "a=ice-ufrag:u\r\na=ice-pwd:p\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
                      a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=end-of-candidates\r\n";
    assert!(Fragment::is_one(without_media.as_bytes()) && !Fragment::is_one(b"v=0\r\n"));
    let flat = Fragment::parse(without_media.as_bytes())
        .expect("a fragment")
        .session;
    assert_eq!((flat.attributes.len(), flat.medias.len()), (3, 0));
    let full = Fragment::parse(with_media.as_bytes())
        .expect("a fragment")
        .session;
    let view = full.view(0).expect("a media");
    assert_eq!(view.candidates().count(), 1);
    assert!(view.has_ice() && view.is_end_of_candidates());
    for bad in ["", "v=0\r\n", "a=x\r\nt=0 0\r\n", "a=x\r\nm=audio\r\n"] {
        assert!(Fragment::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
}
