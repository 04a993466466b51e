//! What keys and flags mean, in every form in which they may come.

use ng_protocol::{
    AllScope, AttrAction, AttrRule, AttrScope, CodecSpec, Command, EndpointLearning, IceHandling, Moh,
    MohMode, PlaySource, RecordCall, Settings, Templates, Text, Tos, Transport, Value,
};

use crate::{flags, offer, parse_offer, raw, request, request_with};

/// The settings of an offer with one more key.
fn with<'a>(key: &'a str, value: impl Into<Value<'a>>) -> (Settings, Vec<String>) {
    let (args, warnings) = parse_offer(&offer().with(key, value), &Templates::default());
    (args.settings, warnings)
}

fn list<'a>(items: &[&'a str]) -> Value<'a> {
    items.iter().copied().collect()
}

fn spec(name: &str) -> CodecSpec {
    CodecSpec {
        name: name.into(),
        ..CodecSpec::default()
    }
}

#[test]
fn a_list_may_be_a_string_and_a_string_a_list() {
    for value in [
        list(&["offer", "require"]),
        Value::from("offer,require"),
        Value::from(" offer , require "),
    ] {
        let (settings, warnings) = with("rtcp-mux", value);
        assert!(settings.rtcp.mux_offer && settings.rtcp.mux_require);
        assert!(warnings.is_empty());
    }
    for value in [Value::from("remove"), list(&["remove"])] {
        assert_eq!(with("ICE", value).0.ice.handling, IceHandling::Remove);
    }
}

#[test]
fn prefixed_flags_are_keys() {
    let (args, warnings) = flags(&[
        "SDES-off",
        "SDES-only-AES_CM_128_HMAC_SHA1_80",
        "rtcp-mux-demux",
        "replace-origin",
        "ICE-remove",
        "OSRTP-accept",
        "T.38-decode",
        "T38-no-ECM",
        "endpoint-learning-off",
        "codec-mask-PCMA",
        "transcode-opus/48000/2",
        "generate-RTCP=off",
        "BUNDLE-accept",
        "DTLS-passive",
        "record-call-discard",
    ]);
    assert_eq!(warnings, [""; 0]);
    let s = &args.settings;
    assert!(s.sdes.off && s.rtcp.mux_demux && s.sdp.replace.origin && s.t38.decode && s.t38.no_ecm);
    assert!(s.osrtp.accept && s.osrtp.accept_legacy && s.bundle.accept);
    assert_eq!(s.sdes.only, [Text::from("AES_CM_128_HMAC_SHA1_80")]);
    assert_eq!(s.ice.handling, IceHandling::Remove);
    assert_eq!(s.learning.endpoint_learning, Some(EndpointLearning::Off));
    assert_eq!(s.codec.mask.specs, [spec("PCMA")]);
    assert_eq!(s.codec.transcode.specs[0].clock, Some(48_000));
    assert_eq!(s.rtcp.generate, Some(false));
    assert_eq!(s.recording.record_call, Some(RecordCall::Discard));
}

#[test]
fn codecs_keep_their_options_in_every_form() {
    let wanted = CodecSpec {
        clock: Some(48_000),
        channels: Some(2),
        bitrate: Some(16_000),
        fmtp: "useinbandfec=1;stereo=0".into(),
        ..spec("opus")
    };
    for text in [
        "opus/48000/2/16000//useinbandfec=1;stereo=0",
        "opus/48000/2/16000//useinbandfec--1;stereo--0",
    ] {
        let dict = Value::dict().with("transcode", list(&[text]));
        assert_eq!(
            with("codec", dict).0.codec.transcode.specs,
            std::slice::from_ref(&wanted),
            "{text}"
        );
        for form in [
            format!("transcode-{text}"),
            format!("codec-transcode-{text}"),
            format!("codec transcode {text}"),
        ] {
            let (args, warnings) = flags(&[&form]);
            assert_eq!(
                args.settings.codec.transcode.specs,
                std::slice::from_ref(&wanted),
                "{form}"
            );
            assert!(warnings.is_empty(), "{form}: {warnings:?}");
        }
        for form in [
            format!("transcode-{text}"),
            format!("codec-transcode-{text}"),
            format!("codec-transcode={text}"),
        ] {
            let (args, warnings) = raw(&form);
            assert_eq!(
                args.settings.codec.transcode.specs,
                std::slice::from_ref(&wanted),
                "{form}"
            );
            assert!(warnings.is_empty(), "{form}: {warnings:?}");
        }
    }
    let (args, _) = raw(
        "codec=[strip=[all] offer=[PCMA PCMU] transcode=[opus/48000/2/16000//useinbandfec--1;stereo--0]]",
    );
    let codec = args.settings.codec;
    assert!(codec.strip.all);
    assert_eq!(codec.offer.specs, [spec("PCMA"), spec("PCMU")]);
    assert_eq!(codec.transcode.specs, [wanted]);
}

#[test]
fn sdp_attributes_in_every_form() {
    let audio = |action| AttrRule {
        scope: AttrScope::Media("audio".into()),
        action,
    };
    let add = || audio(AttrAction::Add("ptime:20".into()));
    let remove = || audio(AttrAction::Remove("test".into()));
    let substitute = || {
        audio(AttrAction::Substitute {
            from: "fmtp:98 0-16".into(),
            to: "fmtp:98 0-15".into(),
        })
    };
    let pairs: Value<'_> = vec![list(&["fmtp:98 0-16", "fmtp:98 0-15"])].into();
    let dict = Value::dict().with(
        "audio",
        Value::dict()
            .with("add", list(&["ptime:20"]))
            .with("remove", list(&["test"]))
            .with("substitute", pairs),
    );
    let expected = vec![add(), remove(), substitute()];
    assert_eq!(with("sdp-attr", dict.clone()).0.sdp.attributes, expected);
    assert_eq!(with("SDP_attr", dict).0.sdp.attributes, expected);
    let prefixed = [
        "sdp-attr-add-audio-ptime:20",
        "sdp-attr-remove-audio-test",
        "sdp-attr-substitute-audio-fmtp:98..0-16>fmtp:98..0-15",
    ];
    assert_eq!(flags(&prefixed).0.settings.sdp.attributes, expected);
    assert_eq!(raw(&prefixed.join(" ")).0.settings.sdp.attributes, expected);
    let nested = "SDP-attr=[audio=[add=[ptime:20] remove=[test] substitute=[[fmtp:98..0-16 fmtp:98..0-15]]]]";
    assert_eq!(raw(nested).0.settings.sdp.attributes, expected);
    let (args, _) = flags(&["sdp-attr-add-none-x", "sdp-attr-add-global-y"]);
    assert!(
        args.settings
            .sdp
            .attributes
            .iter()
            .all(|rule| rule.scope == AttrScope::Session)
    );
    for bad in [
        "sdp-attr-add-audio",
        "sdp-attr-paint-audio-x",
        "sdp-attr-substitute-audio-x",
    ] {
        let (args, warnings) = flags(&[bad]);
        assert!(args.settings.sdp.attributes.is_empty());
        assert_eq!(warnings.len(), 1, "{bad}");
    }
}

#[test]
fn suites_keep_their_names() {
    let value = list(&[
        "no-AES_CM_128_HMAC_SHA1_32",
        "only-AEAD_AES_256_GCM",
        "order:AES_256_CM_HMAC_SHA1_32;AES_CM_128_HMAC_SHA1_80;",
        "offerer_pref:A;B",
        "UNENCRYPTED_SRTCP",
        "nonew",
    ]);
    let (settings, warnings) = with("SDES", value);
    assert_eq!(warnings, [""; 0]);
    let texts = |names: &[&str]| names.iter().map(|n| Text::from(*n)).collect::<Vec<_>>();
    assert_eq!(settings.sdes.no, texts(&["AES_CM_128_HMAC_SHA1_32"]));
    assert_eq!(settings.sdes.only, texts(&["AEAD_AES_256_GCM"]));
    assert_eq!(
        settings.sdes.order,
        texts(&["AES_256_CM_HMAC_SHA1_32", "AES_CM_128_HMAC_SHA1_80"])
    );
    assert_eq!(settings.sdes.offerer_pref, texts(&["A", "B"]));
    assert_eq!(settings.sdes.unencrypted_srtcp, Some(true));
    assert!(settings.sdes.nonew && !settings.sdes.off);
}

#[test]
fn numbers() {
    for (value, tos) in [
        (Value::Int(-1), Some(Tos::Keep)),
        (Value::from("184"), Some(Tos::Set(184))),
        (Value::Int(256), Some(Tos::Default)),
        (Value::from("x"), None),
    ] {
        assert_eq!(with("TOS", value).0.addressing.tos, tos);
    }
    assert_eq!(with("ptime", "30").0.codec.ptime, Some(30));
    assert_eq!(with("ptime", -1).0.codec.ptime, None);
    let (settings, warnings) = with("ptime", 1_000_000);
    assert_eq!((settings.codec.ptime, warnings.len()), (None, 1));
}

#[test]
fn the_flag_string_of_rtpproxy_times() {
    for (text, transport) in [
        ("RTP", Transport::RtpAvp),
        ("SRTP", Transport::RtpSavp),
        ("SRTP AVPF", Transport::RtpSavpf),
        ("SRTP AVPF RTP", Transport::RtpAvpf),
        ("DTLS AVPF SRTP", Transport::UdpTlsRtpSavpf),
        ("RTP/SAVP", Transport::RtpSavp),
        ("UDP/TLS/RTP/SAVPF", Transport::UdpTlsRtpSavpf),
        ("transport-protocol=RTP/AVPF", Transport::RtpAvpf),
    ] {
        let (args, warnings) = raw(text);
        assert_eq!(args.settings.transport, Some(transport), "{text}");
        assert!(warnings.is_empty(), "{text}");
    }
    for text in [
        "internal external",
        "direction=internal direction=external",
        "direction=[internal external]",
    ] {
        let interfaces = raw(text).0.settings.addressing.interfaces;
        assert_eq!(interfaces.from, Some("internal".into()), "{text}");
        assert_eq!(interfaces.to, Some("external".into()), "{text}");
    }
}

#[test]
fn the_flag_string_names_the_dialogue() {
    let (args, _) = raw("call-id=other from-tag=x to-tag=y via-branch=auto");
    assert_eq!(args.call_id, "other");
    assert_eq!(args.from_tag, "x");
    assert_eq!(args.to_tag, Some("y".into()));
    assert_eq!(args.via_branch, None, "an instruction to the proxy");
    assert_eq!(raw("via-branch=z9hG4bK1").0.via_branch, Some("z9hG4bK1".into()));
}

#[test]
fn malformed_flag_strings_lose_what_is_malformed_only() {
    let (args, warnings) = raw(
        "replace=[ origin ]  SDP-attr=  [audio=[  remove = [   test   ]  add =  [foo bar]] global=[remove=[quux]]] rtcp-mux=[offer]",
    );
    assert!(args.settings.sdp.replace.origin && args.settings.rtcp.mux_offer);
    assert!(args.settings.sdp.attributes.is_empty());
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let (args, _) = raw("digit=3 frequency=344 frequencies=[123]");
    assert_eq!(args.settings.dtmf.frequencies, [344, 123]);
    assert_eq!(args.settings.dtmf.digit.map(|d| d.0), Some(3));
}

#[test]
fn templates_come_first_and_extend() {
    let mut templates = Templates::default();
    for (name, text) in [
        ("default", "strict-source ICE=force"),
        (
            "offer",
            "transport-protocol=UDP/TLS/RTP/SAVPF ICE=optional rtcp-mux=[offer require]",
        ),
        ("answer", "media-handover"),
        ("WebRTC", "generate-mid SDES=off"),
    ] {
        assert_eq!(templates.insert(name, text), []);
    }
    let (args, warnings) = parse_offer(&offer(), &templates);
    assert_eq!(warnings, [""; 0]);
    assert!(args.settings.learning.strict_source && !args.settings.learning.media_handover);
    assert_eq!(args.settings.ice.handling, IceHandling::Optional);
    assert_eq!(args.settings.transport, Some(Transport::UdpTlsRtpSavpf));
    assert!(!args.settings.sdp.generate_mid);

    let dict = offer()
        .with("template", "webrtc")
        .with("ICE", "remove")
        .with("rtcp-mux", "demux");
    let (args, _) = parse_offer(&dict, &templates);
    assert!(args.settings.sdp.generate_mid && args.settings.sdes.off);
    assert_eq!(args.settings.ice.handling, IceHandling::Remove);
    assert!(args.settings.rtcp.mux_require && args.settings.rtcp.mux_demux);

    let (_, warnings) = parse_offer(&offer().with("template", "nope"), &templates);
    assert_eq!(warnings, ["no template named 'nope'"]);
    // A template that names itself ends somewhere.
    templates.insert("loop", "template=loop");
    parse_offer(&offer().with("template", "loop"), &templates);
    assert!(request_with(b"d7:command4:pinge", &templates).is_ok());
}

#[test]
fn moh_and_players() {
    let dict = Value::dict()
        .with("db-id", "123")
        .with("mode", "sendrecv")
        .with("connection", "zero");
    let expected = Moh {
        source: Some(PlaySource::Db(123)),
        mode: MohMode::SendRecv,
        zero_connection: true,
    };
    assert_eq!(with("moh", dict).0.moh, Some(expected));
    assert!(with("moh", "x").0.moh.is_none());
    for (text, source) in [
        ("4:file3:a.x", PlaySource::File("a.x".into())),
        ("6:blob644:Zm9v", PlaySource::Blob(b"foo".to_vec())),
        ("5:db idi7e", PlaySource::Db(7)),
    ] {
        let message = format!("d7:call-id1:c8:from-tag1:a7:command10:play media{text}e");
        match request(message.as_bytes()).expect("valid").command {
            Command::PlayMedia(play) => {
                assert_eq!(play.source, Some(source));
                assert_eq!(play.selection.from_tag, Some("a".into()));
                assert_eq!(play.repeat_times, 1);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn selections() {
    let parse = |command: &str, rest: &str| {
        let message = format!(
            "d7:call-id1:c8:from-tag1:a7:command{}:{command}{rest}e",
            command.len()
        );
        request(message.as_bytes()).expect("valid").command
    };
    for (rest, from_tag, all) in [
        ("", None, AllScope::No),
        ("5:flagsl11:directionale", Some("a"), AllScope::No),
        ("5:flagsl3:alle", None, AllScope::All),
        ("3:all12:offer-answer", None, AllScope::OfferAnswer),
        ("10:rtpp-flags10:from-tag=b", Some("b"), AllScope::No),
    ] {
        let Command::BlockMedia(block) = parse("block media", rest) else {
            panic!("{rest}");
        };
        assert_eq!(block.selection.from_tag, from_tag.map(Text::from), "{rest}");
        assert_eq!(block.selection.all, all, "{rest}");
    }
    let Command::SubscribeRequest(sub) = parse(
        "subscribe request",
        "5:flagsl11:from-tags-x11:from-tags-y6:SIPRECe",
    ) else {
        panic!("not a subscription");
    };
    assert_eq!(sub.selection.from_tags, [Text::from("x"), Text::from("y")]);
    assert!(sub.siprec);
}

#[test]
fn digits_are_bounded() {
    let parse = |rest: &str| {
        let message = format!("d7:call-id1:c7:command9:play DTMF{rest}e");
        match request(message.as_bytes()).expect("valid").command {
            Command::PlayDtmf(play) => (
                play.digit.map(|d| d.0),
                play.duration_ms,
                play.pause_ms,
                play.volume,
            ),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(parse(""), (None, 250, 100, -8));
    assert_eq!(
        parse("4:code1:#8:duration3:5005:pausei20e6:volumei10e"),
        (Some(11), 500, 100, -10)
    );
    assert_eq!(
        parse("5:digiti3e8:durationi99999e6:volume3:-10"),
        (Some(3), 5000, 100, -10)
    );
}

#[test]
fn meshes_and_transforms() {
    let message = b"d5:callsl1:x1:ye7:command4:mesh4:tagsld4:from1:a2:tol1:b1:ceeee";
    let Ok(Command::Mesh(mesh)) = request(message).map(|r| r.command) else {
        panic!("not a mesh");
    };
    assert_eq!(mesh.calls, [Text::from("x"), Text::from("y")]);
    assert_eq!(mesh.tags, [("a".into(), vec!["b".into(), "c".into()])]);

    let json = br#"{"command":"transform","call-id":"c","media":[{"id":"1","type":"audio",
        "codec":[{"input":{"codec":"PCMA","payload type":8,"clock rate":8000,"channels":1},
                  "output":{"codec":"PCMU","payload type":0,"clock rate":8000,"channels":1}}],
        "destination":{"family":"IP4","address":"198.51.100.14","port":6150}}]}"#;
    let Ok(Command::Transform(transform)) = request(json).map(|r| r.command) else {
        panic!("not a transform");
    };
    let media = &transform.medias[0];
    assert_eq!(media.destination, "198.51.100.14:6150".parse().ok());
    assert_eq!(media.conversions[0].input.payload_type, Some(8));
    assert_eq!(media.conversions[0].output.codec.name, "PCMU");
}

#[test]
fn what_nobody_knows_is_a_warning() {
    let dict = offer()
        .with("colour", "red")
        .with("flags", list(&["dance", "trust-address"]))
        .with("ICE", list(&["maybe", "remove"]))
        .with("codec", Value::dict().with("paint", list(&["PCMA"])))
        .with("repacketize", 20);
    let (args, warnings) = parse_offer(&dict, &Templates::default());
    assert_eq!(args.settings.ice.handling, IceHandling::Remove);
    assert_eq!(
        warnings,
        [
            "unknown key 'colour'",
            "unknown flag 'dance'",
            "unknown value 'maybe' for 'ICE'",
            "unknown key 'codec/paint'",
            "'repacketize' is obsolete and ignored",
        ]
    );
}
