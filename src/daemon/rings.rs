//! AF_XDP from the configuration to the workers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use plan::WorkerId;

use super::kernel::KernelPath;
use crate::config::{Config, Offload};
use crate::datapath::io::Io;
use crate::datapath::io_xdp::{self, Fabric, Ring, RingCounters, RingDevice, RingSet, XdpIo};
use crate::datapath::offload::attach::Site;
use crate::datapath::offload::nexthop::Lookup;
use crate::datapath::offload::{Rings, Served};
use crate::sys::epoll::Waker;

/// Rings, and who finds next hops for them.
pub(super) struct Started {
    lookup: Lookup,
    rings: RingSet,
}

/// What one worker gets of it.
pub(super) struct WorkerRings {
    rings: Vec<Ring>,
    worker: WorkerId,
    fabric: Arc<Fabric>,
    lookup: Lookup,
}

impl WorkerRings {
    /// Rings beside these sockets.
    pub(super) fn beside<S: Io>(
        self,
        sockets: S,
        counters: &Arc<RingCounters>,
        wake_delay: Duration,
    ) -> io::Result<XdpIo<S>> {
        let Self {
            rings,
            worker,
            fabric,
            lookup,
        } = self;
        let (hops, counters) = (Box::new(lookup), Arc::clone(counters));
        XdpIo::new(sockets, rings, worker, fabric, hops, counters, wake_delay)
    }
}

impl Started {
    /// What this worker gets. To be asked for once by each.
    pub(super) fn of_worker(&mut self, index: usize) -> Option<WorkerRings> {
        Some(WorkerRings {
            rings: std::mem::take(self.rings.of_worker.get_mut(index)?),
            worker: WorkerId(u16::try_from(index).ok()?),
            fabric: Arc::clone(&self.rings.fabric),
            lookup: self.lookup.clone(),
        })
    }
}

/// Starts what the configuration asks for; `None` if that is nothing, or does not work here, which is said.
pub(super) fn start(config: &Config, path: &KernelPath, wakers: &[Waker]) -> Option<Started> {
    if config.offload != Offload::AfXdp {
        return None;
    }
    let (kernel, lookup) = (path.fast().kernel.as_ref()?, path.lookup()?);
    match open(config, &path.fast().sites, kernel.rings(), wakers) {
        Ok(rings) => Some(Started {
            rings,
            lookup: lookup.clone(),
        }),
        Err(error) => {
            tracing::warn!("no AF_XDP, sockets are used: {error}");
            None
        }
    }
}

fn open(config: &Config, sites: &[Site], program: Rings, wakers: &[Waker]) -> io::Result<RingSet> {
    let addresses = config.call.interfaces.addresses();
    let ports = addresses.map(|(_, address)| (address.ip, address.ports.min..=address.ports.max));
    // A program at tc cannot steer to rings.
    let with_xdp = |site: &&Site| matches!(site.served, Served::Native | Served::Generic);
    let sites = sites.iter().filter(with_xdp);
    let devices: Vec<RingDevice> = sites
        .filter_map(|site| {
            Some(RingDevice {
                index: site.device?,
                name: site.name.clone(),
            })
        })
        .collect();
    io_xdp::open(&devices, ports, program, wakers)
}
