//! Verdicts on calls given as facts: every cause of silence has its own, and a healthy call is called healthy.

mod causes;
mod facts;

use call::diagnosis::{
    CallFacts, FindingKind, Moved, PartyFacts, ReportFacts, Severity, StreamFacts, diagnose,
};
use plan::DropReason;

use crate::facts::{addr, ago, drop, healthy, talking};

type Oddity = (&'static str, fn(&mut CallFacts), &'static [FindingKind]);

/// What is odd about a call in which everybody hears everybody, and what may be said about it.
const ODDITIES: &[Oddity] = &[
    ("nothing", |_| {}, &[]),
    (
        "behind a NAT",
        |f| f.medias[0].rtp.signalled = Some(addr("10.0.0.2:4000")),
        &[FindingKind::BehindNat],
    ),
    (
        "rebound",
        |f| {
            f.medias[0].rtp.moved = Some(Moved {
                from: addr("198.51.100.1:3999"),
                at: ago(9_000),
            });
        },
        &[FindingKind::SourceMoved],
    ),
    (
        "early media that nobody could hear yet",
        |f| {
            let mut early = drop(DropReason::NoPeer, 200);
            early.last = ago(61_000);
            f.medias[0].rtp.drops = vec![early];
        },
        &[],
    ),
    (
        "a stranger",
        |f| f.medias[0].rtp.drops = vec![drop(DropReason::ForeignSource, 9000)],
        &[FindingKind::Strangers],
    ),
    (
        "forged packets",
        |f| f.medias[0].rtp.drops = vec![drop(DropReason::SrtpAuth, 9000)],
        &[FindingKind::SomeDropped],
    ),
    (
        "RTCP on the wrong port",
        |f| f.medias[0].rtp.stray_rtcp = 5,
        &[FindingKind::RtcpMuxMismatch],
    ),
    (
        "RTCP on its own port with mux",
        |f| f.medias[0].mux = true,
        &[FindingKind::RtcpMuxMismatch],
    ),
    (
        "a keepalive of a type that nobody knows",
        |f| {
            (
                f.medias[0].rtp.ssrcs[0].payload_type,
                f.medias[0].rtp.ssrcs[0].run,
            ) = (126, 1)
        },
        &[],
    ),
    (
        "comfort noise",
        |f| {
            (
                f.medias[0].rtp.ssrcs[0].payload_type,
                f.medias[0].rtp.ssrcs[0].run,
            ) = (13, 100)
        },
        &[],
    ),
    (
        "a NAT is kept open",
        |f| f.medias[0].rtp.drops = vec![drop(DropReason::Malformed, 4)],
        &[FindingKind::SomeDropped],
    ),
    (
        "some loss",
        |f| {
            f.medias[1].report = Some(ReportFacts {
                at: ago(3_000),
                fraction_lost: 60,
            });
        },
        &[],
    ),
    (
        "an old report",
        |f| {
            f.medias[1].report = Some(ReportFacts {
                at: ago(40_000),
                fraction_lost: 255,
            });
        },
        &[],
    ),
    (
        "fax that has said all it had to say",
        |f| {
            f.medias[0].continuous = false;
            f.medias[0].rtp.ssrcs.clear();
            stopped_fax(f);
        },
        &[],
    ),
];

fn stopped_fax(facts: &mut CallFacts) {
    facts.medias[0].rtp.last_in = Some(ago(30_000));
    facts.medias[1].rtp.last_out = Some(ago(30_000));
}

#[test]
fn a_healthy_call_is_called_healthy() {
    for (name, change, notes) in ODDITIES {
        let mut facts = healthy();
        change(&mut facts);
        let paths = diagnose(&facts);
        for path in &paths {
            assert!(path.severity() != Severity::Trouble, "{name}: {path:#?}");
            assert_eq!(path.verdict().kind, FindingKind::Flows, "{name}: {path:#?}");
        }
        let found: Vec<_> = paths[0].findings[1..].iter().map(|f| f.kind).collect();
        assert_eq!(found, *notes, "{name}");
    }
}

#[test]
fn branches_that_never_answered_are_nobodys_trouble() {
    let mut facts = healthy();
    facts.parties.push(PartyFacts::default());
    let mut branch = talking(2);
    (branch.described, branch.rtp) = (false, StreamFacts::default());
    facts.medias.push(branch);
    facts.links.extend([(0, 2), (2, 0)]);
    assert_eq!(diagnose(&facts).len(), 2);
}
