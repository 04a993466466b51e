//! Protected flows: real senders and receivers stand where the parties stand.

use std::sync::Arc;
use std::time::Duration;

use plan::{Component, Event, Plan, RtcpReports, Security, Tap, TapId, TapPoint};
use srtp::{MasterKey, Params, Protection, Receiver, Sender, Suite};

use crate::world::{A, B, World, pair, pair_with_rtcp, rtp, sink};

pub(crate) const SUITE: Suite = Suite::AesCm128HmacSha1_80;

pub(crate) fn params_of(suite: Suite, fill: u8) -> Arc<Params> {
    let spec = suite.spec();
    let key = MasterKey::joined(suite, &vec![fill; spec.key_len + spec.salt_len]).expect("the right length");
    Arc::new(Params::new(vec![key], Protection::default()).expect("one key"))
}

pub(crate) fn params(fill: u8) -> Arc<Params> {
    params_of(SUITE, fill)
}

pub(crate) fn srtp(fill: u8) -> Security {
    Security::Srtp(params(fill))
}

/// What a party sends with.
pub(crate) fn sender(fill: u8) -> Sender {
    Sender::new(params(fill).as_ref().clone())
}

/// What a party receives with.
pub(crate) fn receiver(fill: u8) -> Receiver {
    Receiver::new(params(fill).as_ref().clone())
}

pub(crate) fn seal(sender: &mut Sender, packet: &[u8]) -> Vec<u8> {
    let mut buf = [packet, &[0; 64]].concat();
    let len = match rtp::classify(packet) {
        rtp::Kind::Rtcp => sender.protect_rtcp(&mut buf, packet.len()),
        _ => sender.protect_rtp(&mut buf, packet.len()),
    };
    buf.truncate(len.expect("may be sent"));
    buf
}

pub(crate) fn open(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, srtp::Reject> {
    let mut buf = packet.to_vec();
    let len = match rtp::classify(packet) {
        rtp::Kind::Rtcp => receiver.unprotect_rtcp(&mut buf),
        _ => receiver.unprotect_rtp(&mut buf),
    };
    buf.truncate(len?);
    Ok(buf)
}

/// A's side has SRTP: it sends with key 1 and receives with key 2.
pub(crate) fn bridged(mut plans: Vec<Plan>) -> Vec<Plan> {
    for plan in plans.iter_mut().filter(|p| p.flow.0 % 10 == 1) {
        (plan.recv, plan.send) = (srtp(1), srtp(2));
    }
    plans
}

/// Both sides have: B sends with key 3 and receives with key 4.
pub(crate) fn secured(plans: Vec<Plan>) -> Vec<Plan> {
    let mut plans = bridged(plans);
    for plan in plans.iter_mut().filter(|p| p.flow.0 % 10 == 2) {
        (plan.recv, plan.send) = (srtp(3), srtp(4));
    }
    plans
}

pub(crate) fn rr(ssrc: u8) -> Vec<u8> {
    vec![0x80, 201, 0, 1, 0, 0, 0, ssrc]
}

/// A's RTCP port, and B's.
const A_RTCP: &str = "198.51.100.1:2011";
const B_RTCP: &str = "198.51.100.3:2013";

#[test]
fn every_suite_becomes_rtp_and_rtp_every_suite() {
    for suite in Suite::all() {
        let mut plans = pair();
        let [from_a, to_a] = [params_of(suite, 1), params_of(suite, 2)];
        let (mut a_out, mut a_in) = (
            Sender::new(from_a.as_ref().clone()),
            Receiver::new(to_a.as_ref().clone()),
        );
        (plans[0].recv, plans[0].send) = (Security::Srtp(from_a), Security::Srtp(to_a));
        let mut world = World::new(plans);
        for seq in 0..5 {
            let plain = rtp(5, seq);
            assert_eq!(
                world.arrive(A, 1, &seal(&mut a_out, &plain)),
                format!("2>{B}"),
                "{suite:?}"
            );
            assert_eq!(world.sent[0], plain, "{suite:?}");
            let plain = rtp(6, seq);
            assert_eq!(world.arrive(B, 2, &plain), format!("1>{A}"), "{suite:?}");
            assert_ne!(world.sent[0], plain, "{suite:?}");
            assert_eq!(open(&mut a_in, &world.sent[0]), Ok(plain), "{suite:?}");
        }
    }
}

#[test]
fn srtp_is_encrypted_anew_for_other_keys() {
    let mut world = World::new(secured(pair()));
    let (mut a_out, mut b_in) = (sender(1), receiver(4));
    let (mut b_out, mut a_in) = (sender(3), receiver(2));
    for seq in 0..5 {
        assert_eq!(
            world.arrive(A, 1, &seal(&mut a_out, &rtp(5, seq))),
            format!("2>{B}")
        );
        assert_eq!(open(&mut b_in, &world.sent[0]), Ok(rtp(5, seq)));
        assert_eq!(
            world.arrive(B, 2, &seal(&mut b_out, &rtp(6, seq))),
            format!("1>{A}")
        );
        assert_eq!(open(&mut a_in, &world.sent[0]), Ok(rtp(6, seq)));
    }
}

#[test]
fn rtcp_is_protected_too_at_its_port_and_at_the_wrong_one() {
    let mut world = World::new(secured(pair_with_rtcp()));
    let (mut a_out, mut b_in) = (sender(1), receiver(4));
    for n in 0..6 {
        let (from, at) = if n % 2 == 0 { (A_RTCP, 11) } else { (A, 1) };
        let report = rr(n);
        assert_eq!(
            world.arrive(from, at, &seal(&mut a_out, &report)),
            format!("12>{B_RTCP}")
        );
        assert_eq!(open(&mut b_in, &world.sent[0]), Ok(report), "{n}");
    }
    let replayed = seal(&mut a_out, &rr(9));
    assert_eq!(world.arrive(A_RTCP, 11, &replayed), format!("12>{B_RTCP}"));
    assert_eq!(
        world.arrive(A, 1, &replayed),
        "srtp-replay",
        "one window for both ports"
    );
    assert_eq!(world.arrive(A_RTCP, 11, &rr(9)), "malformed");
    let plain = [&rr(9)[..], &[0; 30]].concat();
    assert_eq!(world.arrive(A_RTCP, 11, &plain), "srtp-auth");
}

#[test]
fn nothing_passes_before_there_are_keys() {
    let mut plans = secured(pair());
    (plans[0].recv, plans[0].send) = (Security::Pending, Security::Pending);
    let mut world = World::new(plans);
    assert_eq!(world.arrive(A, 1, &seal(&mut sender(1), &rtp(5, 1))), "no-keys");
    assert_eq!(world.arrive(B, 2, &seal(&mut sender(3), &rtp(6, 1))), "no-keys");
    let learned = |event: &Event| matches!(event, Event::Learned { flow, .. } if flow.0 == 1);
    assert!(!world.events.iter().any(learned), "{:?}", world.events);
    world.install(secured(pair()));
    assert_eq!(
        world.arrive(A, 1, &seal(&mut sender(1), &rtp(5, 1))),
        format!("2>{B}")
    );
}

/// Rollover counters and replay windows belong to the keys, not to the plan.
#[test]
fn counts_survive_every_plan_with_the_same_keys() {
    let mut world = World::new(secured(pair()));
    let (mut a_out, mut b_in) = (sender(1), receiver(4));
    for (turn, n) in (0..200_000_u32).step_by(17).enumerate() {
        let plain = rtp(5, (n & 0xffff) as u16);
        let packet = seal(&mut a_out, &plain);
        assert_eq!(world.arrive(A, 1, &packet), format!("2>{B}"), "{n}");
        assert_eq!(open(&mut b_in, &world.sent[0]), Ok(plain), "{n}");
        if turn % 100 == 0 {
            world.install(secured(pair()));
            assert_eq!(world.arrive(A, 1, &packet), "srtp-replay", "{n}");
        }
    }
    assert_eq!(b_in.roc(::rtp::Ssrc(5)), Some(3));
}

#[test]
fn new_keys_begin_anew_and_old_ones_count_on() {
    let mut world = World::new(secured(pair()));
    let mut a_out = sender(1);
    let old = seal(&mut a_out, &rtp(5, 1));
    assert_eq!(world.arrive(A, 1, &old), format!("2>{B}"));
    let mut rekeyed = secured(pair());
    rekeyed[0].recv = srtp(7);
    rekeyed[1].send = srtp(8);
    world.install(rekeyed);
    let mut a_new = sender(7);
    assert_eq!(
        world.arrive(A, 1, &seal(&mut a_new, &rtp(5, 1))),
        format!("2>{B}")
    );
    assert_eq!(open(&mut receiver(8), &world.sent[0]), Ok(rtp(5, 1)));
    assert_eq!(world.arrive(A, 1, &seal(&mut a_out, &rtp(5, 2))), "srtp-auth");
    // The offer was refused: back to what it was.
    world.install(secured(pair()));
    assert_eq!(world.arrive(A, 1, &old), "srtp-replay");
    assert_eq!(
        world.arrive(A, 1, &seal(&mut a_out, &rtp(5, 3))),
        format!("2>{B}")
    );
}

/// The SRTCP index that a packet was sent under.
fn index(packet: &[u8]) -> u32 {
    let at = packet.len() - 14;
    u32::from_be_bytes(packet[at..at + 4].try_into().expect("four bytes")) & 0x7fff_ffff
}

/// RTCP moves to the RTP port and back: whatever it leaves by, no index comes twice.
#[test]
fn switching_mux_uses_no_index_twice() {
    let apart = || secured(pair_with_rtcp());
    let mux = || {
        let mut plans = apart();
        plans[0].component = Component::Mux;
        plans[0].rtcp_sinks = vec![sink(12)].into();
        plans[3].rtcp_sinks = vec![sink(1)].into();
        plans
    };
    let mut world = World::new(apart());
    let (mut b_out, mut a_in) = (sender(3), receiver(2));
    let mut indices = Vec::new();
    for n in 0..30_u8 {
        let (plans, expect) = if n / 5 % 2 == 0 {
            (apart(), format!("11>{A_RTCP}"))
        } else {
            (mux(), format!("1>{A}"))
        };
        world.install(plans);
        assert_eq!(world.arrive(B_RTCP, 12, &seal(&mut b_out, &rr(n))), expect);
        indices.push(index(&world.sent[0]));
        assert_eq!(open(&mut a_in, &world.sent[0]), Ok(rr(n)), "{n}");
    }
    assert_eq!(indices, (0..30).collect::<Vec<_>>());
}

/// Each component made a handshake of its own.
#[test]
fn rtcp_may_have_keys_of_its_own() {
    let mut plans = secured(pair_with_rtcp());
    (plans[2].recv, plans[2].send) = (srtp(21), srtp(22));
    let mut world = World::new(plans);
    assert_eq!(
        world.arrive(A_RTCP, 11, &seal(&mut sender(1), &rr(1))),
        "srtp-auth"
    );
    assert_eq!(
        world.arrive(A_RTCP, 11, &seal(&mut sender(21), &rr(1))),
        format!("12>{B_RTCP}")
    );
    assert_eq!(
        world.arrive(B_RTCP, 12, &seal(&mut sender(3), &rr(2))),
        format!("11>{A_RTCP}")
    );
    assert_eq!(open(&mut receiver(22), &world.sent[0]), Ok(rr(2)));
    assert_eq!(
        world.arrive(A, 1, &seal(&mut sender(1), &rtp(5, 1))),
        format!("2>{B}")
    );
}

#[test]
fn what_we_make_ourselves_is_protected() {
    let mut plans = secured(pair_with_rtcp());
    plans[0].reports = Some(RtcpReports {
        interval: Duration::from_secs(1),
        cname: "x".into(),
        clock_rates: Vec::new(),
        mid: None,
    });
    plans[0].pierce_nat = true;
    let mut world = World::new(plans.clone());
    let mut a_in = receiver(2);
    for n in 0..3 {
        assert_eq!(world.timeout(), format!("1>{A}"), "an opener {n}");
        let opener = open(&mut a_in, &world.sent[0]).expect("protected, and none twice");
        assert_eq!(opener.len(), 12);
        world.now_ms += 1000;
    }
    // What is due of reports, of which there is nothing to say yet.
    world.now_ms += 2000;
    world.timeout();
    world.arrive(A, 1, &seal(&mut sender(1), &rtp(5, 1)));
    world.arrive(B, 2, &seal(&mut sender(3), &rtp(6, 1)));
    for _ in 0..3 {
        world.now_ms += 3000;
        assert_eq!(world.timeout(), format!("11>{A_RTCP}"));
        let report = open(&mut a_in, &world.sent[0]).expect("protected");
        assert_eq!(report[1], 200);
    }
    (plans[0].send, plans[2].send) = (Security::Pending, Security::Pending);
    world.install(plans);
    world.now_ms += 3000;
    assert_eq!(world.timeout(), "", "never unprotected");
}

#[test]
fn everybody_gets_a_copy_under_his_own_keys() {
    let mut plans = secured(pair());
    let mut third = crate::world::plan(3, Component::Rtp, Some("198.51.100.7:2016"));
    third.send = srtp(6);
    plans.push(third);
    let plain = crate::world::plan(4, Component::Rtp, Some("198.51.100.8:2018"));
    plans.push(plain);
    // The second sink of the same flow: a sequence number is sent once under one key.
    plans[0].sinks = vec![sink(2), sink(3), sink(4), sink(2)].into();
    let mut world = World::new(plans);
    assert_eq!(
        world.arrive(A, 1, &seal(&mut sender(1), &rtp(5, 1))),
        format!("2>{B} 3>198.51.100.7:2016 4>198.51.100.8:2018")
    );
    assert_eq!(open(&mut receiver(4), &world.sent[0]), Ok(rtp(5, 1)));
    assert_eq!(open(&mut receiver(6), &world.sent[1]), Ok(rtp(5, 1)));
    assert_eq!(world.sent[2], rtp(5, 1));
}

#[test]
fn a_number_is_never_encrypted_twice() {
    let mut world = World::new(bridged(pair()));
    let mut a_in = receiver(2);
    assert_eq!(world.arrive(B, 2, &rtp(6, 100)), format!("1>{A}"));
    assert_eq!(open(&mut a_in, &world.sent[0]), Ok(rtp(6, 100)));
    let mut other = rtp(6, 100);
    other[20] ^= 1;
    assert_eq!(world.arrive(B, 2, &other), "repeated");
    assert_eq!(world.arrive(B, 2, &rtp(6, 99)), format!("1>{A}"), "late, but new");
    assert_eq!(open(&mut a_in, &world.sent[0]), Ok(rtp(6, 99)));
}

#[test]
fn taps_hold_what_is_said() {
    let mut plans = secured(pair());
    let tap = |point| Tap { id: TapId(1), point };
    plans[0].taps = vec![tap(TapPoint::Ingress), tap(TapPoint::Egress)];
    let mut world = World::new(plans);
    world.arrive(A, 1, &seal(&mut sender(1), &rtp(5, 1)));
    world.arrive(B, 2, &seal(&mut sender(3), &rtp(6, 1)));
    // Neither what was refused at the door nor what could not go out.
    world.arrive(A, 1, &seal(&mut sender(9), &rtp(5, 2)));
    let mut tapped = Vec::new();
    world
        .relay
        .drain_taps(|t| tapped.push((t.tap.point, t.bytes.to_vec())));
    assert_eq!(
        tapped,
        [(TapPoint::Ingress, rtp(5, 1)), (TapPoint::Egress, rtp(6, 1))]
    );
    let mut world = World::new({
        let mut plans = bridged(pair());
        plans[0].taps = vec![tap(TapPoint::Egress)];
        plans
    });
    world.arrive(B, 2, &rtp(6, 1));
    assert_eq!(world.arrive(B, 2, &rtp(6, 1)), "repeated");
    let mut copies = 0;
    world.relay.drain_taps(|_| copies += 1);
    assert_eq!(copies, 1);
}

/// Two calls point at each other, in the clear; and back through a leg with keys.
#[test]
fn a_loop_through_srtp_ends() {
    let (a, b) = ("203.0.113.1:30001", "203.0.113.1:30002");
    // What leaves by flow 2 comes back to flow 1 under the key that flow 1 takes: a loop of one call.
    let mut plans = pair();
    plans[0].peer = Some(b.parse().expect("an address"));
    plans[1].peer = Some(a.parse().expect("an address"));
    plans[0].recv = srtp(1);
    plans[1].send = srtp(1);
    let mut world = World::new(plans);
    let first = seal(&mut sender(1), &rtp(5, 1));
    assert_eq!(world.arrive(b, 1, &first), format!("2>{a}"));
    let again = world.sent[0].clone();
    assert_eq!(world.arrive(b, 1, &again), "srtp-replay");
}

/// What the parties protect between themselves, with keys that we do not use.
#[test]
fn blind_passage_stays() {
    let mut plans = pair();
    for plan in &mut plans {
        plan.framing = plan::Framing::Srtp;
    }
    let mut world = World::new(plans);
    let packet = seal(&mut sender(1), &rtp(5, 1));
    assert_eq!(world.arrive(A, 1, &packet), format!("2>{B}"));
    assert_eq!(world.sent[0], packet);
}

/// With ICE the control side says who may send and where to; nothing is learned.
#[test]
fn only_proven_sources_get_in() {
    for security in [false, true] {
        let mut plans = if security { secured(pair()) } else { pair() };
        plans[0].proven = [A, "198.51.100.9:9"]
            .map(crate::world::addr)
            .into_iter()
            .collect();
        plans[0].sockets.push(crate::world::socket(5));
        let mut world = World::new(plans);
        let mut a_out = sender(1);
        let mut packet = |seq| {
            let plain = rtp(5, seq);
            if security { seal(&mut a_out, &plain) } else { plain }
        };
        assert_eq!(world.arrive("192.0.2.66:6000", 1, &packet(1)), "ice-unproven");
        assert_eq!(
            world.arrive("198.51.100.1:2099", 1, &packet(2)),
            "ice-unproven",
            "same host"
        );
        assert_eq!(world.arrive("198.51.100.9:9", 5, &packet(3)), format!("2>{B}"));
        assert_eq!(world.arrive(A, 1, &packet(4)), format!("2>{B}"));
        // Out goes what the plan says, whoever was heard last and where.
        let mut b_out = sender(3);
        let answer = if security {
            seal(&mut b_out, &rtp(6, 1))
        } else {
            rtp(6, 1)
        };
        assert_eq!(world.arrive("198.51.100.9:9", 5, &packet(5)), format!("2>{B}"));
        assert_eq!(world.arrive(B, 2, &answer), format!("1>{A}"));
        // Control is told of the other one, and may think of it what it likes; once, not with each packet.
        let other = |event: &&Event| matches!(event, Event::Learned { flow, .. } if flow.0 == 1);
        assert_eq!(world.events.iter().filter(other).count(), 1);
    }
}

/// Nothing but an authenticated packet moves the peer, and each may that `source` lets.
#[test]
fn the_peer_moves_with_authenticated_packets() {
    let mut world = World::new(secured(pair()));
    let (mut a_out, mut b_out) = (sender(1), sender(3));
    let mut seq = 0;
    let mut answer = |world: &mut World| {
        seq += 1;
        world.arrive(B, 2, &seal(&mut b_out, &rtp(6, seq)))
    };
    let moved = "198.51.100.1:7777";
    assert_eq!(
        world.arrive(A, 1, &seal(&mut a_out, &rtp(5, 1))),
        format!("2>{B}")
    );
    // Another SSRC from another port, with the right keys: let in, and after the old source's silence followed.
    assert_eq!(
        world.arrive(moved, 1, &seal(&mut a_out, &rtp(50, 1))),
        format!("2>{B}")
    );
    assert_eq!(answer(&mut world), format!("1>{A}"));
    world.now_ms += 600;
    assert_eq!(
        world.arrive(moved, 1, &seal(&mut a_out, &rtp(50, 2))),
        format!("2>{B}")
    );
    assert_eq!(answer(&mut world), format!("1>{moved}"));
}

#[test]
fn without_tags_the_stream_speaks_for_itself() {
    let open = Protection {
        authenticate_rtp: false,
        ..Protection::default()
    };
    let key = MasterKey::joined(SUITE, &[1; 30]).expect("30 bytes");
    let params = Arc::new(Params::new(vec![key], open).expect("one key"));
    let mut plans = pair();
    plans[0].recv = Security::Srtp(params.clone());
    let mut world = World::new(plans);
    let mut a_out = Sender::new(params.as_ref().clone());
    let first = seal(&mut a_out, &rtp(5, 1));
    assert_eq!(world.arrive(A, 1, &first), format!("2>{B}"));
    assert_eq!(world.sent[0], rtp(5, 1));
    assert_eq!(world.arrive("192.0.2.66:6000", 1, &rtp(77, 1)), "foreign-source");
    assert_eq!(world.arrive(A, 1, &first), "srtp-replay");
}

/// An offer names new keys; until its party takes them up it goes on with those it has, and is heard.
#[test]
fn the_old_keys_are_heard_until_the_new_ones_are_taken_up() {
    let rekeyed = || {
        let mut plans = secured(pair_with_rtcp());
        for plan in plans.iter_mut().filter(|p| p.flow.0 % 10 == 1) {
            plan.recv = srtp(7);
        }
        plans
    };
    for kept in [false, true] {
        let prepare = |mut plans: Vec<Plan>| {
            plans[0].sinks[0].process.keep_protection = kept;
            plans
        };
        let stranger = "192.0.2.66:6000";
        let mut world = World::new(prepare(secured(pair_with_rtcp())));
        let (mut a_old, mut a_new) = (sender(1), sender(7));
        let first = seal(&mut a_old, &rtp(5, 1));
        assert_eq!(world.arrive(A, 1, &first), format!("2>{B}"));
        world.install(prepare(rekeyed()));
        assert_eq!(world.arrive(A, 1, &first), "srtp-replay");
        for seq in 2..5 {
            assert_eq!(
                world.arrive(A, 1, &seal(&mut a_old, &rtp(5, seq))),
                format!("2>{B}")
            );
        }
        assert_eq!(
            world.arrive(A_RTCP, 11, &seal(&mut a_old, &rr(5))),
            format!("12>{B_RTCP}")
        );
        assert_eq!(
            world.arrive(stranger, 1, &seal(&mut a_old, &rtp(5, 5))),
            "srtp-auth"
        );
        assert_eq!(
            world.arrive(A, 1, &seal(&mut a_new, &rtp(5, 6))),
            format!("2>{B}")
        );
        assert_eq!(
            world.arrive(A, 1, &seal(&mut a_old, &rtp(5, 7))),
            "srtp-auth",
            "it has them now"
        );
    }
    let mut world = World::new(secured(pair_with_rtcp()));
    let mut a_old = sender(1);
    world.arrive(A, 1, &seal(&mut a_old, &rtp(5, 1)));
    world.install(rekeyed());
    world.now_ms += 5_001;
    assert_eq!(world.arrive(A, 1, &seal(&mut a_old, &rtp(5, 2))), "srtp-auth");
}
