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

struct PoolHandle(Arc<PortPool>);

impl ShardEnv {
    /// Ports from `pool`, randomness from the system.
    pub fn new(pool: Arc<PortPool>) -> Self {
        Self {
            ports: PoolHandle(pool),
            rng: StdRng::from_os_rng(),
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
            0 | 1 => self.0.lease(range).map(|s| LocalSockets::from_slice(&[s])),
            _ => self
                .0
                .lease_pair(range)
                .map(|pair| LocalSockets::from_slice(&pair)),
        };
        sockets.map_err(|error| match error {
            ports::PortError::Exhausted => PortError::Exhausted,
            ports::PortError::Refused(_) => {
                tracing::error!("no port could be bound: {error}");
                PortError::Bind(error.to_string())
            }
        })
    }

    fn release(&mut self, sockets: &[SocketId]) {
        sockets.iter().for_each(|id| self.0.give_back(*id));
    }
}
