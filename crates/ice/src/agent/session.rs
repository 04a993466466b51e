//! What an agent knows between two restarts: credentials, candidates, pairs, and what was spent on them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use super::pair::{Pair, PairState};
use super::types::{Component, Role};
use crate::Time;
use crate::candidate::{Kind, Local, RemoteCandidate};
use crate::credentials::{Credentials, Keys};
use crate::limits::{
    PAIRS_MAX, REFLEXIVES_MAX, REMOTES_MAX, SENDS_MAX, TRIGGERED_RESERVE, UNPROVEN_PACKETS_MAX,
};
use crate::stun::Key;

/// What an authenticated request says.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) local: Local,
    pub(super) from: SocketAddr,
    /// Who asks; names the generation of the peer's credentials.
    pub(super) peer_ufrag: String,
    pub(super) priority: u32,
    /// USE-CANDIDATE with NOMINATION's count, or 0.
    pub(super) nominated: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) local: Credentials,
    pub(super) local_key: Key,
    /// Once the peer's credentials are known.
    pub(super) keys: Option<Arc<Keys>>,
    pub(super) peer_is_lite: bool,
    /// Grows only: pairs name their candidate by its index.
    pub(super) remotes: Vec<RemoteCandidate>,
    /// How many of them were learned rather than told.
    reflexives: usize,
    pub(super) pairs: Vec<Pair>,
    /// Pairs to be checked before all others.
    pub(super) triggered: VecDeque<usize>,
    /// Requests that came before the peer's credentials, at most `EARLY_MAX`.
    pub(super) early: Vec<Ask>,
    /// Packets to addresses that have not answered.
    pub(super) unproven: u32,
    /// No candidates will follow.
    pub(super) complete: bool,
    /// The next new check is not before this.
    pub(super) next_check: Time,
    /// When the peer's credentials came.
    pub(super) began: Option<Time>,
    /// Since when each component has a valid pair.
    pub(super) valid_since: Option<Time>,
    pub(super) gave_up: bool,
    /// Components whose first valid pair was reported.
    pub(super) usable: [bool; 2],
}

impl Session {
    pub(super) fn new(local: Credentials) -> Self {
        Self {
            local_key: Key::new(local.pwd().as_bytes()),
            local,
            keys: None,
            peer_is_lite: false,
            remotes: Vec::new(),
            reflexives: 0,
            pairs: Vec::new(),
            triggered: VecDeque::new(),
            early: Vec::new(),
            unproven: 0,
            complete: false,
            next_check: Time::default(),
            began: None,
            valid_since: None,
            gave_up: false,
            usable: [false; 2],
        }
    }

    /// Takes a candidate of a description. Its index, unless it brings nothing new or is one too many.
    pub(super) fn add_told(&mut self, told: RemoteCandidate) -> Result<Option<usize>, ()> {
        let known = self.find_remote(told.component, told.address);
        if let Some(known) = known.and_then(|at| self.remotes.get_mut(at)) {
            if known.kind == Kind::PeerReflexive {
                // RFC 8838 §11.4: what was learned turns out to be what is told.
                *known = told;
            } else if told.priority > known.priority {
                // RFC 8445 §6.1.2.4: of two that look the same from here the higher one stays.
                (known.priority, known.foundation) = (told.priority, told.foundation);
            }
            return Ok(None);
        }
        if self.remotes.len() - self.reflexives >= REMOTES_MAX {
            return Err(());
        }
        self.remotes.push(told);
        Ok(Some(self.remotes.len() - 1))
    }

    /// Takes a candidate that a request has revealed (RFC 8445 §7.3.1.3).
    pub(super) fn add_learned(&mut self, learned: RemoteCandidate) -> Option<usize> {
        if self.reflexives >= REFLEXIVES_MAX {
            return None;
        }
        self.reflexives += 1;
        self.remotes.push(learned);
        Some(self.remotes.len() - 1)
    }

    pub(super) fn find_remote(&self, component: Component, address: SocketAddr) -> Option<usize> {
        let same = |r: &RemoteCandidate| r.component == component && r.address == address;
        self.remotes.iter().position(same)
    }

    pub(super) fn find_pair(&self, bound: SocketAddr, remote: usize) -> Option<usize> {
        let same = |p: &Pair| p.local.bound == bound && p.remote == remote;
        self.pairs.iter().position(same)
    }

    /// Pairs one of ours with one of theirs. `always`: the peer's request asks for it, so a told pair has to give way.
    pub(super) fn add_pair(
        &mut self,
        local: Local,
        remote: usize,
        role: Role,
        always: bool,
    ) -> Option<usize> {
        let theirs = self.remotes.get(remote)?;
        let same_family = local.bound.is_ipv4() == theirs.address.is_ipv4();
        if theirs.component != local.component || !same_family {
            return None;
        }
        if let Some(known) = self.find_pair(local.bound, remote) {
            return Some(known);
        }
        let pair = Pair::new(local, remote);
        if self.pairs.len() < PAIRS_MAX {
            self.pairs.push(pair);
            return Some(self.pairs.len() - 1);
        }
        // RFC 8445 §6.1.2.5: the lowest in priority go.
        let worth = |p: &Pair| p.priority(role, &self.remotes);
        let idle = |(at, p): &(usize, &Pair)| p.is_untouched() && !self.triggered.contains(at);
        let lowest = self
            .pairs
            .iter()
            .enumerate()
            .filter(idle)
            .min_by_key(|(_, p)| worth(p));
        let (at, _) = lowest.filter(|(_, p)| always || worth(p) < worth(&pair))?;
        *self.pairs.get_mut(at)? = pair;
        Some(at)
    }

    /// Puts a pair before all others.
    pub(super) fn trigger(&mut self, at: usize) {
        if !self.triggered.contains(&at) {
            self.triggered.push_back(at);
        }
    }

    /// Whether another packet may go to where this pair leads.
    pub(super) fn may_spend(&self, at: usize, triggered: bool) -> bool {
        let reserve = if triggered { 0 } else { TRIGGERED_RESERVE };
        let proven = self.pairs.get(at).is_some_and(|p| p.confirmed.is_some());
        proven || self.unproven < UNPROVEN_PACKETS_MAX - reserve
    }

    /// How often a check may be sent: of many candidates each gets less, so that the first do not use up what all share.
    pub(super) fn sends_max(&self) -> u32 {
        let silent = self.pairs.iter().filter(|p| p.confirmed.is_none()).count();
        let share =
            (UNPROVEN_PACKETS_MAX - TRIGGERED_RESERVE) / u32::try_from(silent.max(1)).unwrap_or(u32::MAX);
        share.clamp(2, SENDS_MAX)
    }

    /// The next pair of the ordinary kind: the highest that waits, else the highest that is frozen. Freezing only orders:
    /// peers that give all their candidates one foundation would otherwise wait for each dead one.
    pub(super) fn next_ordinary(&self, role: Role, wanted: impl Fn(Component) -> bool) -> Option<usize> {
        let rank = |p: &Pair| match p.state {
            PairState::Waiting => Some((true, p.priority(role, &self.remotes))),
            PairState::Frozen => Some((false, p.priority(role, &self.remotes))),
            _ => None,
        };
        let open = self
            .pairs
            .iter()
            .enumerate()
            .filter(|(_, p)| wanted(p.component()));
        let ranked = open.filter_map(|(at, p)| Some((rank(p)?, at)));
        let (_, at) = ranked.max_by_key(|(rank, at)| (*rank, usize::MAX - at))?;
        self.may_spend(at, false).then_some(at)
    }

    /// RFC 8445 §7.2.5.3.3: what succeeded here will likely succeed for pairs of the same foundations.
    pub(super) fn unfreeze_like(&mut self, at: usize) {
        let foundations = |p: &Pair| {
            let theirs = self.remotes.get(p.remote).map(|r| r.foundation);
            (p.local.foundation, theirs)
        };
        let Some(like) = self.pairs.get(at).map(foundations) else {
            return;
        };
        let same: Vec<usize> = (0..self.pairs.len())
            .filter(|&i| self.pairs.get(i).map(foundations) == Some(like))
            .collect();
        for i in same {
            if let Some(p) = self.pairs.get_mut(i).filter(|p| p.state == PairState::Frozen) {
                p.state = PairState::Waiting;
            }
        }
    }

    /// The best pair of a component on which a check was answered.
    pub(super) fn best_valid(&self, component: Component, role: Role) -> Option<usize> {
        let valid = |p: &Pair| p.component() == component && p.state == PairState::Succeeded;
        let pairs = self.pairs.iter().enumerate().filter(|(_, p)| valid(p));
        pairs
            .max_by_key(|(_, p)| p.priority(role, &self.remotes))
            .map(|(at, _)| at)
    }
}
