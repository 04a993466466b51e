//! What one component of a media needs of DTLS: handshakes with whoever comes, of which the one with the right
//! certificate yields the keys.
//!
//! A packet of a stranger can begin a handshake of its own but never ends, delays or replaces another (CVE-2023-51275):
//! - Before a source is given more than it has sent, it shows that it receives what is sent to it: by a connectivity check
//!   (ICE, [`Trust::Proven`]) or by a cookie. The check is enough for one handshake at a time, because it can be forged for
//!   the ClientHello that follows; any further one needs a cookie, too.
//! - Handshakes are told apart by source and client random, there are at most [`PARALLEL_MAX`] of them, and each takes
//!   from the budget of its thread.
//! - A handshake of ours that fails is begun anew, [`CLIENT_ATTEMPTS_MAX`] times.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use openssl::error::ErrorStack;
use srtp::Suite;

use crate::hello::{ClientHello, First, first};
use crate::limits::{
    CLIENT_ATTEMPTS_MAX, CLIENT_RETRY_FIRST, FINGERPRINTS_MAX, LINGER, PARALLEL_MAX, STALE_AFTER,
};
use crate::{
    Budget, Certificate, Config, Cookies, Endpoint, Event as EndpointEvent, Failure, Fingerprint, Keys, Role,
    Time,
};

/// A way to a peer: one of our sockets, by whatever number the caller gives it, and the peer's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The socket.
    pub local: u32,
    /// The address.
    pub remote: SocketAddr,
}

/// What is known of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It has passed a connectivity check (ICE).
    Proven,
    /// Nothing.
    Unproven,
}

/// What all associations of one thread share.
#[derive(Debug)]
pub struct Gate {
    cookies: Cookies,
    /// Handshakes that may begin.
    pub budget: Budget,
}

impl Gate {
    /// With a new secret and a full budget.
    pub fn new(now: Time) -> Result<Self, ErrorStack> {
        Ok(Self {
            cookies: Cookies::new()?,
            budget: Budget::new(now),
        })
    }
}

/// What comes of an association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer has the certificate that was told; these are the keys, in place of any before.
    Connected(Keys),
    /// A handshake came to nothing. It may have been a stranger's.
    Failed(Failure),
    /// The peer has ended the session. Its keys stay good for what is under way.
    Closed,
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not DTLS.
    #[error("malformed")]
    Malformed,
    /// No handshake is under way with its source.
    #[error("from a stranger")]
    Stranger,
    /// A ClientHello, but we are the client.
    #[error("both sides are clients")]
    Role,
    /// Too many handshakes side by side.
    #[error("too many handshakes at once")]
    Full,
    /// Too many handshakes in too short a time.
    #[error("too many handshakes in this second")]
    Busy,
}

/// How far an association has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing has come, or there is nobody to begin with yet.
    New,
    /// A handshake is under way.
    Handshaking,
    /// A handshake is done, but signalling has not told the fingerprint yet.
    Unverified,
    /// There are keys.
    Connected(Suite),
    /// There were keys, and the peer has ended the session.
    Closed(Suite),
    /// The last handshake came to nothing.
    Failed(Failure),
}

/// One handshake among several.
#[derive(Debug)]
struct Attempt {
    endpoint: Endpoint,
    path: Path,
    /// Began without a cookie.
    direct: bool,
    /// The client's random bytes; empty if its ClientHello came in fragments, or if we are the client.
    random: ArrayVec<u8, 32>,
    /// When something came from the peer, at the latest.
    heard: Time,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Handshake,
    /// Done, and nobody knows yet whether with the right peer.
    Unverified(Box<(Keys, Certificate)>),
    /// Its keys are in use. It stays until then, to answer to flights that are sent again.
    Lingering(Time),
}

/// The DTLS association of one component. After each input drain [`Association::poll_transmit`] and
/// [`Association::poll_event`].
#[derive(Debug)]
pub struct Association {
    config: Arc<Config>,
    role: Role,
    expected: ArrayVec<Fingerprint, FINGERPRINTS_MAX>,
    attempts: ArrayVec<Attempt, PARALLEL_MAX>,
    /// Where the peer is that we begin with.
    target: Option<Path>,
    tried: u32,
    /// When we begin (again).
    begin_at: Option<Time>,
    connected: Option<Suite>,
    closed: bool,
    failure: Option<Failure>,
    transmits: VecDeque<(Path, Box<[u8]>)>,
    events: VecDeque<Event>,
}

impl Association {
    /// One that waits: as server for the client, as client for [`Association::set_target`].
    pub const fn new(config: Arc<Config>, role: Role) -> Self {
        Self {
            config,
            role,
            expected: ArrayVec::new_const(),
            attempts: ArrayVec::new_const(),
            target: None,
            tried: 0,
            begin_at: None,
            connected: None,
            closed: false,
            failure: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Whether we begin.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The configuration it began with.
    pub const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        let unverified = |a: &Attempt| matches!(a.stage, Stage::Unverified(_));
        match self.connected {
            Some(suite) if self.closed => State::Closed(suite),
            Some(suite) => State::Connected(suite),
            None if self.attempts.iter().any(unverified) => State::Unverified,
            None => match &self.failure {
                Some(failure) => State::Failed(failure.clone()),
                None if self.attempts.is_empty() => State::New,
                None => State::Handshaking,
            },
        }
    }

    /// What signalling says of the peer's certificate: one of these. None = it has not said yet. Handshakes that are
    /// done and fit yield their keys now.
    pub fn expect(&mut self, now: Time, fingerprints: &[Fingerprint]) {
        let told = fingerprints.iter().take(FINGERPRINTS_MAX).cloned().collect();
        if self.expected != told {
            self.expected = told;
            self.tried = 0;
        }
        for at in (0..self.attempts.len()).rev() {
            self.verify(now, at);
        }
    }

    /// As client: where the peer is. A handshake that is under way goes on there. As server it is of no interest.
    pub fn set_target(&mut self, now: Time, target: Path) {
        if self.role == Role::Server || self.target == Some(target) {
            return;
        }
        self.target = Some(target);
        self.tried = 0;
        for attempt in &mut self.attempts {
            attempt.path = target;
        }
        if self.attempts.is_empty() && self.connected.is_none() {
            self.begin_at = Some(now);
        }
    }

    /// Signalling begins a new association with the same peer. Handshakes that are under way as server stay: they may be the
    /// new one's, whose first packet was faster than signalling.
    pub fn restart(&mut self, now: Time) {
        let server = self.role == Role::Server;
        self.attempts
            .retain(|a| server && !matches!(a.stage, Stage::Lingering(_)));
        (self.connected, self.closed, self.failure) = (None, false, None);
        self.tried = 0;
        self.begin_at = self.target.filter(|_| !server).map(|_| now);
    }

    /// A DTLS packet.
    pub fn handle_packet(
        &mut self,
        now: Time,
        path: Path,
        trust: Trust,
        bytes: &[u8],
        gate: &mut Gate,
    ) -> Result<(), Refused> {
        match (first(bytes), self.role) {
            (First::Foreign, _) => Err(Refused::Malformed),
            (First::Hello(_) | First::HelloFragment, Role::Client) => Err(Refused::Role),
            (First::Other, _) => self.go_on(now, path, trust, bytes),
            (First::Hello(hello), Role::Server) => self.greeted(now, path, trust, bytes, &hello, gate),
            (First::HelloFragment, Role::Server) => {
                let proven = trust == Trust::Proven;
                match self.go_on(now, path, trust, bytes) {
                    Err(Refused::Stranger) if proven && self.is_free_for_direct(now) => {
                        self.admit(now, path, &mut gate.budget)?;
                        let endpoint = Endpoint::expecting(&self.config, Role::Server, &self.expected, now);
                        self.begin(now, path, true, &[], endpoint);
                        self.feed(now, self.attempts.len() - 1, path, bytes);
                        Ok(())
                    }
                    other => other,
                }
            }
        }
    }

    /// Time has come. Call it at [`Association::poll_timeout`] or later.
    pub fn handle_timeout(&mut self, now: Time, gate: &mut Gate) {
        for at in (0..self.attempts.len()).rev() {
            let attempt = &mut self.attempts[at];
            if matches!(attempt.stage, Stage::Lingering(until) if until <= now) {
                self.attempts.remove(at);
                continue;
            }
            if attempt.endpoint.poll_timeout().is_some_and(|t| t <= now) {
                attempt.endpoint.handle_timeout(now);
                self.harvest(now, at);
            }
        }
        if self.begin_at.is_some_and(|at| at <= now) {
            self.begin_as_client(now, gate);
        }
    }

    /// When [`Association::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        let of = |a: &Attempt| {
            let linger = match a.stage {
                Stage::Lingering(until) => Some(until),
                _ => None,
            };
            [a.endpoint.poll_timeout(), linger]
        };
        let attempts = self.attempts.iter().flat_map(of);
        attempts.chain([self.begin_at]).flatten().min()
    }

    /// The next datagram, and the way it takes.
    pub fn poll_transmit(&mut self) -> Option<(Path, Box<[u8]>)> {
        self.transmits.pop_front()
    }

    /// The next thing that has come of it.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A packet that only makes sense within a handshake that is under way.
    fn go_on(&mut self, now: Time, path: Path, trust: Trust, bytes: &[u8]) -> Result<(), Refused> {
        let by_path = self.attempts.iter().rposition(|a| a.path == path);
        // All sources that have passed a check are the same peer, which may have chosen another of them meanwhile.
        let newest = || self.attempts.iter().rposition(|a| a.direct);
        let found = by_path.or_else(|| if trust == Trust::Proven { newest() } else { None });
        self.feed(now, found.ok_or(Refused::Stranger)?, path, bytes);
        Ok(())
    }

    /// A ClientHello: of a handshake that is under way, with a cookie, from a source that has passed a check, or of
    /// somebody who is asked for a cookie.
    fn greeted(
        &mut self,
        now: Time,
        path: Path,
        trust: Trust,
        bytes: &[u8],
        hello: &ClientHello<'_>,
        gate: &mut Gate,
    ) -> Result<(), Refused> {
        let same = |a: &Attempt| a.random[..] == *hello.random && (a.path == path || trust == Trust::Proven);
        if let Some(known) = self.attempts.iter().rposition(same) {
            self.feed(now, known, path, bytes);
            return Ok(());
        }
        let (config, expected) = (&self.config, &self.expected);
        let direct = trust == Trust::Proven && hello.cookie.is_empty() && self.is_free_for_direct(now);
        let endpoint: Endpoint = if direct {
            self.admit(now, path, &mut gate.budget)?;
            Endpoint::expecting(&self.config, Role::Server, &self.expected, now)
        } else if gate.cookies.verify(now, path.remote, hello) {
            let before = hello.without_cookie();
            let (config, expected) = (Arc::clone(config), expected.clone());
            self.admit(now, path, &mut gate.budget)?;
            Endpoint::after_cookie(&config, &expected, &before, now)
        } else {
            if let Some(cookie) = gate.cookies.make(now, path.remote, hello) {
                let answer = hello.verify_request(&cookie);
                // Whoever is at that address is never sent more than was sent to us in its name.
                if answer.len() <= bytes.len() {
                    self.transmits.push_back((path, answer.into()));
                }
            }
            return Ok(());
        };
        self.begin(now, path, direct, hello.random, endpoint);
        self.feed(now, self.attempts.len() - 1, path, bytes);
        Ok(())
    }

    /// Whether a handshake may begin on the strength of a connectivity check alone.
    fn is_free_for_direct(&self, now: Time) -> bool {
        self.connected.is_none() && self.attempts.iter().all(|a| a.is_stale(now))
    }

    /// Makes room for one more handshake, if there may be one.
    fn admit(&mut self, now: Time, path: Path, budget: &mut Budget) -> Result<(), Refused> {
        // A source has one handshake at a time; one that is done stays until the new one is.
        let own = |a: &Attempt| a.path == path && matches!(a.stage, Stage::Handshake);
        let replaced = self.attempts.iter().position(own);
        let stale = || self.attempts.iter().position(|a| a.is_stale(now));
        let room = replaced.or_else(|| if self.attempts.is_full() { stale() } else { None });
        if room.is_none() && self.attempts.is_full() {
            return Err(Refused::Full);
        }
        if !budget.take(now) {
            return Err(Refused::Busy);
        }
        if let Some(at) = room {
            self.attempts.remove(at);
        }
        Ok(())
    }

    fn begin(&mut self, now: Time, path: Path, direct: bool, random: &[u8], endpoint: Endpoint) {
        self.failure = None;
        self.attempts.push(Attempt {
            endpoint,
            path,
            direct,
            random: random.iter().copied().take(32).collect(),
            heard: now,
            stage: Stage::Handshake,
        });
    }

    fn begin_as_client(&mut self, now: Time, gate: &mut Gate) {
        self.begin_at = None;
        let Some(target) = self.target.filter(|_| self.attempts.is_empty()) else {
            return;
        };
        if !gate.budget.take(now) {
            self.begin_at = Some(now + CLIENT_RETRY_FIRST);
            return;
        }
        self.tried += 1;
        let endpoint = Endpoint::expecting(&self.config, Role::Client, &self.expected, now);
        self.begin(now, target, true, &[], endpoint);
        self.harvest(now, 0);
    }

    fn feed(&mut self, now: Time, at: usize, path: Path, bytes: &[u8]) {
        let attempt = &mut self.attempts[at];
        attempt.path = path;
        attempt.heard = now;
        attempt.endpoint.handle_packet(now, bytes);
        self.harvest(now, at);
    }

    /// Takes what has come of one handshake. May remove it.
    fn harvest(&mut self, now: Time, at: usize) {
        let attempt = &mut self.attempts[at];
        while let Some(datagram) = attempt.endpoint.poll_transmit() {
            self.transmits.push_back((attempt.path, datagram));
        }
        while let Some(event) = self.attempts[at].endpoint.poll_event() {
            match event {
                EndpointEvent::Connected { keys, certificate } => {
                    self.attempts[at].stage = Stage::Unverified(Box::new((keys, certificate)));
                    // Whether it goes on is decided by the certificate; if it does not, it is gone.
                    if !self.verify(now, at) {
                        return;
                    }
                }
                EndpointEvent::Closed => return self.over(at),
                EndpointEvent::Failed(failure) => return self.failed(now, at, failure),
            }
        }
    }

    /// Compares the certificate of a handshake that is done with what signalling told. `false` if it is gone.
    fn verify(&mut self, now: Time, at: usize) -> bool {
        let Stage::Unverified(made) = &self.attempts[at].stage else {
            return true;
        };
        if self.expected.is_empty() {
            return true;
        }
        let (keys, certificate) = made.as_ref();
        if !certificate.is_one_of(&self.expected) {
            self.attempts[at].endpoint.close(now);
            self.failed(now, at, Failure::Fingerprint);
            return false;
        }
        let keys = keys.clone();
        self.attempts[at].stage = Stage::Lingering(now + LINGER);
        (self.connected, self.closed, self.failure) = (Some(keys.suite), false, None);
        self.events.push_back(Event::Connected(keys));
        // Those who came second with the right certificate are the same peer, and those with another are not wanted.
        let path = self.attempts[at].path;
        self.attempts
            .retain(|a| a.path == path && matches!(a.stage, Stage::Lingering(_)));
        let surplus = self.attempts.len().saturating_sub(1);
        self.attempts.drain(..surplus);
        false
    }

    /// The peer has ended a session.
    fn over(&mut self, at: usize) {
        let attempt = self.attempts.remove(at);
        if matches!(attempt.stage, Stage::Lingering(_)) {
            self.closed = true;
            self.events.push_back(Event::Closed);
        }
    }

    fn failed(&mut self, now: Time, at: usize, failure: Failure) {
        let mut attempt = self.attempts.remove(at);
        while let Some(datagram) = attempt.endpoint.poll_transmit() {
            self.transmits.push_back((attempt.path, datagram));
        }
        if self.role == Role::Client && self.connected.is_none() && self.tried < CLIENT_ATTEMPTS_MAX {
            let doubled: Duration = CLIENT_RETRY_FIRST * (1 << self.tried.min(8));
            self.begin_at = Some(now + doubled);
        }
        self.failure = Some(failure.clone());
        self.events.push_back(Event::Failed(failure));
    }
}

impl Attempt {
    /// Nothing has come of it for so long that it may give way to another.
    fn is_stale(&self, now: Time) -> bool {
        match self.stage {
            Stage::Handshake => now.since(self.heard) >= STALE_AFTER,
            Stage::Unverified(_) => false,
            Stage::Lingering(_) => true,
        }
    }
}

#[cfg(test)]
mod tests;
