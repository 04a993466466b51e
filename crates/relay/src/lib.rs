//! Executes plans: what happens to each packet of each flow, without sockets or clocks.
//!
//! One [`Relay`] belongs to one worker. Its loop:
//!
//! 1. [`Relay::apply`] every waiting command, then [`Relay::drain_released`] (close or reuse those sockets);
//! 2. receive into a [`Batch`], waiting no longer than [`Relay::poll_timeout`];
//! 3. [`Relay::receive`] and send the [`Outbox`] until the batch is done;
//! 4. [`Relay::handle_timeout`] and send the outbox;
//! 5. [`Relay::drain_events`], [`Relay::drain_taps`].
//!
//! Invariants: every packet in is sent, handed up, or dropped for exactly one [`plan::DropReason`]; nothing is
//! allocated, locked or logged for a packet that is forwarded; a set of plans applies as a whole, between batches.
#![forbid(unsafe_code)]

mod flow;
mod io;
pub mod limits;
mod table;

use plan::{Command, DropReason, Event, SocketId, Tap, Time};
use std::net::SocketAddr;

pub use io::{Batch, Outbox, Transmit};

/// What a relay is made with.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Seed of its random numbers (report intervals, SSRCs).
    pub seed: u64,
}

/// A copy of a packet for a recording.
#[derive(Clone, Copy, Debug)]
pub struct Tapped<'a> {
    /// Which recording, and where along the path.
    pub tap: Tap,
    /// When.
    pub at: Time,
    /// Source of the packet.
    pub from: SocketAddr,
    /// Destination of the packet.
    pub to: SocketAddr,
    /// UDP payload.
    pub bytes: &'a [u8],
}

/// What happened that belongs to no flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets for which no plan was there ([`DropReason::NoFlow`]).
    pub no_flow: u64,
    /// Events that were dropped because nobody drained them.
    pub events_lost: u64,
    /// Tapped packets that were dropped because nobody drained them.
    pub taps_lost: u64,
    /// Flows, sinks and sockets beyond a limit.
    pub refused: u64,
}

/// Executes the plans of one worker.
#[derive(Debug)]
pub struct Relay {
    table: table::Table,
    totals: Totals,
}

impl Relay {
    /// A relay without plans.
    pub fn new(_config: Config) -> Self {
        Self {
            table: table::Table::default(),
            totals: Totals::default(),
        }
    }

    /// Executes a command of the control side.
    pub fn apply(&mut self, now: Time, command: Command) {
        match command {
            Command::Install(set) => self.table.install(now, set),
            Command::Remove(call) => self.table.remove(call),
        }
    }

    /// Handles the packets of a batch until it is done (true) or the outbox is full (false: send, clear the outbox,
    /// call again).
    pub fn receive(&mut self, _now: Time, batch: &mut Batch, out: &mut Outbox) -> bool {
        while let Some(arrival) = batch.head() {
            let flow = self
                .table
                .owner(arrival.socket)
                .and_then(|o| self.table.flows.get(o.slot as usize));
            let Some(flow) = flow else {
                self.totals.no_flow += 1;
                batch.advance();
                continue;
            };
            if !out.has_room(flow.sinks.len(), 0, 0) {
                return false;
            }
            for sink in &flow.sinks {
                let Some(to) = self.table.flows.get(sink.to as usize) else {
                    continue;
                };
                let (Some(dest), Some(local)) = (to.plan.peer, to.plan.sockets.first()) else {
                    flow.plan.stats.dropped(DropReason::NoPeer);
                    continue;
                };
                let target = io::Target {
                    socket: local.id,
                    dest,
                    tos: to.plan.tos,
                    flow: sink.to,
                };
                out.send_batch(target, &arrival.range());
            }
            batch.advance();
        }
        true
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// Does what is due: generated RTCP, packets that open NATs.
    pub fn handle_timeout(&mut self, _now: Time, _out: &mut Outbox) {}

    /// The kernel refused an instruction. Call before the next [`apply`](Self::apply).
    pub fn handle_send_error(&mut self, transmit: &Transmit) {
        if let Some(flow) = self.table.flows.get(transmit.flow as usize) {
            plan::FlowStats::add(&flow.plan.stats.errors_out, 1);
            flow.plan.stats.dropped(DropReason::SendError);
        }
    }

    /// Hands out what happened.
    pub fn drain_events(&mut self, _f: impl FnMut(Event)) {}

    /// Hands out sockets that no plan names any more. Until here they belong to the relay, from here to the caller.
    pub fn drain_released(&mut self, f: impl FnMut(SocketId)) {
        self.table.released.drain(..).for_each(f);
    }

    /// Hands out tapped packets.
    pub fn drain_taps(&mut self, _f: impl FnMut(Tapped<'_>)) {}

    /// What belongs to no flow.
    pub fn totals(&self) -> Totals {
        Totals {
            refused: self.table.refused,
            ..self.totals
        }
    }
}
