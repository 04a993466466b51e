//! The SRTP contexts of a flow, and what of them survives a new plan.
//!
//! Invariant: no index is used twice under one key for as long as the flow lives (RFC 3711 §9.1), and no packet is
//! taken twice. So contexts go on counting over every plan that names their key, and one whose key has gone is kept
//! aside for the case that signalling returns to it, and for packets that were under way when the keys changed.
//!
//! The RTP and the RTCP flow of a media have the same keys, except where each made its own handshake: their contexts
//! are kept at the RTP flow alone, so that RTCP may change between the ports (rtcp-mux) and counts on.

use std::time::Duration;

use plan::{DropReason, Security, Time};
use slab::Slab;
use srtp::{Contexts, Params, Receiver, Reject, Sender};

use crate::flow::Flow;
use crate::limits;
use crate::state::State;
use crate::table::Slot;

/// How one direction of a flow is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keying {
    /// It is not.
    #[default]
    Plain,
    /// There are no keys yet.
    Pending,
    /// By the context that is kept at this flow.
    At(Slot),
}

/// The contexts that are kept at a flow.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    recv: Ring<Receiver>,
    send: Ring<Sender>,
    /// Until then the peer may not have taken the new keys up.
    grace: Time,
}

impl Keys {
    /// Takes what a new plan says.
    pub(crate) fn adopt(&mut self, now: Time, recv: Option<&Params>, send: Option<&Params>) {
        if self.recv.adopt(recv) {
            self.grace = now + Duration::from_micros(limits::REKEY_GRACE_US);
        }
        self.send.adopt(send);
    }

    /// What became of a packet after the keys in use have judged it. If it is not theirs, and comes from where the peer
    /// is, the keys before may judge it, until there is a packet under the new ones.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        now: Time,
        known: bool,
        judged: Result<usize, Reject>,
        again: impl FnOnce(&mut Receiver) -> Result<usize, Reject>,
    ) -> Result<usize, Reject> {
        match judged {
            Ok(_) => self.grace = Time(0),
            Err(Reject::Unauthentic | Reject::UnknownKey) if known && now < self.grace => {
                let before = self.recv.retired.last_mut();
                // Who needs no tag could be anybody.
                let before = before.filter(|r| r.params().protection().authenticate_rtp);
                return before.map_or(judged, again);
            }
            Err(_) => {}
        }
        judged
    }
}

/// The flows as keepers of what unprotects.
pub(crate) struct Receivers<'a>(pub(crate) &'a mut Slab<Box<Flow>>);

impl<'a> Receivers<'a> {
    pub(crate) fn keys(self, slot: Slot) -> Option<&'a mut Keys> {
        self.0.get_mut(slot as usize)?.state.keys.as_deref_mut()
    }

    pub(crate) fn take(self, slot: Slot) -> Option<&'a mut Receiver> {
        self.keys(slot)?.recv.current.as_mut()
    }
}

impl Contexts<Receiver> for Receivers<'_> {
    fn context(&self, number: usize) -> Option<&Receiver> {
        let keys = self.0.get(number)?.state.keys.as_ref()?;
        keys.recv.current.as_ref()
    }

    fn context_mut(&mut self, number: usize) -> Option<&mut Receiver> {
        Receivers(self.0).take(Slot::try_from(number).ok()?)
    }
}

/// The flows as keepers of what protects.
pub(crate) struct Senders<'a>(pub(crate) &'a mut Slab<Box<Flow>>);

impl Contexts<Sender> for Senders<'_> {
    fn context(&self, number: usize) -> Option<&Sender> {
        let keys = self.0.get(number)?.state.keys.as_ref()?;
        keys.send.current.as_ref()
    }

    fn context_mut(&mut self, number: usize) -> Option<&mut Sender> {
        let keys = self.0.get_mut(number)?.state.keys.as_mut()?;
        keys.send.current.as_mut()
    }
}

/// A context of either direction.
pub(crate) trait Context {
    fn begin(params: Params) -> Self;
    fn renew(&mut self, params: Params);
    fn params(&self) -> &Params;
}

impl Context for Receiver {
    fn begin(params: Params) -> Self {
        Self::new(params)
    }
    fn renew(&mut self, params: Params) {
        self.renew(params);
    }
    fn params(&self) -> &Params {
        self.params()
    }
}

impl Context for Sender {
    fn begin(params: Params) -> Self {
        Self::new(params)
    }
    fn renew(&mut self, params: Params) {
        self.renew(params);
    }
    fn params(&self) -> &Params {
        self.params()
    }
}

/// The context in use and those of keys that were in use before, the latest last.
#[derive(Debug)]
pub(crate) struct Ring<C> {
    current: Option<C>,
    retired: Vec<C>,
}

impl<C> Default for Ring<C> {
    fn default() -> Self {
        Self {
            current: None,
            retired: Vec::new(),
        }
    }
}

impl<C: Context> Ring<C> {
    /// Takes what a new plan says; `None` if it names no keys. True if other keys take the place of those in use.
    fn adopt(&mut self, params: Option<&Params>) -> bool {
        if self.current.as_ref().map(C::params) == params {
            return false;
        }
        let goes_on = |context: &C| params.is_some_and(|p| p.shares_key_with(context.params()));
        let stays = self.current.as_ref().is_some_and(goes_on);
        let replaced = self.current.is_some() && params.is_some() && !stays;
        if !stays {
            if self.retired.len() == limits::RETIRED_KEYS {
                self.retired.remove(0);
            }
            self.retired.extend(self.current.take());
            let known = self.retired.iter().position(goes_on);
            self.current = known.map(|at| self.retired.remove(at));
        }
        match (&mut self.current, params) {
            (Some(context), Some(params)) if context.params() != params => context.renew(params.clone()),
            (None, Some(params)) => self.current = Some(C::begin(params.clone())),
            _ => {}
        }
        replaced
    }
}

/// What is sent from `to` goes on where the party stopped whose packets `from` has taken, if they have one key.
pub(crate) fn follow(to: &mut State, from: &State) {
    let sender = to.keys.as_mut().and_then(|keys| keys.send.current.as_mut());
    let receiver = from.keys.as_ref().and_then(|keys| keys.recv.current.as_ref());
    if let (Some(sender), Some(receiver)) = (sender, receiver) {
        sender.follow(receiver);
    }
}

/// The parameters that a plan names.
pub(crate) fn params(security: &Security) -> Option<&Params> {
    match security {
        Security::Srtp(params) => Some(params),
        Security::Plain | Security::Pending => None,
    }
}

/// What it means that a packet from a peer is refused.
pub(crate) const fn refused(why: Reject) -> DropReason {
    match why {
        Reject::Malformed | Reject::TooLong | Reject::NoRoom => DropReason::Malformed,
        Reject::UnknownKey | Reject::Unauthentic | Reject::KeyExhausted => DropReason::SrtpAuth,
        Reject::Replayed | Reject::TooOld => DropReason::SrtpReplay,
        Reject::NoContext => DropReason::NoKeys,
    }
}

/// What it means that a packet to a peer is refused.
pub(crate) const fn unsendable(why: Reject) -> DropReason {
    match why {
        Reject::Replayed | Reject::TooOld => DropReason::Repeated,
        Reject::UnknownKey | Reject::Unauthentic | Reject::KeyExhausted | Reject::NoContext => {
            DropReason::NoKeys
        }
        Reject::Malformed | Reject::TooLong | Reject::NoRoom => DropReason::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use srtp::{MasterKey, Protection, Suite};

    use super::*;

    fn params(fill: u8) -> Params {
        let key = MasterKey::joined(Suite::AesCm128HmacSha1_80, &[fill; 30]).expect("30 bytes");
        Params::new(vec![key], Protection::default()).expect("one key")
    }

    fn send(ring: &mut Ring<Sender>, seq: u8) -> bool {
        let mut buf = [0; 64];
        buf[..12].copy_from_slice(&[0x80, 0, 0, seq, 0, 0, 0, 0, 0, 0, 0, 9]);
        let sender = ring.current.as_mut().expect("a key is there");
        sender.protect_rtp(&mut buf, 20).is_ok()
    }

    #[test]
    fn a_key_that_comes_back_counts_on() {
        let mut ring = Ring::default();
        for (key, seq, fresh) in [
            (1, 7, true),
            (1, 7, false),
            (2, 7, true),
            (3, 7, true),
            (1, 7, false),
            (1, 8, true),
            (2, 7, false),
            (2, 8, true),
        ] {
            ring.adopt(Some(&params(key)));
            assert_eq!(send(&mut ring, seq), fresh, "key {key}, packet {seq}");
            // Meanwhile there is none: on hold, or without protection.
            ring.adopt(None);
            assert!(ring.current.is_none());
        }
    }

    #[test]
    fn so_many_keys_are_remembered_and_no_more() {
        let mut ring = Ring::<Sender>::default();
        let many = u8::try_from(limits::RETIRED_KEYS + 5).expect("few");
        for key in 1..=many {
            ring.adopt(Some(&params(key)));
            assert!(send(&mut ring, 7));
        }
        assert_eq!(ring.retired.len(), limits::RETIRED_KEYS);
        ring.adopt(Some(&params(many - 1)));
        assert!(!send(&mut ring, 7));
    }
}
