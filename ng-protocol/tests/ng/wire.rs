//! Messages in the shapes that Kamailio, OpenSIPS and drachtio put on the wire.

use ng_protocol::envelope::{Envelope, Format, encode_message};
use ng_protocol::{AddressSource, Command, IceHandling, NgError, Transport, Value, reply};

use crate::request;

/// Writes `text` as a bencode string.
fn b(text: &str) -> String {
    format!("{}:{text}", text.len())
}

#[test]
fn kamailio_classic_invite() {
    let message = [
        "12_3405691582_7 d8:supportsl10:load limite3:sdp5:v=0\r\n9:directionl3:pub4:prive",
        "7:replacel6:origin18:session-connectione13:received-froml3:IP410:192.0.2.10e",
        "7:call-id3:c@h8:from-tag1:a7:command5:offer16:sip-message-type11:sip_request",
        "5:flagsl18:SIP-source-addressee",
    ]
    .concat();
    let envelope = Envelope::split(message.as_bytes()).expect("a cookie");
    assert_eq!(envelope.cookie, b"12_3405691582_7");
    let request = request(envelope.payload).expect("valid");
    assert_eq!(request.warnings, []);
    assert!(request.common.load_limit);
    let Command::Offer(offer) = request.command else {
        panic!("{:?}", request.command);
    };
    assert_eq!(offer.call_id, "c@h");
    assert_eq!(offer.sdp, b"v=0\r\n");
    assert_eq!(offer.to_tag, None);
    let addressing = &offer.settings.addressing;
    assert_eq!(addressing.source, AddressSource::Sip);
    assert_eq!(addressing.received_from, "192.0.2.10".parse().ok());
    assert_eq!(addressing.interfaces.from, Some("pub".into()));
    assert_eq!(addressing.interfaces.to, Some("priv".into()));
    assert!(offer.settings.sdp.replace.origin);
    assert!(offer.settings.sdp.replace.session_connection);
}

#[test]
fn kamailio_raw_invite() {
    let flags =
        "replace-origin SIP-source-address direction=pub direction=priv rtcp-mux=[offer require] ICE=remove";
    let message = format!(
        "d8:supportsl10:load limite3:sdp5:v=0\r\n7:call-id1:c8:from-tag1:a6:to-tag1:b7:command5:offer10:rtpp-flags{}e",
        b(flags)
    );
    let request = request(message.as_bytes()).expect("valid");
    assert_eq!(request.warnings, []);
    let Command::Offer(offer) = request.command else {
        panic!("{:?}", request.command);
    };
    let settings = &offer.settings;
    assert_eq!(offer.to_tag, Some("b".into()));
    assert_eq!(settings.addressing.interfaces.from, Some("pub".into()));
    assert_eq!(settings.addressing.interfaces.to, Some("priv".into()));
    assert!(settings.rtcp.mux_offer && settings.rtcp.mux_require);
    assert_eq!(settings.ice.handling, IceHandling::Remove);
}

#[test]
fn ping_and_pong() {
    let message = b"1_2_3 d7:command4:pinge";
    let envelope = Envelope::split(message).expect("a cookie");
    let request = request(envelope.payload).expect("valid");
    assert_eq!(request.command, Command::Ping);
    let format = Format::of(envelope.payload);
    let pong = encode_message(envelope.cookie, format, &reply::pong());
    assert_eq!(pong, b"1_2_3 d6:result4:ponge");
}

#[test]
fn opensips_delete() {
    for (tags, from_tag) in [("8:from-tag2:ft", Some("ft")), ("", None)] {
        let message =
            format!("d7:call-id4:c-id13:received-froml3:IP412:2.53.178.245e{tags}7:command6:deletee");
        let request = request(message.as_bytes()).expect("valid");
        assert_eq!(request.warnings, []);
        let Command::Delete(delete) = request.command else {
            panic!("{:?}", request.command);
        };
        assert_eq!(delete.from_tag, from_tag.map(Into::into));
        assert_eq!(delete.delay_s, None);
    }
}

#[test]
fn opensips_without_a_sip_message() {
    let message = b"d3:sdp1:v5:flagsl15:codec-strip-all18:codec-offer-G729/8e13:received-fromle\
        7:call-id1:c8:from-tag1:a7:command5:offere";
    let request = request(message).expect("valid");
    assert_eq!(request.warnings, []);
    let Command::Offer(offer) = request.command else {
        panic!("{:?}", request.command);
    };
    assert_eq!(offer.settings.addressing.received_from, None);
    assert!(offer.settings.codec.strip.all);
    assert_eq!(offer.settings.codec.offer.specs.len(), 1);
}

#[test]
fn drachtio_keys_with_spaces() {
    let message = [
        "d4:DTLS3:off3:ICE6:remove4:SDES3:off7:call-id1:c5:codecd4:mask4:g7299:transcode9:pcmu,pcmae",
        "7:command5:offer9:directionl6:public7:privatee5:flagsl13:port latching12:generate mid7:SDES-no11:inject DTMFe",
        "8:from-tag1:a11:record call3:yes8:rtcp-muxl6:accepte3:sdp3:v=018:transport protocol7:RTP/AVPe",
    ]
    .concat();
    let request = request(message.as_bytes()).expect("valid");
    assert_eq!(request.warnings, []);
    let Command::Offer(offer) = request.command else {
        panic!("{:?}", request.command);
    };
    let settings = &offer.settings;
    assert_eq!(settings.transport, Some(Transport::RtpAvp));
    assert!(settings.sdes.off && settings.dtmf.inject && settings.sdp.generate_mid);
    assert_eq!(settings.learning.port_latching, Some(true));
    assert_eq!(settings.codec.transcode.specs.len(), 2);
    assert_eq!(settings.codec.mask.specs[0].name, "g729");
}

#[test]
fn json_and_bencode_say_the_same() {
    let json = br#"{"command":"offer","call-id":"c","from-tag":"a","sdp":"v=0","TOS":"184","flags":["strict source"],"ptime":20,"generate-RTCP":true}"#;
    let bencode = b"d7:command5:offer7:call-id1:c8:from-tag1:a3:sdp3:v=03:TOSi184e5:flagsl13:strict-sourcee5:ptime2:2013:generate RTCP2:one";
    assert_eq!(request(json), request(bencode));
    assert!(request(json).expect("valid").warnings.is_empty());
}

#[test]
fn first_of_duplicate_keys() {
    let message = b"d7:call-id5:first3:sdp1:v7:call-id6:second8:from-tag1:a7:command5:offer7:command4:pinge";
    let request = request(message).expect("valid");
    assert_eq!(request.command.call_id(), Some(&"first".into()));
}

#[test]
fn a_delete_delay_in_two_spellings() {
    let message = b"d12:delete delayi5e12:delete-delay1:57:call-id1:c7:command6:deletee";
    let request = request(message).expect("valid");
    let Command::Delete(delete) = request.command else {
        panic!("{:?}", request.command);
    };
    assert_eq!(delete.delay_s, Some(5));
}

#[test]
fn what_is_required() {
    let keys = |keys: &[(&str, &str)]| {
        let mut dict = Value::dict();
        for (key, value) in keys {
            dict.push(*key, *value);
        }
        ng_protocol::envelope::encode(Format::Bencode, &dict)
    };
    let sdp = ("sdp", "v=0");
    let (call, from, to) = (("call-id", "c"), ("from-tag", "a"), ("to-tag", "b"));
    for (given, error) in [
        (&[][..], NgError::NoCommand),
        (&[("command", "")], NgError::UnrecognizedCommand),
        (&[("command", "dance")], NgError::UnrecognizedCommand),
        (&[("command", "offer"), call, from], NgError::NoSdp),
        (&[("command", "offer"), sdp, from], NgError::NoCallId),
        (&[("command", "offer"), sdp, call], NgError::NoFromTag),
        (&[("command", "answer"), sdp, call, from], NgError::NoToTag),
        (&[("command", "delete"), from], NgError::NoCallId),
        (&[("command", "query"), from], NgError::NoCallId),
        (&[("command", "start recording")], NgError::NoCallId),
        (&[("command", "block media")], NgError::NoCallId),
        (
            &[("command", "play media"), call, ("address", "x")],
            NgError::BadAddress,
        ),
        (&[("command", "publish"), call], NgError::NoSdp),
        (&[("command", "subscribe answer"), call, sdp], NgError::NoToTag),
        (&[("command", "subscribe answer"), call, to], NgError::NoSdp),
        (&[("command", "unsubscribe"), call], NgError::NoToTag),
        (&[("command", "connect"), call, to], NgError::NoFromTag),
        (&[("command", "connect"), call, from], NgError::NoToTag),
        (&[("command", "inject start"), call, to], NgError::NoSourceTag),
        (&[("command", "cli")], NgError::MissingKey("body")),
        (&[("command", "mesh")], NgError::NoCallId),
    ] {
        assert_eq!(request(&keys(given)), Err(error), "{given:?}");
    }
    // COMPAT(rtpengine): present but empty is present.
    let empty = [
        ("command", "offer"),
        ("sdp", ""),
        ("call-id", ""),
        ("from-tag", ""),
    ];
    assert!(request(&keys(&empty)).is_ok());
}
