//! SDP bodies made to crash or to stall: each is answered promptly.

use crate::ng::{Request, Value};
use crate::open_net::{ALICE, Call, OpenNet, answer, offer, sdp};
use crate::rtp::{meet, talk};
use crate::security_requests::assert_answered;

#[test]
fn evil_sdps_are_answered_promptly() {
    let Some(mut net) = OpenNet::new("evil-sdp", &[]) else {
        return;
    };
    let good = sdp(ALICE, 4000);
    let (head, media) = good.split_at(good.find("m=").unwrap());
    let evil: Vec<(&str, Vec<u8>)> = vec![
        ("v= repeated", "v=0\r\n".repeat(12_000).into()),
        ("v= twice at first", "v=\nv=0\r\n".into()),
        ("sessions repeated", good.repeat(300).into()),
        (
            "1,000 media",
            format!("{head}{}", "m=audio 4000 RTP/AVP 8\r\n".repeat(1_000)).into(),
        ),
        (
            "6,000 attributes",
            format!("{good}{}", "a=x:yyy\r\n".repeat(6_000)).into(),
        ),
        (
            "2,000 formats",
            format!("{head}m=audio 4000 RTP/AVP{}\r\n", " 96".repeat(2_000)).into(),
        ),
        ("1,000 rtpmaps", {
            let maps: String = (0..1_000)
                .map(|n| format!("a=rtpmap:{n} x{n}/8000\r\n"))
                .collect();
            format!("{good}{maps}").into()
        }),
        ("1,000 candidates", {
            let line = "a=candidate:1 1 UDP 2130706431 198.51.100.1 40000 typ host\r\n";
            format!(
                "{head}a=ice-ufrag:aaaa\r\na=ice-pwd:{}\r\n{media}{}",
                "b".repeat(24),
                line.repeat(800)
            )
            .into()
        }),
        (
            "a line of 60,000",
            format!("{good}a=x:{}\r\n", "y".repeat(60_000)).into(),
        ),
        ("no line ends", "v=0o=-s=-".repeat(5_000).into()),
        ("only line ends", "\r\n".repeat(30_000).into()),
        (
            "a port too large",
            format!("{head}m=audio 99999999999999999999 RTP/AVP 8\r\n").into(),
        ),
        (
            "a negative port",
            format!("{head}m=audio -1 RTP/AVP 8\r\n").into(),
        ),
        (
            "many ports",
            format!("{head}m=audio 4000/65535 RTP/AVP 8\r\n").into(),
        ),
        (
            "a NUL",
            format!("{head}m=audio 4000 RTP/AVP 8\0\r\na=\0:\0\r\n").into(),
        ),
        (
            "not UTF-8",
            [good.as_bytes(), b"a=\xff\xfe\x80\r\ns=\xc3\x28\r\n"].concat(),
        ),
        ("broken attributes", {
            let names = [
                "rtpmap",
                "fmtp",
                "crypto",
                "candidate",
                "rtcp",
                "ssrc",
                "extmap",
                "fingerprint",
                "group",
            ];
            let names = names
                .into_iter()
                .chain(["setup", "mid", "ptime", "rtcp-fb", "ice-ufrag", "tls-id"]);
            let lines = names.flat_map(|name| {
                ["", ":", ": ", ":-1 -1", ":999999999999 / / /"].map(|v| format!("a={name}{v}\r\n"))
            });
            format!("{good}{}", lines.collect::<String>()).into()
        }),
        (
            "the same dynamic type twice",
            format!("{good}{}", "a=rtpmap:101 telephone-event/8000\r\n".repeat(2)).into(),
        ),
        (
            "no address",
            "v=0\r\no=- 1 1 IN IP4\r\ns=-\r\nc=IN IP4\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n".into(),
        ),
    ];
    for (number, (what, body)) in evil.into_iter().enumerate() {
        let id = format!("evil-{number}");
        let body = Value::Str(body);
        let evil_offer = offer(&id, "", &[]).with("sdp", body.clone());
        assert_answered(&mut net, &format!("an offer with {what}"), &evil_offer.bytes());
        net.relay.ng.ask(&offer(&id, &good, &[]));
        let evil_answer = answer(&id, "", &[]).with("sdp", body);
        assert_answered(&mut net, &format!("an answer with {what}"), &evil_answer.bytes());
        net.relay
            .ng
            .ask(&Request::new("query").with("call-id", id.as_str()));
        net.relay
            .ng
            .ask(&Request::new("delete").with("call-id", id.as_str()));
    }
    let Call {
        mut alice, mut bob, ..
    } = net.call("ordinary", (4100, 5100), &[]);
    meet(&mut alice, &mut bob);
    talk(&mut alice, &mut bob, 25);
}
