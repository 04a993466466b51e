//! The loop of one packet worker: commands, packets, timers, events.
//!
//! Invariant: a set of plans applies between batches and as a whole, and the worker never waits for the control side:
//! what does not fit into a queue upwards is dropped and counted (events are hints), except closed sockets, whose
//! queue has room for all there are.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender};
use plan::{CallKey, Command, DropReason, Event, LocalSocket, SocketId, Time};
use relay::{Batch, Handover, Outbox, Relay};

use super::io::Io;
use super::io_xdp::RingCounters;
use super::offload::{Flows, OffloadCounters};
use crate::clock;
use crate::limits;
use crate::record::Recordings;
use crate::sys::epoll::Waker;

/// What a worker is told.
pub enum WorkerCommand {
    /// Execute this, with these new sockets.
    Apply(Command, Vec<(LocalSocket, OwnedFd)>),
    /// Give up a call, its sockets and what is known of its flows: another worker goes on with them.
    Yield(CallKey, Sender<Yielded>),
    /// Go on with what another worker gave up, as part of this call.
    Adopt(CallKey, Handover),
    /// The first call is part of the second.
    Merge(CallKey, CallKey),
    /// Bring the counters of a call's flows in the kernel up to date, then say so.
    Pull(CallKey, Sender<()>),
    /// End.
    Stop,
}

/// What a worker gives up with a call.
#[derive(Debug)]
pub struct Yielded {
    /// Its sockets.
    pub sockets: Vec<(SocketId, OwnedFd)>,
    /// Its flows.
    pub flows: Handover,
}

/// The way up to one control shard.
#[derive(Clone)]
pub struct EventSink {
    /// Its queue.
    pub events: Sender<Event>,
    /// Wakes it.
    pub waker: Waker,
}

/// What a worker counts, beside the flows' own counters. The worker is the only writer.
#[derive(Debug, Default)]
pub struct WorkerCounters {
    /// Turns of the loop.
    pub turns: AtomicU64,
    /// Packets received.
    pub packets: AtomicU64,
    /// Bytes received.
    pub bytes: AtomicU64,
    /// Packets that the kernel refused to send.
    pub send_errors: AtomicU64,
    /// Packets for which no plan was there.
    pub no_flow: AtomicU64,
    /// Packets dropped, by reason; those that the kernel refused stand above.
    pub drops: [AtomicU64; DropReason::ALL.len()],
    /// Packets dropped in all, when `drops` was written.
    pub dropped: AtomicU64,
    /// Events that a shard had no room for.
    pub events_lost: AtomicU64,
    /// Tapped packets that the recorder had no room for.
    pub taps_lost: AtomicU64,
    /// Datagrams of the control side for which the command queue had no room; the control shards count.
    pub datagrams_lost: AtomicU64,
    /// Datagrams of the control side whose call had no such socket, or that were too many.
    pub datagrams_refused: AtomicU64,
    /// What the kernel does for it.
    pub offload: Arc<OffloadCounters>,
    /// What its rings do.
    pub rings: Arc<RingCounters>,
    /// Packets or commands that made the relay panic.
    pub panics: AtomicU64,
    /// Commands queued for it; the control shards count.
    pub commands_queued: AtomicU64,
    /// Commands that had to wait for room in its queue; the control shards count.
    pub commands_waited: AtomicU64,
    /// Commands that were executed, what they released closed.
    pub commands_done: AtomicU64,
}

/// Everything a worker is made of.
pub struct Worker<I> {
    /// Sockets.
    pub io: I,
    /// What it executes.
    pub relay: Relay,
    /// What the kernel executes of that, if it can.
    pub kernel: Option<Flows>,
    /// From the control side.
    pub commands: Receiver<WorkerCommand>,
    /// Others wake it with this.
    pub waker: Waker,
    /// To the control shards, by index.
    pub shards: Vec<EventSink>,
    /// To the port pool.
    pub closed: Sender<SocketId>,
    /// To the recorder.
    pub taps: Recordings,
    /// Counters.
    pub counters: Arc<WorkerCounters>,
    /// The last turn brought packets.
    pub busy: bool,
}

/// Which shard a call belongs to: the key says it.
pub fn shard_of(call: CallKey) -> usize {
    (call.0 >> 48) as usize
}

impl<I: Io> Worker<I> {
    /// Works until told to stop.
    pub fn run(mut self) {
        crate::sys::process::precise_sleeps();
        let mut batch = Batch::new(limits::BATCH_PACKETS, limits::DATAGRAM_BYTES);
        let mut outbox = Outbox::new(limits::OUTBOX_PACKETS, limits::SCRATCH_BYTES);
        while self.turn(&mut batch, &mut outbox) {}
    }

    /// One turn of the loop; false = stop.
    pub fn turn(&mut self, batch: &mut Batch, outbox: &mut Outbox) -> bool {
        self.wait(batch);
        let now = clock::now();
        // Only now: a plan was queued before the reply that made its packets possible, so it is there if they are.
        if !self.apply_commands(now, batch, outbox) {
            return false;
        }
        if let Some(mut late) = guarded(&self.counters, || self.relay.resume(now)).flatten() {
            self.relay_packets(now, &mut late, outbox);
        }
        self.relay_packets(now, batch, outbox);
        self.relay_timers(now, batch, outbox);
        self.with_kernel(|kernel, relay| {
            kernel.handled(now, batch);
            kernel.visit(now, relay);
            kernel.follow(now, relay);
        });
        batch.clear();
        self.report();
        true
    }

    fn apply_commands(&mut self, now: Time, batch: &mut Batch, outbox: &mut Outbox) -> bool {
        // Those that are there now; what comes meanwhile waits for the next turn.
        let waiting = self.commands.len();
        for _ in 0..waiting {
            match self.commands.try_recv() {
                Ok(WorkerCommand::Apply(command, sockets)) => self.apply(now, command, sockets),
                Ok(WorkerCommand::Yield(call, reply)) => {
                    self.exhaust(now, call, batch, outbox);
                    self.hand_over(now, call, &reply);
                }
                Ok(WorkerCommand::Adopt(into, flows)) => {
                    let relay = &mut self.relay;
                    guarded(&self.counters, || relay.adopt(now, into, flows));
                }
                Ok(WorkerCommand::Merge(from, into)) => self.relay.merge(from, into),
                Ok(WorkerCommand::Pull(call, reply)) => {
                    self.with_kernel(|kernel, relay| kernel.pull(now, call, relay));
                    // Whoever asked may have ceased to wait.
                    let _ = reply.try_send(());
                }
                Ok(WorkerCommand::Stop) => return false,
                Err(_) => break,
            }
        }
        loop {
            let done = self.relay.poll_datagrams(outbox);
            self.transmit(now, batch, outbox);
            if done {
                break;
            }
        }
        self.close_released();
        self.counters.commands_done.fetch_add(waiting as u64, Release);
        true
    }

    fn apply(&mut self, now: Time, command: Command, sockets: Vec<(LocalSocket, OwnedFd)>) {
        for (socket, fd) in sockets {
            if let Err(error) = self.io.open(socket, fd) {
                tracing::error!(%error, address = %socket.addr, "a media socket could not be watched");
            }
        }
        self.with_kernel(|kernel, relay| {
            relay.foresee(&command);
            kernel.follow(now, relay);
        });
        let relay = &mut self.relay;
        guarded(&self.counters, || relay.apply(now, command));
        // Not before this does the new plan see a packet, and are its sockets closed.
        self.with_kernel(|kernel, relay| kernel.follow(now, relay));
    }

    fn with_kernel(&mut self, step: impl FnOnce(&mut Flows, &mut Relay)) {
        if let Some(kernel) = &mut self.kernel {
            let relay = &mut self.relay;
            guarded(&self.counters, || step(kernel, relay));
        }
    }

    fn close_released(&mut self) {
        let (io, closed) = (&mut self.io, &self.closed);
        self.relay.drain_released(|id| {
            io.close(id);
            // Has room for every socket there can be; if the pool is gone, so is the need to tell it.
            let _ = closed.try_send(id);
        });
    }

    /// Handles what has arrived already for a call that is given away: its plans are those that stand.
    fn exhaust(&mut self, now: Time, call: CallKey, batch: &mut Batch, outbox: &mut Outbox) {
        for socket in self.relay.sockets(call) {
            self.io.settle(socket);
        }
        for turn in 0..limits::SETTLING_TURNS {
            // The first batch is the one that this turn brought, whether it is full or not.
            let last = turn > 0 && !batch.is_full();
            self.relay_packets(now, batch, outbox);
            self.with_kernel(|kernel, _| kernel.handled(now, batch));
            batch.clear();
            if last {
                break;
            }
            self.take_in(batch, Some(Duration::ZERO));
        }
    }

    fn hand_over(&mut self, now: Time, call: CallKey, reply: &Sender<Yielded>) {
        self.with_kernel(|kernel, relay| {
            relay.recall(call);
            kernel.follow(now, relay);
        });
        // Those of other calls are not handed over.
        self.close_released();
        let flows = self.relay.give(call);
        let mut sockets = Vec::new();
        let io = &mut self.io;
        self.relay
            .drain_released(|id| sockets.extend(io.detach(id).map(|fd| (id, fd))));
        // Whoever asked and went away closes them by not being there.
        let _ = reply.try_send(Yielded { sockets, flows });
    }

    fn wait(&mut self, batch: &mut Batch) {
        let now = clock::now();
        let visits = self.kernel.as_ref().and_then(Flows::poll_timeout);
        let timeout = self.relay.poll_timeout().into_iter().chain(visits).min();
        let timeout = timeout.map(|at| at.since(now));
        if std::mem::take(&mut self.busy) && self.commands.is_empty() {
            self.io.gather(timeout);
        }
        self.waker.sleep();
        // A command queued before `sleep` did not wake us, so this look must come after it.
        let timeout = if self.commands.is_empty() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        self.take_in(batch, timeout);
        self.waker.awake();
        self.busy = !batch.is_empty();
    }

    fn take_in(&mut self, batch: &mut Batch, timeout: Option<Duration>) {
        self.io.receive(batch, timeout);
        add(&self.counters.packets, batch.len() as u64);
        add(&self.counters.bytes, batch.payload_bytes() as u64);
    }

    fn relay_packets(&mut self, now: Time, batch: &mut Batch, outbox: &mut Outbox) {
        loop {
            let relay = &mut self.relay;
            let done = guarded(&self.counters, || relay.receive(now, batch, outbox));
            if done.is_none() {
                guarded(&self.counters, || relay.recover(outbox));
            }
            self.transmit(now, batch, outbox);
            match done {
                Some(true) => return,
                Some(false) => {}
                // That packet is lost; its flow, and every other call, goes on.
                None => batch.skip(),
            }
        }
    }

    fn relay_timers(&mut self, now: Time, batch: &Batch, outbox: &mut Outbox) {
        let relay = &mut self.relay;
        if guarded(&self.counters, || relay.handle_timeout(now, outbox)).is_none() {
            guarded(&self.counters, || relay.recover(outbox));
        }
        self.transmit(now, batch, outbox);
    }

    /// Recordings first: a controller that saw a packet arrive and stops the recording at once finds it in the file.
    fn transmit(&mut self, now: Time, batch: &Batch, outbox: &mut Outbox) {
        let (relay, taps, counters) = (&mut self.relay, &self.taps, &self.counters);
        relay.drain_taps(|tapped| {
            if !taps.push(&tapped) {
                add(&counters.taps_lost, 1);
            }
        });
        let packets = outbox.transmits();
        self.io.transmit(packets, outbox, batch, &mut |transmit| {
            add(&counters.send_errors, 1);
            relay.handle_send_error(now, transmit);
        });
        outbox.clear();
    }

    fn report(&mut self) {
        let mut told = 0_u64;
        let (shards, counters) = (&self.shards, &self.counters);
        self.relay.drain_events(|event| {
            let index = shard_of(event.call());
            match shards.get(index).map(|s| s.events.try_send(event)) {
                Some(Ok(())) => told |= 1 << (index % 64),
                _ => add(&counters.events_lost, 1),
            }
        });
        for (index, shard) in self.shards.iter().enumerate() {
            if told & (1 << (index % 64)) != 0 {
                shard.waker.wake();
            }
        }
        add(&self.counters.turns, 1);
        let totals = self.relay.totals();
        self.counters.no_flow.store(totals.no_flow, Relaxed);
        if self.counters.dropped.load(Relaxed) != totals.dropped {
            self.counters.dropped.store(totals.dropped, Relaxed);
            for (slot, (_, count)) in self.counters.drops.iter().zip(self.relay.drops()) {
                slot.store(count, Relaxed);
            }
        }
        self.counters
            .datagrams_refused
            .store(totals.datagrams_refused, Relaxed);
    }
}

/// Runs one step of the relay; `None` if it panicked. The one place on the packet side where panics end.
fn guarded<T>(counters: &WorkerCounters, step: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(step)).ok();
    if result.is_none() {
        add(&counters.panics, 1);
    }
    result
}

/// Adds to a counter that only the caller writes.
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}
