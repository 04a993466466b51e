//! BUNDLE (RFC 8843): medias of one party that share one transport.
//!
//! Each side of a call bundles on its own: a browser may, while the phone behind it does not. Invariant: a media whose
//! `transport` is another one belongs to the same party, and that other one has a transport of its own.

use ng_protocol::BundleRules;

use super::{MediaId, Model};

/// What is agreed with one party about bundling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundling {
    /// Its offers to bundle are accepted.
    pub(crate) accept: bool,
    /// How bundling is offered to it.
    pub(crate) offer: BundleOffer,
}

impl Bundling {
    /// What an offer of this party says about it.
    pub(crate) fn note_offered(&mut self, rules: &BundleRules) {
        self.accept = (self.accept || rules.accept) && !rules.reject;
    }

    /// What an offer to this party says about it. Of several values the strictest counts.
    pub(crate) fn note_offering(&mut self, rules: &BundleRules) {
        let asked = match rules {
            BundleRules { strict: true, .. } => Some(BundleOffer::Strict),
            BundleRules { require: true, .. } => Some(BundleOffer::Require),
            BundleRules { offer: true, .. } => Some(BundleOffer::Offer),
            _ => None,
        };
        self.offer = asked.unwrap_or(self.offer);
    }
}

/// How bundling is offered to a party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BundleOffer {
    /// It is not.
    #[default]
    No,
    /// As a possibility: every media has a port of its own until it is accepted.
    Offer,
    /// As a condition: all medias but the first are `bundle-only`, at the port of the first.
    Require,
    /// As a condition: all medias but the first are `bundle-only`, at port 0 (RFC 8843 §7.2.1).
    Strict,
}

impl Model {
    /// Whether a media uses the transport of another one.
    pub(crate) fn is_guest(&self, media: MediaId) -> bool {
        self.medias[media].transport.is_some()
    }

    /// The medias that share the transport of `owner`, itself first, in the order of its party's SDP.
    pub(crate) fn bundle_of(&self, owner: MediaId) -> impl Iterator<Item = MediaId> {
        let party = &self.parties[self.medias[owner].party];
        let guests = party.medias.iter().copied();
        let guests = guests.filter(move |m| self.medias[*m].transport == Some(owner));
        std::iter::once(owner).chain(guests)
    }
}
