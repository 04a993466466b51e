//! The pool of local media ports: which are free, which socket has which, and when a port may be used again.
//!
//! A port is free, or leased under one [`SocketId`]; it becomes free only after its socket was closed, and goes to the
//! tail of the list then, so that late packets of an ended call meet a closed port for as long as possible. RTP ports
//! are even and their RTCP ports are the next odd ones; a single port takes the even half of a pair. Only the control
//! side comes here, never the packet path.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam::channel::{Receiver, Sender, bounded};
use plan::{LocalSocket, SocketId};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use slab::Slab;

use crate::sys::socket;

/// Ports of one local address.
#[derive(Clone, Debug)]
pub struct PortRange {
    /// The address to bind.
    pub ip: IpAddr,
    /// First and last port.
    pub ports: RangeInclusive<u16>,
    /// Ports of the range that are not ours to use.
    pub exclude: Vec<u16>,
}

/// Names one range of a pool, in the order they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RangeId(pub usize);

/// Why no port could be leased.
#[derive(Debug)]
pub enum PortError {
    /// Every port of the range is leased by us or taken by another process.
    Exhausted,
    /// The system refuses sockets for another reason (too many descriptors, address gone, ...).
    Refused(io::Error),
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted => f.write_str("every port of the range is in use"),
            Self::Refused(e) => write!(f, "the system refuses a socket: {e}"),
        }
    }
}

/// What a range has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeUse {
    /// Ports that can be leased.
    pub free: usize,
    /// Ports leased.
    pub used: usize,
    /// First port.
    pub min: u16,
    /// Last port.
    pub max: u16,
}

/// All local media ports. Shared by the control shards; workers only send back what they closed.
pub struct PortPool {
    inner: Mutex<Inner>,
    closed: Receiver<SocketId>,
    closed_tx: Sender<SocketId>,
}

struct Inner {
    ranges: Vec<Range>,
    /// By [`RangeId`]: which of `ranges`. Interfaces that share an address and its ports share the ports' state too.
    by_id: Vec<usize>,
    leases: Slab<Lease>,
}

struct Range {
    ip: IpAddr,
    bounds: RangeInclusive<u16>,
    /// Even ports whose pair is free.
    free: VecDeque<u16>,
    used: usize,
}

struct Lease {
    range: usize,
    port: u16,
    /// The other half of the pair, while it is leased too.
    sibling: Option<usize>,
    /// Bound, and not yet handed to a worker.
    fd: Option<OwnedFd>,
}

impl PortPool {
    /// A pool over `ranges`, each in random order.
    pub fn new(ranges: &[PortRange], seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut by_id = Vec::new();
        let mut made: Vec<Range> = Vec::new();
        for range in ranges {
            let same = |r: &Range| r.ip == range.ip && r.bounds == range.ports;
            let index = made.iter().position(same).unwrap_or(made.len());
            if index == made.len() {
                made.push(Range::new(range, &mut rng));
            }
            by_id.push(index);
        }
        let ranges = made;
        let pairs: usize = ranges.iter().map(|r| r.free.len()).sum();
        // A worker can never block here: there are no more leases than ports.
        let (closed_tx, closed) = bounded(pairs * 2 + 2);
        let leases = Slab::new();
        Self {
            inner: Mutex::new(Inner {
                ranges,
                by_id,
                leases,
            }),
            closed,
            closed_tx,
        }
    }

    /// Leases an even port and the next one, both bound.
    pub fn lease_pair(&self, range: RangeId) -> Result<[LocalSocket; 2], PortError> {
        let mut inner = self.reclaimed();
        let (port, fds) = inner.bind_next(range, 2)?;
        let mut fds = fds.into_iter();
        let rtp = inner.insert(range, port, fds.next());
        let rtcp = inner.insert(range, port + 1, fds.next());
        inner.pair_up(rtp.id, rtcp.id);
        Ok([rtp, rtcp])
    }

    /// Leases one even port, bound.
    pub fn lease(&self, range: RangeId) -> Result<LocalSocket, PortError> {
        let mut inner = self.reclaimed();
        let (port, fds) = inner.bind_next(range, 1)?;
        Ok(inner.insert(range, port, fds.into_iter().next()))
    }

    /// Hands over those of the sockets that were not handed over before.
    pub fn take(&self, sockets: impl Iterator<Item = LocalSocket>) -> Vec<(LocalSocket, OwnedFd)> {
        let mut inner = self.lock();
        sockets
            .filter_map(|s| Some((s, inner.leases.get_mut(s.id.0 as usize)?.fd.take()?)))
            .collect()
    }

    /// Takes back a socket that was handed over, to be handed over again.
    pub fn put(&self, id: SocketId, fd: OwnedFd) {
        if let Some(lease) = self.lock().leases.get_mut(id.0 as usize) {
            lease.fd = Some(fd);
        }
    }

    /// Ends a lease that no worker has: closes its socket. Does nothing if a worker has it (it will report).
    pub fn give_back(&self, id: SocketId) {
        let mut inner = self.lock();
        if inner.leases.get(id.0 as usize).is_some_and(|l| l.fd.is_some()) {
            inner.release(id);
        }
    }

    /// Where workers report sockets they have closed. Never full.
    pub fn closed(&self) -> Sender<SocketId> {
        self.closed_tx.clone()
    }

    /// What is left, by range.
    pub fn usage(&self) -> Vec<RangeUse> {
        let inner = self.reclaimed();
        inner.by_id.iter().map(|i| inner.ranges[*i].usage()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere must not end all calls; the tables are valid between any two statements here.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reclaimed(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        for id in self.closed.try_iter() {
            inner.release(id);
        }
        inner
    }
}

impl Range {
    fn new(range: &PortRange, rng: &mut SmallRng) -> Self {
        let excluded = |port: &u16| range.exclude.contains(port);
        let mut free: Vec<u16> = range
            .ports
            .clone()
            .filter(|p| p % 2 == 0 && *p > 0 && range.ports.contains(&(p + 1)))
            .filter(|p| !excluded(p) && !excluded(&(p + 1)))
            .collect();
        free.shuffle(rng);
        Self {
            ip: range.ip,
            bounds: range.ports.clone(),
            free: free.into(),
            used: 0,
        }
    }

    fn usage(&self) -> RangeUse {
        RangeUse {
            free: self.free.len() * 2,
            used: self.used,
            min: *self.bounds.start(),
            max: *self.bounds.end(),
        }
    }
}

impl Inner {
    /// Binds the next free pair (or its even half). A port somebody else has goes to the tail, and only if that is
    /// true of all of them the range is exhausted.
    fn bind_next(&mut self, RangeId(range): RangeId, count: u16) -> Result<(u16, Vec<OwnedFd>), PortError> {
        let range = self
            .by_id
            .get(range)
            .and_then(|i| self.ranges.get_mut(*i))
            .ok_or(PortError::Exhausted)?;
        for _ in 0..range.free.len() {
            let Some(port) = range.free.pop_front() else {
                break;
            };
            let bound: io::Result<Vec<OwnedFd>> = (port..port + count)
                .map(|p| socket::bind_media(SocketAddr::new(range.ip, p)))
                .collect();
            match bound {
                Ok(fds) => return Ok((port, fds)),
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => range.free.push_back(port),
                Err(e) => {
                    range.free.push_front(port);
                    return Err(PortError::Refused(e));
                }
            }
        }
        Err(PortError::Exhausted)
    }

    fn insert(&mut self, RangeId(range): RangeId, port: u16, fd: Option<OwnedFd>) -> LocalSocket {
        let range = self.by_id[range];
        let owner = &mut self.ranges[range];
        owner.used += 1;
        let addr = SocketAddr::new(owner.ip, port);
        let key = self.leases.insert(Lease {
            range,
            port,
            sibling: None,
            fd,
        });
        LocalSocket {
            id: SocketId(u32::try_from(key).expect("there are fewer leases than ports")),
            addr,
        }
    }

    fn pair_up(&mut self, a: SocketId, b: SocketId) {
        self.leases[a.0 as usize].sibling = Some(b.0 as usize);
        self.leases[b.0 as usize].sibling = Some(a.0 as usize);
    }

    fn release(&mut self, id: SocketId) {
        let Some(lease) = self.leases.try_remove(id.0 as usize) else {
            return;
        };
        let range = &mut self.ranges[lease.range];
        range.used -= 1;
        match lease.sibling {
            Some(other) => self.leases[other].sibling = None,
            None => range.free.push_back(lease.port & !1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn pool(ports: RangeInclusive<u16>, exclude: &[u16]) -> PortPool {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let exclude = exclude.to_vec();
        PortPool::new(&[PortRange { ip, ports, exclude }], 1)
    }

    const R: RangeId = RangeId(0);

    /// A range of eight ports that nobody else is using at the moment.
    fn free_range() -> RangeInclusive<u16> {
        let is_free = |p: u16| socket::bind_media(SocketAddr::from(([127, 0, 0, 1], p))).is_ok();
        let base = (41_000..60_000).step_by(8).find(|b| (*b..b + 8).all(is_free));
        let base = base.expect("eight free ports");
        base..=base + 7
    }

    #[test]
    fn pairs_are_even_and_odd_and_never_handed_out_twice() {
        let range = free_range();
        let pool = pool(range.clone(), &[]);
        let mut seen = HashSet::new();
        for _ in 0..4 {
            let [rtp, rtcp] = pool.lease_pair(R).expect("a pair");
            assert_eq!(rtp.addr.port() % 2, 0);
            assert_eq!(rtcp.addr.port(), rtp.addr.port() + 1);
            assert!(seen.insert(rtp.addr) && seen.insert(rtcp.addr));
            assert!(range.contains(&rtp.addr.port()) && range.contains(&rtcp.addr.port()));
        }
        assert!(matches!(pool.lease_pair(R), Err(PortError::Exhausted)));
        assert!(matches!(pool.lease(R), Err(PortError::Exhausted)));
    }

    #[test]
    fn a_port_comes_back_after_both_halves_were_closed() {
        let pool = pool(free_range(), &[]);
        let pairs: Vec<_> = (0..4).map(|_| pool.lease_pair(R).expect("pair")).collect();
        let [rtp, rtcp] = pairs[2];
        assert_eq!(pool.take([rtp].into_iter()).len(), 1);
        assert_eq!(pool.take([rtp].into_iter()).len(), 0, "handed over once");
        pool.closed().send(rtp.id).expect("room");
        assert!(matches!(pool.lease(R), Err(PortError::Exhausted)));
        pool.give_back(rtcp.id);
        assert_eq!(pool.lease(R).expect("free again").addr, rtp.addr);
        let usage = pool.usage()[0];
        assert_eq!((usage.free, usage.used), (0, 7));
    }

    #[test]
    fn freed_ports_go_to_the_tail() {
        let pool = pool(free_range(), &[]);
        let first = pool.lease(R).expect("port");
        pool.give_back(first.id);
        for _ in 0..3 {
            assert_ne!(pool.lease(R).expect("port").addr, first.addr);
        }
        assert_eq!(pool.lease(R).expect("port").addr, first.addr);
    }

    #[test]
    fn excluded_and_foreign_ports_are_left_alone() {
        let range = free_range();
        let base = *range.start();
        let pool = pool(range, &[base + 1]);
        let taken = socket::bind_media(SocketAddr::from(([127, 0, 0, 1], base + 3)));
        let ports: HashSet<u16> = (0..2)
            .map(|_| pool.lease_pair(R).expect("pair")[0].addr.port())
            .collect();
        assert_eq!(ports, HashSet::from([base + 4, base + 6]));
        assert!(matches!(pool.lease_pair(R), Err(PortError::Exhausted)));
        drop(taken);
        assert_eq!(pool.lease_pair(R).expect("pair")[0].addr.port(), base + 2);
    }

    #[test]
    fn an_address_that_is_not_ours_is_not_called_exhausted() {
        let ip = IpAddr::from([192, 0, 2, 1]);
        let ports = 30_000..=30_010;
        let exclude = Vec::new();
        let pool = PortPool::new(&[PortRange { ip, ports, exclude }], 1);
        assert!(matches!(pool.lease_pair(R), Err(PortError::Refused(_))));
    }
}
