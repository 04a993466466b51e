//! The fast paths at start: which there are on this machine, for this configuration.

use std::net::IpAddr;

use super::attach::{Site, sites};
use super::{Kernel, Served, Setup, Unavailable};
use crate::config::{Config, Offload};
use crate::limits;

/// What was found, and the program if any device has it.
#[derive(Debug, Default)]
pub struct FastPaths {
    /// The program. It ends with this.
    pub kernel: Option<Kernel>,
    /// Each device with addresses of ours.
    pub sites: Vec<Site>,
    /// Why there is no program at all.
    pub unavailable: Option<Unavailable>,
}

/// The programs that may be tried, the best first. Native XDP costs a third of the others, which measure alike; tc sees
/// VLAN tags and partial checksums, and leaves packets where they lie. See docs/decisions/0008-xdp.md.
pub const fn order(choice: Offload) -> &'static [Served] {
    match choice {
        Offload::Auto => &[Served::Native, Served::Tc, Served::Generic],
        Offload::Native => &[Served::Native],
        Offload::Tc => &[Served::Tc],
        Offload::Generic => &[Served::Generic],
        // Rings take what a program at XDP steers to them.
        Offload::AfXdp => &[Served::Native, Served::Generic],
        Offload::Off => &[],
    }
}

impl FastPaths {
    /// Loads the program for so many workers, and attaches it wherever it may be.
    pub fn start(config: &Config, workers: usize) -> Self {
        let order = order(config.offload);
        if order.is_empty() {
            return Self::default();
        }
        let setup = setup(config, workers);
        let sites = match sites(&setup.addresses) {
            Ok(sites) => sites,
            Err(error) => return Self::without(Vec::new(), error.into()),
        };
        if sites.iter().all(|site| site.device.is_none()) {
            return Self {
                sites,
                ..Self::default()
            };
        }
        let mut found = match Kernel::load(&setup) {
            Ok(kernel) => Self::attached(kernel, sites, order, config.offload == Offload::AfXdp),
            Err(error) => Self::without(sites, error),
        };
        found.serve_here(config);
        found
    }

    fn attached(mut kernel: Kernel, mut sites: Vec<Site>, order: &[Served], rings: bool) -> Self {
        sites
            .iter_mut()
            .for_each(|site| site.attach(&mut kernel, order, rings));
        let any = sites.iter().any(|site| site.served != Served::Not);
        Self {
            // Without a device it would only hold memory.
            kernel: any.then_some(kernel),
            sites,
            unavailable: None,
        }
    }

    fn without(sites: Vec<Site>, error: Unavailable) -> Self {
        Self {
            kernel: None,
            sites,
            unavailable: Some(error),
        }
    }

    /// Says in the log what was found: one line for each device, or one for all if none can have a program.
    pub fn log(&self) {
        let lines = self.lines();
        let count = if self.unavailable.is_some() {
            1
        } else {
            lines.len()
        };
        for line in lines.iter().take(count) {
            tracing::info!("offload: {line}");
        }
    }

    /// What was found, a line for each device.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .unavailable
            .iter()
            .map(|error| format!("sockets only: {error}"))
            .collect();
        lines.extend(self.sites.iter().map(ToString::to_string));
        lines
    }
}

fn setup(config: &Config, workers: usize) -> Setup {
    let addresses = config.call.interfaces.addresses();
    let ports = addresses.map(|(_, address)| usize::from(address.ports.max - address.ports.min) + 1);
    // One for each port there may be. Half of them are for RTCP, which stays with us: there are spare ones to rest, and
    // a worker may use more ports than its share.
    let entries = ports
        .sum::<usize>()
        .clamp(limits::KERNEL_ENTRIES_MIN, limits::KERNEL_ENTRIES);
    let mut addresses: Vec<IpAddr> = config
        .call
        .interfaces
        .addresses()
        .map(|(_, address)| address.ip)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    Setup {
        addresses,
        workers,
        entries,
    }
}
