//! Next hops by rtnetlink: the device, neighbour and MTU that packets from a local address to a peer take.
//!
//! One thread asks the kernel about routes and neighbours and listens to what changes; workers find its answers in a
//! shared map and never wait for it (`shared`). A way nobody has asked for since the last sweep is forgotten: workers
//! ask for what they use whenever [`NextHops::generation`](super::NextHops::generation) has counted up, and every
//! sweep counts it up. Packets that a BPF program forwards do not tell the kernel that a neighbour is in use, so the
//! thread does, as `NTF_USE`.
//!
//! Everything in doubt is refused: a route lookup answers for a packet with this source and destination, so rules that
//! go by anything else, IPsec policies, and devices that do more with a packet than send it are reasons to leave a flow
//! to the network stack. Of several next hops of a route the kernel's own choice is taken. What a lookup does not show
//! and is not looked for: routes that have a TOS of their own (`ip route add ... tos`), and what netfilter would do.
//!
//! The messages are read and written here, by `wire`, and not by a crate: of the crates for rtnetlink none knows IPsec
//! policies, and reading attributes one by one is what makes "a rule with anything unknown in it" a simple question.

mod host;
mod kernel;
mod links;
mod neighbour;
pub mod netdev;
mod policy;
mod prefix;
mod resolver;
mod route;
mod shared;
mod wire;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Release;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam::channel::bounded;

pub use self::links::{Device, DeviceKind};
pub use self::shared::{Lookup, NextHopCounters};

use self::links::Links;
use self::resolver::Resolution;
use self::shared::Shared;
use crate::limits;
use crate::sys::epoll::Waker;

/// The thread that resolves next hops, for the network namespace of the thread that started it. Ends when dropped.
pub struct Resolver {
    shared: Arc<Shared>,
    links: Arc<Mutex<Links>>,
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// Starts it. Fails where the kernel tells us nothing, or not about IPsec policies (which takes `CAP_NET_ADMIN`).
    pub fn start() -> io::Result<(Self, Lookup)> {
        Self::with_buffer(limits::NETLINK_RCVBUF_BYTES)
    }

    /// The same with so much room for what the kernel tells; less than is needed makes it ask more.
    pub fn with_buffer(bytes: usize) -> io::Result<(Self, Lookup)> {
        let (wanted, wants) = bounded(limits::NEXT_HOPS_WANTED);
        let waker = Waker::new()?;
        let shared = Arc::new(Shared::new(wanted, waker.clone()));
        let stop = Arc::new(AtomicBool::new(false));
        let resolution = Resolution::new(
            Arc::clone(&shared),
            wants,
            Arc::clone(&stop),
            waker.clone(),
            bytes,
        )?;
        let links = resolution.links();
        let thread = std::thread::Builder::new()
            .name("next-hops".into())
            .spawn(move || resolution.run())?;
        let lookup = Lookup(Arc::clone(&shared));
        let resolver = Self {
            shared,
            links,
            stop,
            waker,
            thread: Some(thread),
        };
        Ok((resolver, lookup))
    }

    /// The devices that have a local address; as things stand, they may come and go.
    pub fn devices_of(&self, address: IpAddr) -> Vec<Device> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.devices_of(address)
    }

    /// A device by its index.
    pub fn device(&self, index: u32) -> Option<Device> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.device(index)
    }

    /// Has workers woken when answers have changed; otherwise they notice with their next turn. To be said once.
    pub fn wake(&self, workers: Vec<Waker>) {
        let _ = self.shared.workers.set(workers);
    }

    /// What it counts.
    pub fn counters(&self) -> &NextHopCounters {
        &self.shared.counters
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop.store(true, Release);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The devices that have a local address now, without a [`Resolver`].
pub fn devices_of(address: IpAddr) -> io::Result<Vec<Device>> {
    let mut kernel = kernel::Kernel::open(libc::NETLINK_ROUTE)?;
    Ok(host::read_links(&mut kernel)?.devices_of(address))
}

/// A device by its index, without a [`Resolver`].
pub fn device(index: u32) -> io::Result<Option<Device>> {
    let mut kernel = kernel::Kernel::open(libc::NETLINK_ROUTE)?;
    Ok(host::read_links(&mut kernel)?.device(index))
}
