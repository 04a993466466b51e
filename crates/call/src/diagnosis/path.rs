//! One path through the relay: from the party that sends to the one that should hear it.

use std::time::Duration;

use plan::{DropReason, Time};

use super::{CallFacts, Drop, Finding, FindingKind, MediaFacts, StreamFacts};

/// Media that has paused for longer than this is said to have stopped. Packets come every 10 to 60 ms, in silence that
/// is suppressed (RFC 3389, Opus DTX) usually every 400 ms.
const PAUSE: Duration = Duration::from_secs(3);
/// RTCP comes every five seconds or so (RFC 3550 §6.2).
const RTCP_PAUSE: Duration = Duration::from_secs(15);
/// Drops that are older explain nothing that happens now. Their time is known to the second.
const RECENT: Duration = Duration::from_secs(6);
/// How long after signalling nothing has to be expected.
const SETTLING: Duration = Duration::from_secs(3);
/// How long setting up ICE and DTLS may take.
pub(super) const SETUP: Duration = Duration::from_secs(5);

/// A source and a sink of one call.
pub(super) struct Path<'a> {
    pub(super) facts: &'a CallFacts,
    pub(super) from: &'a MediaFacts,
    pub(super) to: &'a MediaFacts,
    pub(super) from_index: usize,
    pub(super) to_index: usize,
}

impl<'a> Path<'a> {
    pub(super) fn new(facts: &'a CallFacts, from: usize, to: usize) -> Option<Self> {
        Some(Self {
            facts,
            from: facts.medias.get(from)?,
            to: facts.medias.get(to)?,
            from_index: from,
            to_index: to,
        })
    }

    /// What the source's party is called.
    pub(super) fn sender(&self) -> &str {
        self.name(self.from)
    }

    /// What the sink's party is called.
    pub(super) fn receiver(&self) -> &str {
        self.name(self.to)
    }

    pub(super) fn name(&self, media: &MediaFacts) -> &str {
        self.facts.parties.get(media.party).map_or("a party", |p| &p.name)
    }

    pub(super) fn since(&self, at: Time) -> Duration {
        self.facts.now.since(at)
    }

    /// How long signalling has been quiet.
    pub(super) fn settled_for(&self) -> Duration {
        self.since(self.facts.last_signal)
    }

    /// Nothing has to be expected yet.
    pub(super) fn is_early(&self) -> bool {
        self.settled_for() < SETTLING
    }

    /// When the source's media was heard last.
    pub(super) fn last_media(&self) -> Option<Time> {
        let rtp = &self.from.rtp;
        match self.from.continuous {
            true => rtp.last_media(),
            false => rtp.last_media().max(rtp.last_in),
        }
    }

    /// The source's media arrives now; what comes with pauses, that it has arrived at all.
    pub(super) fn arrives(&self) -> bool {
        self.last_media()
            .is_some_and(|at| !self.from.continuous || self.since(at) < PAUSE)
    }

    /// Something is sent to the sink now.
    pub(super) fn goes_on(&self) -> bool {
        let last = self.to.rtp.last_out;
        last.is_some_and(|at| !self.from.continuous || self.since(at) < PAUSE)
    }

    /// When the source's party was last heard by RTCP, on whichever port.
    pub(super) fn last_rtcp(&self) -> Option<Time> {
        let own = self.from.rtcp.as_ref().and_then(|s| s.last_in);
        // On a shared port what is not RTP is RTCP: something accepted after the last RTP packet.
        let rtp = &self.from.rtp;
        let shared = rtp
            .last_in
            .filter(|at| rtp.received.0 > rtp.rtp_packets() && rtp.last_media().is_none_or(|rtp| *at > rtp));
        own.max(shared)
    }

    /// RTCP of the source's party still comes.
    pub(super) fn rtcp_is_alive(&self) -> bool {
        self.last_rtcp().is_some_and(|at| self.since(at) < RTCP_PAUSE)
    }

    /// Drops of a stream that have to do with what happens now, the most frequent first.
    pub(super) fn recent_drops(&self, stream: &StreamFacts) -> Vec<Drop> {
        let mut drops = stream.drops.clone();
        drops.retain(|d| self.since(d.last) < RECENT);
        drops.sort_by_key(|d| std::cmp::Reverse(d.packets));
        drops
    }

    /// The same for one reason.
    pub(super) fn recently(&self, stream: &StreamFacts, reason: DropReason) -> Option<Drop> {
        let mut drops = stream.drops.iter();
        drops
            .find(|d| d.reason == reason && self.since(d.last) < RECENT)
            .copied()
    }
}

/// A finding.
pub(super) fn finding(kind: FindingKind, text: impl Into<String>, evidence: impl Into<String>) -> Finding {
    Finding {
        kind,
        text: text.into(),
        evidence: evidence.into(),
    }
}
