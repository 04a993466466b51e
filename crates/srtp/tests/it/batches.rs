//! Batches of any size, lengths, suites and keys do what their packets would do one after the other: with forged ones in
//! the middle, replays of what the same batch has, and turns of the rollover counter.

use proptest::prelude::*;
use srtp::limits::SIDE_BY_SIDE;
use srtp::{Job, Kind, Params, Protection, Receiver, Reject, Seal, Sender, Suite};
use srtp::{protect_batch, seal_batch, unprotect_batch};

use crate::support::{key, params, rtcp, rtp};

/// Contexts of a batch: some suites, some of them several times, with other keys.
const CONTEXTS: usize = 15;

fn contexts() -> Vec<Params> {
    let suites: Vec<Suite> = Suite::all().collect();
    (0..CONTEXTS)
        .map(|n| {
            let key = key(suites[n % suites.len()], n as u8);
            let key = if n % 4 == 1 {
                key.with_mki(b"id").expect("two bytes")
            } else {
                key
            };
            Params::new(vec![key], Protection::default()).expect("one key")
        })
        .collect()
}

/// One packet of a batch.
#[derive(Clone, Debug)]
struct Step {
    context: usize,
    kind: Kind,
    /// How far its sequence number is from the last one of its context.
    ahead: i64,
    payload_len: usize,
    /// One bit is changed on the way, this far from the end.
    forged: Option<usize>,
    /// It arrives once more in the same batch.
    twice: bool,
    /// It is judged only.
    judge_only: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![4 => Just(160usize), 1 => 0usize..200, 1 => 900usize..1300];
    let ahead = prop_oneof![8 => Just(1i64), 2 => -3i64..4, 1 => 30_000i64..40_000];
    let kind = prop_oneof![5 => Just(Kind::Rtp), 1 => Just(Kind::Rtcp)];
    let forged = prop_oneof![5 => Just(None), 1 => (0usize..60).prop_map(Some)];
    let rest = (prop::bool::weighted(0.1), prop::bool::weighted(0.2));
    let step = (0..CONTEXTS + 1, kind, ahead, len, forged, rest);
    step.prop_map(|(context, kind, ahead, payload_len, forged, rest)| Step {
        context,
        kind,
        ahead,
        payload_len,
        forged,
        twice: rest.0,
        judge_only: rest.1,
    })
}

/// Plain packets with room behind them, and their lengths.
fn packets(steps: &[Step]) -> Vec<(Vec<u8>, usize)> {
    let mut numbers = [65_000i64; CONTEXTS + 1];
    let mut made = |step: &Step| {
        let number = &mut numbers[step.context];
        *number = (*number + step.ahead).max(0);
        let number = u64::try_from(*number).expect("not negative");
        let bytes = match step.kind {
            Kind::Rtp => rtp(7, number, step.payload_len),
            Kind::Rtcp => rtcp(7, number as u32),
        };
        let len = bytes.len();
        ([bytes, vec![0xee; 40]].concat(), len)
    };
    steps.iter().map(&mut made).collect()
}

fn jobs<'a>(steps: impl Iterator<Item = &'a Step>, packets: &'a mut [(Vec<u8>, usize)]) -> Vec<Job<'a>> {
    let both = steps.zip(packets);
    both.map(|(step, (buf, len))| Job::new(step.context, step.kind, buf, *len))
        .collect()
}

type Outcome = (Result<usize, Reject>, Vec<u8>);

fn outcomes(jobs: &[Job<'_>]) -> Vec<Outcome> {
    let outcome = |job: &Job<'_>| (job.outcome.map(|()| job.len), job.buf.to_vec());
    jobs.iter().map(outcome).collect()
}

fn alone(
    contexts: usize,
    step: &Step,
    (buf, len): &mut (Vec<u8>, usize),
    work: impl FnOnce(usize, Kind, &mut [u8], usize) -> Result<usize, Reject>,
) -> Outcome {
    let result = if step.context < contexts {
        work(step.context, step.kind, buf, *len)
    } else {
        Err(Reject::NoContext)
    };
    (result, buf.clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_of_any_size_does_what_its_packets_would_do_alone(
        steps in prop::collection::vec(step(), 1..2 * SIDE_BY_SIDE),
        rounds in 1usize..3,
    ) {
        let params = contexts();
        let mut senders: Vec<Sender> = params.iter().cloned().map(Sender::new).collect();
        let mut witnesses: Vec<Sender> = params.iter().cloned().map(Sender::new).collect();
        let mut receivers: Vec<Receiver> = params.iter().cloned().map(Receiver::new).collect();
        let mut judges: Vec<Receiver> = params.into_iter().map(Receiver::new).collect();
        for _ in 0..rounds {
            let (mut together, mut single) = (packets(&steps), packets(&steps));
            let mut batch = jobs(steps.iter(), &mut together);
            protect_batch(&mut senders[..], &mut batch);
            let sent = outcomes(&batch);
            for ((step, packet), found) in steps.iter().zip(&mut single).zip(&sent) {
                let expect = alone(CONTEXTS, step, packet, |at, kind, buf, len| match kind {
                    Kind::Rtp => witnesses[at].protect_rtp(buf, len),
                    Kind::Rtcp => witnesses[at].protect_rtcp(buf, len),
                });
                prop_assert_eq!(found, &expect, "sent: {:?}", step);
            }

            // On the way.
            let mut arriving = Vec::new();
            for (step, (outcome, buf)) in steps.iter().zip(sent) {
                let len = outcome.unwrap_or(buf.len());
                let mut packet = (buf, len);
                if let Some(from_end) = step.forged {
                    let at = len.saturating_sub(1 + from_end);
                    packet.0[at] ^= 0x10;
                }
                for _ in 0..=usize::from(step.twice) {
                    arriving.push((step, packet.clone()));
                }
            }
            let (steps, mut together): (Vec<&Step>, Vec<_>) = arriving.into_iter().unzip();
            let mut single = together.clone();
            let mut batch = jobs(steps.iter().copied(), &mut together);
            let both = batch.iter_mut().zip(&steps);
            both.for_each(|(job, step)| job.judge_only = step.judge_only);
            unprotect_batch(&mut receivers[..], &mut batch);
            let taken = outcomes(&batch);
            for ((step, packet), found) in steps.iter().zip(&mut single).zip(&taken) {
                let expect = alone(CONTEXTS, step, packet, |at, kind, buf, len| {
                    let (judge, packet) = (&mut judges[at], &mut buf[..len]);
                    match (kind, step.judge_only) {
                        (Kind::Rtp, false) => judge.unprotect_rtp(packet),
                        (Kind::Rtp, true) => judge.verify_rtp(packet),
                        (Kind::Rtcp, false) => judge.unprotect_rtcp(packet),
                        (Kind::Rtcp, true) => judge.verify_rtcp(packet),
                    }
                });
                prop_assert_eq!(found, &expect, "taken: {:?}", step);
            }
        }
        for (one, other) in senders.iter().zip(&witnesses) {
            prop_assert_eq!(one.state(), other.state());
        }
        for (one, other) in receivers.iter().zip(&judges) {
            prop_assert_eq!(one.state(), other.state());
        }
    }
}

/// A ticket keeps its place: packets sealed later, in another order and beside others, are those that would have been
/// made at once.
#[test]
fn what_was_promised_is_sealed_later() {
    for suite in Suite::all() {
        let (mut sender, mut witness) = (Sender::new(params(suite)), Sender::new(params(suite)));
        let plain: Vec<(Kind, Vec<u8>)> = (0..9u64)
            .map(|n| match n {
                3 | 7 => (Kind::Rtcp, rtcp(1, n as u32)),
                _ => (Kind::Rtp, rtp(1, 65_533 + n, 20 * n as usize)),
            })
            .collect();
        let mut made: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut tickets = Vec::new();
        for (kind, bytes) in &plain {
            let mut buf = [&bytes[..], &[0; 40]].concat();
            let ticket = sender.take(*kind, &buf, bytes.len()).expect("a new number");
            tickets.push((ticket, buf.clone()));
            let again = sender.take(*kind, &buf, bytes.len());
            assert_eq!(again.is_err(), *kind == Kind::Rtp, "a number is given once");
            let len = match kind {
                Kind::Rtp => witness.protect_rtp(&mut buf, bytes.len()),
                Kind::Rtcp => witness.protect_rtcp(&mut buf, bytes.len()),
            };
            made.push((len.expect("a new number"), buf));
            if *kind == Kind::Rtcp {
                let mut other = [&bytes[..], &[0; 40]].concat();
                witness.protect_rtcp(&mut other, bytes.len()).expect("a packet");
            }
        }
        let seals = tickets.iter_mut().rev();
        let mut seals: Vec<Seal<'_>> = seals
            .map(|(ticket, buf)| Seal {
                context: 0,
                ticket: *ticket,
                buf,
            })
            .collect();
        seal_batch(&[sender][..], &mut seals);
        for (seal, (len, expect)) in seals.iter().rev().zip(&made) {
            assert_eq!(seal.ticket.sealed_len(), *len, "{suite:?}");
            assert!(seal.buf == expect, "{suite:?}");
        }
    }
}

/// Whoever lost its context or its room says nothing at all.
#[test]
fn nothing_leaves_unprotected() {
    for suite in Suite::all() {
        let mut sender = Sender::new(params(suite));
        let plain = rtp(1, 1, 100);
        let mut bufs = [[&plain[..], &[1; 40]].concat(), plain.clone()];
        let ticket = sender.take(Kind::Rtp, &bufs[0], plain.len()).expect("fits");
        let [first, second] = &mut bufs;
        let mut seals = [
            Seal {
                context: 9,
                ticket,
                buf: first,
            },
            Seal {
                context: 0,
                ticket,
                buf: second,
            },
        ];
        seal_batch(&[sender][..], &mut seals);
        for buf in &bufs {
            assert!(buf.iter().all(|byte| *byte == 0), "{suite:?}");
        }
    }
}
