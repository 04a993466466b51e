//! Protected flows: real senders and receivers stand where the parties stand.

use std::sync::Arc;

use plan::{Plan, Security};
use srtp::{MasterKey, Params, Protection, Receiver, Sender, Suite};

use crate::world::{A, B, World, pair, pair_with_rtcp, rtp};

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
fn bridged(mut plans: Vec<Plan>) -> Vec<Plan> {
    for plan in plans.iter_mut().filter(|p| p.flow.0 % 10 == 1) {
        (plan.recv, plan.send) = (srtp(1), srtp(2));
    }
    plans
}

/// Both sides have: B sends with key 3 and receives with key 4.
fn secured(plans: Vec<Plan>) -> Vec<Plan> {
    let mut plans = bridged(plans);
    for plan in plans.iter_mut().filter(|p| p.flow.0 % 10 == 2) {
        (plan.recv, plan.send) = (srtp(3), srtp(4));
    }
    plans
}

fn rr(ssrc: u8) -> Vec<u8> {
    vec![0x80, 201, 0, 1, 0, 0, 0, ssrc]
}

#[test]
fn nothing_forged_or_replayed_gets_through_or_is_learned() {
    let stranger = "192.0.2.66:6000";
    let mut world = World::new(secured(pair()));
    let (mut a_out, mut b_in) = (sender(1), receiver(4));
    let first = seal(&mut a_out, &rtp(5, 1));
    let mut forged = first.clone();
    forged[20] ^= 1;
    assert_eq!(world.arrive(stranger, 1, &forged), "srtp-auth");
    assert_eq!(world.arrive(stranger, 1, &rtp(5, 1)), "srtp-auth");
    assert_eq!(
        world.arrive(stranger, 1, &seal(&mut sender(9), &rtp(5, 1))),
        "srtp-auth"
    );
    assert_eq!(world.arrive(A, 1, &first), format!("2>{B}"));
    assert_eq!(open(&mut b_in, &world.sent[0]), Ok(rtp(5, 1)));
    assert_eq!(world.arrive(A, 1, &first), "srtp-replay");
    assert_eq!(world.arrive(stranger, 1, &first), "srtp-replay");
    assert_eq!(
        world.arrive(B, 2, &seal(&mut sender(3), &rtp(6, 1))),
        format!("1>{A}")
    );
}

#[test]
fn rtcp_is_protected_too() {
    let mut world = World::new(secured(pair_with_rtcp()));
    let (mut a_out, mut b_in) = (sender(1), receiver(4));
    for n in 0..5 {
        let report = rr(n);
        let at = "198.51.100.1:2011";
        assert_eq!(
            world.arrive(at, 11, &seal(&mut a_out, &report)),
            "12>198.51.100.3:2013"
        );
        assert_eq!(open(&mut b_in, &world.sent[0]), Ok(report));
    }
    assert_eq!(world.arrive("198.51.100.1:2011", 11, &rr(9)), "malformed");
    assert_eq!(
        world.arrive("198.51.100.1:2011", 11, &[&rr(9)[..], &[0; 30]].concat()),
        "srtp-auth"
    );
}

#[test]
fn nothing_passes_before_there_are_keys() {
    let mut plans = secured(pair());
    plans[0].recv = Security::Pending;
    plans[0].send = Security::Pending;
    let mut world = World::new(plans);
    assert_eq!(world.arrive(A, 1, &seal(&mut sender(1), &rtp(5, 1))), "no-keys");
    assert_eq!(world.arrive(B, 2, &seal(&mut sender(3), &rtp(6, 1))), "no-keys");
    let learned = |event: &plan::Event| matches!(event, plan::Event::Learned { flow, .. } if flow.0 == 1);
    assert!(!world.events.iter().any(learned), "{:?}", world.events);
}

#[test]
fn srtp_becomes_rtp_and_rtp_srtp() {
    let mut world = World::new(bridged(pair()));
    let (mut a_out, mut a_in) = (sender(1), receiver(2));
    for seq in 0..50 {
        let plain = rtp(5, seq);
        assert_eq!(world.arrive(A, 1, &seal(&mut a_out, &plain)), format!("2>{B}"));
        assert_eq!(world.sent[0], plain);
        let plain = rtp(6, seq);
        assert_eq!(world.arrive(B, 2, &plain), format!("1>{A}"));
        assert_eq!(open(&mut a_in, &world.sent[0]), Ok(plain));
    }
}
