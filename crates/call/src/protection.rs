//! What packets are to the worker, and which of them may go on protected as they came. Part of the plans that `compile`
//! makes.

use plan::{Component, Framing, RtcpPolicy, Security};
use sdp::Protocol;

use crate::SrtpPassthrough;
use crate::call::Call;
use crate::model::Media;
use crate::negotiate::extmap;

impl Call {
    /// What the packets of a media are.
    pub(crate) fn framing(&self, media: &Media) -> Framing {
        match media.protocol {
            // Checks between the parties pass like everything else.
            _ if media.opaque || media.passing.is_on() => Framing::Opaque,
            Protocol::Udptl => Framing::Udptl,
            protocol if !protocol.is_rtp() => Framing::Opaque,
            _ if media.is_secure() && self.is_blind() => Framing::Srtp,
            _ => Framing::Rtp,
        }
    }

    /// Nothing of the call's SRTP is looked into (`--srtp-passthrough=blind`): whatever is secure has one key from end to
    /// end. One media that needs decryption opens them all, because it may be anybody's source.
    fn is_blind(&self) -> bool {
        let medias = &self.model.medias;
        let mut secure = self.model.subscriptions.iter().filter(|s| {
            let is_secure = |m| medias[m].is_secure();
            is_secure(s.source) || is_secure(s.sink)
        });
        self.config.srtp_passthrough == SrtpPassthrough::Blind
            && secure.all(|s| self.has_one_key(&medias[s.source], &medias[s.sink]))
    }

    /// Whether packets from one media's party may go to that of another one protected as they came: they are verified
    /// under the key of both, and nothing of them changes.
    pub(crate) fn keeps_protection(&self, from: &Media, to: &Media) -> bool {
        !self.is_blind() && self.has_one_key(from, to)
    }

    fn has_one_key(&self, from: &Media, to: &Media) -> bool {
        let untouched = extmap::map(from, to, false).is_none()
            && self.rtcp_policy(from, to) == RtcpPolicy::Forward
            && self.taps().is_empty()
            && !from.keying.recrypt
            && !to.keying.recrypt;
        let (from, to) = (self.carrier(from), self.carrier(to));
        untouched
            && [Component::Rtp, Component::Rtcp].into_iter().all(|component| {
                match (from.security(component).0, to.security(component).1) {
                    (Security::Srtp(recv), Security::Srtp(send)) => recv == send,
                    _ => false,
                }
            })
    }
}
