//! Parties that hold the same keys: what authenticates goes on as it arrived.

use plan::{Event, Plan, RtcpPolicy, Tap, TapId, TapPoint};

use crate::srtp::{open, receiver, rr, seal, sender, srtp};
use crate::world::{A, B, World, pair_with_rtcp, plan, rtp, sink};

const A_RTCP: &str = "198.51.100.1:2011";
const B_RTCP: &str = "198.51.100.3:2013";

/// A sends with key 1, B with key 2, and each has the other's.
fn verified() -> Vec<Plan> {
    let mut plans = pair_with_rtcp();
    for plan in &mut plans {
        let (own, other) = if plan.flow.0 % 10 == 1 { (1, 2) } else { (2, 1) };
        (plan.recv, plan.send) = (srtp(own), srtp(other));
        for sink in plan.sinks.iter_mut().chain(&mut plan.rtcp_sinks) {
            sink.process.keep_protection = true;
        }
    }
    plans
}

fn tap(point: TapPoint) -> Tap {
    Tap { id: TapId(1), point }
}

#[test]
fn what_authenticates_goes_on_as_it_arrived() {
    for taps in [vec![], vec![tap(TapPoint::Ingress), tap(TapPoint::Egress)]] {
        let mut plans = verified();
        for plan in &mut plans {
            plan.taps = taps.clone();
        }
        let mut world = World::new(plans);
        let mut a_out = sender(1);
        for seq in 0..3 {
            let packet = seal(&mut a_out, &rtp(5, seq));
            let mut forged = packet.clone();
            forged[30] ^= 1;
            assert_eq!(world.arrive(A, 1, &forged), "srtp-auth");
            assert_eq!(world.arrive(A, 1, &packet), format!("2>{B}"));
            assert_eq!(world.sent[0], packet);
            assert_eq!(world.arrive(A, 1, &packet), "srtp-replay");
        }
        let mut tapped = Vec::new();
        world.relay.drain_taps(|t| tapped.push(t.bytes.to_vec()));
        let said = (0..3)
            .flat_map(|seq| [rtp(5, seq), rtp(5, seq)])
            .filter(|_| !taps.is_empty());
        assert_eq!(tapped, said.collect::<Vec<_>>(), "decrypted, at both points");
        let stats = world.stats_of(1);
        assert_eq!(
            stats.ssrc[0].bytes.load(std::sync::atomic::Ordering::Relaxed),
            3 * 172
        );
    }
}

#[test]
fn rtcp_is_read_and_goes_on_as_it_arrived() {
    let mut plans = verified();
    plans[3].rtcp_sinks[0].rtcp = RtcpPolicy::StripFeedback;
    let mut world = World::new(plans);
    let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 6, 0, 0, 0, 5];
    report.resize(32, 0);
    let mut b_out = sender(2);
    let packet = seal(&mut b_out, &report);
    assert_eq!(world.arrive(B_RTCP, 12, &packet), format!("11>{A_RTCP}"));
    assert_eq!(
        world.sent[0], packet,
        "nothing can be taken out of what is not ours"
    );
    assert!(
        world
            .events
            .iter()
            .any(|e| matches!(e, Event::Reception { ssrc: 5, .. }))
    );
    // At the wrong port.
    let packet = seal(&mut b_out, &rr(6));
    assert_eq!(world.arrive(B, 2, &packet), format!("11>{A_RTCP}"));
    assert_eq!(world.sent[0], packet);
    assert_eq!(world.arrive(B_RTCP, 12, &packet), "srtp-replay");
}

/// A listener with keys of his own, beside the party that has the sender's.
#[test]
fn others_get_it_encrypted_for_them() {
    let mut plans = verified();
    let mut third = plan(3, plan::Component::Rtp, Some("198.51.100.7:2016"));
    third.send = srtp(6);
    plans.push(third);
    plans.push(plan(4, plan::Component::Rtp, Some("198.51.100.8:2018")));
    plans[0].sinks.extend([sink(3), sink(4)]);
    let mut world = World::new(plans);
    let mut a_out = sender(1);
    for seq in 0..3 {
        let packet = seal(&mut a_out, &rtp(5, seq));
        world.arrive(A, 1, &packet);
        assert_eq!(world.sent[0], packet);
        assert_eq!(world.sent[2], rtp(5, seq));
    }
    assert_eq!(open(&mut receiver(6), &world.sent[1]), Ok(rtp(5, 2)));
}

/// Under keys that a party uses itself we send nothing of our own: it would use its indices a second time.
#[test]
fn we_say_nothing_under_the_parties_keys() {
    let mut plans = verified();
    plans[0].pierce_nat = true;
    plans[0].reports = Some(plan::RtcpReports {
        interval: std::time::Duration::from_secs(1),
        cname: "x".into(),
        clock_rates: Vec::new(),
        mid: None,
    });
    let mut world = World::new(plans);
    assert_eq!(world.timeout(), "");
    world.arrive(B, 2, &seal(&mut sender(2), &rtp(6, 1)));
    world.now_ms += 3000;
    assert_eq!(world.timeout(), "");
}

/// RTP is made anew, which under one key gives the same packet. RTCP would get indices of ours, so it passes.
#[test]
fn rtcp_passes_where_rtp_is_made_anew() {
    let parted = || {
        let mut plans = verified();
        for sink in plans.iter_mut().flat_map(|p| &mut p.sinks) {
            sink.process.keep_protection = false;
        }
        plans
    };
    let mut world = World::new(verified());
    let mut a_out = sender(1);
    for n in (0..200_000_u32).step_by(1000) {
        if n == 100_000 {
            world.install(parted());
        }
        let packet = seal(&mut a_out, &rtp(5, (n & 0xffff) as u16));
        assert_eq!(world.arrive(A, 1, &packet), format!("2>{B}"));
        assert_eq!(world.sent[0], packet, "{n}");
        for at in [(A_RTCP, 11), (A, 1)] {
            let packet = seal(&mut a_out, &rr(5));
            assert_eq!(world.arrive(at.0, at.1, &packet), format!("12>{B_RTCP}"));
            assert_eq!(world.sent[0], packet, "{n}");
        }
    }
}

/// From now on it must be changed on its way: we go on under the same key where the party stopped.
#[test]
fn we_take_over_where_the_party_stopped() {
    let anew = || {
        let mut plans = verified();
        for sink in plans
            .iter_mut()
            .flat_map(|p| p.sinks.iter_mut().chain(&mut p.rtcp_sinks))
        {
            sink.process.keep_protection = false;
        }
        plans
    };
    let mut world = World::new(verified());
    let (mut a_out, mut b_in) = (sender(1), receiver(1));
    for (turn, n) in (0..200_000_u32).step_by(100).enumerate() {
        if n == 150_000 {
            world.install(anew());
        }
        let plain = rtp(5, (n & 0xffff) as u16);
        assert_eq!(
            world.arrive(A, 1, &seal(&mut a_out, &plain)),
            format!("2>{B}"),
            "{n}"
        );
        assert_eq!(open(&mut b_in, &world.sent[0]), Ok(plain), "{n}");
        if turn % 50 == 0 {
            let sent = world.arrive(A_RTCP, 11, &seal(&mut a_out, &rr(5)));
            assert_eq!(sent, format!("12>{B_RTCP}"));
            assert_eq!(open(&mut b_in, &world.sent[0]), Ok(rr(5)), "{n}");
        }
    }
}
