//! How the packets between us and one party are protected: where the keys of a media come from.
//!
//! Invariant: DTLS wins. As long as DTLS was agreed with a party, the keys of its `a=crypto` lines protect nothing.

use std::sync::Arc;

use plan::{Component, Security};
use sdp::Protocol;
use srtp::Params;

use super::{Dtls, Media, Sdes};

/// The keys of one media, by where they come from.
#[derive(Debug, Default)]
pub(crate) struct Keying {
    /// `a=crypto` (RFC 4568).
    pub(crate) sdes: Sdes,
    /// DTLS-SRTP (RFC 5764).
    pub(crate) dtls: Dtls,
    /// Its party may be sent SRTP although its protocol is AVP or AVPF (OSRTP, RFC 8643).
    pub(crate) opportunistic: bool,
    /// It stands twice in its party's bodies, with SRTP and without.
    pub(crate) legacy: Option<Legacy>,
    /// Its packets are decrypted and encrypted again even if both parties have the same key (`recrypt`).
    pub(crate) recrypt: bool,
}

/// The two `m=` sections of one media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Legacy {
    /// The section without SRTP is the first.
    pub(crate) plain_first: bool,
    /// The protocol of the one with SRTP.
    pub(crate) secure: Protocol,
}

impl Legacy {
    /// The protocol of the section without SRTP.
    pub(crate) fn plain(self) -> Protocol {
        Protocol::rtp(false, self.secure.is_feedback(), false).unwrap_or(Protocol::RtpAvp)
    }
}

/// One direction's keys each, from whatever source.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// What its party protects with.
    pub(crate) recv: Arc<Params>,
    /// What we protect with.
    pub(crate) send: Arc<Params>,
}

impl Keying {
    /// How one component is protected, for a media that speaks SRTP: towards us, and from us.
    fn secured(&self, component: Component) -> (Security, Security) {
        let srtp = |keys: &Keys| {
            let of = |params: &Arc<Params>| Security::Srtp(Arc::clone(params));
            (of(&keys.recv), of(&keys.send))
        };
        match self.dtls.is_agreed() {
            true => self
                .dtls
                .keys(component)
                .map_or((Security::Pending, Security::Pending), srtp),
            false => self.sdes.security(),
        }
    }
}

impl Media {
    /// Packets between us and its party are SRTP, or will be as soon as there are keys.
    pub(crate) fn is_secure(&self) -> bool {
        self.protocol.is_srtp() || self.protocol.is_rtp() && self.keying.opportunistic
    }

    /// How packets of one component are protected: those that arrive from its party, and those we send to it.
    pub(crate) fn security(&self, component: Component) -> (Security, Security) {
        match self.is_secure() {
            true => self.keying.secured(component),
            false => (Security::Plain, Security::Plain),
        }
    }
}
