//! The daemon's parts, each made and its threads started.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};
use ng_protocol::Templates;
use plan::Event;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use relay::Relay;

use super::StartError;
use super::kernel::KernelPath;
use super::rings::WorkerRings;
use crate::clock;
use crate::config::{Config, Offload, SocketSettings, TimeoutNotice};
use crate::control::udp::Front;
use crate::datapath::offload::FastPaths;
use crate::datapath::ports::{PortPool, PortRange};
use crate::datapath::serve::{self, Backend};
use crate::datapath::worker::{EventSink, Worker, WorkerCounters};
use crate::driver::{Driver, WorkerPort};
use crate::limits;
use crate::record::{Recorder, Recordings};
use crate::registry::{Control, Job, Shard, ShardParts, ShardPort};
use crate::report::announce::TimedOut;
use crate::report::{sampler, xmlrpc};
use crate::sys::epoll::{Epoll, Waker};
use crate::sys::process;

/// The queues of one shard, both ends.
pub(super) struct ShardQueues {
    jobs: (Sender<Job>, Receiver<Job>),
    events: (Sender<Event>, Receiver<Event>),
    waker: Waker,
}

impl ShardQueues {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            jobs: bounded(limits::SHARD_JOBS),
            events: bounded(limits::SHARD_EVENTS),
            waker: Waker::new()?,
        })
    }

    pub(super) fn sink(&self) -> EventSink {
        EventSink {
            events: self.events.0.clone(),
            waker: self.waker.clone(),
        }
    }

    pub(super) fn port(&self) -> ShardPort {
        ShardPort {
            jobs: self.jobs.0.clone(),
            waker: self.waker.clone(),
        }
    }
}

/// Attaches the program that forwards in the kernel wherever it may be, and says what was found.
pub(super) fn fast_paths(config: &Config, workers: usize) -> Result<FastPaths, StartError> {
    let found = FastPaths::start(config, workers);
    found.log();
    if config.no_fallback && config.offload != Offload::Off && found.kernel.is_none() {
        return Err(StartError::NoFastPath(found.lines().join("; ")));
    }
    Ok(found)
}

pub(super) fn port_pool(config: &Config) -> PortPool {
    let ranges: Vec<PortRange> = config
        .call
        .interfaces
        .addresses()
        .map(|(_, address)| PortRange {
            ip: address.ip,
            ports: address.ports.min..=address.ports.max,
            exclude: address.excluded.clone(),
        })
        .collect();
    PortPool::new(&ranges, StdRng::from_os_rng().random())
}

pub(super) fn templates(texts: &BTreeMap<String, String>) -> Templates {
    let mut templates = Templates::default();
    for (name, text) in texts {
        for warning in templates.insert(name, text) {
            tracing::warn!("template '{name}': {warning}");
        }
    }
    templates
}

pub(super) fn start_recorder(config: &Config) -> Result<Option<Recorder>, StartError> {
    let Some(dir) = &config.call.recording.dir else {
        return Ok(None);
    };
    let dir = PathBuf::from(dir);
    match Recorder::start(&dir, config.record_format) {
        Ok(recorder) => Ok(Some(recorder)),
        Err(error) => Err(StartError::Record { dir, error }),
    }
}

pub(super) fn start_xmlrpc(notice: Option<TimeoutNotice>) -> io::Result<Option<Sender<TimedOut>>> {
    notice.map(xmlrpc::start).transpose()
}

pub(super) fn start_worker(
    index: usize,
    (backend, settings): (Backend, &SocketSettings),
    (kernel, rings): (&KernelPath, Option<WorkerRings>),
    waker: Waker,
    shards: Vec<EventSink>,
    pool: &PortPool,
    taps: Recordings,
) -> io::Result<(WorkerPort, JoinHandle<()>)> {
    let (tx, commands) = bounded(limits::WORKER_COMMANDS);
    let counters = Arc::new(WorkerCounters::default());
    let pinned = settings.pin_workers;
    let kernel = kernel.flows(index, &counters.offload);
    let mut relay = Relay::new(relay::Config {
        seed: StdRng::from_os_rng().random(),
    });
    if kernel.is_some() {
        relay.offer_flows();
    }
    let sockets = serve::io(backend, settings, waker.clone())?;
    let worker = Worker {
        io: match rings {
            Some(rings) => Box::new(rings.beside(sockets, &counters.rings, settings.wake_delay)?),
            None => sockets,
        },
        relay,
        kernel,
        commands,
        waker: waker.clone(),
        shards,
        closed: pool.closed(),
        taps,
        counters: Arc::clone(&counters),
        busy: false,
    };
    let thread = std::thread::Builder::new()
        .name(format!("media-{index}"))
        .spawn(move || {
            if pinned && let Err(error) = process::pin_to_core(index) {
                tracing::warn!(%error, "worker {index} could not be kept on one core");
            }
            worker.run();
        })?;
    Ok((
        WorkerPort {
            commands: tx,
            waker,
            counters,
        },
        thread,
    ))
}

/// Starts the shards, and the reader of datagrams: the only shard itself, or a thread of its own if there are several.
pub(super) fn start_shards(
    control: &Arc<Control>,
    queues: Vec<ShardQueues>,
    recordings: &Recordings,
    front: Front,
) -> io::Result<Vec<JoinHandle<()>>> {
    let single = queues.len() == 1;
    let mut front = Some(front);
    let mut threads = Vec::new();
    for (index, queues) in queues.into_iter().enumerate() {
        let shard = Shard::new(ShardParts {
            index,
            control: Arc::clone(control),
            jobs: queues.jobs.1,
            events: queues.events.1,
            waker: queues.waker,
            driver: Driver::new(Arc::clone(&control.workers), Arc::clone(&control.pool)),
            recordings: recordings.clone(),
            front: front.take_if(|_| single),
        });
        let run = move || {
            if let Err(error) = shard.run() {
                tracing::error!(%error, "a control shard ended");
            }
        };
        threads.push(
            std::thread::Builder::new()
                .name(format!("control-{index}"))
                .spawn(run)?,
        );
    }
    if let Some(front) = front {
        let control = Arc::clone(control);
        // Ends with the process: it holds nothing that would have to be completed.
        std::thread::Builder::new()
            .name("ng-udp".into())
            .spawn(move || read_datagrams(front, &control))?;
    }
    Ok(threads)
}

fn read_datagrams(mut front: Front, control: &Control) {
    let ready = Epoll::new(limits::EPOLL_EVENTS).and_then(|epoll| front.watch(&epoll).map(|()| epoll));
    let result = ready.and_then(|mut epoll| {
        loop {
            let timeout = front.poll_timeout().map(|at| at.since(clock::now()));
            epoll.wait(timeout)?;
            (0..epoll.ready()).for_each(|index| front.read(epoll.token(index), control));
            front.handle_timeout(clock::now());
        }
    });
    let Err::<(), io::Error>(error) = result else {
        return;
    };
    tracing::error!(%error, "reading ng datagrams ended");
}

pub(super) fn start_sampler(control: &Arc<Control>) -> io::Result<Sender<()>> {
    let (stop, stopped) = bounded(1);
    let control = Arc::clone(control);
    std::thread::Builder::new()
        .name("sampler".into())
        .spawn(move || sampler::run(&control, &stopped))?;
    Ok(stop)
}
