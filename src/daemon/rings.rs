//! AF_XDP from the configuration to the workers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use plan::WorkerId;

use super::kernel::KernelPath;
use crate::config::{Config, Offload};
use crate::datapath::io::Io;
use crate::datapath::io_xdp::{self, Fabric, Ring, RingCounters, RingDevice, RingSet, RingSite, XdpIo};
use crate::datapath::offload::attach::Site;
use crate::datapath::offload::nexthop::Lookup;
use crate::datapath::offload::{FastPaths, Served};
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

/// Starts what the configuration asks for and this machine has, and says so.
pub(super) fn start(config: &Config, path: &KernelPath, wakers: &[Waker]) -> Option<Started> {
    let lookup = path.lookup()?;
    let (rings, lines) = open(config, path.fast(), wakers);
    lines.iter().for_each(|line| tracing::info!("offload: {line}"));
    Some(Started {
        rings: rings?,
        lookup: lookup.clone(),
    })
}

/// Says what each device has. Programs are attached and rings opened for a moment: only then it is known what there is.
/// False if no device has a fast path.
pub fn check_offload(config: &Config) -> (Vec<String>, bool) {
    let found = FastPaths::start(config, 1);
    let mut lines = found.lines();
    let wakers: Vec<Waker> = Waker::new().into_iter().collect();
    lines.extend(open(config, &found, &wakers).1);
    (lines, found.kernel.is_some())
}

/// Opens the rings that there may be, and says of each device what it has.
fn open(config: &Config, found: &FastPaths, wakers: &[Waker]) -> (Option<RingSet>, Vec<String>) {
    let devices = devices(config.offload, &found.sites);
    let Some(kernel) = found.kernel.as_ref().filter(|_| !devices.is_empty()) else {
        return (None, Vec::new());
    };
    let addresses = config.call.interfaces.addresses();
    let ports = addresses.map(|(_, address)| (address.ip, address.ports.min..=address.ports.max));
    let (rings, sites) = io_xdp::open(&devices, ports, kernel.rings(), wakers);
    (rings, lines(&sites))
}

/// The devices whose programs may steer to rings; one at tc cannot.
fn devices(offload: Offload, sites: &[Site]) -> Vec<RingDevice> {
    let served: &[Served] = match offload {
        // Where XDP is generic a packet has been made for the stack already, and copying it saves little.
        Offload::Auto => &[Served::Native],
        Offload::AfXdp => &[Served::Native, Served::Generic],
        Offload::Native | Offload::Tc | Offload::Generic | Offload::Off => &[],
    };
    let sites = sites.iter().filter(|site| served.contains(&site.served));
    let device = |site: &Site| {
        Some(RingDevice {
            index: site.device?,
            name: site.name.clone(),
        })
    };
    sites.filter_map(device).collect()
}

/// A line for each device, or one for all if the same keeps them all from having rings.
fn lines(sites: &[RingSite]) -> Vec<String> {
    let none = |site: &RingSite| site.rings == 0 && site.why == sites[0].why;
    match sites.first().and_then(|first| first.why.as_ref()) {
        Some(why) if sites.len() > 1 && sites.iter().all(none) => vec![format!("no AF_XDP: {why}")],
        _ => sites.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_all_is_said_once() {
        let site = |name: &str, rings, why: Option<&str>| RingSite {
            name: name.into(),
            rings,
            queues: 1,
            why: why.map(Into::into),
            ..RingSite::default()
        };
        let [a, b] = ["eth0", "eth1"].map(|name| site(name, 0, Some("not here")));
        assert_eq!(lines(&[]), [""; 0]);
        assert_eq!(lines(&[a]), ["no AF_XDP on eth0: not here"]);
        let a = site("eth0", 0, Some("not here"));
        assert_eq!(lines(&[a, b]), ["no AF_XDP: not here"]);
        let (a, b) = (site("eth0", 0, Some("not here")), site("eth1", 1, None));
        assert_eq!(lines(&[a, b]).len(), 2);
    }
}
