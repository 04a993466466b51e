//! The calls of one shard, by key and by call-id.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use call::Call;
use ng_protocol::CallId;
use plan::{CallKey, FlowStats, PlanSet, Time};

use crate::report::stats::Statistics;

/// One call and what the shell keeps beside it.
pub struct Entry {
    /// The call.
    pub call: Call,
    /// Its call-ids; more than one after calls were merged.
    pub names: Vec<CallId>,
    /// Who created it.
    pub client: SocketAddr,
    /// `xmlrpc-callback`, if that was given.
    pub callback: Option<IpAddr>,
    /// Counters of its flows, as last planned.
    pub flows: Vec<Arc<FlowStats>>,
    /// Whether any of its sockets is IPv4, and any IPv6.
    pub families: (bool, bool),
    /// TOS byte of its packets.
    pub tos: u8,
    pub(super) deadline: Option<Time>,
}

impl Entry {
    /// Notes the flows of a new plan.
    pub fn take_flows(&mut self, set: &PlanSet, statistics: &Statistics) {
        statistics.count_flows(set.plans.len() as i64 - self.flows.len() as i64);
        self.flows = set.plans.iter().map(|p| Arc::clone(&p.stats)).collect();
        self.tos = set.plans.first().map_or(self.tos, |p| p.tos);
        let sockets = || set.plans.iter().flat_map(|p| &p.sockets);
        self.families = (
            sockets().any(|s| s.addr.is_ipv4()),
            sockets().any(|s| s.addr.is_ipv6()),
        );
    }
}

/// Where a call-id leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To a call of this shard.
    Here(CallKey),
    /// To another shard, where its call has been merged.
    Shard(usize),
}

/// The calls of one shard.
#[derive(Default)]
pub(super) struct Table {
    calls: HashMap<CallKey, Box<Entry>, foldhash::fast::RandomState>,
    names: HashMap<CallId, Place>,
    deadlines: BTreeSet<(Time, CallKey)>,
}

impl Table {
    /// Where a call-id leads.
    pub(super) fn find(&self, name: &CallId) -> Option<Place> {
        self.names.get(name).copied()
    }

    /// One call, to look at.
    pub(super) fn get(&self, key: CallKey) -> Option<&Entry> {
        self.calls.get(&key).map(|entry| &**entry)
    }

    /// One call.
    pub(super) fn get_mut(&mut self, key: CallKey) -> Option<&mut Entry> {
        self.calls.get_mut(&key).map(|entry| &mut **entry)
    }

    /// All calls.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.calls.values().map(|entry| &**entry)
    }

    /// Keys of all calls.
    pub(super) fn keys(&self) -> Vec<CallKey> {
        self.calls.keys().copied().collect()
    }

    /// All call-ids of calls here.
    pub(super) fn names(&self) -> impl Iterator<Item = &CallId> {
        self.names
            .iter()
            .filter(|(_, place)| matches!(place, Place::Here(_)))
            .map(|(name, _)| name)
    }

    /// Number of calls.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Adds a call under all its names.
    pub(super) fn insert(&mut self, call: Call, names: Vec<CallId>, client: SocketAddr) {
        let key = call.key();
        for name in &names {
            self.names.insert(name.clone(), Place::Here(key));
        }
        let entry = Entry {
            call,
            names,
            client,
            callback: None,
            flows: Vec::new(),
            families: (false, false),
            tos: 0,
            deadline: None,
        };
        self.calls.insert(key, Box::new(entry));
    }

    /// Adds a call that was removed here or elsewhere, with all that was known of it.
    pub(super) fn put(&mut self, entry: Box<Entry>) {
        let key = entry.call.key();
        for name in &entry.names {
            self.names.insert(name.clone(), Place::Here(key));
        }
        self.calls.insert(key, entry);
        self.schedule(key);
    }

    /// Takes a call out, its names too.
    pub(super) fn remove(&mut self, key: CallKey) -> Option<Box<Entry>> {
        let mut entry = self.calls.remove(&key)?;
        for name in &entry.names {
            self.names.remove(name);
        }
        if let Some(at) = entry.deadline.take() {
            self.deadlines.remove(&(at, key));
        }
        Some(entry)
    }

    /// A call-id of a call that another shard has now.
    pub(super) fn moved_away(&mut self, name: CallId, shard: usize) {
        self.names.insert(name, Place::Shard(shard));
    }

    /// Another shard ended the call of this name.
    pub(super) fn forget(&mut self, name: &CallId) {
        if matches!(self.names.get(name), Some(Place::Shard(_))) {
            self.names.remove(name);
        }
    }

    /// More names for a call.
    pub(super) fn add_names(&mut self, key: CallKey, names: Vec<CallId>) {
        let Some(entry) = self.calls.get_mut(&key) else {
            return;
        };
        for name in names {
            self.names.insert(name.clone(), Place::Here(key));
            entry.names.push(name);
        }
    }

    /// Notes when a call wants to be called next.
    pub(super) fn schedule(&mut self, key: CallKey) {
        let Some(entry) = self.calls.get_mut(&key) else {
            return;
        };
        let wanted = entry.call.poll_timeout();
        if wanted != entry.deadline {
            if let Some(old) = entry.deadline {
                self.deadlines.remove(&(old, key));
            }
            entry.deadline = wanted;
            self.deadlines.extend(wanted.map(|at| (at, key)));
        }
    }

    /// When the next call wants to be called.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// A call whose time has come; its deadline counts as done.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<CallKey> {
        let (at, key) = *self.deadlines.first()?;
        if at > now {
            return None;
        }
        self.deadlines.pop_first();
        if let Some(entry) = self.calls.get_mut(&key) {
            entry.deadline = None;
        }
        Some(key)
    }
}
