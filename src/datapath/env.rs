//! What a call gets of the outside while it handles a command: the port pool and randomness.

use std::sync::Arc;
use std::time::Instant;

use call::{Env, LocalSockets, PortError, PortRequest, Ports};
use plan::SocketId;
use rand::RngCore;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::ports::{self, PortPool, RangeId};
use crate::driver::WorkerPort;
use crate::limits;

/// One control shard's [`Env`].
pub struct ShardEnv {
    ports: PoolHandle,
    rng: StdRng,
}

struct PoolHandle {
    pool: Arc<PortPool>,
    /// They close sockets, which brings ports back.
    workers: Arc<[WorkerPort]>,
    /// Leased in the command at hand.
    leased: Vec<SocketId>,
}

impl ShardEnv {
    /// Ports from `pool`, randomness from the system.
    pub fn new(pool: Arc<PortPool>, workers: Arc<[WorkerPort]>) -> Self {
        Self {
            ports: PoolHandle {
                pool,
                workers,
                leased: Vec::new(),
            },
            rng: StdRng::from_os_rng(),
        }
    }

    /// A command begins.
    pub fn begin(&mut self) {
        self.ports.leased.clear();
    }

    /// The command failed half-way: what it leased and no worker has comes back.
    pub fn undo(&mut self) {
        for id in std::mem::take(&mut self.ports.leased) {
            self.ports.pool.give_back(id);
        }
    }
}

impl Env for ShardEnv {
    fn ports(&mut self) -> &mut dyn Ports {
        &mut self.ports
    }

    fn rng(&mut self) -> &mut dyn RngCore {
        &mut self.rng
    }
}

impl PoolHandle {
    fn lease(&self, request: &PortRequest) -> Result<LocalSockets, ports::PortError> {
        let range = RangeId(request.address.0 as usize);
        match request.count {
            0 | 1 => self.pool.lease(range).map(|s| LocalSockets::from_slice(&[s])),
            _ => self
                .pool
                .lease_pair(range)
                .map(|pair| LocalSockets::from_slice(&pair)),
        }
    }

    /// Ports of ended calls are on their way back while workers have commands to do. "Ran out of ports" is only said
    /// when that is not so, or a worker does not keep up at all.
    fn lease_when_closed(&self, request: &PortRequest) -> Result<LocalSockets, ports::PortError> {
        let targets: Vec<u64> = self.workers.iter().map(WorkerPort::queued).collect();
        let give_up = Instant::now() + limits::PORTS_PATIENCE;
        loop {
            // Counted, not searched: each worker that is behind is woken.
            let behind = self
                .workers
                .iter()
                .zip(&targets)
                .filter(|(w, n)| !w.has_done(**n))
                .count();
            let sockets = self.lease(request);
            if sockets.is_ok() || behind == 0 || Instant::now() > give_up {
                return sockets;
            }
            std::thread::sleep(limits::PORTS_POLL);
        }
    }
}

impl Ports for PoolHandle {
    fn allocate(&mut self, request: &PortRequest) -> Result<LocalSockets, PortError> {
        let mut sockets = self.lease(request);
        if matches!(sockets, Err(ports::PortError::Exhausted)) {
            sockets = self.lease_when_closed(request);
        }
        if let Ok(sockets) = &sockets {
            self.leased.extend(sockets.iter().map(|s| s.id));
        }
        sockets.map_err(|error| match error {
            ports::PortError::Exhausted => PortError::Exhausted,
            ports::PortError::Refused(_) => {
                tracing::error!("no port could be bound: {error}");
                PortError::Bind(error.to_string())
            }
        })
    }

    fn release(&mut self, sockets: &[SocketId]) {
        self.leased.retain(|id| !sockets.contains(id));
        sockets.iter().for_each(|id| self.pool.give_back(*id));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::atomic::Ordering;

    use call::AddressId;

    use super::*;
    use crate::datapath::ports::PortRange;

    #[test]
    fn what_a_failed_command_leased_comes_back() {
        let range = PortRange {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: 20_000..=29_999,
            exclude: Vec::new(),
        };
        let pool = Arc::new(PortPool::new(&[range], 7));
        let mut env = ShardEnv::new(Arc::clone(&pool), Arc::from([]));
        let request = PortRequest {
            address: AddressId(0),
            count: 2,
        };
        env.begin();
        let kept = env.ports().allocate(&request).unwrap();
        env.begin();
        env.ports().allocate(&request).unwrap();
        let handed_over = env.ports().allocate(&request).unwrap();
        let worker = pool.take(handed_over.iter().copied());
        env.undo();
        assert_eq!(
            pool.usage()[0].used,
            4,
            "the earlier command's and the worker's remain"
        );
        drop(worker);
        env.undo();
        env.ports()
            .release(&kept.iter().map(|s| s.id).collect::<Vec<_>>());
        assert_eq!(pool.usage()[0].used, 2);
    }

    #[test]
    fn ports_that_are_being_closed_are_waited_for() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let is_free = |port: u16| crate::sys::socket::bind_media((ip, port).into()).is_ok();
        let even = (30_000..60_000)
            .step_by(2)
            .find(|p| is_free(*p) && is_free(p + 1));
        let even = even.expect("a free pair of ports");
        let range = PortRange {
            ip,
            ports: even..=even + 1,
            exclude: Vec::new(),
        };
        let pool = Arc::new(PortPool::new(&[range], 7));
        let worker = WorkerPort {
            commands: crossbeam::channel::bounded(1).0,
            waker: crate::sys::epoll::Waker::new().expect("eventfd"),
            counters: Arc::default(),
        };
        let counters = Arc::clone(&worker.counters);
        let mut env = ShardEnv::new(Arc::clone(&pool), Arc::from([worker]));
        let request = PortRequest {
            address: AddressId(0),
            count: 2,
        };
        let sockets = env.ports().allocate(&request).expect("the only pair");
        let handed_over = pool.take(sockets.iter().copied());
        let refused = env.ports().allocate(&request);
        assert!(
            matches!(refused, Err(PortError::Exhausted)),
            "nothing is on its way back"
        );
        counters.commands_queued.store(1, Ordering::Release);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                drop(handed_over);
                for socket in &sockets {
                    pool.closed().send(socket.id).expect("room");
                }
                counters.commands_done.store(1, Ordering::Release);
            });
            let again = env.ports().allocate(&request).expect("the pair that was closed");
            assert_eq!(again[0].addr.port(), even);
        });
    }
}
