//! The agent: one media's connectivity.
//!
//! A restart begins a new [`Session`] and leaves the selected pairs alone: each keeps the credentials it was selected with
//! and goes on, until the new session selects another in its place. So media has no gap.

mod checks;
mod output;
mod pair;
mod peer;
mod request;
mod response;
mod selected;
mod session;
mod types;

use std::net::SocketAddr;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

pub use types::{
    Component, Config, Counters, Dropped, Event, Handled, Liveness, Mode, PairView, Remote, Role, Route,
    Stage, State, Strangers, Transmit,
};

use crate::Time;
use crate::candidate::{Local, LocalCandidate, RemoteCandidate};
use crate::credentials::{Credentials, Keys};
use crate::limits::{LOCALS_MAX, PATIENCE, REMOTES_MAX, SOFTWARE_BYTES_MAX, UFRAG_BYTES_MAX};
use crate::stun::{Class, Message, TransactionId};
use output::Output;
use pair::PairState;
use selected::Selected;
use session::Session;

/// See the module.
pub struct Agent {
    config: Config,
    rng: StdRng,
    role: Role,
    tie_breaker: u64,
    locals: Vec<Local>,
    /// Sockets from before a restart that a selected pair still uses.
    retired: Vec<Local>,
    session: Session,
    /// By component; possibly of an earlier session.
    selected: [Option<Selected>; 2],
    state: State,
    out: Output,
    /// When strangers' answers were last counted from zero, and how many there were since.
    strangers: (Time, u32),
    /// How many nominations were ours.
    nominations: u32,
    /// Candidates that came before the description whose ufrag they name.
    ahead: (String, Vec<RemoteCandidate>),
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Agent");
        out.field("role", &self.role).field("state", &self.state);
        out.finish_non_exhaustive()
    }
}

impl Agent {
    /// Without addresses and peer.
    #[must_use]
    pub fn new(mut config: Config) -> Self {
        let mut rng = StdRng::from_seed(config.seed);
        let fits = (0..=SOFTWARE_BYTES_MAX)
            .rev()
            .find(|&n| config.software.is_char_boundary(n));
        config.software.truncate(fits.unwrap_or(0));
        Self {
            // Whoever asks a lite agent before its description has come is a full one.
            role: if config.mode == Mode::Lite {
                Role::Controlled
            } else {
                config.role
            },
            tie_breaker: rng.next_u64(),
            locals: Vec::new(),
            retired: Vec::new(),
            session: Session::new(Credentials::random(&mut rng)),
            selected: [None, None],
            state: State::New,
            out: Output::new(Arc::clone(&config.policy)),
            strangers: (Time::default(), 0),
            nominations: 0,
            ahead: (String::new(), Vec::new()),
            rng,
            config,
        }
    }

    /// Adds a socket of ours. `false` if there are too many or it is there already.
    pub fn add_local(&mut self, local: Local) -> bool {
        let known = self.locals.iter().any(|l| l.bound == local.bound);
        if known || self.locals.len() >= LOCALS_MAX {
            return false;
        }
        self.locals.push(local);
        for remote in 0..self.session.remotes.len() {
            self.session.add_pair(local, remote, self.role, false);
        }
        true
    }

    /// Forgets a component: RTCP, once rtcp-mux is agreed on.
    pub fn remove_component(&mut self, component: Component) {
        self.locals.retain(|l| l.component != component);
        self.session.triggered.clear();
        self.session.pairs.retain(|p| p.component() != component);
        self.selected[component.index()] = None;
        // The other component's triggered checks were forgotten with its own: whoever was heard is asked again.
        let heard = |p: &pair::Pair| p.heard.is_some() && p.state != PairState::Succeeded;
        let pairs = self.session.pairs.iter().enumerate();
        self.session.triggered = pairs.filter(|(_, p)| heard(p)).map(|(at, _)| at).collect();
        self.update_state();
    }

    /// For `a=ice-ufrag` and `a=ice-pwd`.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.session.local
    }

    /// For `a=candidate`: those of RTP, in the order they were added, then those of RTCP.
    pub fn local_candidates(&self) -> impl Iterator<Item = LocalCandidate> + '_ {
        self.locals_by_component()
            .map(|local| LocalCandidate::from(&local))
    }

    /// Takes the peer's credentials from its description. Others than before are a restart of the peer's (RFC 8445 §9),
    /// which is answered with one of ours: `true`, and our description needs the new [`Agent::credentials`].
    pub fn set_remote(&mut self, now: Time, remote: Remote) -> bool {
        let known = self.session.keys.as_ref().map(|keys| &keys.remote);
        let restarts = known.is_some_and(|c| *c != remote.credentials);
        if known.is_some() && !restarts {
            return false;
        }
        if restarts {
            self.restart();
        }
        self.session.keys = Some(Arc::new(Keys::new(
            self.session.local.clone(),
            remote.credentials,
        )));
        self.session.began = Some(now);
        self.session.peer_is_lite = remote.lite;
        // RFC 8445 §6.1.1: of a full and a lite agent the full one controls.
        match (self.config.mode, remote.lite) {
            (Mode::Full, true) => self.role = Role::Controlling,
            (Mode::Lite, false) => self.role = Role::Controlled,
            _ => {}
        }
        let (ufrag, held) = std::mem::take(&mut self.ahead);
        if self
            .session
            .keys
            .as_ref()
            .is_some_and(|k| k.remote.ufrag() == ufrag)
        {
            held.into_iter().for_each(|candidate| self.add_told(candidate));
        }
        for ask in std::mem::take(&mut self.session.early) {
            self.learn(now, ask);
        }
        self.update_state();
        restarts
    }

    /// Takes a candidate of a description or of a trickled fragment. With the ufrag that came with it (RFC 8838 §4.1) it
    /// waits if its description is yet to come; without, it belongs to what is known.
    pub fn add_remote(&mut self, candidate: RemoteCandidate, ufrag: Option<&str>) {
        if !self.out.allows(candidate.address) {
            return;
        }
        let known = self.session.keys.as_ref().map(|k| k.remote.ufrag());
        match ufrag {
            Some(ufrag) if known != Some(ufrag) => self.hold(candidate, ufrag),
            _ => self.add_told(candidate),
        }
    }

    fn hold(&mut self, candidate: RemoteCandidate, ufrag: &str) {
        if ufrag.len() > UFRAG_BYTES_MAX {
            return;
        }
        let (held_ufrag, held) = &mut self.ahead;
        if held_ufrag != ufrag {
            ufrag.clone_into(held_ufrag);
            held.clear();
        }
        if held.len() < REMOTES_MAX {
            held.push(candidate);
        } else {
            self.out.counters.candidates_over += 1;
        }
    }

    fn add_told(&mut self, candidate: RemoteCandidate) {
        match self.session.add_told(candidate) {
            Ok(Some(remote)) => {
                for local in &self.locals {
                    self.session.add_pair(*local, remote, self.role, false);
                }
            }
            Ok(None) => {}
            Err(()) => self.out.counters.candidates_over += 1,
        }
    }

    /// No candidates will follow: `a=end-of-candidates`, or a description that does not promise trickling.
    pub fn end_of_candidates(&mut self) {
        self.session.complete = true;
        self.update_state();
    }

    /// Begins anew with other credentials; what is selected stays until something else is.
    pub fn restart(&mut self) -> &Credentials {
        let credentials = Credentials::random(&mut self.rng);
        self.session = Session::new(credentials);
        &self.session.local
    }

    /// Takes a datagram that came from `from` to the socket bound to `local`.
    pub fn handle_packet(&mut self, now: Time, local: SocketAddr, from: SocketAddr, bytes: &[u8]) -> Handled {
        let Ok(message) = Message::parse(bytes) else {
            return Handled::Dropped(Dropped::NotStun);
        };
        if !message.is_binding() {
            return Handled::Dropped(Dropped::NotStun);
        }
        // RFC 8445 §7.1: all of ICE's messages have one.
        if !message.verify_fingerprint() {
            return Handled::Dropped(Dropped::Fingerprint);
        }
        let Some(&local) = self.locals.iter().chain(&self.retired).find(|l| l.bound == local) else {
            return Handled::Dropped(Dropped::Local);
        };
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let handled = match message.class() {
            Class::Request if !self.out.allows(from) => Handled::Dropped(Dropped::Forbidden),
            Class::Request => self.handle_request(now, local, from, &message),
            Class::Indication => Handled::Keepalive,
            Class::Success | Class::Error => self.handle_response(now, local, from, &message),
        };
        self.update_state();
        handled
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.run_checks(now);
        self.nominate(now);
        self.pair_lite_with_lite(now);
        self.keep_selected(now);
        if self.session.began.is_some_and(|t| now >= t + PATIENCE) {
            self.session.gave_up = true;
        }
        self.update_state();
    }

    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.poll_transmit()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.poll_event()
    }

    /// When to call [`Agent::handle_timeout`] next, at the latest. Ask again after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let patience = self
            .session
            .began
            .filter(|_| !self.session.gave_up)
            .map(|t| t + PATIENCE);
        let deadlines = [
            patience,
            self.checks_due(),
            self.nomination_due(),
            self.selected_due(),
            self.lite_due(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Where media of a component goes: the selected pair, before there is one the best valid pair. `None` where nothing may be
    /// sent.
    #[must_use]
    pub fn route(&self, component: Component) -> Option<Route> {
        match &self.selected[component.index()] {
            Some(selected) => (!selected.lost).then_some(selected.route),
            None => {
                let best = self.session.best_valid(component, self.role)?;
                self.session.pairs.get(best)?.route(&self.session.remotes)
            }
        }
    }

    /// Whether media from there is the peer's: its address has passed a check of this session or is a selected pair's.
    #[must_use]
    pub fn is_proven(&self, local: SocketAddr, from: SocketAddr) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let route = Route { local, remote: from };
        let session = &self.session;
        let valid =
            |p: &pair::Pair| p.state == PairState::Succeeded && p.route(&session.remotes) == Some(route);
        self.selected.iter().flatten().any(|s| s.route == route) || session.pairs.iter().any(valid)
    }

    /// The peer's address as it is seen on the selected pair, for `a=remote-candidates`.
    #[must_use]
    pub fn selected(&self, component: Component) -> Option<Route> {
        self.selected[component.index()].as_ref().map(|s| s.route)
    }

    /// How the peer sees us where that is none of our advertised addresses: `(ours, as seen)`.
    pub fn reflexives(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr)> + '_ {
        let pairs = self.session.pairs.iter();
        pairs.filter_map(|p| Some((p.local.bound, p.reflexive?)))
    }

    /// How far it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Full or lite.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.config.mode
    }

    /// Who nominates.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// What it has done.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.out.counters
    }

    /// Whether a component needs a pair: we have sockets for it, and the peer has or may yet get candidates.
    fn is_wanted(&self, component: Component) -> bool {
        let ours = self.locals.iter().any(|l| l.component == component);
        let theirs = |c| self.session.remotes.iter().any(|r| r.component == c);
        let nothing_known = !Component::ALL.into_iter().any(theirs);
        ours && (!self.session.complete || theirs(component) || nothing_known)
    }

    /// Whether this session has selected a pair for the component.
    fn is_settled(&self, component: Component) -> bool {
        let selected = self.selected[component.index()].as_ref();
        match (selected, &self.session.keys) {
            (Some(selected), Some(keys)) => Arc::ptr_eq(&selected.keys, keys),
            _ => false,
        }
    }

    fn update_state(&mut self) {
        let mut wanted = Component::ALL
            .into_iter()
            .filter(|c| self.is_wanted(*c))
            .peekable();
        let any = wanted.peek().is_some();
        let all_selected = wanted.all(|c| self.selected[c.index()].is_some());
        let state = if self.selected.iter().flatten().any(|s| s.lost) {
            State::Disconnected
        } else if any && all_selected {
            State::Connected
        } else if self.session.keys.is_none() {
            State::New
        } else if self.session.gave_up {
            State::Failed
        } else {
            State::Checking
        };
        if state != self.state {
            self.state = state;
            self.out.event(Event::State(state));
        }
    }

    fn new_transaction(&mut self) -> TransactionId {
        let mut id = [0; 12];
        self.rng.fill_bytes(&mut id);
        TransactionId(id)
    }

    fn switch_role(&mut self) {
        self.role = self.role.other();
        self.session.valid_since = None;
        for pair in &mut self.session.pairs {
            pair.nominate = false;
        }
        self.out.event(Event::Role(self.role));
    }
}
