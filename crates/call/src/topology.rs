//! Parties beyond offer and answer: `connect`, and two calls that become one.

use ng_protocol::{ConnectArgs, NgError};
use plan::Time;

use crate::call::Call;
use crate::limits::PARTIES_MAX;
use crate::model::{MediaId, PartyId};

impl Call {
    /// `connect`: each media of one party hears the first media of the other that is of its kind, and nobody else.
    pub(crate) fn run_connect(&mut self, now: Time, args: &ConnectArgs) -> Result<(), NgError> {
        let connected = self.connect_parties(args);
        if connected.is_ok() {
            self.last_signal = now;
        }
        // Refused or not: what was merged for it needs a plan.
        self.install(now);
        connected
    }

    fn connect_parties(&mut self, args: &ConnectArgs) -> Result<(), NgError> {
        let from = args.from_tag.as_ref().ok_or(NgError::NoFromTag)?;
        let from = self.model.party_by_tag(from).ok_or(NgError::NoSuchFromTag)?;
        let to = self
            .model
            .party_by_tag(&args.to_tag)
            .ok_or(NgError::NoSuchToTag)?;
        if from == to {
            return Err(NgError::InvalidDialogue);
        }
        self.link(from, to);
        for (a, b) in self.matching_medias(from, to) {
            if args.directional {
                self.model
                    .subscribe(a, b, crate::model::SubscriptionKind::OfferAnswer);
            } else {
                self.model.pair(a, b);
            }
        }
        Ok(())
    }

    /// Moves everything of another call into this one.
    pub(crate) fn absorb(&mut self, mut other: Call) -> Result<(), (Box<Call>, NgError)> {
        if !self.can_absorb(&other) {
            return Err((Box::new(other), NgError::TagCollision));
        }
        let theirs = std::mem::take(&mut other.model);
        self.model.absorb(theirs);
        self.answered |= other.answered;
        self.generate_rtcp |= other.generate_rtcp;
        self.metadata = self.metadata.take().or(other.metadata.take());
        self.tos = self.tos.or(other.tos);
        self.outputs.append(&mut other.outputs);
        Ok(())
    }

    /// Whether two calls can become one: no tag twice, and not too many parties.
    fn can_absorb(&self, other: &Call) -> bool {
        let mut tags = other
            .model
            .parties
            .iter()
            .flat_map(|(_, p)| p.tag.iter().chain(&p.aliases));
        tags.all(|tag| self.model.party_by_tag(tag).is_none())
            && self.model.parties.len() + other.model.parties.len() <= PARTIES_MAX
    }

    fn matching_medias(&self, from: PartyId, to: PartyId) -> Vec<(MediaId, MediaId)> {
        let mut free = self.model.parties[to].medias.clone();
        let mut pairs = Vec::new();
        for a in &self.model.parties[from].medias {
            let fits = |b: &MediaId| self.model.medias[*b].kind == self.model.medias[*a].kind;
            if let Some(at) = free.iter().position(fits) {
                pairs.push((*a, free.remove(at)));
            }
        }
        pairs
    }
}
