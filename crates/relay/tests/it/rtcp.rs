//! RTCP: where it goes, what is taken out, what is learned from it and what we send ourselves.

use std::sync::Arc;
use std::time::Duration;

use plan::{Component, Event, FlowId, RtcpPolicy, RtcpReports};
use rtp::Ssrc;
use rtp::rtcp::{Builder, Compound, Message, ReportBlock, SenderInfo};

use crate::world::{A, B, World, pair_with_rtcp, rtp, sink};

const A_RTCP: &str = "198.51.100.1:2011";
const B_RTCP: &str = "198.51.100.3:2013";
const STRANGER: &str = "192.0.2.66:6666";

fn build(write: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let mut buf = [0; 512];
    let mut builder = Builder::new(&mut buf);
    write(&mut builder);
    let len = builder.finish().expect("room");
    buf[..len].to_vec()
}

fn bye(ssrc: u32) -> Vec<u8> {
    build(|b| {
        b.receiver_report(Ssrc(ssrc), &[]).bye(Ssrc(ssrc));
    })
}

#[test]
fn rtcp_goes_to_the_rtcp_port_wherever_it_came() {
    let mut world = World::new(pair_with_rtcp());
    assert_eq!(world.arrive(A_RTCP, 11, &bye(5)), format!("12>{B_RTCP}"));
    // At the RTP port: carried, but the party is still where signalling says.
    assert_eq!(
        world.arrive("198.51.100.1:7777", 1, &bye(5)),
        format!("12>{B_RTCP}")
    );
    assert_eq!(world.arrive(B, 2, &rtp(6, 1)), format!("1>{A}"));
    // RTP at the RTCP port is nothing.
    assert_eq!(world.arrive(A_RTCP, 11, &rtp(5, 1)), "malformed");
}

#[test]
fn muxed_and_unmuxed_sides_understand_each_other() {
    let mut plans = pair_with_rtcp();
    plans[0].component = Component::Mux;
    plans[0].rtcp_flow = None;
    plans[0].rtcp_sinks = vec![sink(12)].into();
    plans[3].rtcp_sinks = vec![sink(1)].into();
    plans.remove(2);
    let mut world = World::new(plans);
    assert_eq!(world.arrive(A, 1, &rtp(5, 1)), format!("2>{B}"));
    assert_eq!(world.arrive(A, 1, &bye(5)), format!("12>{B_RTCP}"));
    assert_eq!(world.arrive(B_RTCP, 12, &bye(6)), format!("1>{A}"));
}

#[test]
fn a_strangers_goodbye_is_not_carried() {
    let mut world = World::new(pair_with_rtcp());
    world.arrive(A, 1, &rtp(5, 1));
    world.arrive(B, 2, &rtp(6, 1));
    for ms in [0, 600, 30_000] {
        world.now_ms += ms;
        world.arrive(A, 1, &rtp(5, 1));
        assert_eq!(
            world.arrive(STRANGER, 11, &bye(77)),
            "foreign-source",
            "at the RTCP port, after {ms} ms"
        );
        assert_eq!(
            world.arrive(STRANGER, 1, &bye(77)),
            "foreign-source",
            "at the RTP port, after {ms} ms"
        );
    }
    // The party itself behind another port of its NAT, known by its SSRC.
    assert_eq!(
        world.arrive("192.0.2.9:1234", 11, &bye(5)),
        format!("12>{B_RTCP}")
    );
    // The same with both on one port, and at the RTCP port that is left over.
    let mut plans = pair_with_rtcp();
    plans[0].component = Component::Mux;
    plans[0].rtcp_sinks = vec![sink(12)].into();
    plans[2].peer = None;
    let mut world = World::new(plans);
    world.arrive(A, 1, &rtp(5, 1));
    world.now_ms += 30_000;
    assert_eq!(world.arrive(STRANGER, 1, &bye(77)), "foreign-source");
    assert_eq!(world.arrive(STRANGER, 11, &bye(77)), "foreign-source");
    assert_eq!(world.arrive(A_RTCP, 11, &bye(5)), format!("12>{B_RTCP}"));
}

#[test]
fn feedback_is_stripped_or_reports_consumed() {
    let report = build(|b| {
        b.receiver_report(Ssrc(5), &[]);
    });
    let pli = [0x81, 206, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6];
    let both = [&report[..], &pli].concat();
    let sent = |policy: RtcpPolicy, bytes: &[u8]| {
        let mut plans = pair_with_rtcp();
        plans[2].rtcp_sinks[0].rtcp = policy;
        let mut world = World::new(plans);
        let said = world.arrive(A_RTCP, 11, bytes);
        world.sent.pop().unwrap_or(said.into_bytes())
    };
    assert_eq!(sent(RtcpPolicy::Forward, &both), both);
    assert_eq!(sent(RtcpPolicy::StripFeedback, &both), report);
    assert_eq!(sent(RtcpPolicy::StripFeedback, &report), report);
    assert_eq!(sent(RtcpPolicy::StripFeedback, &pli), b"rtcp-consumed");
    assert_eq!(sent(RtcpPolicy::Consume, &both), b"rtcp-consumed");
}

#[test]
fn reports_tell_loss_and_round_trip() {
    let mut world = World::new(pair_with_rtcp());
    let ntp = 0x1111_2222_3333_4444;
    let sr = build(|b| {
        b.sender_report(
            Ssrc(5),
            SenderInfo {
                ntp,
                ..SenderInfo::default()
            },
            &[],
        );
    });
    world.arrive(A_RTCP, 11, &sr);
    world.now_ms += 300;
    // B answers 250 ms after it got the report.
    let block = ReportBlock {
        ssrc: 5,
        fraction_lost: 3,
        lost: 4,
        lsr: 0x2222_3333,
        dlsr: 16_384,
        ..ReportBlock::default()
    };
    let rr = build(|b| {
        b.receiver_report(Ssrc(6), &[block]);
    });
    world.arrive(B_RTCP, 12, &rr);
    let [
        Event::Learned { .. },
        Event::Learned { .. },
        Event::Reception {
            flow,
            reporter,
            ssrc,
            lost,
            rtt_us,
            ..
        },
    ] = &world.events[..]
    else {
        panic!("{:?}", world.events)
    };
    assert_eq!(
        (flow.0, *reporter, *ssrc, *lost, *rtt_us),
        (12, 6, 5, 4, Some(50_000))
    );
}

#[test]
fn generated_reports_describe_both_directions() {
    let mut plans = pair_with_rtcp();
    for plan in plans.iter_mut().take(2) {
        plan.reports = Some(RtcpReports {
            interval: Duration::from_secs(5),
            cname: Arc::from("0123456789ab"),
            clock_rates: vec![(0, 8000)],
            mid: None,
        });
    }
    plans[2].rtcp_sinks[0].rtcp = RtcpPolicy::Consume;
    let mut world = World::new(plans);
    for seq in [1000, 1001, 1003] {
        world.arrive(A, 1, &rtp(0x1234, seq));
        world.arrive(B, 2, &rtp(0x6789, seq + 3000));
    }
    assert_eq!(world.timeout(), "");
    let due = world.relay.poll_timeout().expect("reports");
    assert!(
        (5_000_000..6_000_000).contains(&(due.0 - world.now().0)),
        "{due:?}"
    );
    world.now_ms += 6_000;
    let said = world.timeout();
    let mut lines: Vec<_> = said.split(' ').zip(world.sent.clone()).collect();
    lines.sort();
    assert_eq!(lines[0].0, format!("11>{A_RTCP}"));
    assert_eq!(lines[1].0, format!("12>{B_RTCP}"));
    let messages: Vec<_> = Compound::parse(&lines[0].1)
        .expect("whole")
        .parts()
        .filter_map(|p| p.message())
        .collect();
    let [Message::SenderReport(sr), Message::Sdes(mut chunks)] = messages[..] else {
        panic!("{messages:?}")
    };
    assert_eq!(
        (sr.ssrc, sr.info.packets, sr.info.bytes),
        (Ssrc(0x6789), 3, 3 * 172)
    );
    assert_eq!(sr.info.rtp_time, 4003 * 160);
    let block = sr.blocks.clone().next().expect("one block");
    assert_eq!(
        (block.ssrc, block.ext_seq, block.lost, block.fraction_lost),
        (0x1234, 1003, 1, 64)
    );
    assert_eq!(chunks.next().map(|(ssrc, _)| ssrc), Some(Ssrc(0x6789)));
    // Again and again, whether plans change or not.
    let again = world.relay.poll_timeout().expect("reports");
    assert!(
        (5_000_000..6_000_000).contains(&(again.0 - world.now().0)),
        "{again:?}"
    );
}

#[test]
fn a_silent_call_gets_no_reports() {
    let mut plans = pair_with_rtcp();
    plans[0].rtcp_flow = Some(FlowId(11));
    plans[0].reports = Some(RtcpReports {
        interval: Duration::from_secs(5),
        cname: Arc::from("x"),
        clock_rates: Vec::new(),
        mid: None,
    });
    let mut world = World::new(plans);
    world.now_ms += 20_000;
    assert_eq!(world.timeout(), "");
}
