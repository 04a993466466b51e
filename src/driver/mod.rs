//! From the control side to the packet workers: plans and the sockets they name.
//!
//! Invariant: when [`Driver::install`] returns, the plan stands in its worker's queue; the reply that names its ports
//! may leave. A full queue makes the caller wait, it never loses a plan. Waking a worker is left to
//! [`Driver::flush`], which does it at most once in `limits::WAKE_INTERVAL`: a packet wakes the worker by itself and
//! finds the plans that were queued before it, so only closing sockets, timers and the datagrams of handshakes wait for
//! this, and no longer than that.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crossbeam::channel::{Sender, bounded};
use plan::{CallKey, Command, Datagram, PlanSet, Time, WorkerId};

use crate::datapath::ports::PortPool;
use crate::datapath::worker::{WorkerCommand, WorkerCounters, Yielded};
use crate::limits;
use crate::sys::epoll::Waker;

/// The control side's end of one worker.
#[derive(Clone)]
pub struct WorkerPort {
    /// Its queue.
    pub commands: Sender<WorkerCommand>,
    /// Wakes it.
    pub waker: Waker,
    /// What it counts.
    pub counters: Arc<WorkerCounters>,
}

impl WorkerPort {
    /// How many commands it has to have done until all that were queued before now are.
    pub fn queued(&self) -> u64 {
        self.counters.commands_queued.load(Acquire)
    }

    /// Whether it has done so many commands; if not, it is woken.
    pub fn has_done(&self, commands: u64) -> bool {
        let done = self.counters.commands_done.load(Acquire) >= commands;
        if !done {
            self.waker.wake();
        }
        done
    }
}

/// One control shard's way to all workers.
pub struct Driver {
    workers: Arc<[WorkerPort]>,
    pool: Arc<PortPool>,
    /// By worker.
    wakes: Vec<Wake>,
}

/// When a worker was woken and is to be woken.
#[derive(Clone, Copy, Default)]
struct Wake {
    /// It was told something and not woken since.
    told: bool,
    /// Not before this.
    next: Time,
}

impl Driver {
    /// A driver of `workers`, of which there is at least one.
    pub fn new(workers: Arc<[WorkerPort]>, pool: Arc<PortPool>) -> Self {
        let wakes = vec![Wake::default(); workers.len()];
        Self { workers, pool, wakes }
    }

    /// Gives a call's plans to its worker, together with the sockets that no worker has yet.
    pub fn install(&mut self, set: PlanSet) {
        let worker = self.worker_of(set.call);
        let named = set.plans.iter().flat_map(|p| p.sockets.iter().copied());
        let sockets = self.pool.take(named);
        self.queue(worker, WorkerCommand::Apply(Command::Install(set), sockets));
    }

    /// Has a call's worker send a datagram of the control side's own. Never waits: if the queue is full it is lost, as
    /// it may be on its way, and whoever speaks STUN or DTLS says it again.
    pub fn send(&mut self, datagram: Datagram) {
        let WorkerId(worker) = self.worker_of(datagram.call);
        let port = &self.workers[usize::from(worker)];
        self.wakes[usize::from(worker)].told = true;
        let command = WorkerCommand::Apply(Command::Send(datagram), Vec::new());
        let counter = match port.commands.try_send(command) {
            Ok(()) => &port.counters.commands_queued,
            Err(_) => &port.counters.datagrams_lost,
        };
        counter.fetch_add(1, Release);
    }

    /// Ends a call's flows.
    pub fn remove(&mut self, call: CallKey) {
        let worker = self.worker_of(call);
        self.queue(worker, WorkerCommand::Apply(Command::Remove(call), Vec::new()));
    }

    /// `from` has become part of `into`: its worker gives up its sockets and what it knows of its flows, and the next plan
    /// of `into` takes them along.
    pub fn merge(&mut self, from: CallKey, into: CallKey) {
        let (before, after) = (self.worker_of(from), self.worker_of(into));
        if before == after {
            return self.queue(after, WorkerCommand::Merge(from, into));
        }
        let (tx, rx) = bounded::<Yielded>(1);
        self.queue(before, WorkerCommand::Yield(from, tx));
        self.workers[usize::from(before.0)].waker.wake();
        // A worker that is gone has closed everything; nothing to take over then.
        let Ok(Yielded { sockets, flows }) = rx.recv() else {
            return;
        };
        for (id, fd) in sockets {
            self.pool.put(id, fd);
        }
        self.queue(after, WorkerCommand::Adopt(into, flows));
    }

    /// Has the counters of a call brought up to date that the kernel forwards packets of. Waits for the worker, but not
    /// for long: what it does not say in time it says later.
    pub fn pull(&mut self, call: CallKey) {
        let (tx, rx) = bounded(1);
        let WorkerId(worker) = self.worker_of(call);
        let port = &self.workers[usize::from(worker)];
        if port.commands.try_send(WorkerCommand::Pull(call, tx)).is_ok() {
            port.counters.commands_queued.fetch_add(1, Release);
            port.waker.wake();
            let _ = rx.recv_timeout(limits::COUNTERS_WAIT);
        }
    }

    /// Wakes the workers that were told something, except those that were woken just now.
    pub fn flush(&mut self, now: Time) {
        for (wake, worker) in self.wakes.iter_mut().zip(self.workers.iter()) {
            if wake.told && wake.next <= now {
                worker.waker.wake();
                let next = now + limits::WAKE_INTERVAL;
                *wake = Wake { told: false, next };
            }
        }
    }

    /// When [`flush`](Self::flush) has more to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.wakes.iter().filter(|w| w.told).map(|w| w.next).min()
    }

    /// Which worker a call belongs to. Keys are counted up, so calls spread evenly.
    fn worker_of(&self, call: CallKey) -> WorkerId {
        WorkerId((call.0 % self.workers.len() as u64) as u16)
    }

    fn queue(&mut self, WorkerId(worker): WorkerId, command: WorkerCommand) {
        let port = &self.workers[usize::from(worker)];
        self.wakes[usize::from(worker)].told = true;
        port.counters.commands_queued.fetch_add(1, Release);
        if let Err(refused) = port.commands.try_send(command) {
            port.counters.commands_waited.fetch_add(1, Relaxed);
            port.waker.wake();
            // Waits for room. The worker is gone only at the end of the process.
            let _ = port.commands.send(refused.into_inner());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_is_waited_for_and_counted() {
        let (commands, queue) = crossbeam::channel::bounded(2);
        let port = WorkerPort {
            commands,
            waker: Waker::new().expect("eventfd"),
            counters: Arc::default(),
        };
        let counters = Arc::clone(&port.counters);
        let mut driver = Driver::new(Arc::from([port]), Arc::new(PortPool::new(&[], 7)));
        let merge = |n| WorkerCommand::Merge(CallKey(n), CallKey(n));
        std::thread::scope(|scope| {
            // Takes none until the queue was found full.
            scope.spawn(|| {
                while counters.commands_waited.load(Relaxed) == 0 {
                    std::thread::yield_now();
                }
                for n in 0..5 {
                    let got = queue.recv().expect("a command");
                    assert!(
                        matches!(got, WorkerCommand::Merge(CallKey(key), _) if key == n),
                        "command {n}"
                    );
                }
            });
            (0..5).for_each(|n| driver.queue(WorkerId(0), merge(n)));
        });
        assert!(counters.commands_waited.load(Relaxed) >= 1);
        assert_eq!(counters.commands_queued.load(Relaxed), 5);
    }
}
