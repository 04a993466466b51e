//! From a checked configuration to a running daemon, and to its end.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::Sender;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use thiserror::Error;

use super::certificate;
use super::kernel::KernelPath;
use super::listen::Listening;
use super::parts::{
    ShardQueues, port_pool, start_recorder, start_sampler, start_shards, start_worker, start_xmlrpc,
    templates,
};
use super::rings;
use super::service::{PidFile, notify};
use crate::config::{Config, Offload};
use crate::control::udp::Front;
use crate::datapath::offload::Kernel;
use crate::datapath::serve;
use crate::datapath::worker::{EventSink, WorkerCommand};
use crate::limits;
use crate::record::{Recorder, Recordings};
use crate::registry::{Admission, Control, ControlParts, Job, Shard};
use crate::report::announce::Announcer;
use crate::report::log;
use crate::sys::epoll::Waker;
use crate::sys::process::{self, Background, Signals};

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
    /// No certificate for DTLS can be made.
    #[error("no certificate for DTLS: {0}")]
    Certificate(String),
    /// `--no-fallback`, and no device has a fast path.
    #[error("no-fallback is set, and no device has a fast path: {0}")]
    NoFastPath(String),
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
    let background = (!config.foreground).then(process::daemonise).transpose()?;
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
    background.map_or(Ok(()), Background::ready)?;
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
    kernel: KernelPath,
    _sampler: Sender<()>,
    _certificate: Sender<()>,
}

impl Daemon {
    fn start(mut config: Config, listening: Listening) -> Result<Self, StartError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = config.num_threads.unwrap_or(cores).max(1);
        // One shard carries more calls' signalling than four workers carry their media.
        let shards = (count / WORKERS_PER_SHARD).clamp(1, limits::SHARDS);
        config.call.dtls = Some(certificate::host(&config, shards)?);
        let kernel = KernelPath::start(&config, count)?;
        let pool = Arc::new(port_pool(&config));
        let recorder = start_recorder(&config)?;
        let recordings = recorder.as_ref().map_or(Recordings::off(), Recorder::recordings);
        let queues: Vec<ShardQueues> = (0..shards)
            .map(|_| ShardQueues::new())
            .collect::<io::Result<_>>()?;
        let sinks: Vec<EventSink> = queues.iter().map(ShardQueues::sink).collect();

        let mut workers = Vec::new();
        let mut ports = Vec::new();
        let wakers: Vec<Waker> = (0..count).map(|_| Waker::new()).collect::<io::Result<_>>()?;
        kernel.wake(&wakers);
        let mut rings = rings::start(&config, &kernel, &wakers);
        if rings.is_none() && config.no_fallback && config.offload == Offload::AfXdp {
            return Err(StartError::NoFastPath("no AF_XDP rings".to_owned()));
        }
        let sockets = (serve::choose(&config.sockets), &config.sockets);
        for (index, waker) in wakers.into_iter().enumerate() {
            let rings = rings.as_mut().and_then(|rings| rings.of_worker(index));
            let (paths, recordings) = ((&kernel, rings), recordings.clone());
            let (port, thread) =
                start_worker(index, sockets, paths, waker, sinks.clone(), &pool, recordings)?;
            ports.push(port);
            workers.push(thread);
        }
        let control = Arc::new(Control::new(ControlParts {
            ports: queues.iter().map(ShardQueues::port).collect(),
            workers: ports.into(),
            pool,
            admission: Admission::new(&config.limits),
            announcer: Announcer::new(start_xmlrpc(config.timeout_notice)?),
            kernel: kernel.fast().kernel.as_ref().map(Kernel::counters),
            templates: templates(&config.templates),
            settings: Arc::new(config.call),
            sockets: listening.ng.clone(),
            control_tos: config.control_tos,
        }));
        let shards = start_shards(&control, queues, &recordings, Front::new(listening.ng.clone()))?;
        let sampler = start_sampler(&control)?;
        let certificate = certificate::keep_young(&control, config.dtls)?;
        let serving = listening.serve(Arc::clone(&control))?;
        Ok(Self {
            control,
            workers,
            shards,
            serving,
            recorder,
            kernel,
            _sampler: sampler,
            _certificate: certificate,
        })
    }

    /// Ends every call, so that recordings are complete, then every thread. Before that the program goes: where a socket is
    /// closed, nobody must be forwarding or steering past it any more.
    fn stop(mut self) {
        if let Some(serving) = self.serving {
            let wait = serving.wait.clone();
            drop(serving);
            let _ = wait.recv_timeout(LAST_WORDS);
        }
        self.kernel.detach();
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
