//! The rules of sequence, keys, parameters and buffers, one by one.

use rtp::Ssrc;
use srtp::limits::{PACKET_LEN_MAX, RTCP_INDEX_SKIP, SSRCS_MAX, SSRCS_PAST_MAX};
use srtp::{
    Cipher, Job, Kind, Params, ParamsError, Protection, Receiver, Reject, Sender, State, Suite,
    protect_batch, unprotect_batch,
};

use crate::support::{
    key, pair, params, protect_rtcp, protect_rtp, rtcp, rtp, unprotect_rtcp, unprotect_rtp,
};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const TURN: u64 = 1 << 16;

/// The packets of these numbers, protected in this order.
fn sent(suite: Suite, numbers: &[u64]) -> Vec<(u64, Vec<u8>)> {
    let mut sender = Sender::new(params(suite));
    let protect = |&n: &u64| (n, protect_rtp(&mut sender, &rtp(1, n, 20)));
    numbers.iter().map(protect).collect()
}

#[test]
fn the_rollover_counter_is_found() {
    for (what, sent_in_order, heard) in [
        (
            "a turn",
            &[65534, 65535, 65536, 65537][..],
            &[65534, 65535, 65536, 65537][..],
        ),
        (
            "late from before the turn",
            &[65535, 65536, 65537],
            &[65536, 65535, 65537],
        ),
        (
            "first packets lost at the turn",
            &[65535, 65536, 65537],
            &[65537, 65536, 65535],
        ),
        (
            "a gap of more than half a turn",
            &[100, 30_000, 60_000, 80_000, 100 + TURN + 40_000],
            &[100, 80_000, 100 + TURN + 40_000],
        ),
        (
            "two turns",
            &[0, 32_000, 64_000, 96_000, 128_000, 2 * TURN],
            &[0, 64_000, 128_000, 2 * TURN],
        ),
    ] {
        for suite in Suite::all() {
            let packets = sent(suite, sent_in_order);
            let mut receiver = Receiver::new(params(suite));
            for number in heard {
                let (_, packet) = packets.iter().find(|(n, _)| n == number).expect("was sent");
                let back = unprotect_rtp(&mut receiver, packet);
                assert_eq!(back, Ok(rtp(1, *number, 20)), "{what}, {number}, {suite:?}");
            }
            let highest = heard.iter().max().expect("some");
            assert_eq!(receiver.roc(Ssrc(1)), Some((highest >> 16) as u32), "{what}");
            for (number, packet) in packets.iter().filter(|(n, _)| heard.contains(n)) {
                assert!(
                    unprotect_rtp(&mut receiver, packet).is_err(),
                    "{what}, again {number}"
                );
            }
        }
    }
}

#[test]
fn no_index_is_sent_twice() {
    let mut sender = Sender::new(params(SUITE));
    let send = |sender: &mut Sender, seq| {
        let mut buf = rtp(1, seq, 20);
        buf.resize(64, 0);
        sender.protect_rtp(&mut buf, 32).map(|_| ())
    };
    assert_eq!(send(&mut sender, 0), Ok(()));
    assert_eq!(
        send(&mut sender, 65_535),
        Err(Reject::TooOld),
        "before the first turn"
    );
    assert_eq!(send(&mut sender, 600), Ok(()));
    assert_eq!(send(&mut sender, 599), Ok(()), "late, but new");
    assert_eq!(send(&mut sender, 600), Err(Reject::Replayed));
    assert_eq!(send(&mut sender, 3), Err(Reject::TooOld));
    sender.allow_repeats(true);
    assert_eq!(send(&mut sender, 600), Ok(()), "a retransmission");
    assert_eq!(send(&mut sender, 3), Ok(()), "a late one");
    assert_eq!(sender.roc(Ssrc(1)), Some(0));
}

#[test]
fn the_same_key_goes_on_and_a_new_one_begins() {
    for suite in Suite::all() {
        let (mut sender, mut receiver) = pair(&params(suite));
        for n in [65_535, TURN] {
            let packet = protect_rtp(&mut sender, &rtp(1, n, 20));
            unprotect_rtp(&mut receiver, &packet).expect("in order");
        }
        let report = protect_rtcp(&mut sender, &rtcp(1, 0));
        unprotect_rtcp(&mut receiver, &report).expect("the first");

        // The same key, other session parameters: a re-INVITE.
        let again = Protection {
            encrypt_rtp: false,
            ..Protection::default()
        };
        let again = Params::new(vec![key(suite, 1)], again).expect("one key");
        sender.renew(again.clone());
        receiver.renew(again);
        assert_eq!((sender.roc(Ssrc(1)), receiver.roc(Ssrc(1))), (Some(1), Some(1)));
        let packet = protect_rtp(&mut sender, &rtp(1, TURN + 1, 20));
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(rtp(1, TURN + 1, 20)));
        assert_eq!(unprotect_rtcp(&mut receiver, &report), Err(Reject::Replayed));
        let next = protect_rtcp(&mut sender, &rtcp(1, 1));
        assert_eq!(unprotect_rtcp(&mut receiver, &next), Ok(rtcp(1, 1)));

        // Another key.
        let new = Params::new(vec![key(suite, 2)], Protection::default()).expect("one key");
        sender.renew(new.clone());
        receiver.renew(new);
        assert_eq!((sender.roc(Ssrc(1)), receiver.roc(Ssrc(1))), (None, None));
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Err(Reject::Unauthentic));
        let packet = protect_rtp(&mut sender, &rtp(1, TURN + 2, 20));
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(rtp(1, TURN + 2, 20)));
        assert_eq!(receiver.roc(Ssrc(1)), Some(0));
    }
}

/// What only looks judges and counts like what decrypts, packet for packet, across a turn and with all that is refused.
#[test]
fn verifying_judges_and_counts_like_unprotecting() {
    for suite in Suite::all() {
        let (mut sender, mut opens) = pair(&params(suite));
        let mut looks = Receiver::new(params(suite));
        let mut stream: Vec<Vec<u8>> = [65_530, 65_534, 65_535, TURN, TURN + 1, TURN + 30_000]
            .map(|n| protect_rtp(&mut sender, &rtp(1, n, 40)))
            .into();
        stream.swap(2, 4);
        let forged: Vec<_> = stream.iter().map(|packet| flipped(packet, 20)).collect();
        for packet in forged.iter().chain(&stream).chain(&stream) {
            let outcome = unprotect_rtp(&mut opens, packet).map(|plain| plain.len());
            assert_eq!(looks.verify_rtp(packet), outcome, "{suite:?}");
            assert_eq!(looks.state(), opens.state(), "{suite:?}");
        }
        assert_eq!(looks.roc(Ssrc(1)), Some(1), "{suite:?}");
        let reports: Vec<_> = (0..3).map(|n| protect_rtcp(&mut sender, &rtcp(1, n))).collect();
        let forged: Vec<_> = reports.iter().map(|packet| flipped(packet, 12)).collect();
        for packet in forged.iter().chain(&reports).chain(&reports) {
            let outcome = unprotect_rtcp(&mut opens, packet).map(|plain| plain.len());
            assert_eq!(looks.verify_rtcp(packet), outcome, "{suite:?}");
            assert_eq!(looks.state(), opens.state(), "{suite:?}");
        }
        assert_eq!(looks.verify_rtcp(&reports[0]), Err(Reject::Replayed));
    }
}

fn flipped(packet: &[u8], at: usize) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet[at] ^= 1;
    packet
}

/// One changed bit anywhere is noticed and harms nobody: neither the packet that was meant nor the counts.
#[test]
fn forgeries_are_refused_and_change_nothing() {
    for suite in Suite::all() {
        let (mut sender, mut receiver) = pair(&params(suite));
        let media = protect_rtp(&mut sender, &rtp(1, 5, 40));
        let report = protect_rtcp(&mut sender, &rtcp(1, 0));
        for bit in 0..media.len() * 8 {
            let mut forged = media.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                unprotect_rtp(&mut receiver, &forged).is_err(),
                "{suite:?}, bit {bit}"
            );
        }
        for bit in 0..report.len() * 8 {
            let mut forged = report.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                unprotect_rtcp(&mut receiver, &forged).is_err(),
                "{suite:?}, bit {bit}"
            );
        }
        assert_eq!(receiver.state(), Receiver::new(params(suite)).state());
        assert_eq!(unprotect_rtp(&mut receiver, &media), Ok(rtp(1, 5, 40)));
        assert_eq!(unprotect_rtcp(&mut receiver, &report), Ok(rtcp(1, 0)));
        assert_eq!(unprotect_rtp(&mut receiver, &media), Err(Reject::Replayed));
        assert_eq!(unprotect_rtcp(&mut receiver, &report), Err(Reject::Replayed));

        let mut stranger =
            Receiver::new(Params::new(vec![key(suite, 9)], Protection::default()).expect("a key"));
        assert_eq!(unprotect_rtp(&mut stranger, &media), Err(Reject::Unauthentic));
        assert_eq!(unprotect_rtcp(&mut stranger, &report), Err(Reject::Unauthentic));
    }
}

#[test]
fn session_parameters_show_on_the_wire() {
    for suite in Suite::all() {
        let spec = suite.spec();
        for bits in 0..8 {
            let protection = Protection {
                encrypt_rtp: bits & 1 == 0,
                encrypt_rtcp: bits & 2 == 0,
                authenticate_rtp: bits & 4 == 0,
            };
            let made = Params::new(vec![key(suite, 1)], protection);
            if spec.cipher == Cipher::AesGcm && !protection.authenticate_rtp {
                assert_eq!(made.err(), Some(ParamsError::AlwaysAuthenticated));
                continue;
            }
            let (mut sender, mut receiver) = pair(&made.expect("one key"));
            let (plain_rtp, plain_rtcp) = (rtp(1, 5, 40), rtcp(1, 0));
            let media = protect_rtp(&mut sender, &plain_rtp);
            let report = protect_rtcp(&mut sender, &plain_rtcp);
            let null = spec.cipher == Cipher::Null;
            let readable = !protection.encrypt_rtp || null;
            assert_eq!(media[..52] == plain_rtp, readable, "{suite:?}, {protection:?}");
            let tag = if protection.authenticate_rtp {
                spec.rtp_tag_len
            } else {
                0
            };
            assert_eq!(media.len(), plain_rtp.len() + tag);
            let readable = !protection.encrypt_rtcp || null;
            assert_eq!(report[..plain_rtcp.len()] == plain_rtcp, readable);
            assert_eq!(report.len(), plain_rtcp.len() + spec.rtcp_tag_len + 4);
            assert_eq!(unprotect_rtp(&mut receiver, &media), Ok(plain_rtp));
            assert_eq!(unprotect_rtcp(&mut receiver, &report), Ok(plain_rtcp.clone()));
            assert_eq!(unprotect_rtp(&mut receiver, &media), Err(Reject::Replayed));

            // Whether SRTCP is encrypted the packet says itself.
            let all = Params::new(vec![key(suite, 1)], Protection::default()).expect("one key");
            assert_eq!(unprotect_rtcp(&mut Receiver::new(all), &report), Ok(plain_rtcp));
        }
    }
}

#[test]
fn keys_are_chosen_by_their_identifier() {
    for suite in Suite::all() {
        let named = |n: u8| key(suite, n).with_mki(&[0, n]).expect("two bytes");
        let of = |keys: &[u8]| {
            let keys = keys.iter().map(|&n| named(n)).collect();
            Params::new(keys, Protection::default()).expect("told apart")
        };
        let mut receiver = Receiver::new(of(&[1, 2]));
        for (at, n) in [(1u64, 1), (2, 2), (3, 1)] {
            let mut sender = Sender::new(of(&[n]));
            let media = protect_rtp(&mut sender, &rtp(1, at, 20));
            let overhead = suite.spec().rtp_tag_len + 2;
            assert_eq!(media.len(), 32 + overhead);
            assert_eq!(
                unprotect_rtp(&mut receiver, &media),
                Ok(rtp(1, at, 20)),
                "{suite:?}, key {n}"
            );
            let report = protect_rtcp(&mut sender, &rtcp(n.into(), 0));
            let taken = unprotect_rtcp(&mut receiver, &report);
            assert_eq!(taken.is_ok(), at < 3, "index 0 once for each SSRC");
        }
        let mut other = Sender::new(of(&[3]));
        let media = protect_rtp(&mut other, &rtp(1, 9, 20));
        assert_eq!(unprotect_rtp(&mut receiver, &media), Err(Reject::UnknownKey));
        let report = protect_rtcp(&mut other, &rtcp(1, 0));
        assert_eq!(unprotect_rtcp(&mut receiver, &report), Err(Reject::UnknownKey));

        // Adding a key keeps the counts, as the old one goes on.
        receiver.renew(of(&[2, 3]));
        assert_eq!(unprotect_rtp(&mut receiver, &media), Ok(rtp(1, 9, 20)));
        assert_eq!(unprotect_rtp(&mut receiver, &media), Err(Reject::Replayed));
    }
}

#[test]
fn headers_of_every_shape_stay_readable() {
    let mut packet = rtp(1, 5, 0);
    packet[0] = 0x80 | 0x20 | 0x10 | 2;
    packet.extend([0, 0, 0, 1, 0, 0, 0, 2]);
    packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
    packet.extend(*b"payload");
    packet.extend([0, 0, 3]);
    for suite in Suite::all() {
        let (mut sender, mut receiver) = pair(&params(suite));
        let media = protect_rtp(&mut sender, &packet);
        assert_eq!(media[..28], packet[..28], "{suite:?}");
        assert_eq!(unprotect_rtp(&mut receiver, &media), Ok(packet.clone()));
        let empty = protect_rtp(&mut sender, &rtp(1, 6, 0));
        assert_eq!(unprotect_rtp(&mut receiver, &empty), Ok(rtp(1, 6, 0)));
        let largest = PACKET_LEN_MAX - 12 - suite.spec().rtp_tag_len;
        let large = protect_rtp(&mut sender, &rtp(1, 7, largest));
        assert_eq!(unprotect_rtp(&mut receiver, &large), Ok(rtp(1, 7, largest)));
    }
}

#[test]
fn buffers_that_do_not_do_are_refused() {
    for suite in Suite::all() {
        let (mut sender, mut receiver) = pair(&params(suite));
        let (rtp_more, rtcp_more) = (sender.rtp_overhead(), sender.rtcp_overhead());
        let fresh = sender.state();
        for (what, mut buf, len, why) in [
            ("longer than its buffer", rtp(1, 1, 20), 33, Reject::Malformed),
            (
                "no room",
                [rtp(1, 1, 20), vec![0; rtp_more - 1]].concat(),
                32,
                Reject::NoRoom,
            ),
            ("no header", vec![0x80; 99], 11, Reject::Malformed),
            ("version 1", vec![0x40; 99], 20, Reject::Malformed),
            ("too long", vec![0x80; 70_000], 65_534, Reject::TooLong),
        ] {
            let before = buf.clone();
            assert_eq!(sender.protect_rtp(&mut buf, len), Err(why), "{what}, {suite:?}");
            assert_eq!(buf, before, "{what}");
        }
        for (what, mut buf, len, why) in [
            (
                "no room",
                [rtcp(1, 1), vec![0; rtcp_more - 1]].concat(),
                24,
                Reject::NoRoom,
            ),
            ("no SSRC", vec![0x80; 99], 7, Reject::Malformed),
            ("version 0", vec![0; 99], 20, Reject::Malformed),
        ] {
            assert_eq!(sender.protect_rtcp(&mut buf, len), Err(why), "{what}, {suite:?}");
        }
        assert_eq!(sender.state(), fresh, "what was refused was not counted");
        let mut long = vec![0x80; 70_000];
        assert_eq!(receiver.unprotect_rtp(&mut long), Err(Reject::TooLong));
        assert_eq!(receiver.unprotect_rtcp(&mut long), Err(Reject::TooLong));
    }
}

#[test]
fn exported_counts_go_on_elsewhere() {
    let (mut sender, mut receiver) = pair(&params(SUITE));
    let mut heard = Vec::new();
    for n in [65_530, 65_535, TURN + 3] {
        let media = protect_rtp(&mut sender, &rtp(1, n, 20));
        unprotect_rtp(&mut receiver, &media).expect("in order");
        heard.push(media);
    }
    let missing = protect_rtp(&mut sender, &rtp(1, TURN + 1, 20));
    let report = protect_rtcp(&mut sender, &rtcp(1, 0));
    unprotect_rtcp(&mut receiver, &report).expect("the first");

    let carry = |state: State| State::from_bytes(&state.to_bytes()).expect("what was written is read");
    let (mut new_sender, mut new_receiver) = pair(&params(SUITE));
    new_sender.resume(&carry(sender.state()));
    new_receiver.resume(&carry(receiver.state()));
    assert_eq!(new_receiver.state(), receiver.state());
    for media in &heard {
        assert_eq!(unprotect_rtp(&mut new_receiver, media), Err(Reject::Replayed));
    }
    assert_eq!(
        unprotect_rtp(&mut new_receiver, &missing),
        Ok(rtp(1, TURN + 1, 20))
    );
    assert_eq!(unprotect_rtcp(&mut new_receiver, &report), Err(Reject::Replayed));
    let media = protect_rtp(&mut new_sender, &rtp(1, TURN + 4, 20));
    assert_eq!(unprotect_rtp(&mut new_receiver, &media), Ok(rtp(1, TURN + 4, 20)));
    // The old one may have sent some more since.
    let reports: Vec<_> = (0..RTCP_INDEX_SKIP)
        .map(|_| protect_rtcp(&mut sender, &rtcp(1, 1)))
        .collect();
    let mut buf = rtp(1, TURN + 4, 20);
    buf.resize(64, 0);
    assert_eq!(new_sender.protect_rtp(&mut buf, 32), Err(Reject::Replayed));
    let next = protect_rtcp(&mut new_sender, &rtcp(1, 2));
    assert!(
        reports
            .iter()
            .all(|old| old[old.len() - 14..] != next[next.len() - 14..])
    );
    let last = reports.last().expect("many");
    unprotect_rtcp(&mut new_receiver, last).expect("new to it");
    assert_eq!(
        unprotect_rtcp(&mut new_receiver, &next),
        Ok(rtcp(1, 2)),
        "a higher index"
    );
}

#[test]
fn a_key_ends() {
    let mut sender = Sender::new(params(SUITE));
    protect_rtp(&mut sender, &rtp(1, 0xffff, 20));
    let mut bytes = sender.state().to_bytes();
    // Highest index of the first stream, and the next SRTCP index.
    bytes[6..14].copy_from_slice(&((1u64 << 48) - 2).to_be_bytes());
    let end = bytes.len() - 8;
    bytes[end..].copy_from_slice(&((1u64 << 31) - 1 - RTCP_INDEX_SKIP).to_be_bytes());
    sender.resume(&State::from_bytes(&bytes).expect("possible numbers"));
    let mut receiver = Receiver::new(params(SUITE));
    receiver.resume(&State::from_bytes(&bytes).expect("possible numbers"));

    let last = protect_rtp(&mut sender, &rtp(1, 0xffff, 20));
    assert_eq!(unprotect_rtp(&mut receiver, &last), Ok(rtp(1, 0xffff, 20)));
    let mut buf = rtp(1, 0, 20);
    buf.resize(64, 0);
    assert_eq!(sender.protect_rtp(&mut buf, 32), Err(Reject::KeyExhausted));
    assert_eq!(receiver.unprotect_rtp(&mut buf[..42]), Err(Reject::KeyExhausted));
    protect_rtcp(&mut sender, &rtcp(1, 0));
    let mut buf = rtcp(1, 1);
    buf.resize(64, 0);
    assert_eq!(sender.protect_rtcp(&mut buf, 24), Err(Reject::KeyExhausted));
}

#[test]
fn sources_are_counted_apart_and_bounded() {
    let (mut sender, mut receiver) = pair(&params(SUITE));
    for turn in 0..3 {
        for ssrc in 0..SSRCS_MAX as u32 {
            let n = turn * 30_000 + u64::from(ssrc) * 1000;
            let media = protect_rtp(&mut sender, &rtp(ssrc, n, 20));
            assert_eq!(unprotect_rtp(&mut receiver, &media), Ok(rtp(ssrc, n, 20)));
        }
    }
    let rocs = receiver.state();
    assert_eq!(rocs.rollover_counters().count(), SSRCS_MAX);
    assert_eq!(
        (receiver.roc(Ssrc(0)), receiver.roc(Ssrc(19))),
        (Some(0), Some(1))
    );
    // Forged packets of new sources push nobody out.
    for ssrc in 100..200 {
        let mut forged = rtp(ssrc, 1, 20);
        forged.resize(42, 0);
        assert_eq!(unprotect_rtp(&mut receiver, &forged), Err(Reject::Unauthentic));
    }
    assert_eq!(receiver.state(), rocs);
}

#[test]
fn a_sender_uses_no_index_twice_however_many_sources_there_are() {
    let (mut sender, mut receiver) = pair(&params(SUITE));
    let refused = |sender: &mut Sender, packet: Vec<u8>| {
        let mut buf = packet;
        let len = buf.len();
        buf.resize(len + 32, 0);
        sender.protect_rtp(&mut buf, len)
    };
    // Source 1 has gone round once; then come more others than are kept.
    for n in [0xff00, 0x1_0005] {
        let media = protect_rtp(&mut sender, &rtp(1, n, 20));
        unprotect_rtp(&mut receiver, &media).expect("new");
    }
    for other in 0..SSRCS_MAX as u32 + 5 {
        protect_rtp(&mut sender, &rtp(1_000 + other, 9, 20));
    }
    let state = State::from_bytes(&sender.state().to_bytes()).expect("its own form");
    let mut heir = Sender::new(params(SUITE));
    heir.resume(&state);
    for sender in [&mut sender, &mut heir] {
        assert_eq!(refused(sender, rtp(1, 0x1_0005, 20)), Err(Reject::TooOld));
        assert_eq!(refused(sender, rtp(1, 0x1_0004, 20)), Err(Reject::TooOld));
        let media = protect_rtp(sender, &rtp(1, 0x1_0006, 20));
        let mut other_receiver = Receiver::new(params(SUITE));
        other_receiver.resume(&receiver.state());
        assert_eq!(
            unprotect_rtp(&mut other_receiver, &media),
            Ok(rtp(1, 0x1_0006, 20)),
            "it goes on in the turn where it was"
        );
        assert_eq!(refused(sender, rtp(1_000, 9, 20)), Err(Reject::TooOld));
    }
    // What cannot be remembered is not sent.
    let most = (SSRCS_MAX + SSRCS_PAST_MAX) as u32;
    let sent = (0..most + 50).filter(|n| refused(&mut sender, rtp(5_000 + n, 1, 20)).is_ok());
    assert_eq!(sent.count(), SSRCS_PAST_MAX - 6);
    assert_eq!(
        refused(&mut sender, rtp(1, 0x1_0007, 20)),
        Ok(42),
        "one that is known goes on"
    );
}

#[test]
fn a_batch_does_what_its_packets_would_do_alone() {
    let suites: Vec<Suite> = Suite::all().collect();
    let (mut senders, mut receivers): (Vec<_>, Vec<_>) = suites.iter().map(|s| pair(&params(*s))).unzip();
    let (mut alone, _): (Vec<_>, Vec<_>) = suites.iter().map(|s| pair(&params(*s))).unzip();
    // Every context several times, a repetition, and a context that does not exist.
    let packets: Vec<(usize, Kind, Vec<u8>)> = (0..60)
        .map(|n| match n % 15 {
            13 => (3, Kind::Rtp, rtp(7, 4, 160)),
            14 => (99, Kind::Rtp, rtp(7, n, 160)),
            context if n % 2 == 0 => (context as usize % 12, Kind::Rtp, rtp(7, n, 160)),
            context => (context as usize % 12, Kind::Rtcp, rtcp(7, n as u32)),
        })
        .collect();
    let mut bufs: Vec<Vec<u8>> = packets
        .iter()
        .map(|(.., bytes)| [&bytes[..], &[0; 32]].concat())
        .collect();
    let mut jobs: Vec<Job<'_>> = packets
        .iter()
        .zip(&mut bufs)
        .map(|((context, kind, bytes), buf)| Job::new(*context, *kind, buf, bytes.len()))
        .collect();
    protect_batch(&mut senders[..], &mut jobs);
    for (job, (context, kind, bytes)) in jobs.iter().zip(&packets) {
        let mut buf = [&bytes[..], &[0; 32]].concat();
        let expect = match (alone.get_mut(*context), kind) {
            (None, _) => Err(Reject::NoContext),
            (Some(sender), Kind::Rtp) => sender.protect_rtp(&mut buf, bytes.len()),
            (Some(sender), Kind::Rtcp) => sender.protect_rtcp(&mut buf, bytes.len()),
        };
        assert_eq!(job.outcome.map(|()| job.len), expect);
        assert_eq!(job.buf, buf);
    }
    let fine: Vec<bool> = jobs.iter().map(|job| job.outcome.is_ok()).collect();
    assert!(fine.iter().filter(|fine| !**fine).count() > 4, "some are refused");
    unprotect_batch(&mut receivers[..], &mut jobs);
    for ((job, fine), (.., bytes)) in jobs.iter().zip(fine).zip(&packets) {
        assert_eq!(job.outcome.is_ok(), fine);
        assert!(!fine || job.buf[..job.len] == bytes[..]);
    }
}

/// The same keystream under another name or with another tag: the counts go on.
#[test]
fn a_key_stays_the_same_by_another_name() {
    let mut sender = Sender::new(params(SUITE));
    protect_rtp(&mut sender, &rtp(1, 5, 20));
    let named = key(SUITE, 1).with_mki(b"new").expect("three bytes");
    let short = key(Suite::AesCm128HmacSha1_32, 1);
    for same in [named, short] {
        sender.renew(Params::new(vec![same], Protection::default()).expect("one key"));
        let mut buf = rtp(1, 5, 20);
        buf.resize(64, 0);
        assert_eq!(sender.protect_rtp(&mut buf, 32), Err(Reject::Replayed));
    }
}
