//! What packets are to the worker, and which of them may go on protected as they came. Part of the plans that `compile`
//! makes.

use std::sync::Arc;

use plan::{Component, ExtMap, Framing, RtcpPolicy, Security};
use sdp::Protocol;
use srtp::Cipher;

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
            && secure.all(|s| {
                let (from, to) = (&medias[s.source], &medias[s.sink]);
                has_one_protection(self.carriers(from, to))
                    && extmap::map(from, to, false).is_none()
                    && self.wanted_rtcp_policy(from, to) == RtcpPolicy::Forward
                    && self.taps().is_empty()
                    && !is_recrypted(from, to)
            })
    }

    /// Whether RTP from one media's party may go to that of another one protected as it came: it is verified under the
    /// key of both, and nothing of it changes.
    pub(crate) fn keeps_rtp(&self, from: &Media, to: &Media) -> bool {
        let untouched = || self.ext_map(from, to, false).is_none() && !is_recrypted(from, to);
        !self.is_blind() && has_one_protection(self.carriers(from, to)) && untouched()
    }

    /// Whether RTCP from one media's party must go to that of another one as it came. An SRTCP index of ours would come
    /// a second time under the key of the party, and the keystream with it (RFC 3711 §9.1).
    pub(crate) fn keeps_rtcp(&self, from: &Media, to: &Media) -> bool {
        !self.is_blind() && self.has_one_key(from, to, |_| true)
    }

    /// What happens to RTCP: whatever is asked for, what is not under a key of ours is not ours to change.
    pub(crate) fn rtcp_policy(&self, from: &Media, to: &Media) -> RtcpPolicy {
        match self.keeps_rtcp(from, to) {
            true => RtcpPolicy::Forward,
            false => self.wanted_rtcp_policy(from, to),
        }
    }

    fn wanted_rtcp_policy(&self, from: &Media, to: &Media) -> RtcpPolicy {
        match (self.generate_rtcp, from.feedback && !to.feedback) {
            (true, _) => RtcpPolicy::Consume,
            (false, true) => RtcpPolicy::StripFeedback,
            (false, false) => RtcpPolicy::Forward,
        }
    }

    /// What is done to header extensions. With AES-GCM nothing under the parties' key: two headers with one nonce give
    /// away the key of the tags (RFC 7714 §8.4). With the other suites the encrypted part stays what it was.
    pub(crate) fn ext_map(&self, from: &Media, to: &Media, bundled: bool) -> Option<Arc<ExtMap>> {
        let map = extmap::map(from, to, bundled);
        map.filter(|_| !self.has_one_key(from, to, |cipher| cipher == Cipher::AesGcm))
    }

    /// What is sent to `to` is protected with a key that the party of `from` protects with as well.
    fn has_one_key(&self, from: &Media, to: &Media, counts: impl Fn(Cipher) -> bool) -> bool {
        let carriers = self.carriers(from, to);
        securities(carriers).into_iter().any(|pair| match pair {
            (Security::Srtp(recv), Security::Srtp(send)) => {
                recv.shares_key_with(&send) && send.keys().iter().any(|key| counts(key.suite().spec().cipher))
            }
            _ => false,
        })
    }

    fn carriers<'a>(&'a self, from: &'a Media, to: &'a Media) -> (&'a Media, &'a Media) {
        (self.carrier(from), self.carrier(to))
    }
}

fn is_recrypted(from: &Media, to: &Media) -> bool {
    from.keying.recrypt || to.keying.recrypt
}

/// A packet for the one is what it would be for the other.
fn has_one_protection(carriers: (&Media, &Media)) -> bool {
    securities(carriers).iter().all(|pair| match pair {
        (Security::Srtp(recv), Security::Srtp(send)) => recv == send,
        _ => false,
    })
}

/// How RTP and RTCP are protected that come from the one, and that go to the other.
fn securities((from, to): (&Media, &Media)) -> [(Security, Security); 2] {
    [Component::Rtp, Component::Rtcp].map(|c| (from.security(c).0, to.security(c).1))
}
