//! What listeners and shards share.

use std::hash::BuildHasher;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use call::Config;
use crossbeam::channel::Sender;
use foldhash::fast::FixedState;
use ng_protocol::{CallId, CommandKind, Dict, NgError, Request, Templates};
use socket2::Socket;

use super::{Admission, Job};
use crate::datapath::offload::KernelCounters;
use crate::datapath::ports::PortPool;
use crate::driver::WorkerPort;
use crate::report::announce::Announcer;
use crate::report::stats::Statistics;
use crate::sys::epoll::Waker;
use crate::sys::socket::set_tos;

/// The way to one shard.
pub struct ShardPort {
    /// Its queue.
    pub jobs: Sender<Job>,
    /// Wakes it.
    pub waker: Waker,
}

/// Shared state of the control side.
pub struct Control {
    /// The shards' queues.
    pub ports: Vec<ShardPort>,
    /// The packet workers.
    pub workers: Arc<[WorkerPort]>,
    /// Local media ports.
    pub pool: Arc<PortPool>,
    /// When new calls are refused.
    pub admission: Admission,
    /// Counters.
    pub statistics: Statistics,
    /// Who is told of ended calls.
    pub announcer: Announcer,
    /// What the program in the kernel counts, if there is one.
    pub kernel: Option<KernelCounters>,
    /// Signalling templates.
    pub templates: Templates,
    /// Settings of calls, as they are now.
    settings: Mutex<Arc<Config>>,
    /// The UDP sockets for ng, and the TOS byte of what they send.
    sockets: Vec<Arc<Socket>>,
    control_tos: AtomicU8,
}

impl Control {
    /// With queues to shards that are yet to be started.
    pub fn new(parts: ControlParts) -> Self {
        let ControlParts {
            ports,
            workers,
            pool,
            admission,
            announcer,
            kernel,
            templates,
            settings,
            sockets,
            control_tos,
        } = parts;
        let settings = Mutex::new(settings);
        let statistics = Statistics::new();
        let control_tos = AtomicU8::new(control_tos);
        Self {
            ports,
            workers,
            pool,
            admission,
            statistics,
            announcer,
            kernel,
            templates,
            settings,
            sockets,
            control_tos,
        }
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.ports.len()
    }

    /// The shard of a call; any for what belongs to no call.
    pub fn shard_for(&self, call: Option<&CallId>) -> usize {
        // A fixed seed: the same in every thread. Who floods one shard with chosen call-ids has the controller's trust.
        call.map_or(0, |id| {
            (FixedState::with_seed(1).hash_one(id.as_bytes()) % self.ports.len() as u64) as usize
        })
    }

    /// Queues a job; gives it back if the queue is full.
    pub fn post(&self, shard: usize, job: Job) -> Result<(), Job> {
        let Some(port) = self.ports.get(shard) else {
            return Err(job);
        };
        port.jobs.try_send(job).map_err(|refused| refused.into_inner())?;
        port.waker.wake();
        Ok(())
    }

    /// Parses a decoded request.
    pub fn parse(&self, dict: &Dict<'_>) -> Result<Request, NgError> {
        Request::parse(CommandKind::of(dict)?, dict, &self.templates)
    }

    /// Settings of calls.
    pub fn settings(&self) -> Arc<Config> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// TOS byte of replies over UDP.
    pub fn control_tos(&self) -> u8 {
        self.control_tos.load(Relaxed)
    }

    /// Sets the TOS byte of replies over UDP.
    pub fn set_control_tos(&self, tos: u8) {
        self.control_tos.store(tos, Relaxed);
        for socket in &self.sockets {
            let name = socket.local_addr().ok().and_then(|a| a.as_socket());
            let set = name.map(|addr| set_tos(socket.as_raw_fd(), addr.ip(), tos));
            if let Some(Err(error)) = set {
                tracing::warn!(%error, "TOS could not be set");
            }
        }
    }

    /// Changes settings of calls, of those that exist too.
    pub fn change_settings(&self, change: impl FnOnce(&mut Config)) {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Config::clone(&settings);
        change(&mut changed);
        *settings = Arc::new(changed);
        for shard in 0..self.shards() {
            if self.post(shard, Job::Configure(Arc::clone(&settings))).is_err() {
                tracing::error!("new settings did not reach all calls: too many requests are waiting");
            }
        }
    }
}

/// What [`Control`] is made of.
pub struct ControlParts {
    /// The shards' queues.
    pub ports: Vec<ShardPort>,
    /// The packet workers.
    pub workers: Arc<[WorkerPort]>,
    /// Local media ports.
    pub pool: Arc<PortPool>,
    /// When new calls are refused.
    pub admission: Admission,
    /// Who is told of ended calls.
    pub announcer: Announcer,
    /// What the program in the kernel counts, if there is one.
    pub kernel: Option<KernelCounters>,
    /// Signalling templates.
    pub templates: Templates,
    /// Settings of calls.
    pub settings: Arc<Config>,
    /// The UDP sockets for ng.
    pub sockets: Vec<Arc<Socket>>,
    /// The TOS byte of what they send.
    pub control_tos: u8,
}
