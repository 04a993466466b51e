//! Who is meant: from tags and branches to the two parties of an exchange.
//!
//! Every well-formed combination finds an answer: unknown tags make parties, aliases or, where no dialogue could be
//! meant, the error "Invalid dialogue association".

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use ng_protocol::{AliasKey, AnswerArgs, NgError, OfferArgs, Tag, Text};
use plan::Time;

use crate::call::Call;
use crate::limits::{ALIASES_MAX, PARTIES_MAX};
use crate::model::{Party, PartyId};

/// Recognises an SDP body (`alias-key=SDP`).
pub(crate) fn fingerprint(sdp: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    sdp.hash(&mut hasher);
    hasher.finish()
}

impl Call {
    /// The offering party and the one it offers to, created where they are new.
    pub(crate) fn parties_of_offer(
        &mut self,
        now: Time,
        args: &OfferArgs,
        first_endpoint: Option<SocketAddr>,
    ) -> Result<(PartyId, PartyId), NgError> {
        let from = self.offerer(now, args, first_endpoint)?;
        let to = self.offer_target(now, args, from)?;
        if from == to {
            return Err(NgError::InvalidDialogue);
        }
        self.link(from, to);
        Ok((from, to))
    }

    fn offerer(
        &mut self,
        now: Time,
        args: &OfferArgs,
        first_endpoint: Option<SocketAddr>,
    ) -> Result<PartyId, NgError> {
        if let Some(known) = self.model.party_by_tag(&args.from_tag) {
            return Ok(known);
        }
        let alias = match args.settings.dialogue.alias_key {
            AliasKey::Off => None,
            AliasKey::Sdp => {
                let hash = Some(fingerprint(&args.sdp));
                self.model
                    .parties
                    .iter()
                    .find(|(_, p)| p.sdp_hash == hash)
                    .map(|(id, _)| id)
            }
            AliasKey::Address => first_endpoint.and_then(|e| self.party_at(e)),
        };
        if let Some(alias) = alias {
            self.add_alias(alias, &args.from_tag);
            return Ok(alias);
        }
        // A callee that offers before it has answered is known by its branch only.
        let untagged = args
            .to_tag
            .as_ref()
            .and_then(|to| self.model.party_by_tag(to))
            .and_then(|to| {
                let branch = args.via_branch.as_ref();
                self.untagged_partner(to, branch)
                    .or_else(|| self.untagged_partner(to, None))
            });
        match untagged {
            Some(party) => {
                self.model.parties[party].tag = Some(args.from_tag.clone());
                Ok(party)
            }
            None => self.new_party(now, Some(args.from_tag.clone()), None),
        }
    }

    /// The other side of an offer: by tag, by branch, or whom the offerer talks with already.
    fn offer_target(&mut self, now: Time, args: &OfferArgs, from: PartyId) -> Result<PartyId, NgError> {
        let branch = args.via_branch.as_ref();
        if let Some(tag) = &args.to_tag {
            if let Some(known) = self.model.party_by_tag(tag) {
                return Ok(known);
            }
            let untagged = self.untagged_partner(from, branch);
            return match untagged {
                Some(party) => {
                    self.model.parties[party].tag = Some(tag.clone());
                    Ok(party)
                }
                None => self.new_party(now, Some(tag.clone()), branch.cloned()),
            };
        }
        let partners = &self.model.parties[from].partners;
        let found = match branch {
            Some(branch) => partners
                .iter()
                .rev()
                .find(|p| self.model.parties[**p].branch.as_ref() == Some(branch)),
            None => partners
                .iter()
                .rev()
                .find(|p| self.model.parties[**p].spoken)
                .or(partners.last()),
        };
        // A party that was found without a branch and has not answered takes the branch of a repeated offer.
        let found = found.or_else(|| {
            let nameless = |p: &&PartyId| {
                let p = &self.model.parties[**p];
                p.branch.is_none() && !p.spoken
            };
            partners.iter().rev().find(nameless)
        });
        match found.copied() {
            Some(party) => {
                let known = &mut self.model.parties[party].branch;
                *known = known.take().or_else(|| branch.cloned());
                Ok(party)
            }
            None => self.new_party(now, None, branch.cloned()),
        }
    }

    /// The answering party and the one it answers.
    pub(crate) fn parties_of_answer(
        &mut self,
        now: Time,
        args: &AnswerArgs,
    ) -> Result<(PartyId, PartyId), NgError> {
        let to = self
            .model
            .party_by_tag(&args.from_tag)
            .ok_or(NgError::InvalidDialogue)?;
        let from = match self.model.party_by_tag(&args.to_tag) {
            Some(known) => known,
            None => self.new_answerer(now, args, to)?,
        };
        if from == to {
            return Err(NgError::InvalidDialogue);
        }
        self.link(from, to);
        if args.settings.dialogue.sip_code.is_some_and(|code| code >= 200) {
            self.model.parties[to].settled = true;
        }
        Ok((from, to))
    }

    /// An answer under a tag that is not known: a branch gets its tag, a known partner another name, or, where the
    /// dialogue is settled, a new party takes its place.
    fn new_answerer(&mut self, now: Time, args: &AnswerArgs, to: PartyId) -> Result<PartyId, NgError> {
        let branch = args.via_branch.as_ref();
        if let Some(party) = self.untagged_partner(to, branch) {
            self.model.parties[party].tag = Some(args.to_tag.clone());
            return Ok(party);
        }
        let offerer = &self.model.parties[to];
        let by_branch = |p: &&PartyId| branch.is_some() && self.model.parties[**p].branch.as_ref() == branch;
        let partners = &offerer.partners;
        let partner = partners.iter().rev().find(by_branch).or(partners.last()).copied();
        let partner = partner.ok_or(NgError::InvalidDialogue)?;
        let rules = &args.settings.dialogue;
        if rules.new_branch || offerer.settled && !rules.provisional {
            return self.successor(now, partner, &args.to_tag);
        }
        self.rename(partner, &args.to_tag);
        Ok(partner)
    }

    /// The untagged partner of a branch; without a branch the latest one.
    fn untagged_partner(&self, of: PartyId, branch: Option<&Text>) -> Option<PartyId> {
        let partners = self.model.parties[of].partners.iter().rev().copied();
        let mut untagged = partners.filter(|p| self.model.parties[*p].tag.is_none());
        match branch {
            Some(_) => untagged.find(|p| self.model.parties[*p].branch.as_ref() == branch),
            None => untagged.next(),
        }
    }

    /// A party of its own that takes the place of one that was forked downstream, behind our back: the same offer
    /// went to both, so it inherits the sockets that offer names.
    fn successor(&mut self, now: Time, of: PartyId, tag: &Tag) -> Result<PartyId, NgError> {
        let branch = self.model.parties[of].branch.clone();
        let new = self.new_party(now, Some(tag.clone()), branch)?;
        self.model.parties[new].interface = self.model.parties[of].interface.clone();
        for old in self.model.parties[of].medias.clone() {
            let index = self.model.medias[old].index;
            let id = self.new_media(now, new, index, self.model.medias[old].kind.clone());
            let (proposed, mux, family) = {
                let old = &self.model.medias[old];
                (old.proposed.clone(), old.mux, old.family)
            };
            let (protocol, text) = (
                self.model.medias[old].protocol,
                self.model.medias[old].protocol_text.clone(),
            );
            let sockets = std::mem::take(&mut self.model.medias[old].sockets);
            let ice = std::mem::take(&mut self.model.medias[old].ice);
            let pairs = self.model.medias[old].pairs.clone();
            let media = &mut self.model.medias[id];
            (media.proposed, media.mux, media.family) = (proposed, mux, family);
            (media.protocol, media.protocol_text) = (protocol, text);
            (media.sockets, media.pairs, media.ice) = (sockets, pairs.clone(), ice);
            for other in pairs {
                self.model.medias[other].pairs.push(id);
            }
        }
        Ok(new)
    }

    /// A new party, within bounds.
    pub(crate) fn new_party(
        &mut self,
        now: Time,
        tag: Option<Tag>,
        branch: Option<Text>,
    ) -> Result<PartyId, NgError> {
        if self.model.parties.len() >= PARTIES_MAX {
            return Err(NgError::Other("Too many parties in one call".to_owned()));
        }
        let call_id = self.call_id().clone();
        Ok(self.model.parties.insert(Party::new(tag, branch, call_id, now)))
    }

    /// Makes two parties each other's current partner.
    pub(crate) fn link(&mut self, a: PartyId, b: PartyId) {
        self.model.parties[a].turn_to(b);
        self.model.parties[b].turn_to(a);
        for id in [a, b] {
            self.model.parties[id].ends = None;
        }
    }

    fn add_alias(&mut self, party: PartyId, tag: &Tag) {
        let aliases = &mut self.model.parties[party].aliases;
        if aliases.len() < ALIASES_MAX {
            aliases.push(tag.clone());
        }
    }

    /// COMPAT(rtpengine): the newest tag is a party's main one, those before are its aliases.
    fn rename(&mut self, party: PartyId, tag: &Tag) {
        if let Some(old) = self.model.parties[party].tag.replace(tag.clone()) {
            self.add_alias(party, &old);
        }
    }

    /// The party whose first media is at this address.
    fn party_at(&self, endpoint: SocketAddr) -> Option<PartyId> {
        let first_at = |p: &Party| {
            let first = p.medias.first().map(|m| &self.model.medias[*m]);
            p.spoken && first.and_then(|m| m.remote).is_some_and(|r| r.rtp == endpoint)
        };
        self.model
            .parties
            .iter()
            .find(|(_, p)| first_at(p))
            .map(|(id, _)| id)
    }
}
