//! What signalling means for packets: the plans that offers and answers lead to.

use std::net::SocketAddr;
use std::time::Duration;

use call::{Output, RecordingAction, RecordingCommand};
use ng_protocol::{Dict, Value};
use plan::{Component, FlowId, Framing, Learning, Plan, PlanSet, RtcpPolicy};
use testkit::TestCalls;

fn calls() -> TestCalls {
    TestCalls::new(testkit::config(&["public/203.0.113.1"]), 1)
}

fn sdp(host: &str, port: u16, rest: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} {rest}\r\n")
}

fn request<'a>(command: &'a str, from: &'a str, to: Option<&'a str>, sdp: &'a str) -> Dict<'a> {
    let dict = Dict::new()
        .with("command", command)
        .with("call-id", "c")
        .with("from-tag", from);
    dict.with_some("to-tag", to).with("sdp", sdp)
}

fn handle(calls: &mut TestCalls, dict: &Dict<'_>) -> Dict<'static> {
    calls.handle(dict).reply.expect("ok")
}

fn offer(calls: &mut TestCalls, host: &str, port: u16) {
    handle(calls, &request("offer", "a", None, &sdp(host, port, "RTP/AVP 0")));
}

fn answer(calls: &mut TestCalls, to: &str, host: &str, port: u16) {
    handle(
        calls,
        &request("answer", "a", Some(to), &sdp(host, port, "RTP/AVP 0")),
    );
}

fn set(calls: &TestCalls) -> &PlanSet {
    calls.plans("c").expect("plans")
}

/// The plan whose first socket has this port.
fn at(set: &PlanSet, port: u16) -> &Plan {
    let found = set
        .plans
        .iter()
        .find(|p| p.sockets.first().is_some_and(|s| s.addr.port() == port));
    found.unwrap_or_else(|| panic!("no plan at {port}"))
}

fn targets(plan: &Plan) -> (Vec<FlowId>, Vec<FlowId>) {
    let flows = |sinks: &[plan::Sink]| sinks.iter().map(|s| s.to).collect();
    (flows(&plan.sinks), flows(&plan.rtcp_sinks))
}

fn addr(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

#[test]
fn early_media_flows_to_the_caller_only() {
    let mut calls = calls();
    offer(&mut calls, "198.51.100.1", 2000);
    let set = set(&calls);
    assert_eq!(set.plans.len(), 4);
    let (caller, callee) = (at(set, 30000), at(set, 30002));
    assert_eq!(caller.peer, addr("198.51.100.1:2000"));
    assert!(
        caller.media.send && !caller.media.recv,
        "nobody knows the caller's socket yet"
    );
    assert_eq!(caller.source.learning, Learning::Off);
    assert_eq!(callee.peer, None);
    assert!(
        callee.media.recv && !callee.media.send,
        "nothing is sent to a stranger"
    );
    assert_eq!(callee.source.learning, Learning::Heuristic);
    assert_eq!(targets(callee).0, [caller.flow]);
    assert_eq!(at(set, 30003).component, Component::Rtcp);
    assert_eq!(targets(at(set, 30003)), (vec![], vec![at(set, 30001).flow]));
}

#[test]
fn an_answer_closes_the_circle() {
    let mut calls = calls();
    offer(&mut calls, "198.51.100.1", 2000);
    answer(&mut calls, "b", "198.51.100.2", 4000);
    let set = set(&calls);
    let (caller, callee) = (at(set, 30000), at(set, 30002));
    assert_eq!(callee.peer, addr("198.51.100.2:4000"));
    assert_eq!(at(set, 30003).peer, addr("198.51.100.2:4001"));
    for plan in [caller, callee] {
        assert!(plan.media.send && plan.media.recv && !plan.peer_forbidden);
        assert_eq!(plan.framing, Framing::Rtp);
        assert_eq!(plan.clock_rates[..], [(0, 8000)]);
    }
    assert_eq!(targets(caller), (vec![callee.flow], vec![at(set, 30003).flow]));
    assert_eq!(caller.rtcp_flow, Some(at(set, 30001).flow));
}

#[test]
fn learning_starts_anew_only_when_something_changed() {
    let mut calls = calls();
    offer(&mut calls, "198.51.100.1", 2000);
    answer(&mut calls, "b", "198.51.100.2", 4000);
    let epochs = |calls: &TestCalls| {
        (
            at(set(calls), 30000).source.epoch,
            at(set(calls), 30002).source.epoch,
        )
    };
    let before = epochs(&calls);
    let generation = set(&calls).generation;
    offer(&mut calls, "198.51.100.1", 2000);
    answer(&mut calls, "b", "198.51.100.2", 4000);
    assert_eq!(
        epochs(&calls),
        before,
        "an unchanged re-INVITE keeps the settled source"
    );
    assert!(set(&calls).generation > generation);
    answer(&mut calls, "b", "198.51.100.2", 4002);
    let plan = at(set(&calls), 30004);
    assert_eq!(
        plan.sockets.len(),
        2,
        "packets to the sockets told before are still accepted"
    );
    assert_ne!(at(set(&calls), 30002).source.epoch, before.1);
}

#[test]
fn hold_stops_one_way_and_keeps_the_other() {
    let mut calls = calls();
    offer(&mut calls, "198.51.100.1", 2000);
    answer(&mut calls, "b", "198.51.100.2", 4000);
    let held = sdp("198.51.100.1", 2000, "RTP/AVP 0\r\na=sendonly");
    handle(&mut calls, &request("offer", "a", Some("b"), &held));
    let caller = at(set(&calls), 30000);
    assert!(caller.media.recv && !caller.media.send);
    let zero = sdp("0.0.0.0", 2000, "RTP/AVP 0");
    handle(&mut calls, &request("offer", "a", Some("b"), &zero));
    let caller = at(set(&calls), 30000);
    assert!(caller.media.recv && !caller.media.send && caller.peer.is_none());
}

#[test]
fn special_addresses_are_marked() {
    let mut calls = calls();
    offer(&mut calls, "127.0.0.1", 2000);
    let plan = at(set(&calls), 30000);
    assert!(plan.peer_forbidden);
    assert_eq!(plan.peer, addr("127.0.0.1:2000"));
}

#[test]
fn the_latest_answer_has_the_caller_for_itself() {
    let mut calls = calls();
    for branch in ["1", "2"] {
        let body = sdp("198.51.100.1", 2000, "RTP/AVP 0");
        handle(
            &mut calls,
            &request("offer", "a", None, &body).with("via-branch", branch),
        );
    }
    assert_eq!(
        targets(at(set(&calls), 30000)).0.len(),
        2,
        "both branches may ring with media"
    );
    for (branch, tag, host) in [("1", "b1", "198.51.100.2"), ("2", "b2", "198.51.100.3")] {
        let body = sdp(host, 4000, "RTP/AVP 0");
        handle(
            &mut calls,
            &request("answer", "a", Some(tag), &body).with("via-branch", branch),
        );
    }
    let set = set(&calls);
    assert_eq!(
        targets(at(set, 30002)).0,
        [],
        "the first branch is not heard any more"
    );
    let caller = set
        .plans
        .iter()
        .find(|p| p.peer == addr("198.51.100.1:2000"))
        .expect("caller");
    assert_eq!(targets(caller).0, [at(set, 30004).flow]);
}

#[test]
fn connect_turns_two_calls_inside_out() {
    let mut calls = calls();
    for (from, to, port) in [("a", "b", 2000), ("c", "d", 3000)] {
        let body = sdp("198.51.100.1", port, "RTP/AVP 0");
        handle(&mut calls, &request("offer", from, None, &body));
        let body = sdp("198.51.100.2", port + 2000, "RTP/AVP 0");
        handle(&mut calls, &request("answer", from, Some(to), &body));
    }
    let connect = Dict::new().with("command", "connect").with("call-id", "c");
    handle(&mut calls, &connect.with("from-tag", "a").with("to-tag", "c"));
    let set = set(&calls);
    let (a, b, c) = (at(set, 30000), at(set, 30002), at(set, 30004));
    assert_eq!(targets(a).0, [c.flow]);
    assert_eq!(targets(c).0, [a.flow]);
    assert_eq!(targets(b).0, []);
}

#[test]
fn rtcp_follows_the_mux_and_the_profile() {
    let mut calls = calls();
    let body = sdp("198.51.100.1", 2000, "RTP/AVPF 0\r\na=rtcp-mux");
    let offer = request("offer", "a", None, &body).with("transport-protocol", "RTP/AVP");
    handle(&mut calls, &offer.with("rtcp-mux", Value::from_iter(["demux"])));
    answer(&mut calls, "b", "198.51.100.2", 4000);
    let set = set(&calls);
    let (caller, callee) = (at(set, 30000), at(set, 30002));
    assert_eq!(
        (caller.component, callee.component),
        (Component::Mux, Component::Rtp)
    );
    let rtcp = at(set, 30003);
    assert_eq!(
        targets(caller).1,
        [rtcp.flow],
        "multiplexed on one side, apart on the other"
    );
    assert_eq!(targets(rtcp).1, [caller.flow]);
    assert_eq!(
        caller.rtcp_sinks.first().map(|s| s.rtcp),
        Some(RtcpPolicy::StripFeedback)
    );
    assert_eq!(rtcp.rtcp_sinks.first().map(|s| s.rtcp), Some(RtcpPolicy::Forward));
}

#[test]
fn a_call_that_runs_out_of_ports_is_over_and_holds_none() {
    let mut calls = calls();
    offer(&mut calls, "198.51.100.1", 2000);
    calls.env.ports.left = 1;
    let body = sdp("198.51.100.9", 2000, "RTP/AVP 0");
    let reply = calls.handle(&request("offer", "a", None, &body)).reply;
    assert_eq!(
        reply.map_err(|e| e.to_string()),
        Err("Ran out of ports".to_owned())
    );
    assert!(calls.is_empty());
    assert_eq!(calls.env.ports.in_use(), 0);
}

#[test]
fn a_first_offer_that_fails_leaves_no_call() {
    let mut calls = calls();
    let reply = calls
        .handle(&request("offer", "a", None, "v=0\r\nnonsense\r\n"))
        .reply;
    assert_eq!(
        reply.map_err(|e| e.to_string()),
        Err("Failed to parse SDP".to_owned())
    );
    assert!(calls.is_empty());
}

#[test]
fn the_sip_source_replaces_the_address_and_not_the_port() {
    let mut calls = calls();
    let body = sdp("10.0.0.1", 2000, "RTP/AVP 0");
    let offer =
        request("offer", "a", None, &body).with("received-from", Value::from_iter(["IP4", "198.51.100.7"]));
    handle(
        &mut calls,
        &offer.with("flags", Value::from_iter(["SIP-source-address"])),
    );
    assert_eq!(at(set(&calls), 30000).peer, addr("198.51.100.7:2000"));
    assert_eq!(at(set(&calls), 30001).peer, addr("198.51.100.7:2001"));
}

/// Makes the flow at `port` look as if a packet had just arrived.
fn hear(calls: &TestCalls, port: u16) {
    let plan = at(set(calls), port);
    plan.stats
        .last_packet_us
        .store(calls.now.as_micros(), std::sync::atomic::Ordering::Relaxed);
}

#[test]
fn media_keep_a_call_alive_and_hold_makes_it_patient() {
    let mut calls = calls();
    offer(&mut calls, "198.51.100.1", 2000);
    answer(&mut calls, "b", "198.51.100.2", 4000);
    for _ in 0..5 {
        calls.pass(Duration::from_secs(50));
        hear(&calls, 30000);
    }
    assert_eq!(calls.len(), 1);
    let held = sdp("198.51.100.1", 2000, "RTP/AVP 0\r\na=inactive");
    handle(&mut calls, &request("offer", "a", Some("b"), &held));
    handle(
        &mut calls,
        &request(
            "answer",
            "a",
            Some("b"),
            &sdp("198.51.100.2", 4000, "RTP/AVP 0\r\na=inactive"),
        ),
    );
    calls.pass(Duration::from_secs(3590));
    assert_eq!(calls.len(), 1, "silent-timeout");
    calls.pass(Duration::from_secs(20));
    assert!(calls.is_empty());
    assert_eq!(calls.env.ports.in_use(), 0);
}

#[test]
fn a_bye_of_a_party_that_never_got_its_tag_ends_the_call() {
    let mut calls = calls();
    offer(&mut calls, "198.51.100.1", 2000);
    let delete = Dict::new()
        .with("command", "delete")
        .with("call-id", "c")
        .with("from-tag", "b");
    handle(&mut calls, &delete.with("to-tag", "a").with("delete-delay", 0));
    assert!(calls.is_empty());
}

#[test]
fn query_tells_what_signalling_has_said() {
    let mut calls = calls();
    offer(&mut calls, "198.51.100.1", 2000);
    answer(&mut calls, "b", "198.51.100.2", 4000);
    let query = Dict::new().with("command", "query").with("call-id", "c");
    let reply = Value::Dict(handle(&mut calls, &query));
    let get = |path: &[&str]| {
        path.iter().try_fold(&reply, |v, key| match key.parse::<usize>() {
            Ok(at) => v.as_list().and_then(|l| l.get(at)),
            Err(_) => v.get(key),
        })
    };
    let text = |path: &[&str]| get(path).and_then(Value::as_str).map(str::to_owned);
    assert_eq!(
        text(&["tags", "a", "medias", "0", "protocol"]).as_deref(),
        Some("RTP/AVP")
    );
    assert_eq!(
        text(&["tags", "a", "subscriptions", "0", "tag"]).as_deref(),
        Some("b")
    );
    let stream = ["tags", "b", "medias", "0", "streams", "1"];
    assert_eq!(
        get(&[&stream[..], &["local port"]].concat()).and_then(Value::as_int),
        Some(30003)
    );
    assert_eq!(
        get(&[&stream[..], &["endpoint", "port"]].concat()).and_then(Value::as_int),
        Some(4001)
    );
    assert_eq!(
        text(&[&stream[..], &["flags", "0"]].concat()).as_deref(),
        Some("RTCP")
    );
    assert_eq!(
        get(&["totals", "RTP", "packets"]).and_then(Value::as_int),
        Some(0)
    );
}

/// A call that has failed inside is asked for nothing else.
#[test]
fn whoever_ends_a_call_can_complete_its_recording() {
    let mut config = testkit::config(&["public/203.0.113.1"]);
    config.recording.dir = Some("/rec".to_owned());
    let mut calls = TestCalls::new(config, 1);
    let body = sdp("198.51.100.1", 4000, "RTP/AVP 0");
    let last = |calls: &TestCalls| calls.call("c").expect("a call").last_recording_command(calls.now);
    handle(&mut calls, &request("offer", "a", None, &body));
    assert_eq!(last(&calls), None);
    let order = |command: &'static str| Dict::new().with("command", command).with("call-id", "c");
    let outputs = calls.handle(&order("start recording")).outputs;
    let tap = outputs.iter().find_map(|output| match output {
        Output::Recording(command) => Some(command.tap),
        _ => None,
    });
    let stop = RecordingCommand {
        tap: tap.expect("a recording"),
        action: RecordingAction::Stop { at: calls.now },
    };
    assert_eq!(last(&calls), Some(stop));
    handle(&mut calls, &order("stop recording"));
    assert_eq!(last(&calls), None);
}
