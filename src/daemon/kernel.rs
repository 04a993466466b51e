//! The kernel's part of the packet path, from the configuration to the workers.

use std::sync::Arc;

use super::StartError;
use super::parts::fast_paths;
use crate::config::Config;
use crate::datapath::offload::nexthop::{Lookup, Resolver};
use crate::datapath::offload::{FastPaths, Flows, OffloadCounters};
use crate::sys::epoll::Waker;

/// The program, and who finds next hops for it. Both end with this.
pub(super) struct KernelPath {
    fast: FastPaths,
    next_hops: Option<(Resolver, Lookup)>,
}

impl KernelPath {
    /// Starts what the configuration asks for and this machine has, and says so.
    pub(super) fn start(config: &Config, workers: usize) -> Result<Self, StartError> {
        let fast = fast_paths(config, workers)?;
        let next_hops = fast.kernel.as_ref().map(|_| Resolver::start()).transpose();
        let next_hops = next_hops.unwrap_or_else(|error| {
            tracing::warn!("offload: sockets only: next hops cannot be found: {error}");
            None
        });
        Ok(Self { fast, next_hops })
    }

    /// The program and where it is.
    pub(super) fn fast(&self) -> &FastPaths {
        &self.fast
    }

    /// Has workers woken when a next hop is another one.
    pub(super) fn wake(&self, workers: &[Waker]) {
        if let Some((resolver, _)) = &self.next_hops {
            resolver.wake(workers.to_vec());
        }
    }

    /// Ends the program's part: all packets come to the sockets again, as long as these are open.
    pub(super) fn detach(&mut self) {
        if let Some(kernel) = &mut self.fast.kernel {
            kernel.detach();
        }
    }

    /// Who finds next hops, if there is a program.
    pub(super) fn lookup(&self) -> Option<&Lookup> {
        self.next_hops.as_ref().map(|(_, lookup)| lookup)
    }

    /// What one worker gets of it. To be asked for once by each.
    pub(super) fn flows(&self, worker: usize, counters: &Arc<OffloadCounters>) -> Option<Flows> {
        let (kernel, (_, lookup)) = (self.fast.kernel.as_ref()?, self.next_hops.as_ref()?);
        let table = Box::new(kernel.worker_table(worker));
        Some(Flows::new(table, Box::new(lookup.clone()), Arc::clone(counters)))
    }
}
