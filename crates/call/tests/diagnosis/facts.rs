//! A healthy call as facts, and the simplest ways to spoil it.

use std::net::SocketAddr;
use std::time::Duration;

use call::diagnosis::{
    CallFacts, Drop, DtlsFacts, DtlsState, IceFacts, IceState, MediaFacts, PartyFacts, SsrcFacts, StreamFacts,
};
use plan::{DropReason, Time};

/// When the facts are taken.
pub(crate) const NOW: Time = Time(2_000_000_000_000_000);

pub(crate) fn ago(ms: u64) -> Time {
    NOW - Duration::from_millis(ms)
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub(crate) fn drop(reason: DropReason, packets: u64) -> Drop {
    Drop {
        reason,
        packets,
        last: ago(900),
    }
}

/// A party's audio that flows both ways, for a minute.
pub(crate) fn talking(party: usize) -> MediaFacts {
    let peer = addr(&format!("198.51.100.{}:4000", party + 1));
    let rtp = StreamFacts {
        local: Some(addr("203.0.113.1:30000")),
        signalled: Some(peer),
        learned: Some((peer, true)),
        destination: Some(peer),
        received: (3000, 516_000),
        sent: (3000, 516_000),
        last_in: Some(ago(15)),
        last_out: Some(ago(15)),
        payload_types: vec![8],
        ssrcs: vec![SsrcFacts {
            ssrc: 1,
            packets: 3000,
            lost: 0,
            payload_type: 8,
            run: 3000,
            last: ago(15),
        }],
        ..StreamFacts::default()
    };
    let rtcp = StreamFacts {
        received: (12, 900),
        sent: (12, 900),
        last_in: Some(ago(4000)),
        last_out: Some(ago(4000)),
        ..StreamFacts::default()
    };
    MediaFacts {
        party,
        index: 1,
        kind: "audio".into(),
        protocol: "RTP/AVP".into(),
        continuous: true,
        direction: "sendrecv",
        sends: true,
        receives: true,
        described: true,
        codecs: vec![(0, "PCMU/8000".into()), (8, "PCMA/8000".into())],
        rtp,
        rtcp: Some(rtcp),
        ..MediaFacts::default()
    }
}

pub(crate) fn healthy() -> CallFacts {
    let party = |name: &str| PartyFacts {
        name: name.into(),
        ..PartyFacts::default()
    };
    CallFacts {
        now: NOW,
        call_id: "c".into(),
        created: ago(65_000),
        last_signal: ago(60_000),
        answered: true,
        parties: vec![party("the caller"), party("the callee")],
        medias: vec![talking(0), talking(1)],
        links: vec![(0, 1), (1, 0)],
    }
}

/// Nothing comes from the caller, and so nothing goes to the callee.
pub(crate) fn quiet(facts: &mut CallFacts) {
    let caller = &mut facts.medias[0];
    let rtp = &mut caller.rtp;
    (rtp.received, rtp.last_in, rtp.learned) = ((0, 0), None, None);
    rtp.ssrcs.clear();
    rtp.payload_types.clear();
    caller.rtcp = Some(StreamFacts::default());
    let callee = &mut facts.medias[1].rtp;
    (callee.sent, callee.last_out) = ((0, 0), None);
}

/// The caller has sent for a while and stopped so long ago.
pub(crate) fn stopped(facts: &mut CallFacts, ms: u64) {
    let rtp = &mut facts.medias[0].rtp;
    rtp.ssrcs[0].last = ago(ms);
    rtp.last_in = Some(ago(ms));
    facts.medias[1].rtp.last_out = Some(ago(ms));
}

pub(crate) fn ice(state: IceState, ms: u64) -> Option<IceFacts> {
    Some(IceFacts {
        state,
        since: ago(ms),
        ..IceFacts::default()
    })
}

pub(crate) fn dtls(state: DtlsState, active: bool) -> Option<DtlsFacts> {
    Some(DtlsFacts {
        state,
        active,
        since: ago(60_000),
    })
}
