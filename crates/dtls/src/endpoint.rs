//! One handshake with one peer.

use std::sync::Arc;

use crate::backend::Session;
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::{Certificate, Config, Fingerprint, Keys, Time};

/// Who begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We do (`a=setup:active`).
    Client,
    /// The peer does (`a=setup:passive`).
    Server,
}

/// Why a handshake came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The peer did not finish it in time.
    #[error("no answer in time")]
    Timeout,
    /// The peer's certificate is not the one that signalling told.
    #[error("certificate does not match the signalled fingerprint")]
    Fingerprint,
    /// The peer has no SRTP profile of ours.
    #[error("no common SRTP profile")]
    Profile,
    /// Something else; the text is OpenSSL's.
    #[error("{0}")]
    Protocol(String),
}

/// What has come of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is done.
    Connected {
        /// The keys.
        keys: Keys,
        /// The peer's certificate, which proves nothing before it was compared with what signalling told.
        certificate: Certificate,
    },
    /// The peer has ended the session.
    Closed,
    /// It came to nothing; nothing more will come of it.
    Failed(Failure),
}

/// One handshake with one peer. Drain [`Endpoint::poll_transmit`] and [`Endpoint::poll_event`] after each input.
#[derive(Debug)]
pub struct Endpoint {
    session: Session,
}

impl Endpoint {
    /// A client begins at once; a server waits for the client's first packet.
    pub fn new(config: &Arc<Config>, role: Role, now: Time) -> Self {
        Self::expecting(config, role, &[], now)
    }

    /// The same for a peer whose certificate is known to have one of these fingerprints: if it does not, the handshake
    /// fails, and the peer is told why.
    pub fn expecting(config: &Arc<Config>, role: Role, fingerprints: &[Fingerprint], now: Time) -> Self {
        let mut session = Session::new(config, role, fingerprints, false, now);
        session.advance(now);
        Self { session }
    }

    /// A server for a client that has got a cookie from [`Cookies`](crate::Cookies): `before` is its first ClientHello.
    pub(crate) fn after_cookie(
        config: &Arc<Config>,
        fingerprints: &[Fingerprint],
        before: &[u8],
        now: Time,
    ) -> Self {
        let mut session = Session::new(config, Role::Server, fingerprints, true, now);
        session.receive(before);
        session.advance(now);
        // It asks for a cookie, which the client has shown already.
        while session.poll_transmit().is_some() {}
        Self { session }
    }

    /// A datagram from the peer.
    pub fn handle_packet(&mut self, now: Time, bytes: &[u8]) {
        if bytes.len() <= DATAGRAM_BYTES_MAX {
            self.session.receive(bytes);
            self.session.advance(now);
        }
    }

    /// Time has come. Call it at [`Endpoint::poll_timeout`] or later.
    pub fn handle_timeout(&mut self, now: Time) {
        self.session.handle_timeout(now);
    }

    /// When [`Endpoint::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.session.poll_timeout()
    }

    /// The next datagram to the peer.
    pub fn poll_transmit(&mut self) -> Option<Box<[u8]>> {
        self.session.poll_transmit()
    }

    /// The next thing that has come of it.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.session.poll_event()
    }

    /// Tells the peer that the session is over.
    pub fn close(&mut self, now: Time) {
        self.session.close(now);
    }
}
