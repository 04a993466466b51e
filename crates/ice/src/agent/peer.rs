//! What a caller that speaks SDP needs besides: answers, other sockets, whose packets to accept, and what to show.

use std::net::SocketAddr;

use super::Agent;
use super::pair::{Pair, PairState};
use super::session::Session;
use super::types::{Component, PairView, Remote, Role, Route, Stage};
use crate::Time;
use crate::candidate::{Local, RemoteCandidate};
use crate::limits::SWITCH_GUARD;

impl Agent {
    /// Takes the peer's credentials from its answer to a description of ours. Whatever they are, ours stand as they were
    /// told: others than before are those of another branch of the call, or of a peer that has begun anew by itself.
    pub fn set_remote_of_answer(&mut self, now: Time, remote: Remote) {
        let known = self.session.keys.as_ref().map(|keys| &keys.remote);
        if known.is_some_and(|c| *c != remote.credentials) {
            let early = std::mem::take(&mut self.session.early);
            self.session = Session::new(self.session.local.clone());
            self.session.early = early;
        }
        self.set_remote(now, remote);
    }

    /// Other sockets in place of those before: a restart (RFC 8445 §9). Pairs that are selected keep theirs until others
    /// take their place.
    pub fn replace_locals(&mut self, locals: impl IntoIterator<Item = Local>) {
        let in_use: Vec<SocketAddr> = self.selected.iter().flatten().map(|s| s.route.local).collect();
        let mut retired = std::mem::take(&mut self.retired);
        retired.append(&mut self.locals);
        retired.retain(|l| in_use.contains(&l.bound));
        self.restart();
        for local in locals {
            self.add_local(local);
        }
        retired.retain(|l| !self.locals.iter().any(|new| new.bound == l.bound));
        self.retired = retired;
    }

    /// Whether the peer understands NOMINATION (`a=ice-options:renomination`).
    pub const fn set_renomination(&mut self, understood: bool) {
        self.config.renomination = understood;
    }

    /// Our sockets.
    #[must_use]
    pub fn locals(&self) -> &[Local] {
        &self.locals
    }

    /// Our sockets as they belong into a description: those of RTP, in the order they were added, then those of RTCP.
    pub fn locals_by_component(&self) -> impl Iterator<Item = Local> + '_ {
        let of = |c| self.locals.iter().copied().filter(move |l| l.component == c);
        Component::ALL.into_iter().flat_map(of)
    }

    /// Addresses whose packets are the peer's: those of selected and valid pairs, and those that have asked with our
    /// password. The latter have the peer's word, which is all it takes to listen; to send takes an answer.
    pub fn sources(&self, component: Component) -> impl Iterator<Item = SocketAddr> + '_ {
        let session = &self.session;
        let selected = self.selected[component.index()].iter().map(|s| s.route.remote);
        let pairs = session.pairs.iter();
        let pairs = pairs.filter(move |p| p.component() == component && is_peers(p));
        let pairs = pairs.filter_map(|p| Some(session.remotes.get(p.remote)?.address));
        let early = session
            .early
            .iter()
            .filter(move |e| e.local.component == component);
        selected.chain(pairs).chain(early.map(|e| e.from))
    }

    /// Where media to the peer may follow media of the peer's, and not before when: other valid pairs, if it is the peer's
    /// to choose. Not at once and back again.
    #[must_use]
    pub fn alternatives(&self, component: Component) -> Option<(Time, Vec<Route>)> {
        let selected = self.selected[component.index()].as_ref()?;
        if self.role == Role::Controlling {
            return None;
        }
        let pairs = self.session.pairs.iter();
        let valid = pairs.filter(|p| p.component() == component && p.state == PairState::Succeeded);
        let routes = valid.filter_map(|p| p.route(&self.session.remotes));
        let others: Vec<Route> = routes.filter(|route| *route != selected.route).collect();
        (!others.is_empty()).then_some((selected.since + SWITCH_GUARD, others))
    }

    /// The peer sends media from there. Where [`alternatives`](Self::alternatives) allows it, media to it follows. Whether
    /// it does.
    pub fn follow_media(&mut self, now: Time, local: SocketAddr, from: SocketAddr) -> bool {
        let Some(component) = self.locals.iter().find(|l| l.bound == local).map(|l| l.component) else {
            return false;
        };
        let route = Route { local, remote: from };
        let follows = |(since, routes): (Time, Vec<Route>)| now >= since && routes.contains(&route);
        if !self.alternatives(component).is_some_and(follows) {
            return false;
        }
        let remote = self.session.find_remote(component, from);
        let Some(at) = remote.and_then(|remote| self.session.find_pair(local, remote)) else {
            return false;
        };
        self.select(now, at, 0);
        true
    }

    /// Whether each component has its selected pair, and none is from before a restart.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        let mut wanted = Component::ALL
            .into_iter()
            .filter(|c| self.is_wanted(*c))
            .peekable();
        wanted.peek().is_some() && wanted.all(|c| self.is_settled(c))
    }

    /// The peer's credentials, once they are known.
    #[must_use]
    pub fn remote_ufrag(&self) -> Option<&str> {
        self.session.keys.as_ref().map(|k| k.remote.ufrag())
    }

    /// What the peer has told, and what was learned of it.
    #[must_use]
    pub fn remote_candidates(&self) -> &[RemoteCandidate] {
        &self.session.remotes
    }

    /// The pairs, for who wants to explain a call.
    pub fn pairs(&self) -> impl Iterator<Item = PairView> + '_ {
        let view = |p: &Pair| {
            Some(PairView {
                component: p.component(),
                route: p.route(&self.session.remotes)?,
                stage: match p.state {
                    PairState::Frozen | PairState::Waiting => Stage::Waiting,
                    PairState::InProgress => Stage::Asking,
                    PairState::Succeeded => Stage::Valid,
                    PairState::Failed => Stage::Failed,
                },
                heard: p.heard.is_some(),
                nominated: p.nominated.is_some(),
            })
        };
        self.session.pairs.iter().filter_map(view)
    }
}

/// Whether the peer was proven to be at the far end of this pair.
fn is_peers(pair: &Pair) -> bool {
    pair.state == PairState::Succeeded || pair.heard.is_some()
}
