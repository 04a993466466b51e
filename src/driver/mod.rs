//! From the control side to the packet workers: plans and the sockets they name.
//!
//! Invariant: when [`Driver::install`] returns, the plan stands in its worker's queue; the reply that names its ports
//! may leave. A full queue makes the caller wait, it never loses a plan. Waking a worker is left to
//! [`Driver::flush`], so that a burst of commands wakes it once.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use crossbeam::channel::{Sender, bounded};
use plan::{CallKey, Command, PlanSet, SocketId, WorkerId};

use crate::datapath::ports::PortPool;
use crate::datapath::worker::{WorkerCommand, WorkerCounters};
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

/// One control shard's way to all workers.
pub struct Driver {
    workers: Arc<[WorkerPort]>,
    pool: Arc<PortPool>,
    /// By worker: was told something since the last flush.
    told: Vec<bool>,
}

impl Driver {
    /// A driver of `workers`, of which there is at least one.
    pub fn new(workers: Arc<[WorkerPort]>, pool: Arc<PortPool>) -> Self {
        let told = vec![false; workers.len()];
        Self { workers, pool, told }
    }

    /// Gives a call's plans to its worker, together with the sockets that no worker has yet.
    pub fn install(&mut self, set: PlanSet) {
        let worker = self.worker_of(set.call);
        let named = set.plans.iter().flat_map(|p| p.sockets.iter().copied());
        let sockets = self.pool.take(named);
        self.send(worker, WorkerCommand::Apply(Command::Install(set), sockets));
    }

    /// Ends a call's flows.
    pub fn remove(&mut self, call: CallKey) {
        let worker = self.worker_of(call);
        self.send(worker, WorkerCommand::Apply(Command::Remove(call), Vec::new()));
    }

    /// `from` has become part of `into`: its worker gives up its sockets, and the next plan of `into` takes them along.
    /// What the worker had learned about `from` is learned again.
    pub fn merge(&mut self, from: CallKey, into: CallKey) {
        if self.worker_of(from) == self.worker_of(into) {
            return;
        }
        let (tx, rx) = bounded::<Vec<(SocketId, OwnedFd)>>(1);
        let worker = self.worker_of(from);
        self.send(worker, WorkerCommand::Yield(from, tx));
        self.flush();
        // A worker that is gone has closed everything; nothing to take over then.
        for (id, fd) in rx.recv().unwrap_or_default() {
            self.pool.put(id, fd);
        }
    }

    /// Wakes the workers that were told something.
    pub fn flush(&mut self) {
        for (told, worker) in self.told.iter_mut().zip(self.workers.iter()) {
            if std::mem::take(told) {
                worker.waker.wake();
            }
        }
    }

    /// Which worker a call belongs to. Keys are counted up, so calls spread evenly.
    fn worker_of(&self, call: CallKey) -> WorkerId {
        WorkerId((call.0 % self.workers.len() as u64) as u16)
    }

    fn send(&mut self, WorkerId(worker): WorkerId, command: WorkerCommand) {
        let port = &self.workers[usize::from(worker)];
        self.told[usize::from(worker)] = true;
        if let Err(refused) = port.commands.try_send(command) {
            port.waker.wake();
            // Waits for room. The worker is gone only at the end of the process.
            let _ = port.commands.send(refused.into_inner());
        }
    }
}
