//! What passes between the control side and peers: STUN and DTLS that are handed up, and datagrams that come down.
//!
//! Invariant: both ways are bounded, and whoever floods one flow takes room from nobody else; a stranger takes none from
//! the flow's own peer either.

use std::collections::VecDeque;

use plan::{Datagram, DropReason, Event, FlowStats, PuntKind, Time};

use crate::ingress::{Packet, Verdict};
use crate::io::{Outbox, Target};
use crate::table::{Slot, SocketOwner};
use crate::{Relay, limits};

/// How many packets a flow may still hand up in this window: from sources that it knows, and from others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    window: u64,
    used: [u8; 2],
}

impl Budget {
    fn take(&mut self, now: Time, known: bool) -> bool {
        let window = now.0 / (u64::from(limits::PUNT_WINDOW_MS) * 1000);
        if window != self.window {
            *self = Self { window, used: [0; 2] };
        }
        let [strange, own] = &mut self.used;
        let used = if known { own } else { strange };
        let left = *used < limits::PUNTS_PER_WINDOW;
        *used += u8::from(left);
        left
    }
}

/// Datagrams that wait to be sent.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    queue: VecDeque<(Datagram, u8)>,
    pub(crate) refused: u64,
}

impl Relay {
    /// Hands up a packet that is not ours to handle.
    #[cold]
    pub(crate) fn punt(
        &mut self,
        at: Time,
        owner: SocketOwner,
        packet: &Packet<'_>,
        kind: PuntKind,
    ) -> Verdict {
        let dropped = |reason| Verdict::Dropped(owner.slot, reason);
        let Some(flow) = self.table.flows.get_mut(owner.slot as usize) else {
            return dropped(DropReason::NoFlow);
        };
        if packet.bytes.len() > limits::PUNT_BYTES_MAX {
            return dropped(DropReason::Malformed);
        }
        let from = packet.arrival.source;
        let known = flow.knows(from);
        if !flow.state.punts.take(at, known) {
            return dropped(DropReason::PuntFull);
        }
        let (call, id) = (flow.call, flow.plan.flow);
        let queued = self.events.punt(known, || Event::Punted {
            call,
            flow: id,
            local: packet.arrival.socket,
            kind,
            from,
            at,
            bytes: packet.bytes.into(),
        });
        if !queued {
            return dropped(DropReason::PuntFull);
        }
        if kind == PuntKind::Stun && !flow.is_proven(from) {
            flow.state.askers.note(at, from);
        }
        let stats = &flow.plan.stats;
        let counter = match kind {
            PuntKind::Stun => &stats.stun,
            PuntKind::Dtls => &stats.dtls,
        };
        FlowStats::add(counter, 1);
        Verdict::Punted
    }

    /// Takes a datagram of the control side, if the call has the socket that it is to leave by.
    pub(crate) fn queue(&mut self, datagram: Datagram) {
        let owner = self.table.owner(datagram.socket);
        let flow = owner.and_then(|o| self.table.flows.get(o.slot as usize));
        let flow = flow.filter(|flow| flow.call == datagram.call);
        let fits = datagram.bytes.len() <= limits::PACKET_BYTES_MAX;
        match flow {
            Some(flow) if fits && self.datagrams.queue.len() < limits::DATAGRAMS_MAX => {
                self.datagrams.queue.push_back((datagram, flow.plan.tos));
            }
            _ => self.datagrams.refused += 1,
        }
    }

    /// Puts waiting datagrams into the outbox; false = it is full.
    pub(crate) fn dequeue(&mut self, out: &mut Outbox) -> bool {
        while let Some((datagram, tos)) = self.datagrams.queue.front() {
            let len = datagram.bytes.len();
            if !out.has_room(1, 1, len) {
                return false;
            }
            let target = Target {
                socket: datagram.socket,
                dest: datagram.dest,
                tos: *tos,
                // No flow's packet: whether it arrives is the control side's business.
                flow: Slot::MAX,
            };
            if let Some(room) = out.scratch().get_mut(..len) {
                room.copy_from_slice(&datagram.bytes);
                out.send_scratch(&target, len);
            }
            self.datagrams.queue.pop_front();
        }
        true
    }
}
