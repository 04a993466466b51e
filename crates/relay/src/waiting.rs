//! Media that is quicker than the proof of its source.
//!
//! A party that is asked (ICE) answers, and sends media at once. The answer goes by way of the control side, which comes
//! back with a plan; the media would be here before it. So media from a source that is not proven, but of which STUN was
//! handed up a moment ago, waits for that plan, as long as such a plan may take and no longer.
//!
//! Invariants: nothing is learned of who waits, and no packet of theirs goes anywhere before a plan names the source as
//! proven; what waits is bounded, for each socket and in all, and one source's packets stay in their order. A packet has
//! not been received yet while it waits.

use std::collections::VecDeque;
use std::net::SocketAddr;

use arrayvec::ArrayVec;
use plan::{Path, SocketId, Time};

use crate::io::{Arrival, Batch};
use crate::{Relay, limits};

/// Sources of a flow that were not proven when STUN came from them, and when that was.
#[derive(Debug, Default)]
pub(crate) struct Askers(Option<Box<ArrayVec<(SocketAddr, Time), { limits::ASKERS_PER_FLOW }>>>);

impl Askers {
    /// STUN from there was handed up. The one that was heard longest ago makes room.
    pub(crate) fn note(&mut self, now: Time, from: SocketAddr) {
        let askers = self.0.get_or_insert_default();
        askers.retain(|(addr, at)| *addr != from && is_recent(now, *at));
        if askers.is_full() {
            askers.remove(0);
        }
        askers.push((from, now));
    }

    /// Its proof may be under way.
    fn has(&self, now: Time, from: SocketAddr) -> bool {
        let mut askers = self.0.iter().flat_map(|askers| askers.iter());
        askers.any(|(addr, at)| *addr == from && is_recent(now, *at))
    }

    /// A plan has come that proves these.
    pub(crate) fn forget(&mut self, now: Time, proven: &[SocketAddr]) {
        if let Some(askers) = &mut self.0 {
            askers.retain(|(addr, at)| is_recent(now, *at) && !proven.contains(addr));
        }
        self.0.take_if(|askers| askers.is_empty());
    }
}

const fn is_recent(now: Time, at: Time) -> bool {
    now.0.saturating_sub(at.0) < limits::PROOF_US
}

/// One datagram that waits.
#[derive(Debug)]
struct Waiting {
    path: Path,
    socket: SocketId,
    source: SocketAddr,
    until: Time,
    bytes: Box<[u8]>,
}

/// What waits, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Waiters(VecDeque<Waiting>);

impl Waiters {
    /// When the first one has waited long enough.
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.front().map(|w| w.until)
    }
}

impl Relay {
    /// What has waited for a plan that proves its source, and need not wait any more: because there is one, or because
    /// none has come. To be handled like a batch that has just been received, before any that has.
    #[inline]
    pub fn resume(&mut self, now: Time) -> Option<Batch> {
        if self.waiters.0.is_empty() {
            return None;
        }
        self.resumed(now)
    }

    #[cold]
    fn resumed(&mut self, now: Time) -> Option<Batch> {
        let table = &self.table;
        let is_over = |w: &Waiting| {
            let owner = table.owner(w.socket);
            let flow = owner.and_then(|o| table.flows.get(o.slot as usize));
            w.until <= now || flow.is_none_or(|flow| flow.is_proven(w.source))
        };
        let waiters = std::mem::take(&mut self.waiters.0);
        let (over, waiting): (VecDeque<_>, _) = waiters.into_iter().partition(is_over);
        self.waiters.0 = waiting;
        let len_max = over.iter().map(|w| w.bytes.len()).max()?;
        let mut batch = Batch::new(over.len(), len_max);
        for w in over {
            batch.push_late(w.path, w.socket, w.source, &w.bytes);
        }
        Some(batch)
    }

    /// A packet whose source is not proven: whether it waits.
    #[cold]
    pub(crate) fn waits(&mut self, now: Time, arrival: &Arrival, bytes: &[u8]) -> bool {
        let owner = self.table.owner(arrival.socket);
        let flow = owner.and_then(|o| self.table.flows.get(o.slot as usize));
        let asked = flow.is_some_and(|f| f.state.askers.has(now, arrival.source));
        let (socket, source, waiting) = (arrival.socket, arrival.source, &mut self.waiters.0);
        let beside = || waiting.iter().filter(|w| w.socket == socket).count();
        let fits = waiting.len() < limits::WAITING_MAX && bytes.len() <= limits::PACKET_BYTES_MAX;
        if arrival.is_late() || !asked || !fits || beside() >= limits::WAITING_PER_SOCKET_MAX {
            return false;
        }
        waiting.push_back(Waiting {
            path: arrival.path(),
            socket,
            source,
            until: Time(now.0 + limits::PROOF_US),
            bytes: bytes.into(),
        });
        true
    }
}
