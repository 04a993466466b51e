//! Trickle ICE: candidates that come after, or before, the offer or answer they belong to (RFC 8840).
//!
//! A fragment whose description is yet to come is held and applied with it; which description it belongs to, its ufrag
//! says. We trickle nothing ourselves: all our candidates are known at once.

use ice::RemoteCandidate;
use ng_protocol::{NgError, Tag};
use plan::Time;
use sdp::{Attribute, Fragment, MediaView, Text, Value};

use crate::call::{Call, SdpReply};
use crate::limits::{CANDIDATES_MAX, FRAGMENT_PATIENCE, FRAGMENTS_MAX};
use crate::model::{MediaId, PartyId};
use crate::negotiate::ice::usable;

/// A part of a fragment that waits for its description.
#[derive(Debug)]
pub(crate) struct Held {
    since: Time,
    /// Who sent it.
    tag: Tag,
    piece: Piece,
}

/// What a fragment says of one media.
#[derive(Debug)]
struct Piece {
    /// `a=mid`.
    mid: Option<Text>,
    /// Position in the fragment.
    index: usize,
    /// Without one it belongs to what is known.
    ufrag: Option<Text>,
    candidates: Vec<(RemoteCandidate, Option<Text>)>,
    /// `a=end-of-candidates`.
    complete: bool,
}

impl Call {
    /// A fragment of the party with this tag. The reply has no body: what we do with a candidate is our business.
    pub(crate) fn run_fragment(&mut self, now: Time, tag: &Tag, body: &[u8]) -> Result<SdpReply, NgError> {
        if body.is_empty() {
            return Err(NgError::NoSdp);
        }
        let fragment = Fragment::parse(body).map_err(|_| NgError::BadSdp)?;
        let party = self.model.party_by_tag(tag);
        for piece in pieces(&fragment) {
            let found = party.and_then(|party| self.media_of_piece(party, &piece));
            if !found.is_some_and(|media| self.take_piece(media, &piece)) {
                self.hold(now, tag, piece);
            }
        }
        self.drive_ice(now);
        if self.model.parties.is_empty() {
            self.schedule(now);
        }
        Ok(SdpReply::default())
    }

    /// Applies what was held for a party, as far as its description has come.
    pub(crate) fn apply_held(&mut self, now: Time, party: PartyId) {
        for held in std::mem::take(&mut self.held) {
            let expired = now >= held.since + FRAGMENT_PATIENCE;
            let theirs = self.model.parties[party].is_called(&held.tag);
            let media = self.media_of_piece(party, &held.piece).filter(|_| theirs);
            let taken = media.is_some_and(|media| self.take_piece(media, &held.piece));
            if !taken && !expired {
                self.held.push(held);
            }
        }
    }

    fn hold(&mut self, now: Time, tag: &Tag, piece: Piece) {
        self.held.retain(|held| now < held.since + FRAGMENT_PATIENCE);
        if self.held.len() >= FRAGMENTS_MAX {
            self.held.remove(0);
        }
        let tag = tag.clone();
        self.held.push(Held {
            since: now,
            tag,
            piece,
        });
    }

    /// By `mid`, else by position; a media that is bundled has the transport of another one.
    fn media_of_piece(&self, party: PartyId, piece: &Piece) -> Option<MediaId> {
        let medias = &self.model.parties[party].medias;
        let called = |m: &&MediaId| self.model.medias[**m].mid.as_deref() == piece.mid.as_deref();
        let by_mid = medias.iter().find(called).filter(|_| piece.mid.is_some());
        let media = *by_mid.or_else(|| medias.get(piece.index))?;
        Some(self.model.medias[media].transport.unwrap_or(media))
    }

    /// Whether the description that a part of a fragment belongs to is there; its candidates are taken then.
    fn take_piece(&mut self, media: MediaId, piece: &Piece) -> bool {
        let ice = &mut self.model.medias[media].ice;
        let Some(said) = &mut ice.said else { return false };
        let is_current = |ufrag: &Option<Text>| {
            let of_said = said.credentials.ufrag().as_bytes();
            ufrag.as_deref().is_none_or(|ufrag| ufrag == of_said)
        };
        if !is_current(&piece.ufrag) {
            return false;
        }
        let current = piece.candidates.iter().filter(|(_, ufrag)| is_current(ufrag));
        let new: Vec<RemoteCandidate> = current
            .map(|(candidate, _)| *candidate)
            .filter(|candidate| !said.candidates.contains(candidate))
            .take(CANDIDATES_MAX.saturating_sub(said.candidates.len()))
            .collect();
        said.candidates.extend(&new);
        said.complete |= piece.complete;
        if let Some(agent) = &mut ice.agent
            && agent.remote_ufrag() == Some(said.credentials.ufrag())
        {
            new.into_iter()
                .for_each(|candidate| agent.add_remote(candidate, None));
            if piece.complete {
                agent.end_of_candidates();
            }
        }
        true
    }
}

/// Media by media; without any, what stands at the head is about the first one.
fn pieces(fragment: &Fragment) -> Vec<Piece> {
    let session = &fragment.session;
    if session.medias.is_empty() {
        return vec![piece(0, session.attributes.iter().map(|a| &a.parsed), &[])];
    }
    let head = &session.attributes;
    let of_media = |view: MediaView<'_>| {
        let own = view.media.attributes.iter().map(|a| &a.parsed);
        piece(view.index, own, head)
    };
    session.views().map(of_media).collect()
}

/// What these say, with a ufrag and an end that may stand at the head for all.
fn piece<'a>(index: usize, values: impl Iterator<Item = &'a Value> + Clone, head: &'a [Attribute]) -> Piece {
    let all = || values.clone().chain(head.iter().map(|a| &a.parsed));
    Piece {
        index,
        mid: values.clone().find_map(|v| match v {
            Value::Mid(mid) => Some(Text::new(mid)),
            _ => None,
        }),
        ufrag: all().find_map(|v| match v {
            Value::IceUfrag(ufrag) => Some(Text::new(ufrag)),
            _ => None,
        }),
        complete: all().any(|v| *v == Value::EndOfCandidates),
        candidates: candidates(values).collect(),
    }
}

fn candidates<'a>(
    values: impl Iterator<Item = &'a Value>,
) -> impl Iterator<Item = (RemoteCandidate, Option<Text>)> {
    let of = |value: &Value| match value {
        Value::Candidate(c) => Some((usable(c)?, c.ufrag().map(Text::new))),
        _ => None,
    };
    values.filter_map(of).take(CANDIDATES_MAX)
}
