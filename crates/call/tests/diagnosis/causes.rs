//! Every cause of silence has its verdict.

use call::diagnosis::{
    CallFacts, DtlsState, FindingKind, IceState, Protection, ReportFacts, Severity, diagnose,
};
use plan::DropReason;

use crate::facts::{addr, ago, drop, dtls, healthy, ice, quiet, stopped};

type Case = (&'static str, fn(&mut CallFacts), FindingKind, &'static str);

/// What happens to the caller's media, the verdict on its way to the callee, and words that must be said.
const CAUSES: &[Case] = &[
    (
        "firewall",
        quiet,
        FindingKind::NothingArrives,
        "Nothing has ever arrived from the caller",
    ),
    (
        "firewall before us",
        |f| {
            quiet(f);
            let callee = &mut f.medias[1].rtp;
            callee.received = (0, 0);
            callee.ssrcs.clear();
        },
        FindingKind::NothingArrivesAtAll,
        "nor from anybody else",
    ),
    (
        "too early to tell",
        |f| {
            quiet(f);
            f.last_signal = ago(900);
        },
        FindingKind::TooEarly,
        "900 ms",
    ),
    (
        "wrong key",
        |f| {
            quiet(f);
            f.medias[0].recv = Protection::Srtp("AES_CM_128_HMAC_SHA1_80");
            f.medias[0].rtp.drops = vec![drop(DropReason::SrtpAuth, 500), drop(DropReason::Malformed, 1)];
        },
        FindingKind::WrongKey,
        "cannot be decrypted",
    ),
    (
        "no keys",
        |f| {
            quiet(f);
            (f.medias[0].recv, f.medias[0].send) = (Protection::Pending, Protection::Pending);
            f.medias[0].rtp.drops = vec![drop(DropReason::NoKeys, 500)];
        },
        FindingKind::NoKeys,
        "no key for it",
    ),
    (
        "no keys on the other side",
        |f| {
            stopped(f, 8_000);
            f.medias[0].rtp.ssrcs[0].last = ago(10);
            f.medias[1].send = Protection::Pending;
            f.medias[0].rtp.drops = vec![drop(DropReason::NoKeys, 500)];
        },
        FindingKind::NoKeys,
        "with the callee",
    ),
    (
        "replay",
        |f| {
            stopped(f, 8_000);
            f.medias[0].rtp.drops = vec![drop(DropReason::SrtpReplay, 500)];
        },
        FindingKind::Replayed,
        "have arrived before",
    ),
    (
        "wrong fingerprint",
        |f| {
            quiet(f);
            f.medias[0].dtls = dtls(DtlsState::WrongFingerprint, false);
            f.medias[0].rtp.drops = vec![drop(DropReason::NoKeys, 500)];
        },
        FindingKind::WrongFingerprint,
        "certificate of the caller",
    ),
    (
        "no ClientHello",
        |f| {
            quiet(f);
            f.medias[0].dtls = dtls(DtlsState::New, false);
        },
        FindingKind::DtlsNotStarted,
        "no ClientHello has arrived",
    ),
    (
        "no answer to our ClientHello",
        |f| {
            quiet(f);
            f.medias[0].dtls = dtls(DtlsState::Handshaking, true);
        },
        FindingKind::DtlsNotStarted,
        "does not answer our DTLS handshake",
    ),
    (
        "handshake stuck",
        |f| {
            quiet(f);
            f.medias[0].dtls = dtls(DtlsState::Handshaking, false);
            f.medias[0].rtp.dtls = 9;
        },
        FindingKind::DtlsStuck,
        "does not come to an end",
    ),
    (
        "handshake failed",
        |f| {
            quiet(f);
            f.medias[0].dtls = dtls(DtlsState::Failed("no shared cipher".into()), false);
            f.medias[0].rtp.dtls = 4;
        },
        FindingKind::DtlsFailed,
        "no shared cipher",
    ),
    (
        "ICE failed, and so DTLS never began",
        |f| {
            quiet(f);
            f.medias[0].ice = ice(IceState::Failed, 60_000);
            f.medias[0].dtls = dtls(DtlsState::New, false);
        },
        FindingKind::IceFailed,
        "no pair of addresses works",
    ),
    (
        "ICE of the callee does not connect",
        |f| {
            stopped(f, 20_000);
            f.medias[0].rtp.ssrcs[0].last = ago(10);
            f.medias[1].ice = ice(IceState::Checking, 20_000);
        },
        FindingKind::IceNotConnected,
        "ICE with the callee finds no pair",
    ),
    (
        "consent lost",
        |f| {
            stopped(f, 20_000);
            f.medias[0].ice = ice(IceState::Disconnected, 60_000);
        },
        FindingKind::IceLost,
        "The caller has stopped answering",
    ),
    (
        "handshake unverified",
        |f| {
            quiet(f);
            f.medias[0].dtls = dtls(DtlsState::Unverified, false);
        },
        FindingKind::DtlsUnverified,
        "has not told any fingerprint",
    ),
    (
        "ICE is at work",
        |f| {
            quiet(f);
            f.medias[0].ice = ice(IceState::Checking, 800);
        },
        FindingKind::TooEarly,
        "ICE with the caller",
    ),
    (
        "unproven source",
        |f| {
            quiet(f);
            f.medias[0].ice = ice(IceState::Connected, 60_000);
            f.medias[0].rtp.drops = vec![drop(DropReason::Unproven, 500)];
            f.medias[0].rtp.refused = Some((DropReason::Unproven, addr("192.0.2.66:9")));
        },
        FindingKind::IceUnproven,
        "192.0.2.66:9",
    ),
    (
        "NAT rebinding, strict",
        |f| {
            stopped(f, 8_000);
            f.medias[0].rtp.drops = vec![drop(DropReason::StrictSource, 300)];
            f.medias[0].rtp.refused = Some((DropReason::StrictSource, addr("198.51.100.1:4999")));
        },
        FindingKind::StrictSource,
        "from 198.51.100.1:4999 instead of 198.51.100.1:4000",
    ),
    (
        "foreign source",
        |f| {
            stopped(f, 8_000);
            f.medias[0].rtp.drops = vec![drop(DropReason::ForeignSource, 300)];
        },
        FindingKind::ForeignSource,
        "do not continue the stream",
    ),
    (
        "codec mismatch",
        |f| {
            f.medias[0].rtp.ssrcs[0].payload_type = 18;
        },
        FindingKind::CodecMismatch,
        "payload type 18",
    ),
    (
        "a codec of the caller's that the callee did not take",
        |f| {
            f.medias[0].codecs.push((9, "G722/8000".into()));
            (
                f.medias[0].rtp.ssrcs[0].payload_type,
                f.medias[0].rtp.ssrcs[0].run,
            ) = (9, 40);
        },
        FindingKind::CodecMismatch,
        "sends G722/8000 (payload type 9), which the callee has not agreed to",
    ),
    (
        "silent from the beginning",
        |f| {
            let rtcp = f.medias[0].rtcp.clone();
            quiet(f);
            f.medias[0].rtcp = rtcp;
        },
        FindingKind::NoRtp,
        "only RTCP",
    ),
    (
        "silent behind ICE",
        |f| {
            quiet(f);
            f.medias[0].ice = ice(IceState::Connected, 60_000);
            f.medias[0].rtp.stun = 30;
        },
        FindingKind::NoRtp,
        "only STUN",
    ),
    (
        "muted",
        |f| stopped(f, 12_000),
        FindingKind::SenderStopped,
        "stopped sending media 12 s ago; its RTCP still arrives",
    ),
    (
        "muted, RTCP on the same port",
        |f| {
            stopped(f, 12_000);
            f.medias[0].rtcp = None;
            f.medias[0].rtp.received.0 += 5;
            f.medias[0].rtp.last_in = Some(ago(2_000));
        },
        FindingKind::SenderStopped,
        "12 s ago",
    ),
    (
        "gone",
        |f| {
            stopped(f, 40_000);
            f.medias[0].rtcp.as_mut().expect("RTCP").last_in = Some(ago(40_000));
        },
        FindingKind::PartyGone,
        "any more, for 40 s",
    ),
    (
        "silence suppression",
        |f| {
            stopped(f, 12_000);
            f.medias[0].rtp.ssrcs[0].payload_type = 13;
        },
        FindingKind::SilenceSuppressed,
        "announced silence",
    ),
    (
        "hold",
        |f| {
            stopped(f, 12_000);
            (f.medias[1].direction, f.medias[1].receives) = ("sendonly", false);
        },
        FindingKind::NotExpected,
        "the SDP of the callee says sendonly",
    ),
    (
        "hold in the old form",
        |f| {
            stopped(f, 12_000);
            (f.medias[1].null_address, f.medias[1].receives) = (true, false);
        },
        FindingKind::NotExpected,
        "0.0.0.0",
    ),
    (
        "the sender's direction",
        |f| {
            quiet(f);
            (f.medias[0].direction, f.medias[0].sends) = ("recvonly", false);
        },
        FindingKind::NotExpected,
        "the SDP of the caller says recvonly",
    ),
    (
        "rejected",
        |f| {
            quiet(f);
            f.medias[1].rejected = true;
        },
        FindingKind::Rejected,
        "The callee has rejected",
    ),
    (
        "never answered",
        |f| {
            f.answered = false;
            f.medias[1].described = false;
            f.medias[0].rtp.drops = vec![drop(DropReason::NoPeer, 500)];
        },
        FindingKind::NotAnswered,
        "The callee has not answered",
    ),
    (
        "deleted",
        |f| {
            stopped(f, 5_000);
            f.parties[0].ending = true;
        },
        FindingKind::Ending,
        "was deleted",
    ),
    (
        "forbidden address",
        |f| {
            f.medias[1].rtp.forbidden = true;
            f.medias[1].rtp.learned = None;
            f.medias[1].rtp.signalled = Some(addr("127.0.0.1:4000"));
            f.medias[1].rtp.last_out = None;
            f.medias[0].rtp.drops = vec![drop(DropReason::ForbiddenPeer, 500)];
        },
        FindingKind::ForbiddenPeer,
        "127.0.0.1:4000 is an address that is never sent to",
    ),
    (
        "loop",
        |f| {
            stopped(f, 8_000);
            f.medias[0].rtp.drops = vec![drop(DropReason::Loop, 500)];
        },
        FindingKind::Loop,
        "in a loop",
    ),
    (
        "blocked by command",
        |f| {
            stopped(f, 8_000);
            f.medias[0].blocked = true;
        },
        FindingKind::Blocked,
        "by command",
    ),
    (
        "held back until the callee sends",
        |f| {
            f.medias[1].waits = true;
            f.medias[1].rtcp = None;
            let callee = &mut f.medias[1].rtp;
            (callee.received, callee.last_out, callee.learned) = ((0, 0), None, None);
            callee.ssrcs.clear();
            f.medias[0].rtp.drops = vec![drop(DropReason::NoPeer, 500)];
        },
        FindingKind::WaitsForPeer,
        "held back",
    ),
    (
        "no RTP",
        |f| {
            quiet(f);
            f.medias[0].rtp.drops = vec![drop(DropReason::Malformed, 500)];
        },
        FindingKind::NotRtp,
        "is not RTP",
    ),
    (
        "ICE nobody asked for",
        |f| {
            quiet(f);
            f.medias[0].rtp.drops = vec![drop(DropReason::Unexpected, 500)];
        },
        FindingKind::UnexpectedIce,
        "STUN or DTLS",
    ),
    (
        "the kernel refuses",
        |f| f.medias[1].rtp.drops = vec![drop(DropReason::SendError, 40)],
        FindingKind::SendRefused,
        "198.51.100.2:4000, where the callee is",
    ),
    (
        "private address of a silent callee",
        |f| {
            let callee = &mut f.medias[1].rtp;
            callee.learned = None;
            (callee.signalled, callee.destination) =
                (Some(addr("10.1.1.1:4000")), Some(addr("10.1.1.1:4000")));
        },
        FindingKind::PrivateAddress,
        "10.1.1.1:4000, a private address",
    ),
    (
        "asymmetric",
        |f| f.medias[1].rtp.destination = Some(addr("10.1.1.1:4000")),
        FindingKind::SentElsewhere,
        "The callee sends from 198.51.100.2:4000, but we send to 10.1.1.1:4000",
    ),
    (
        "the callee gets nothing",
        |f| {
            f.medias[1].report = Some(ReportFacts {
                at: ago(3_000),
                fraction_lost: 255,
            });
        },
        FindingKind::ReceiverLosesAll,
        "nothing of what we send arrives",
    ),
];

#[test]
fn every_cause_has_its_verdict() {
    for (name, change, kind, words) in CAUSES {
        let mut facts = healthy();
        change(&mut facts);
        let paths = diagnose(&facts);
        let path = paths.first().unwrap_or_else(|| panic!("{name}: no path"));
        let verdict = path.verdict();
        assert_eq!(verdict.kind, *kind, "{name}: {path:#?}");
        assert!(
            format!("{} {}", verdict.text, verdict.evidence).contains(words),
            "{name}: {verdict:#?}"
        );
        assert!(
            verdict.kind.severity() != Severity::Trouble || !verdict.kind.next().is_empty(),
            "{name}"
        );
    }
}
