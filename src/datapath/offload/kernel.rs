//! The program in the kernel, with its tables, from start to end.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aya::Ebpf;
use aya::programs::{TestRun, TestRunOptions};

use super::here::Here;
use super::layout::REASONS;
use super::maps::{self, GENERIC, Maps, NATIVE, Served, Setup, TC, Unavailable};
use super::rings::Rings;
use super::table::WorkerTable;
use crate::sys::bpf::{self, Point};

/// The program and what it is attached to. All of it goes when this goes, or the process does.
pub struct Kernel {
    ebpf: Ebpf,
    maps: Arc<Maps>,
    workers: usize,
    links: Vec<OwnedFd>,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel")
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}

impl Kernel {
    /// Loads the program; nothing is attached.
    pub fn load(setup: &Setup) -> Result<Self, Unavailable> {
        let (ebpf, maps) = maps::load(setup)?;
        Ok(Self {
            ebpf,
            maps: Arc::new(maps),
            workers: setup.workers.max(1),
            links: Vec::new(),
        })
    }

    /// The part of the tables that is this worker's. To be asked for once by each.
    pub fn worker_table(&self, worker: usize) -> WorkerTable {
        let each = self.maps.entries.len() / self.workers;
        let bound = |n: usize| u32::try_from(n * each).unwrap_or(u32::MAX);
        WorkerTable::new(Arc::clone(&self.maps), bound(worker)..bound(worker + 1))
    }

    /// Attaches the program to a device, where it sees packets from now on. To be kept.
    pub(super) fn link(&self, device: u32, mode: Served) -> io::Result<OwnedFd> {
        bpf::attach(self.program(mode)?, device, point(mode)?)
    }

    /// Keeps a link; from now on these addresses are served by it.
    pub(super) fn keep(&mut self, link: OwnedFd, mode: Served, addresses: &[IpAddr]) {
        self.links.push(link);
        addresses.iter().for_each(|ip| self.serve(*ip, mode));
    }

    /// Takes the program off all devices: what is for us goes up the stack from now on.
    pub fn detach(&mut self) {
        self.links.clear();
    }

    /// Says which program sees the packets of a local address.
    pub(super) fn serve(&mut self, ip: IpAddr, mode: Served) {
        self.maps.set_served(ip, mode);
    }

    /// Says what is known of this host. To be said once.
    pub(super) fn serve_here(&self, here: Here) {
        let _ = self.maps.here.set(here);
    }

    /// What steers packets to AF_XDP rings.
    pub fn rings(&self) -> Rings {
        Rings {
            maps: Arc::clone(&self.maps),
        }
    }

    /// The most flows that may be in the kernel at once.
    pub fn entries(&self) -> usize {
        self.maps.entries.len()
    }

    /// How many packets of ports with an entry were not forwarded, by reason.
    pub fn reasons(&self) -> Vec<(&'static str, u64)> {
        self.counters().reasons()
    }

    /// What the program counts.
    pub fn counters(&self) -> KernelCounters {
        KernelCounters(Arc::clone(&self.maps))
    }

    /// Runs the program over one frame, `repeat` times, as if it had arrived at the loopback device. Nothing is sent.
    pub fn run(&self, mode: Served, frame: &[u8], repeat: u32) -> io::Result<Ran> {
        // Headers may grow.
        let mut out = vec![0; frame.len() + 64];
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut out),
            repeat,
            ..TestRunOptions::default()
        };
        let result = match mode {
            Served::Not => return Err(io::ErrorKind::InvalidInput.into()),
            Served::Native => maps::xdp(&self.ebpf, NATIVE).map(|program| program.test_run(options)),
            Served::Generic => maps::xdp(&self.ebpf, GENERIC).map(|program| program.test_run(options)),
            Served::Tc => maps::classifier(&self.ebpf, TC).map(|program| program.test_run(options)),
        };
        let result = result
            .ok_or(io::ErrorKind::Unsupported)?
            .map_err(io::Error::other)?;
        out.truncate(result.data_size_out as usize);
        Ok(Ran {
            action: result.return_value.cast_signed(),
            frame: out,
            each: result.duration,
        })
    }

    fn program(&self, mode: Served) -> io::Result<BorrowedFd<'_>> {
        let loaded = match mode {
            Served::Not => return Err(io::ErrorKind::InvalidInput.into()),
            Served::Native => maps::xdp(&self.ebpf, NATIVE).map(|program| program.fd()),
            Served::Generic => maps::xdp(&self.ebpf, GENERIC).map(|program| program.fd()),
            Served::Tc => maps::classifier(&self.ebpf, TC).map(|program| program.fd()),
        };
        let fd = loaded.ok_or(io::ErrorKind::Unsupported)?;
        fd.map(|fd| fd.as_fd()).map_err(io::Error::other)
    }
}

/// What the program counts, for all flows together.
#[derive(Clone)]
pub struct KernelCounters(Arc<Maps>);

impl KernelCounters {
    /// How many packets of ports with an entry were not forwarded, by reason.
    pub fn reasons(&self) -> Vec<(&'static str, u64)> {
        let total = |at: usize| {
            let counts = self.0.reasons.iter().filter_map(|of_cpu| of_cpu.count.get(at));
            counts.map(|count| count.load(Relaxed)).sum()
        };
        (0..).zip(REASONS).map(|(at, name)| (*name, total(at))).collect()
    }
}

/// What the program did with a frame.
#[derive(Clone, Debug)]
pub struct Ran {
    /// `XDP_*` or `TC_ACT_*`.
    pub action: i32,
    /// The frame as it left.
    pub frame: Vec<u8>,
    /// How long one run took, on average.
    pub each: Duration,
}

fn point(mode: Served) -> io::Result<Point> {
    match mode {
        Served::Not => Err(io::ErrorKind::InvalidInput.into()),
        Served::Native => Ok(Point::XdpNative),
        Served::Tc => Ok(Point::TcIngress),
        Served::Generic => Ok(Point::XdpGeneric),
    }
}
