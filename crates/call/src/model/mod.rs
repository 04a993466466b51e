//! The nouns of a call as data: parties, their media, their streams, and who is subscribed to whom.
//!
//! Invariant: an id in here names something that is there. Whoever removes a party removes its media, and whoever
//! removes a media removes its subscriptions ([`Model::remove_party`] does all of it).

mod arena;
mod bundle;
mod dtls;
mod ice;
mod media;
mod party;
mod sdes;
mod security;

pub(crate) use arena::{Arena, Id};
pub(crate) use bundle::{BundleOffer, Bundling};
#[allow(unused_imports, reason = "the state is read by whoever explains a stream")]
pub(crate) use dtls::{Described, Dtls, DtlsState, Own, Session};
pub(crate) use ice::{Description, Ice, Passing, Way};
pub(crate) use media::{Armed, Echo, Foreign, Formats, Media, MediaId, Mux, Remote, SocketSet, Stream};
pub(crate) use party::{Party, PartyId, Printed};
pub(crate) use sdes::{CryptoLine, Sdes};
pub(crate) use security::{Keying, Keys, Legacy};

/// Media flows from a source's sender to a sink's receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// Whose packets.
    pub(crate) source: MediaId,
    /// To whom.
    pub(crate) sink: MediaId,
    /// What it came from.
    pub(crate) kind: SubscriptionKind,
}

/// What a subscription came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubscriptionKind {
    /// Offer and answer, or `connect`: the two sides of a dialogue.
    OfferAnswer,
}

impl SubscriptionKind {
    /// As `query` prints it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::OfferAnswer => "offer/answer",
        }
    }
}

/// Everything of a call that signalling shapes.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The parties, in order of creation.
    pub(crate) parties: Arena<Party>,
    /// The media of all parties.
    pub(crate) medias: Arena<Media>,
    /// Who hears whom, in order of creation.
    pub(crate) subscriptions: Vec<Subscription>,
}

impl Model {
    /// The party with this tag, or with this tag as an alias.
    pub(crate) fn party_by_tag(&self, tag: &[u8]) -> Option<PartyId> {
        self.parties
            .iter()
            .find(|(_, p)| p.is_called(tag))
            .map(|(id, _)| id)
    }

    /// Media of `party` by position in its SDP.
    pub(crate) fn media_at(&self, party: PartyId, index: usize) -> Option<MediaId> {
        self.parties[party].medias.get(index).copied()
    }

    /// Makes `source` heard by `sink`, once.
    pub(crate) fn subscribe(&mut self, source: MediaId, sink: MediaId, kind: SubscriptionKind) {
        if !self
            .subscriptions
            .iter()
            .any(|s| s.source == source && s.sink == sink)
        {
            self.subscriptions.push(Subscription { source, sink, kind });
        }
    }

    /// Makes two media the two ends of one m-line, and of no other one.
    pub(crate) fn pair(&mut self, a: MediaId, b: MediaId) {
        self.subscriptions.retain(|s| {
            let touches = |m| s.source == m || s.sink == m;
            !(touches(a) || touches(b)) || (touches(a) && touches(b))
        });
        self.join(a, b);
    }

    /// Makes two media hear each other, besides whomever they hear already.
    pub(crate) fn join(&mut self, a: MediaId, b: MediaId) {
        self.subscribe(a, b, SubscriptionKind::OfferAnswer);
        self.subscribe(b, a, SubscriptionKind::OfferAnswer);
    }

    /// The media of `party` that `media` is joined with.
    pub(crate) fn counterpart(&self, media: MediaId, party: PartyId) -> Option<MediaId> {
        let paired = self.medias[media].pairs.iter().copied();
        paired
            .filter(|m| self.medias.contains(*m))
            .find(|m| self.medias[*m].party == party)
    }

    /// Takes everything of another model in, under new ids.
    pub(crate) fn absorb(&mut self, other: Model) {
        let (parties, medias) = (self.parties.next(), self.medias.next());
        for (id, mut party) in other.parties.into_items() {
            party.medias.iter_mut().for_each(|m| *m = m.shifted(medias));
            party.partners.iter_mut().for_each(|p| *p = p.shifted(parties));
            let bundling = &mut party.bundling;
            let bundled = bundling.offered.iter_mut().chain(&mut bundling.members);
            bundled.for_each(|m| *m = m.shifted(medias));
            self.parties.insert_at(id.shifted(parties), party);
        }
        for (id, mut media) in other.medias.into_items() {
            media.party = media.party.shifted(parties);
            media.pairs.iter_mut().for_each(|m| *m = m.shifted(medias));
            media.transport = media.transport.map(|m| m.shifted(medias));
            self.medias.insert_at(id.shifted(medias), media);
        }
        self.subscriptions
            .extend(other.subscriptions.into_iter().map(|s| Subscription {
                source: s.source.shifted(medias),
                sink: s.sink.shifted(medias),
                ..s
            }));
    }

    /// Removes a party with all its media, subscriptions and links.
    pub(crate) fn remove_party(&mut self, id: PartyId) {
        let Some(party) = self.parties.remove(id) else {
            return;
        };
        for media in &party.medias {
            self.medias.remove(*media);
        }
        self.subscriptions
            .retain(|s| !party.medias.contains(&s.source) && !party.medias.contains(&s.sink));
        for (_, other) in self.parties.iter_mut() {
            other.partners.retain(|p| *p != id);
        }
        for (_, other) in self.medias.iter_mut() {
            other.pairs.retain(|m| !party.medias.contains(m));
        }
    }
}
