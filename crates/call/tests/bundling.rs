//! What bundling means for packets: whose transport a media uses, and how the medias on it are told apart.

use ng_protocol::{Dict, Value};
use plan::{Component, Plan, PlanSet};
use testkit::TestCalls;

fn calls() -> TestCalls {
    TestCalls::new(testkit::config(&["public/203.0.113.1"]), 1)
}

/// Audio (formats 0 and 100) and video (105 and 100), with these lines at session level and in each section.
fn sdp(group: &str, ports: [u16; 2], lines: &str) -> String {
    let [audio, video] = ports;
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n{group}\
         m=audio {audio} RTP/AVP 0 100\r\na=mid:a\r\na=rtpmap:100 red/8000\r\n{lines}\
         m=video {video} RTP/AVP 105 100\r\na=mid:v\r\na=rtpmap:105 H264/90000\r\na=rtpmap:100 red/90000\r\n\
         a=ssrc:77 cname:x\r\n{lines}"
    )
}

const GROUP: &str = "a=group:BUNDLE a v\r\n";
const MID: &str = "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n";

fn handle(calls: &mut TestCalls, command: &str, bundle: &[&str], sdp: &str) {
    let bundle: Value<'_> = bundle.iter().map(|b| Value::from(*b)).collect();
    let mut dict = Dict::new().with("command", command).with("call-id", "c");
    dict.push("from-tag", "a");
    dict.push("bundle", bundle);
    dict.push("sdp", sdp);
    if command == "answer" {
        dict.push("to-tag", "b");
    }
    calls.handle(&dict).reply.expect("ok");
}

fn set(calls: &TestCalls) -> &PlanSet {
    calls.plans("c").expect("plans")
}

/// The flow that carries a bundle, of this component.
fn carrier(set: &PlanSet, component: Component) -> &Plan {
    let found = set
        .plans
        .iter()
        .find(|p| p.bundle.is_some() && p.component == component);
    found.expect("a bundle")
}

#[test]
fn a_guest_uses_its_carriers_transport() {
    let mut calls = calls();
    handle(&mut calls, "offer", &["accept"], &sdp(GROUP, [5000, 5002], MID));
    handle(&mut calls, "answer", &[], &sdp("", [6000, 6002], ""));
    let set = set(&calls);
    assert_eq!(set.plans.len(), 8, "two medias, two parties, RTP and RTCP");
    for component in [Component::Rtp, Component::Rtcp] {
        let carrier = carrier(set, component);
        let guests: Vec<&Plan> = set
            .plans
            .iter()
            .filter(|p| p.transport == Some(carrier.flow))
            .collect();
        let [guest] = guests[..] else {
            panic!("{} guests", guests.len())
        };
        assert!(guest.sockets.is_empty() && guest.bundle.is_none());
        assert_eq!(guest.peer, carrier.peer);
        assert_eq!(guest.component, component);
        let told_before = if component == Component::Rtp { 5002 } else { 5003 };
        let friends: Vec<u16> = carrier.friends.iter().map(|f| f.port()).collect();
        assert_eq!(
            friends,
            [told_before],
            "it sends from there until it has the answer"
        );
        let members = &carrier.bundle.as_ref().expect("a bundle").members;
        assert_eq!(members[0].flow, carrier.flow);
        assert_eq!(members[1].flow, guest.flow);
        let names: Vec<(&[u8], Option<u8>)> = members.iter().map(|m| (&m.mid[..], m.mid_extension)).collect();
        assert_eq!(names, [(&b"a"[..], Some(3)), (&b"v"[..], Some(3))]);
        assert_eq!(members[0].payload_types, [0, 100], "ambiguous: the first media's");
        assert_eq!(members[1].payload_types, [105]);
        assert_eq!(members[1].ssrcs, [77]);
    }
}

#[test]
fn packets_to_a_bundle_are_named() {
    let mut calls = calls();
    handle(&mut calls, "offer", &["accept"], &sdp(GROUP, [5000, 5002], MID));
    handle(&mut calls, "answer", &[], &sdp("", [6000, 6002], ""));
    let set = set(&calls);
    let carrier = carrier(set, Component::Rtp);
    let sinks = set.plans.iter().flat_map(|p| &p.sinks);
    let mut named = sinks.filter_map(|s| Some((s.to, s.process.ext_map.as_ref()?.mid.clone()?)));
    let (to, (id, mid)) = named.next().expect("the caller's audio is named");
    assert_eq!((to, id, &mid[..]), (carrier.flow, 3, &b"a"[..]));
    let (_, (id, mid)) = named.next().expect("its video too");
    assert_eq!((id, &mid[..]), (3, &b"v"[..]));
    assert_eq!(named.next(), None, "the callee does not bundle");
}

#[test]
fn ports_from_before_the_answer_stay_open_until_the_next_offer() {
    let mut calls = calls();
    handle(&mut calls, "offer", &["offer"], &sdp("", [5000, 5002], ""));
    let own_ports = set(&calls).plans.iter().filter(|p| !p.sockets.is_empty()).count();
    assert_eq!(own_ports, 8, "nothing is bundled before the answer");
    handle(&mut calls, "answer", &[], &sdp(GROUP, [6000, 6000], MID));
    assert_eq!(carrier(set(&calls), Component::Rtp).sockets.len(), 2);
    handle(&mut calls, "offer", &[], &sdp("", [5000, 5002], ""));
    assert_eq!(carrier(set(&calls), Component::Rtp).sockets.len(), 1);
}

#[test]
fn who_stops_bundling_gets_ports_for_each_media_again() {
    let mut calls = calls();
    handle(&mut calls, "offer", &["accept"], &sdp(GROUP, [5000, 5000], MID));
    handle(&mut calls, "answer", &[], &sdp("", [6000, 6002], ""));
    handle(&mut calls, "offer", &[], &sdp("", [5000, 5002], MID));
    handle(&mut calls, "answer", &[], &sdp("", [6000, 6002], ""));
    let set = set(&calls);
    assert!(
        set.plans
            .iter()
            .all(|p| p.bundle.is_none() && p.transport.is_none())
    );
    assert!(set.plans.iter().all(|p| !p.sockets.is_empty()));
}

#[test]
fn who_leaves_hands_its_flow_to_the_next() {
    let mut calls = calls();
    handle(&mut calls, "offer", &["accept"], &sdp(GROUP, [5000, 5000], MID));
    handle(&mut calls, "answer", &[], &sdp("", [6000, 6002], ""));
    let (flow, sockets) = {
        let before = carrier(set(&calls), Component::Rtp);
        (before.flow, before.sockets.clone())
    };
    handle(
        &mut calls,
        "offer",
        &[],
        &sdp("a=group:BUNDLE v\r\n", [0, 5000], MID),
    );
    handle(&mut calls, "answer", &[], &sdp("", [0, 6002], ""));
    let after = set(&calls)
        .plans
        .iter()
        .find(|p| p.flow == flow)
        .expect("it stays");
    assert_eq!(after.sockets, sockets);
    assert!(after.clock_rates.contains(&(105, 90_000)), "it is video now");
}

#[test]
fn an_echo_goes_back_and_nothing_else_goes_out() {
    for (value, echoed) in [
        ("blackhole", [false, false]),
        ("forward", [false, true]),
        ("backwards", [true, false]),
        ("both", [true, true]),
    ] {
        let mut calls = calls();
        let body = "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";
        let mut dict = Dict::new()
            .with("command", "offer")
            .with("call-id", "c")
            .with("from-tag", "a");
        dict.push("media-echo", value);
        dict.push("sdp", body);
        calls.handle(&dict).reply.expect("ok");
        handle(&mut calls, "answer", &[], body);
        for (plan, echoed) in set(&calls)
            .plans
            .iter()
            .filter(|p| p.component == Component::Rtp)
            .zip(echoed)
        {
            let to: Vec<_> = plan.sinks.iter().map(|s| s.to).collect();
            let expected = if echoed { vec![plan.flow] } else { Vec::new() };
            assert_eq!(to, expected, "{value}");
            assert!(plan.rtcp_sinks.is_empty());
            assert_eq!(plan.media.blocked, !echoed);
        }
    }
}
