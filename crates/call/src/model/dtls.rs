//! DTLS-SRTP with one party: what was agreed and the keys that came of it.

use plan::Component;

use super::security::Keys;

/// The DTLS side of a media.
#[derive(Debug, Default)]
pub(crate) struct Dtls {
    /// Both sides have a fingerprint, so that keys will come from a handshake and SDES is off.
    pub(crate) agreed: bool,
    /// Keys of the handshake on the RTP port.
    pub(crate) rtp: Option<Keys>,
    /// Keys of the handshake on the RTCP port, where there is one.
    pub(crate) rtcp: Option<Keys>,
}

impl Dtls {
    /// Whether keys come from DTLS and from nothing else.
    pub(crate) fn is_agreed(&self) -> bool {
        self.agreed
    }

    /// The keys of one component. Each port has its own handshake (RFC 5764 §4).
    pub(crate) fn keys(&self, component: Component) -> Option<&Keys> {
        match component {
            Component::Rtp | Component::Mux => self.rtp.as_ref(),
            Component::Rtcp => self.rtcp.as_ref(),
        }
    }
}
