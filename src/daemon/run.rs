//! From a checked configuration to a running daemon, and to its end.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use ng_protocol::Templates;
use plan::Event;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use relay::Relay;
use thiserror::Error;

use super::listen::Listening;
use super::service::{PidFile, notify};
use crate::config::{Config, TimeoutNotice};
use crate::control::udp::Front;
use crate::datapath::io_epoll::EpollIo;
use crate::datapath::ports::{PortPool, PortRange};
use crate::datapath::worker::{EventSink, Worker, WorkerCommand, WorkerCounters};
use crate::driver::{Driver, WorkerPort};
use crate::limits;
use crate::record::{Recorder, Recordings};
use crate::registry::{Admission, Control, ControlParts, Job, Shard, ShardParts, ShardPort};
use crate::report::announce::{Announcer, TimedOut};
use crate::report::{log, sampler, xmlrpc};
use crate::sys::epoll::{Epoll, Waker};
use crate::sys::process::{self, Signals};

/// Packet workers for each control shard.
const WORKERS_PER_SHARD: usize = 4;

/// How long the end may take before we leave all the same.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Why the daemon did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A control address that cannot be had.
    #[error("cannot listen for {what} on {addr}: {error}")]
    Listen {
        /// Which protocol.
        what: String,
        /// Where.
        addr: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The recording folder cannot be used.
    #[error("cannot record to {dir}: {error}")]
    Record {
        /// The folder.
        dir: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The pid file cannot be written.
    #[error("cannot write {path}: {error}")]
    PidFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The system refuses something else that we need.
    #[error("the system refuses to start us: {0}")]
    System(#[from] io::Error),
}

/// Runs the daemon until SIGINT or SIGTERM.
pub fn run(mut config: Config) -> Result<(), StartError> {
    log::install(&config.log);
    config
        .warnings
        .iter()
        .for_each(|warning| tracing::warn!("{warning}"));
    config.call.instance_id = format!(
        "{:012x}",
        StdRng::from_os_rng().random::<u64>() & 0xffff_ffff_ffff
    );
    let descriptors = process::raise_descriptor_limit()?;
    let listening = Listening::bind(&config)?;
    if !config.foreground {
        process::daemonise()?;
    }
    let signals = Signals::new()?;
    let pidfile = config.pidfile.as_deref().map(|path| {
        PidFile::write(path).map_err(|error| StartError::PidFile {
            path: path.to_owned(),
            error,
        })
    });
    let _pidfile = pidfile.transpose()?;
    let daemon = Daemon::start(config, listening)?;
    tracing::info!("started, up to {descriptors} descriptors");
    notify("READY=1");
    wait_for_end(&signals)?;
    notify("STOPPING=1");
    daemon.stop();
    Ok(())
}

fn wait_for_end(signals: &Signals) -> io::Result<()> {
    loop {
        match signals.next()? {
            libc::SIGINT | libc::SIGTERM => return Ok(()),
            libc::SIGUSR1 => log::change_level(-1),
            libc::SIGUSR2 => log::change_level(1),
            // A terminal that is closed is no reason to drop calls.
            _ => tracing::info!("signal ignored"),
        }
    }
}

/// All threads and what they share.
struct Daemon {
    control: Arc<Control>,
    workers: Vec<JoinHandle<()>>,
    shards: Vec<JoinHandle<()>>,
    serving: Option<super::listen::ServeHandle>,
    recorder: Option<Recorder>,
    _sampler: Sender<()>,
}

impl Daemon {
    fn start(config: Config, listening: Listening) -> Result<Self, StartError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = config.num_threads.unwrap_or(cores).max(1);
        // One shard carries more calls' signalling than four workers carry their media.
        let shards = (count / WORKERS_PER_SHARD).clamp(1, limits::SHARDS);
        let pool = Arc::new(port_pool(&config));
        let recorder = start_recorder(&config)?;
        let recordings = recorder.as_ref().map_or(Recordings::off(), Recorder::recordings);
        let queues: Vec<ShardQueues> = (0..shards)
            .map(|_| ShardQueues::new())
            .collect::<io::Result<_>>()?;
        let sinks: Vec<EventSink> = queues.iter().map(ShardQueues::sink).collect();

        let mut workers = Vec::new();
        let mut ports = Vec::new();
        for index in 0..count {
            let (port, thread) = start_worker(index, sinks.clone(), &pool, recordings.clone())?;
            ports.push(port);
            workers.push(thread);
        }
        let control = Arc::new(Control::new(ControlParts {
            ports: queues.iter().map(ShardQueues::port).collect(),
            workers: ports.into(),
            pool,
            admission: Admission::new(&config.limits),
            announcer: Announcer::new(start_xmlrpc(config.timeout_notice)?),
            templates: templates(&config.templates),
            settings: Arc::new(config.call),
            sockets: listening.ng.clone(),
            control_tos: config.control_tos,
        }));
        let shards = start_shards(&control, queues, &recordings, Front::new(listening.ng.clone()))?;
        let sampler = start_sampler(&control)?;
        let serving = listening.serve(Arc::clone(&control))?;
        Ok(Self {
            control,
            workers,
            shards,
            serving,
            recorder,
            _sampler: sampler,
        })
    }

    /// Ends every call, so that recordings are complete, then every thread.
    fn stop(self) {
        if let Some(serving) = self.serving {
            let wait = serving.wait.clone();
            drop(serving);
            let _ = wait.recv_timeout(LAST_WORDS);
        }
        for shard in 0..self.control.shards() {
            let last = |shard: &mut Shard| {
                shard.terminate(None);
            };
            drop(self.control.post(shard, Job::Visit(Box::new(last))));
            drop(self.control.post(shard, Job::Stop));
        }
        self.shards.into_iter().for_each(|thread| drop(thread.join()));
        for worker in self.control.workers.iter() {
            let _ = worker.commands.send_timeout(WorkerCommand::Stop, LAST_WORDS);
            worker.waker.wake();
        }
        self.workers.into_iter().for_each(|thread| drop(thread.join()));
        drop(self.recorder);
        tracing::info!("ended");
    }
}

/// The queues of one shard, both ends.
struct ShardQueues {
    jobs: (Sender<Job>, Receiver<Job>),
    events: (Sender<Event>, Receiver<Event>),
    waker: Waker,
}

impl ShardQueues {
    fn new() -> io::Result<Self> {
        Ok(Self {
            jobs: bounded(limits::SHARD_JOBS),
            events: bounded(limits::SHARD_EVENTS),
            waker: Waker::new()?,
        })
    }

    fn sink(&self) -> EventSink {
        EventSink {
            events: self.events.0.clone(),
            waker: self.waker.clone(),
        }
    }

    fn port(&self) -> ShardPort {
        ShardPort {
            jobs: self.jobs.0.clone(),
            waker: self.waker.clone(),
        }
    }
}

fn port_pool(config: &Config) -> PortPool {
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

fn templates(texts: &BTreeMap<String, String>) -> Templates {
    let mut templates = Templates::default();
    for (name, text) in texts {
        for warning in templates.insert(name, text) {
            tracing::warn!("template '{name}': {warning}");
        }
    }
    templates
}

fn start_recorder(config: &Config) -> Result<Option<Recorder>, StartError> {
    let Some(dir) = &config.call.recording.dir else {
        return Ok(None);
    };
    let dir = PathBuf::from(dir);
    match Recorder::start(&dir, config.record_format) {
        Ok(recorder) => Ok(Some(recorder)),
        Err(error) => Err(StartError::Record { dir, error }),
    }
}

fn start_xmlrpc(notice: Option<TimeoutNotice>) -> io::Result<Option<Sender<TimedOut>>> {
    notice.map(xmlrpc::start).transpose()
}

fn start_worker(
    index: usize,
    shards: Vec<EventSink>,
    pool: &PortPool,
    taps: Recordings,
) -> io::Result<(WorkerPort, JoinHandle<()>)> {
    let (tx, commands) = bounded(limits::WORKER_COMMANDS);
    let waker = Waker::new()?;
    let counters = Arc::new(WorkerCounters::default());
    let worker = Worker {
        io: EpollIo::new(waker.clone())?,
        relay: Relay::new(relay::Config {
            seed: StdRng::from_os_rng().random(),
        }),
        commands,
        waker: waker.clone(),
        shards,
        closed: pool.closed(),
        taps,
        counters: Arc::clone(&counters),
    };
    let thread = std::thread::Builder::new()
        .name(format!("media-{index}"))
        .spawn(move || worker.run())?;
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
fn start_shards(
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
            epoll.wait(None)?;
            (0..epoll.ready()).for_each(|index| front.read(epoll.token(index), control));
        }
    });
    let Err::<(), io::Error>(error) = result else {
        return;
    };
    tracing::error!(%error, "reading ng datagrams ended");
}

fn start_sampler(control: &Arc<Control>) -> io::Result<Sender<()>> {
    let (stop, stopped) = bounded(1);
    let control = Arc::clone(control);
    std::thread::Builder::new()
        .name("sampler".into())
        .spawn(move || sampler::run(&control, &stopped))?;
    Ok(stop)
}
