//! BUNDLE (RFC 8843): medias of one party that share one transport.
//!
//! Each side of a call bundles on its own: a browser may, while the phone behind it does not. Invariant: a media whose
//! `transport` is another one (a *guest*) belongs to the same party, and that other one (its *carrier*) has a transport
//! of its own. Ways in and out of a bundle lead through [`Model::set_bundle`] only.

use ng_protocol::BundleRules;

use super::{Media, MediaId, Model, PartyId};

/// What is agreed with one party about bundling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundling {
    /// Its offers to bundle are accepted.
    pub(crate) accept: bool,
    /// How bundling is offered to it.
    pub(crate) offer: BundleOffer,
    /// Medias that the last offer put into the bundle, be it the party's own or ours to it.
    pub(crate) offered: Vec<MediaId>,
    /// Medias that are bundled, the carrier first.
    pub(crate) members: Vec<MediaId>,
    /// It has said itself that it bundles, in an offer that was accepted or in an answer.
    pub(crate) confirmed: bool,
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

    /// Whether its own offers to bundle are accepted.
    pub(crate) fn accepts(&self) -> bool {
        self.accept || self.offer != BundleOffer::No
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

    /// Whether a media is in a bundle.
    pub(crate) fn is_bundled(&self, media: MediaId) -> bool {
        let party = self.medias[media].party;
        self.parties[party].bundling.members.contains(&media)
    }

    /// The medias that share the transport of `carrier`, itself first, in the order of its party's SDP.
    pub(crate) fn bundle_of(&self, carrier: MediaId) -> impl Iterator<Item = MediaId> {
        let party = &self.parties[self.medias[carrier].party];
        let guests = party.medias.iter().copied();
        let guests = guests.filter(move |m| self.medias[*m].transport == Some(carrier));
        std::iter::once(carrier).chain(guests)
    }

    /// Bundles these medias of a party, and no others of it; the first carries.
    pub(crate) fn set_bundle(&mut self, party: PartyId, members: Vec<MediaId>) {
        let carrier = members.first().copied();
        if let Some(carrier) = carrier
            && let Some(before) = self.medias[carrier].transport
        {
            self.hand_over(before, carrier);
        }
        for media in &self.parties[party].medias {
            let is_guest = Some(*media) != carrier && members.contains(media);
            self.medias[*media].transport = carrier.filter(|_| is_guest);
        }
        self.parties[party].bundling.members = members;
    }

    /// A former guest carries on with the transport it has used, as its carrier has left the bundle: to the peer
    /// nothing moves (RFC 8843 §7.4).
    fn hand_over(&mut self, from: MediaId, to: MediaId) {
        let blank = Media::placeholder(&self.medias[from]);
        let mut old = std::mem::replace(&mut self.medias[from], blank);
        let new = &mut self.medias[to];
        old.swap_transport(new);
        // They stand for whomever the new carrier talks with.
        new.sockets.iter_mut().for_each(|set| set.stands_for = None);
        self.medias[from] = old;
    }
}

impl Media {
    /// Changes places with another media of the same party, as far as the transport is concerned. What was counted
    /// stays with the media.
    fn swap_transport(&mut self, other: &mut Self) {
        use std::mem::swap;
        swap(&mut self.sockets, &mut other.sockets);
        swap(&mut self.mux, &mut other.mux);
        swap(&mut self.epoch, &mut other.epoch);
        swap(&mut self.keying, &mut other.keying);
        swap(&mut self.ice, &mut other.ice);
        for (a, b) in [(&mut self.rtp, &mut other.rtp), (&mut self.rtcp, &mut other.rtcp)] {
            swap(&mut a.flow, &mut b.flow);
            swap(&mut a.learned, &mut b.learned);
        }
    }
}
