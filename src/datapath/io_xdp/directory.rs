//! Which socket of which worker has an address and port: one table for all workers, read for each packet.
//!
//! A word for each port that a call can have, so that a look-up is one load. The worker that has a socket open writes its word. What a reader sees of a socket that is just being
//! opened or closed is what it would have seen a moment earlier or later.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use plan::{SocketId, WorkerId};

/// Who has a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) worker: WorkerId,
    pub(super) socket: SocketId,
}

/// The table. Ports that it was not made for are unknown to it: their sockets get no packets from rings.
#[derive(Debug)]
pub struct Directory {
    ranges: Vec<Range>,
}

#[derive(Debug)]
struct Range {
    ip: IpAddr,
    first: u16,
    ports: Box<[AtomicU64]>,
}

impl Directory {
    /// For these ports of local addresses.
    pub fn new(ranges: impl IntoIterator<Item = (IpAddr, RangeInclusive<u16>)>) -> Self {
        let ranges = ranges.into_iter().map(|(ip, ports)| Range {
            ip,
            first: *ports.start(),
            ports: ports.map(|_| AtomicU64::new(0)).collect(),
        });
        Self {
            ranges: ranges.collect(),
        }
    }

    #[inline]
    fn word(&self, addr: SocketAddr) -> Option<&AtomicU64> {
        let ip = addr.ip();
        let mut ranges = self.ranges.iter().filter(|range| range.ip == ip);
        ranges.find_map(|range| {
            let offset = addr.port().checked_sub(range.first)?;
            range.ports.get(usize::from(offset))
        })
    }

    /// Notes who has a socket; false if the address is not known.
    pub(super) fn insert(&self, addr: SocketAddr, owner: Owner) -> bool {
        let word = (u64::from(owner.worker.0) + 1) << 32 | u64::from(owner.socket.0);
        let Some(place) = self.word(addr) else {
            return false;
        };
        place.store(word, Relaxed);
        true
    }

    /// Forgets a socket.
    pub(super) fn remove(&self, addr: SocketAddr) {
        if let Some(place) = self.word(addr) {
            place.store(0, Relaxed);
        }
    }

    /// Who has the socket of an address and port.
    #[inline]
    pub(super) fn owner(&self, addr: SocketAddr) -> Option<Owner> {
        let word = self.word(addr)?.load(Relaxed);
        let worker = (word >> 32).checked_sub(1)?;
        Some(Owner {
            worker: WorkerId(worker as _),
            socket: SocketId(word as u32),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_found_by_address_and_port() {
        let ip = |text: &str| text.parse::<IpAddr>().expect(text);
        let ranges = [
            ("192.0.2.1", 30000..=30001),
            ("192.0.2.1", 40000..=40009),
            ("2001:db8::1", 40000..=65535),
        ];
        let directory = Directory::new(ranges.map(|(text, ports)| (ip(text), ports)));
        let owner = Owner {
            worker: WorkerId(3),
            socket: SocketId(u32::MAX),
        };
        let here = SocketAddr::new(ip("2001:db8::1"), 65535);
        assert_eq!(directory.owner(here), None);
        assert!(directory.insert(here, owner));
        assert_eq!(directory.owner(here), Some(owner));
        assert_eq!(directory.owner(SocketAddr::new(ip("192.0.2.1"), 65535)), None);
        let second = SocketAddr::new(ip("192.0.2.1"), 40009);
        assert!(directory.insert(second, owner));
        assert_eq!(directory.owner(second), Some(owner));
        assert_eq!(directory.owner(SocketAddr::new(ip("192.0.2.1"), 39999)), None);
        directory.remove(here);
        assert_eq!(directory.owner(here), None);
        let unknown = SocketAddr::new(ip("192.0.2.2"), 1);
        assert!(!directory.insert(unknown, owner));
        assert_eq!(directory.owner(unknown), None);
    }
}
