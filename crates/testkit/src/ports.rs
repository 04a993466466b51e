//! Ports that count up instead of being bound, and the environment that commands get.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use call::{Env, LocalSockets, PortError, PortRequest, Ports};
use plan::{LocalSocket, SocketId};
use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};

/// Hands out ports from 30000 up, RTP even, and knows what is out.
#[derive(Debug)]
pub struct CountedPorts {
    addresses: Vec<IpAddr>,
    next: u16,
    out: BTreeSet<u32>,
    /// How many more sockets there are; tests lower it to make requests fail.
    pub left: usize,
}

impl CountedPorts {
    /// For a table of interfaces.
    pub fn new(interfaces: &call::Interfaces) -> Self {
        let addresses = interfaces.addresses().map(|(_, a)| a.ip).collect();
        Self {
            addresses,
            next: 30_000,
            out: BTreeSet::new(),
            left: usize::MAX,
        }
    }

    /// Sockets that were handed out and not given back.
    pub fn in_use(&self) -> usize {
        self.out.len()
    }

    /// What a worker does when a plan set no longer names a socket.
    pub fn close(&mut self, socket: SocketId) {
        assert!(self.out.remove(&socket.0), "{socket:?} closed twice");
    }
}

impl Ports for CountedPorts {
    fn allocate(&mut self, request: &PortRequest) -> Result<LocalSockets, PortError> {
        let count = usize::from(request.count);
        let ip = self.addresses.get(request.address.0 as usize);
        let ip = *ip.ok_or_else(|| PortError::Bind("no such address".to_owned()))?;
        self.left = self.left.checked_sub(count).ok_or(PortError::Exhausted)?;
        let first = self.next;
        self.next = self.next.checked_add(2).ok_or(PortError::Exhausted)?;
        let socket = |port: u16| LocalSocket {
            id: SocketId(port.into()),
            addr: SocketAddr::new(ip, port),
        };
        let sockets: LocalSockets = (first..).take(count).map(socket).collect();
        self.out.extend(sockets.iter().map(|s| s.id.0));
        Ok(sockets)
    }

    fn release(&mut self, sockets: &[SocketId]) {
        sockets.iter().for_each(|s| self.close(*s));
    }
}

/// Counted ports and seeded randomness.
#[derive(Debug)]
pub struct TestEnv {
    /// The ports.
    pub ports: CountedPorts,
    rng: SmallRng,
}

impl TestEnv {
    /// With a seed, so that identifiers repeat.
    pub fn new(interfaces: &call::Interfaces, seed: u64) -> Self {
        Self {
            ports: CountedPorts::new(interfaces),
            rng: SmallRng::seed_from_u64(seed),
        }
    }
}

impl Env for TestEnv {
    fn ports(&mut self) -> &mut dyn Ports {
        &mut self.ports
    }

    fn rng(&mut self) -> &mut dyn RngCore {
        &mut self.rng
    }
}
