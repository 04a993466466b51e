//! Which way the flows of all calls take, and why not a faster one: counted when somebody asks.

use plan::{FlowStats, Path, Refusal};

use crate::registry::{Control, Shard, ask_all};

/// Numbers of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// By path.
    pub paths: [u64; Path::ALL.len()],
    /// By what keeps them out of the kernel.
    pub refusals: [u64; Refusal::ALL.len()],
}

impl Default for Census {
    fn default() -> Self {
        Self {
            paths: [0; Path::ALL.len()],
            refusals: [0; Refusal::ALL.len()],
        }
    }
}

impl Census {
    fn add(&mut self, flow: &FlowStats) {
        self.paths[flow.path() as usize] += 1;
        if let Some(why) = flow.refusal() {
            self.refusals[why as usize] += 1;
        }
    }

    fn of(shard: &mut Shard) -> Self {
        let mut census = Self::default();
        let flows = shard.entries().flat_map(|entry| &entry.flows);
        flows.for_each(|flow| census.add(flow));
        census
    }
}

/// Counts the flows of all calls. A shard that has no room for the question is missing.
pub fn census(control: &Control, then: impl FnOnce(Census) + Send + 'static) {
    ask_all(control, Census::of, |answers| {
        let mut all = Census::default();
        for census in answers {
            let paths = all.paths.iter_mut().zip(census.paths);
            let refusals = all.refusals.iter_mut().zip(census.refusals);
            paths.chain(refusals).for_each(|(sum, n)| *sum += n);
        }
        then(all);
    });
}
