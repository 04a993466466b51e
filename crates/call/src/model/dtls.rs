//! DTLS-SRTP with one party: what was said, what was told, and the handshakes with the keys that come of them.
//!
//! Invariant: keys, once in use, stay until others take their place. A handshake that fails, or that nobody wants to
//! make, never takes media down.

use std::sync::Arc;

use dtls::{Association, Config, Failure, Fingerprint, HashFunction, Role, State};
use plan::Component;
use sdp::{Setup, Text};

use super::security::Keys;

/// What a description says of DTLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// `a=fingerprint`, those whose function we know.
    pub(crate) fingerprints: Vec<Fingerprint>,
    /// `a=setup`.
    pub(crate) setup: Option<Setup>,
    /// `a=tls-id`.
    pub(crate) tls_id: Option<Text>,
    /// `a=ice-ufrag`: another one is an ICE restart.
    pub(crate) ufrag: Option<Text>,
}

/// The DTLS side of a media.
#[derive(Debug, Default)]
pub(crate) struct Dtls {
    /// Both sides have a fingerprint, so that keys will come from a handshake and SDES is off.
    pub(crate) agreed: bool,
    /// Its party was offered DTLS and has not answered yet.
    pub(crate) proposed: bool,
    /// What its party said last.
    pub(crate) said: Option<Described>,
    /// What its party is told.
    pub(crate) own: Option<Own>,
    /// Whether we begin; `None` until that is agreed.
    pub(crate) role: Option<Role>,
    /// We wait if its party leaves the choice to us.
    pub(crate) passive: bool,
    /// Counts up with each association that signalling begins.
    pub(crate) generation: u32,
    /// The next answer begins a new association.
    pub(crate) renew: bool,
    /// On the RTP port.
    pub(crate) rtp: Session,
    /// On the RTCP port, where there is one.
    pub(crate) rtcp: Session,
}

/// What a party is told of us.
#[derive(Debug)]
pub(crate) struct Own {
    /// The certificate, and what belongs to it.
    pub(crate) config: Arc<Config>,
    /// The function of our fingerprint.
    pub(crate) hash: HashFunction,
    /// `a=tls-id`.
    pub(crate) tls_id: String,
    /// The port it was told with: another one means another association.
    pub(crate) port: u16,
}

/// The handshake of one component, and its keys.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The association; none before there is anybody to have one with. It is large, and most medias never have one.
    pub(crate) association: Option<Box<Association>>,
    /// Which one it is.
    pub(crate) generation: u32,
    /// The keys in use.
    pub(crate) keys: Option<Keys>,
    /// DTLS packets that were refused.
    pub(crate) refused: u64,
}

/// DTLS with a party in one word, for whoever looks for the reason why media does not flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DtlsState {
    /// Not in use.
    Off,
    /// It is the party that has to begin, and it has not.
    Awaiting,
    /// We are to begin, and do not know where yet.
    NoAddress,
    /// A handshake is under way.
    Handshaking,
    /// A handshake is done, and the fingerprint to compare with is still to come.
    Unverified,
    /// There are keys.
    Connected,
    /// There are keys, and the party has said that it is going.
    Closed,
    /// The last handshake came to nothing, and there are no keys.
    Failed(Failure),
}

impl Dtls {
    /// Whether keys come from DTLS and from nothing else.
    pub(crate) fn is_agreed(&self) -> bool {
        self.agreed
    }

    /// Whether DTLS packets are expected.
    pub(crate) fn is_expected(&self) -> bool {
        self.own.is_some() && (self.agreed || self.proposed)
    }

    /// DTLS with the party is over, or was not wanted.
    pub(crate) fn stop(&mut self) {
        let (passive, own) = (self.passive, self.own.take());
        *self = Self {
            passive,
            own,
            // Whatever begins later is another association.
            generation: self.generation.wrapping_add(1),
            ..Self::default()
        };
    }

    /// The keys of one component. Each port has its own handshake (RFC 5764 §4).
    pub(crate) fn keys(&self, component: Component) -> Option<&Keys> {
        self.session(component).keys.as_ref()
    }

    fn session(&self, component: Component) -> &Session {
        match component {
            Component::Rtp | Component::Mux => &self.rtp,
            Component::Rtcp => &self.rtcp,
        }
    }

    /// The certificates that the party may show; none as long as its answer is missing.
    pub(crate) fn expected(&self) -> &[Fingerprint] {
        match &self.said {
            Some(said) if self.agreed && !self.proposed => &said.fingerprints,
            _ => &[],
        }
    }

    /// How far one component has come.
    pub(crate) fn state(&self, component: Component) -> DtlsState {
        if !self.is_expected() {
            return DtlsState::Off;
        }
        let session = self.session(component);
        let state = session.association.as_ref().map_or(State::New, |a| a.state());
        match state {
            State::Closed(_) => DtlsState::Closed,
            State::Connected(_) => DtlsState::Connected,
            _ if session.keys.is_some() => DtlsState::Connected,
            State::New if self.role == Some(Role::Client) => DtlsState::NoAddress,
            State::New => DtlsState::Awaiting,
            State::Handshaking => DtlsState::Handshaking,
            State::Unverified => DtlsState::Unverified,
            State::Failed(failure) => DtlsState::Failed(failure),
        }
    }
}
