//! `delete`: which parties go, when, and who goes with them.

use ng_protocol::{DeleteArgs, Dict, NgError};
use plan::Time;
use std::time::Duration;

use crate::call::Call;
use crate::model::PartyId;
use crate::view::Detail;

impl Call {
    pub(crate) fn run_delete(&mut self, now: Time, args: &DeleteArgs) -> Result<Dict<'static>, NgError> {
        let gone = self.selected(args).ok_or(NgError::NotFound)?;
        if let Some(metadata) = &args.metadata {
            self.metadata = Some(metadata.clone());
        }
        if args.discard_recording {
            self.end_recording(now, true);
        }
        if self.measured_at == self.created() {
            self.measure(now);
        }
        let reply = if args.fast {
            Dict::new()
        } else {
            self.view(None, Detail::Counters)
        };
        let delay = match args.delay_s {
            Some(seconds) => Duration::from_secs(seconds.into()),
            None => self.config.timeouts.delete_delay,
        };
        if delay.is_zero() {
            self.remove_parties(now, &gone);
            return Ok(reply);
        }
        for id in gone {
            let ends = &mut self.model.parties[id].ends;
            *ends = Some(ends.map_or(now + delay, |t| t.min(now + delay)));
        }
        self.schedule(now);
        Ok(reply)
    }

    /// The parties to delete; `None` if the tags fit nobody.
    fn selected(&self, args: &DeleteArgs) -> Option<Vec<PartyId>> {
        let Some(from_tag) = &args.from_tag else {
            return Some(self.under_call_id(&args.call_id));
        };
        let by_branch = || {
            let branch = args.via_branch.as_ref()?;
            let found = self
                .model
                .parties
                .iter()
                .find(|(_, p)| p.branch.as_ref() == Some(branch));
            found.map(|(id, _)| id)
        };
        // A request with a to-tag is about a dialogue, one without about a branch of it.
        if args.to_tag.is_none()
            && let Some(party) = by_branch()
        {
            return Some(self.with_partners(party, false));
        }
        let (tag, other) = match (&args.to_tag, args.match_to_tag) {
            (Some(to), true) => (to, Some(from_tag)),
            (to, _) => (from_tag, to.as_ref()),
        };
        // A tag that was never told may be that of a party which has not got one yet.
        let by_other = || {
            let other = self.model.party_by_tag(other?)?;
            let nameless = |p: &PartyId| self.model.parties[*p].tag.is_none();
            self.model.parties[other]
                .partners
                .iter()
                .any(nameless)
                .then_some(other)
        };
        let party = self
            .model
            .party_by_tag(tag)
            .or_else(by_branch)
            .or_else(by_other)?;
        Some(self.with_partners(party, true))
    }

    /// The parties created under one of the call-ids of a merged call.
    fn under_call_id(&self, call_id: &[u8]) -> Vec<PartyId> {
        self.model
            .parties
            .iter()
            .filter(|(_, p)| *p.call_id == *call_id)
            .map(|(id, _)| id)
            .collect()
    }

    /// A party and everybody who is left without a partner by its end. In the end of a `dialogue`, branches that have
    /// never answered keep nobody: they were forgotten when another one did.
    fn with_partners(&self, party: PartyId, dialogue: bool) -> Vec<PartyId> {
        let answered = self.model.parties[party].spoken;
        let mut gone = vec![party];
        let mut at = 0;
        while let Some(current) = gone.get(at).copied() {
            at += 1;
            for partner in &self.model.parties[current].partners {
                let lives = self.model.parties[*partner].partners.iter().any(|p| {
                    let counts = !(dialogue && answered && !self.model.parties[*p].spoken);
                    !gone.contains(p) && counts
                });
                if !lives && !gone.contains(partner) {
                    gone.push(*partner);
                }
            }
        }
        gone
    }
}
