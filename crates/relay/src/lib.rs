//! Executes plans: what happens to each packet of each flow, without sockets or clocks.
//!
//! One [`Relay`] belongs to one worker. Its loop:
//!
//! 1. [`Relay::foresee`] and [`Relay::apply`] every waiting command, doing what [`Relay::poll_offload`] says after each
//!    of both (only if flows are offered to the kernel), send what [`Relay::poll_datagrams`] has, then [`Relay::drain_released`]
//!    (close or reuse those sockets), and do what step 3 says with what [`Relay::resume`] has;
//! 2. receive into a [`Batch`], waiting no longer than [`Relay::poll_timeout`];
//! 3. [`Relay::receive`] and send the [`Outbox`] until the batch is done;
//! 4. [`Relay::handle_timeout`] and send the outbox;
//! 5. [`Relay::drain_events`], [`Relay::drain_taps`], [`Relay::poll_offload`].
//!
//! Invariants: every packet in is sent, handed up, or dropped for exactly one [`plan::DropReason`]; nothing is
//! allocated, locked or logged for a packet that is forwarded, but for the first of a flow; a set of plans applies as a whole, between batches.
#![forbid(unsafe_code)]

mod bundle;
mod control;
mod egress;
mod events;
mod flow;
mod guard;
mod ingress;
mod io;
mod keys;
pub mod limits;
mod link;
mod moving;
mod offload;
mod open;
mod rtcp;
mod source;
mod state;
mod streams;
mod table;
mod tap;
mod timers;
mod waiting;

use std::net::SocketAddr;

use plan::{Command, DropReason, Event, FlowStats, SocketId, Time};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::ingress::{Packet, Verdict};
use crate::io::{Arrival, Opened};

pub use io::{Batch, Outbox, Transmit};
pub use moving::Handover;
pub use offload::{KernelCounts, KernelFlow, Offload};
pub use tap::Tapped;

/// What a relay is made with.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Seed of its random numbers (report intervals, SSRCs).
    pub seed: u64,
}

/// Counts of a whole relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets handed in. Always the sum of the next three.
    pub received: u64,
    /// Packets that at least one sink got.
    pub sent: u64,
    /// Packets handed up.
    pub punted: u64,
    /// Packets dropped, each for one [`DropReason`] that its flow counts, or for want of a flow.
    pub dropped: u64,
    /// Packets for which there was no flow ([`DropReason::NoFlow`]).
    pub no_flow: u64,
    /// Events that were dropped because nobody drained them.
    pub events_lost: u64,
    /// Tapped packets that were dropped because nobody drained them.
    pub taps_lost: u64,
    /// Flows, sinks and sockets beyond a limit.
    pub refused: u64,
    /// Datagrams of the control side that were not sent: the call has no such socket, or too many wait.
    pub datagrams_refused: u64,
}

/// Executes the plans of one worker.
#[derive(Debug)]
pub struct Relay {
    table: table::Table,
    events: events::Events,
    taps: tap::Taps,
    timers: timers::Timers,
    datagrams: control::Datagrams,
    offload: offload::Offers,
    waiters: waiting::Waiters,
    rng: SmallRng,
    /// Where a packet is unprotected that goes on as it came.
    copy: Vec<u8>,
    totals: Totals,
    /// Packets dropped, by reason.
    drops: [u64; DropReason::ALL.len()],
}

impl Relay {
    /// A relay without plans.
    pub fn new(config: Config) -> Self {
        Self {
            table: table::Table::default(),
            events: events::Events::default(),
            taps: tap::Taps::default(),
            timers: timers::Timers::default(),
            datagrams: control::Datagrams::default(),
            offload: offload::Offers::default(),
            waiters: waiting::Waiters::default(),
            rng: SmallRng::seed_from_u64(config.seed),
            copy: Vec::with_capacity(srtp::limits::PACKET_LEN_MAX),
            totals: Totals::default(),
            drops: [0; DropReason::ALL.len()],
        }
    }

    /// Executes a command of the control side.
    pub fn apply(&mut self, now: Time, command: Command) {
        match command {
            Command::Install(set) => {
                let call = set.call;
                self.table.install(now, set);
                self.events.reserve(self.table.flows.len());
                for slot in self.table.slots_of(call) {
                    self.set_timers(now, slot);
                }
                self.replanned(call);
            }
            Command::Remove(call) => self.table.remove(call),
            Command::Send(datagram) => self.queue(datagram),
        }
    }

    /// Handles the packets of a batch until it is done (true) or the outbox is full (false: send, clear the outbox,
    /// call again).
    pub fn receive(&mut self, now: Time, batch: &mut Batch, out: &mut Outbox) -> bool {
        let done = self.relay(now, batch, out);
        self.keep_promises(out);
        done
    }

    /// After a panic in [`receive`](Self::receive) or [`handle_timeout`](Self::handle_timeout): makes what was done
    /// before it ready to be sent.
    pub fn recover(&mut self, out: &mut Outbox) {
        self.keep_promises(out);
    }

    #[inline]
    fn relay(&mut self, now: Time, batch: &mut Batch, out: &mut Outbox) -> bool {
        loop {
            if !batch.is_opened() {
                self.open(now, batch);
            }
            let Some(arrival) = batch.head() else {
                return true;
            };
            let bytes = batch.bytes(arrival.range());
            let verdict = match self.table.owner(arrival.socket) {
                Some(owner) if self.fits(owner, bytes.len(), out) => {
                    self.handle(now, owner, arrival, bytes, out)
                }
                Some(_) => return false,
                None => Verdict::Dropped(table::Slot::MAX, DropReason::NoFlow),
            };
            let unproven = matches!(verdict, Verdict::Dropped(_, DropReason::Unproven));
            if !(unproven && self.waits(now, arrival, bytes)) {
                self.count(now, arrival.source, verdict);
            }
            batch.advance();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next. May be in the past.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next().into_iter().chain(self.waiters.next()).min()
    }

    /// Does what is due: generated RTCP, packets that open NATs. What the outbox has no room for stays due.
    pub fn handle_timeout(&mut self, now: Time, out: &mut Outbox) {
        self.run_timers(now, out);
        self.keep_promises(out);
    }

    /// The kernel refused an instruction. Call before the next [`apply`](Self::apply). Counted at the flow that should
    /// have got it, beside the verdict on the packet, which was that it is sent.
    pub fn handle_send_error(&mut self, now: Time, transmit: &Transmit) {
        if let Some(flow) = self.table.flows.get(transmit.flow as usize) {
            flow.plan.stats.dropped(now, DropReason::SendError, None);
            FlowStats::add(&flow.plan.stats.errors_out, 1);
        }
    }

    /// Puts datagrams of the control side ([`Command::Send`]) into the outbox; false = it is full: send, clear it, call
    /// again. Before [`drain_released`](Self::drain_released), so that a call's last words still have their socket.
    pub fn poll_datagrams(&mut self, out: &mut Outbox) -> bool {
        self.dequeue(out)
    }

    /// Hands out what happened.
    pub fn drain_events(&mut self, f: impl FnMut(Event)) {
        self.events.drain(&mut self.table.flows, f);
    }

    /// Hands out sockets that no plan names any more. Until here they belong to the relay, from here to the caller.
    pub fn drain_released(&mut self, f: impl FnMut(SocketId)) {
        self.table.released.drain(..).for_each(f);
    }

    /// Hands out tapped packets.
    pub fn drain_taps(&mut self, f: impl FnMut(Tapped<'_>)) {
        self.taps.drain(f);
    }

    /// Counts since the beginning.
    pub fn totals(&self) -> Totals {
        let (events_lost, taps_lost) = (self.events.lost, self.taps.lost);
        Totals {
            events_lost,
            taps_lost,
            refused: self.table.refused,
            datagrams_refused: self.datagrams.refused,
            ..self.totals
        }
    }

    /// Handles one datagram, by what came of unprotecting it.
    #[inline]
    fn handle(
        &mut self,
        now: Time,
        owner: table::SocketOwner,
        arrival: &Arrival,
        bytes: &[u8],
        out: &mut Outbox,
    ) -> Verdict {
        let packet = match arrival.opened {
            Opened::AsIs | Opened::Here => Some((bytes, false)),
            Opened::Judged(len) => Some((bytes.get(..len).unwrap_or_default(), true)),
            Opened::Later => None,
            Opened::Refused(reason) => return Verdict::Dropped(owner.slot, reason),
            // Unprotecting it, or another one beside it, has failed altogether.
            Opened::Not => return Verdict::Dropped(owner.slot, DropReason::SrtpAuth),
        };
        if let Some((bytes, kept)) = packet {
            let packet = Packet { arrival, bytes, kept };
            return self.ingress(now, owner, &packet, out);
        }
        let mut copy = std::mem::take(&mut self.copy);
        let verdict = match self.open_kept(now, arrival, bytes, &mut copy) {
            Err(reason) => Verdict::Dropped(owner.slot, reason),
            Ok(bytes) => {
                let packet = Packet {
                    arrival,
                    bytes,
                    kept: true,
                };
                self.ingress(now, owner, &packet, out)
            }
        };
        self.copy = copy;
        verdict
    }

    /// Packets dropped since the beginning, with their reasons.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.iter().copied().zip(self.drops)
    }

    /// The outbox has room for all that a packet can cause; or is empty, and then there will never be more.
    #[inline]
    fn fits(&self, owner: table::SocketOwner, len: usize, out: &Outbox) -> bool {
        let fanout = self
            .table
            .flows
            .get(owner.slot as usize)
            .map(|f| f.fanout)
            .unwrap_or_default();
        let len_max = rtp::ext::rewritten_len_max(len) + limits::PROTECTION_BYTES_MAX;
        out.is_empty() || out.has_room(fanout.datagrams, fanout.changed, len_max)
    }

    #[inline]
    fn count(&mut self, now: Time, from: SocketAddr, verdict: Verdict) {
        self.totals.received += 1;
        match verdict {
            Verdict::Sent => self.totals.sent += 1,
            Verdict::Punted => self.totals.punted += 1,
            Verdict::Dropped(slot, reason) => {
                self.totals.dropped += 1;
                self.drops[reason as usize] += 1;
                match self.table.flows.get(slot as usize) {
                    Some(flow) => flow.plan.stats.dropped(now, reason, Some(from)),
                    None => self.totals.no_flow += 1,
                }
            }
        }
    }
}
