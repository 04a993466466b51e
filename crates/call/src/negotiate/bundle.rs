//! BUNDLE (RFC 8843): which medias share a transport with each side's party.
//!
//! Decided for both sides before the medias of a body are negotiated one by one, because a media that is bundled takes
//! no ports; looked at once more afterwards, when it is known which of them were rejected.

use sdp::{Session, Text, Value};

use crate::call::Call;
use crate::model::{BundleOffer, MediaId, Model, Party, PartyId};
use crate::rewrite::Line;

use super::Role;
use super::extmap::{self, has_mid};
use super::said::Said;

/// One section of a body, and whose medias it is about.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    /// The sender's.
    pub(crate) source: MediaId,
    /// The receiver's, unless it is hidden from it.
    pub(crate) sink: Option<MediaId>,
    /// The receiver's has just been made.
    pub(crate) is_new: bool,
    /// What it says.
    pub(crate) said: Said<'a>,
}

impl Section<'_> {
    /// Whether it is a media that can be bundled: one of RTP, here, that is not turned down.
    fn is_bundlable(&self, role: Role) -> bool {
        let bundled = role.is_offer() && self.said.bundle_only;
        self.said.media.protocol.is_rtp() && (!self.said.rejected || bundled)
    }
}

impl Call {
    /// Bundling on both sides, as far as the body decides it.
    pub(crate) fn bundle_sections(
        &mut self,
        role: Role,
        (from, to): (PartyId, PartyId),
        session: &Session,
        sections: &mut [Section<'_>],
    ) {
        match role {
            Role::Offer => {
                accept(&mut self.model, from, session, sections);
                propose(&mut self.model, to, sections);
            }
            Role::Answer => {
                accepted(&mut self.model, from, session, sections);
                let rejected = |m: &MediaId| sections.iter().any(|s| s.sink == Some(*m) && s.said.rejected);
                let offered = &self.model.parties[to].bundling.offered;
                let left = offered.iter().copied().filter(|m| !rejected(m)).collect();
                self.model.set_bundle(to, left);
            }
        }
    }

    /// What turned out to be rejected leaves the receiver's bundle. Its guests are printed like their carrier, and its
    /// medias tell each other apart by MID.
    pub(crate) fn finish_bundle(&mut self, role: Role, to: PartyId, lines: &mut [Line<'_>]) {
        let rejected = |m: &MediaId| lines.iter().any(|l| l.media == *m && l.deal.rejected);
        let mut members = self.model.parties[to].bundling.members.clone();
        if members.iter().any(rejected) {
            members.retain(|m| !rejected(m));
            self.model.set_bundle(to, members);
        }
        self.model.parties[to]
            .bundling
            .offered
            .retain(|m| !rejected(m) || !role.is_offer());
        for at in 0..lines.len() {
            let carrier = lines.get(at).and_then(|l| self.model.medias[l.media].transport);
            let carrier = lines.iter().find(|l| Some(l.media) == carrier);
            let shared = carrier.map(|l| (l.deal.mux, l.deal.cryptos.clone(), l.deal.dtls.clone()));
            if let (Some(shared), Some(line)) = (shared, lines.get_mut(at)) {
                (line.deal.mux, line.deal.cryptos, line.deal.dtls) = shared;
            }
        }
        self.tell_mids(role, to, lines);
    }

    /// The MID header extension for the receiver's bundle: offered where we offer the bundle, agreed to where its party
    /// has offered it.
    fn tell_mids(&mut self, role: Role, to: PartyId, lines: &mut [Line<'_>]) {
        let taken: Vec<u16> = lines.iter().flat_map(|l| &l.deal.extmaps).map(|e| e.id).collect();
        let Party { bundling, spoken, .. } = &self.model.parties[to];
        let mut ids = Vec::new();
        for line in lines.iter_mut().filter(|l| l.said.is_some()) {
            let media = &mut self.model.medias[line.media];
            let told = &mut line.deal.extmaps;
            match role {
                Role::Offer if bundling.offered.contains(&line.media) => {
                    if bundling.offer != BundleOffer::No || has_mid(&media.extmaps) {
                        extmap::offer_mid(told, media, &taken);
                    }
                    // RFC 8843 §14: in a bundle an id means the same everywhere.
                    extmap::settle_ids(told, &mut ids);
                }
                Role::Answer if bundling.members.contains(&line.media) => extmap::answer_mid(told, media),
                _ => continue,
            }
            media.told_extmaps.clone_from(told);
            if role.is_offer() && !spoken {
                media.extmaps.clone_from(told);
            }
        }
    }
}

/// An offer's own bundle: accepted if that is wanted and its medias can be told apart.
fn accept(model: &mut Model, party: PartyId, session: &Session, sections: &mut [Section<'_>]) {
    let wanted = model.parties[party].bundling.accepts();
    let mids = bundled_mids(session).filter(|_| wanted).unwrap_or_default();
    let by_mid = |mid: &Text| {
        sections
            .iter()
            .position(|s| s.said.mid.as_ref() == Some(mid) && s.is_bundlable(Role::Offer))
    };
    let mut members: Vec<usize> = mids.iter().filter_map(by_mid).collect();
    let mut seen = Vec::new();
    members.retain(|at| !seen.contains(at) && (seen.push(*at), true).1);
    let chosen = || members.iter().filter_map(|at| sections.get(*at));
    if !is_distinguishable(chosen().map(|s| &s.said)) {
        members.clear();
    }
    let ids: Vec<MediaId> = members
        .iter()
        .filter_map(|at| Some(sections.get(*at)?.source))
        .collect();
    join(sections, &ids);
    let bundling = &mut model.parties[party].bundling;
    bundling.confirmed = !ids.is_empty();
    bundling.offered.clone_from(&ids);
    model.set_bundle(party, ids);
}

/// What transport the sections of a bundle name counts in the first only (RFC 8843 §7.1.3): port zero does not mean a
/// rejected media in the others, nor an address of zeros one on hold.
fn join(sections: &mut [Section<'_>], members: &[MediaId]) {
    let is_held = |s: &Section<'_>| s.said.null_address();
    let carrier = members.first();
    let held = sections.iter().any(|s| Some(&s.source) == carrier && is_held(s));
    for section in sections.iter_mut().filter(|s| members.contains(&s.source)) {
        section.said.rejected = false;
        if !held && is_held(section) {
            section.said.remote = None;
        }
    }
}

/// What the receiver of an offer is offered: the bundle it has already, or all medias that can be bundled.
fn propose(model: &mut Model, party: PartyId, sections: &[Section<'_>]) {
    let bundling = &model.parties[party].bundling;
    let (offer, before) = (bundling.offer, bundling.members.clone());
    let mut sinks: Vec<MediaId> = sections
        .iter()
        .filter(|s| s.is_bundlable(Role::Offer))
        .filter_map(|s| s.sink)
        .collect();
    if offer == BundleOffer::No {
        sinks.retain(|m| before.contains(m));
    }
    // Who carries stays the same as long as it is there.
    sinks.sort_by_key(|m| before.iter().position(|b| b == m).unwrap_or(before.len()));
    let in_force = match offer {
        BundleOffer::No | BundleOffer::Offer => {
            sinks.iter().copied().filter(|m| before.contains(m)).collect()
        }
        BundleOffer::Require | BundleOffer::Strict => sinks.clone(),
    };
    for sink in &sinks {
        let said = sections.iter().find(|s| s.sink == Some(*sink));
        name(model, party, *sink, said.and_then(|s| s.said.mid.as_ref()));
    }
    model.parties[party].bundling.offered = sinks;
    model.set_bundle(party, in_force);
}

/// What an answer makes of the bundle that was offered. A media that was offered as `bundle-only` and is not bundled has
/// no port that it could use: it counts as rejected.
fn accepted(model: &mut Model, party: PartyId, session: &Session, sections: &mut [Section<'_>]) {
    let offered = model.parties[party].bundling.offered.clone();
    let by_mid = |mid: &Text| {
        let known = |s: &Section<'_>| {
            let known = model.medias[s.source].mid.as_ref();
            s.said.mid.as_ref().or(known) == Some(mid)
        };
        let section = sections
            .iter()
            .find(|s| known(s) && s.is_bundlable(Role::Answer))?;
        Some(section.source).filter(|m| offered.contains(m))
    };
    let mut members: Vec<MediaId> = Vec::new();
    for media in bundled_mids(session)
        .unwrap_or_default()
        .iter()
        .filter_map(by_mid)
    {
        if !members.contains(&media) {
            members.push(media);
        }
    }
    for section in sections.iter_mut() {
        let conditional = model.is_guest(section.source) && !model.parties[party].bundling.confirmed;
        section.said.rejected |= conditional && !members.contains(&section.source);
    }
    join(sections, &members);
    model.parties[party].bundling.confirmed = !members.is_empty();
    model.set_bundle(party, members);
}

/// Gives a media of the receiver a name, if it has none: the sender's, or its position (RFC 8843 §7.2).
fn name(model: &mut Model, party: PartyId, media: MediaId, said: Option<&Text>) {
    if model.medias[media].mid.is_some() {
        return;
    }
    let taken: Vec<Text> = {
        let others = model.parties[party].medias.iter();
        others.filter_map(|m| model.medias[*m].mid.clone()).collect()
    };
    let by_position = (model.medias[media].index + 1..).map(|n| Text::from(n.to_string()));
    let mut names = said.map(Text::new).into_iter().chain(by_position);
    model.medias[media].mid = names.find(|name| !taken.contains(name));
}

/// The members of the first `a=group:BUNDLE`.
fn bundled_mids(session: &Session) -> Option<&[Text]> {
    session.attributes.iter().find_map(|a| match &a.parsed {
        Value::Group(group) if group.is_bundle() => Some(&group.mids[..]),
        _ => None,
    })
}

/// Whether a packet tells which media it belongs to: by its MID, or because no payload type occurs twice.
fn is_distinguishable<'a>(said: impl Iterator<Item = &'a Said<'a>> + Clone) -> bool {
    let named = said.clone().all(|s| has_mid(&s.extmaps));
    let mut seen = [false; 128];
    let types = said.flat_map(|s| s.codecs.iter().map(|f| f.payload_type));
    let mut twice = types.filter_map(|pt| seen.get_mut(usize::from(pt)).map(|s| std::mem::replace(s, true)));
    named || !twice.any(|seen| seen)
}
