//! A candidate pair and what is known of it between two restarts.

use std::net::SocketAddr;

use super::types::{Component, Role, Route};
use crate::Time;
use crate::candidate::{Kind, Local, RemoteCandidate, priority};
use crate::stun::TransactionId;

/// RFC 8445 §6.1.2.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairState {
    /// Another pair of the same foundations goes first.
    Frozen,
    /// To be checked.
    Waiting,
    /// Being checked.
    InProgress,
    /// A check was answered.
    Succeeded,
    /// None was.
    Failed,
}

/// A check under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    pub(super) id: TransactionId,
    /// Our role when it was made: a 487 to an older role is no news.
    pub(super) role: Role,
    /// USE-CANDIDATE, and the count for NOMINATION.
    pub(super) nominating: Option<u32>,
    pub(super) sends: u32,
    /// When to send it again, or to give it up.
    pub(super) due: Time,
}

#[derive(Debug)]
pub(super) struct Pair {
    pub(super) local: Local,
    /// Index into the session's candidates.
    pub(super) remote: usize,
    pub(super) state: PairState,
    pub(super) check: Option<Check>,
    /// The next check is to nominate.
    pub(super) nominate: bool,
    /// The peer has nominated it; with which count.
    pub(super) nominated: Option<u32>,
    /// Packets sent before the first answer.
    pub(super) spent: u32,
    /// When a check was last answered.
    pub(super) confirmed: Option<Time>,
    /// When the peer last asked here.
    pub(super) heard: Option<Time>,
    /// How the peer sees us, when that is no address that we advertise: a peer-reflexive candidate of ours.
    pub(super) reflexive: Option<SocketAddr>,
}

impl Pair {
    pub(super) const fn new(local: Local, remote: usize) -> Self {
        Self {
            local,
            remote,
            state: PairState::Frozen,
            check: None,
            nominate: false,
            nominated: None,
            spent: 0,
            confirmed: None,
            heard: None,
            reflexive: None,
        }
    }

    pub(super) const fn component(&self) -> Component {
        self.local.component
    }

    pub(super) fn route(&self, remotes: &[RemoteCandidate]) -> Option<Route> {
        Some(Route {
            local: self.local.bound,
            remote: remotes.get(self.remote)?.address,
        })
    }

    /// Whether nothing would be lost with it.
    pub(super) const fn is_untouched(&self) -> bool {
        matches!(self.state, PairState::Frozen | PairState::Failed)
            && self.check.is_none()
            && self.heard.is_none()
    }

    /// What our checks say of us: what a candidate learned from them is worth (RFC 8445 §7.1.1).
    pub(super) const fn reflexive_priority(&self) -> u32 {
        priority(Kind::PeerReflexive, self.local.index, self.local.component)
    }

    /// RFC 8445 §6.1.2.3: 2³²·min(G,D) + 2·max(G,D) + (G>D), G the controlling side's.
    pub(super) fn priority(&self, role: Role, remotes: &[RemoteCandidate]) -> u64 {
        let ours = u64::from(priority(Kind::Host, self.local.index, self.local.component));
        let theirs = remotes.get(self.remote).map_or(0, |r| u64::from(r.priority));
        let (g, d) = match role {
            Role::Controlling => (ours, theirs),
            Role::Controlled => (theirs, ours),
        };
        (g.min(d) << 32) + 2 * g.max(d) + u64::from(g > d)
    }
}
