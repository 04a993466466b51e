//! What a call gets of the outside while it handles a command: the port pool and randomness.

use std::sync::Arc;

use call::{Env, LocalSockets, PortError, PortRequest, Ports};
use plan::SocketId;
use rand::RngCore;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::ports::{self, PortPool, RangeId};

/// One control shard's [`Env`].
pub struct ShardEnv {
    ports: PoolHandle,
    rng: StdRng,
}

struct PoolHandle {
    pool: Arc<PortPool>,
    /// Leased in the command at hand.
    leased: Vec<SocketId>,
}

impl ShardEnv {
    /// Ports from `pool`, randomness from the system.
    pub fn new(pool: Arc<PortPool>) -> Self {
        Self {
            ports: PoolHandle {
                pool,
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

impl Ports for PoolHandle {
    fn allocate(&mut self, request: &PortRequest) -> Result<LocalSockets, PortError> {
        let range = RangeId(request.address.0 as usize);
        let sockets = match request.count {
            0 | 1 => self.pool.lease(range).map(|s| LocalSockets::from_slice(&[s])),
            _ => self
                .pool
                .lease_pair(range)
                .map(|pair| LocalSockets::from_slice(&pair)),
        };
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
        let mut env = ShardEnv::new(Arc::clone(&pool));
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
}
