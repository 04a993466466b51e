//! Time: deadlines of deletes, timeouts of media, and the end of the call.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use plan::Time;

use crate::call::Call;
use crate::limits::FRAGMENT_PATIENCE;
use crate::model::{Media, PartyId, Stream};
use crate::{EndReason, Ended, Output};

impl Call {
    /// Recomputes when time matters next.
    pub(crate) fn schedule(&mut self, now: Time) {
        let deletes = self.model.parties.iter().filter_map(|(_, p)| p.ends).min();
        let silence = self.silence_deadline().map(|(at, _)| at);
        let age = self.age_deadline();
        let measure = self
            .config
            .measure_rtp
            .then(|| self.measured_at + self.config.rtcp_interval);
        // A deadline that has passed is due now, not in the past.
        self.next_timeout = [deletes, silence, age, measure, self.dtls_due]
            .into_iter()
            .flatten()
            .min()
            .map(|t| t.max(now));
    }

    pub(crate) fn run_timeout(&mut self, now: Time) {
        if self.is_ended() {
            return;
        }
        let due = |t: Option<Time>| t.is_some_and(|t| t <= now);
        if due(Some(self.measured_at + self.config.rtcp_interval)) {
            self.measure(now);
        }
        if due(self.dtls_due) {
            self.drive_dtls(now);
        }
        let gone: Vec<PartyId> = self
            .model
            .parties
            .iter()
            .filter(|(_, p)| due(p.ends))
            .map(|(id, _)| id)
            .collect();
        if !gone.is_empty() {
            self.remove_parties(now, &gone);
            return;
        }
        if due(self.age_deadline()) {
            return self.end(now, EndReason::FinalTimeout);
        }
        match self.silence_deadline() {
            Some((at, reason)) if at <= now => self.end(now, reason),
            _ => self.schedule(now),
        }
    }

    /// Removes parties; with the last one, or the last two that could talk, the call is over.
    pub(crate) fn remove_parties(&mut self, now: Time, gone: &[PartyId]) {
        for id in gone {
            self.model.remove_party(*id);
        }
        match self.model.parties.is_empty() {
            true => self.end(now, EndReason::Deleted),
            false => self.install(now),
        }
    }

    /// The call is over.
    pub(crate) fn end(&mut self, now: Time, reason: EndReason) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.end_recording(now, false);
        let tags = self.model.parties.iter().filter_map(|(_, p)| p.tag.as_ref());
        let tags = tags.map(|t| t.to_str().into_owned()).collect();
        self.outputs.push_back(Output::Remove(self.key));
        self.outputs.push_back(Output::Ended(Ended {
            call: self.key,
            reason,
            at: now,
            tags,
        }));
        (self.next_timeout, self.ice_due) = (None, None);
    }

    /// A command failed half-way: the call can't go on.
    pub(crate) fn fail(&mut self, now: Time) {
        self.end(now, EndReason::Failed);
    }

    fn age_deadline(&self) -> Option<Time> {
        let limit = self.config.timeouts.last;
        (!limit.is_zero()).then(|| self.created() + limit)
    }

    /// When the call is over if nothing arrives any more. It lives as long as one of its streams may be silent.
    fn silence_deadline(&self) -> Option<(Time, EndReason)> {
        let mut latest: Option<(Time, EndReason)> = None;
        // In an answered call the branches that never answered keep nothing alive.
        let heard_of = |m: &Media| m.remote.is_some() || !self.answered;
        let counts = |m: &Media| m.has_transport() && !m.rejected && heard_of(m);
        for (_, media) in self.model.medias.iter().filter(|(_, m)| counts(m)) {
            let (limit, reason) = self.patience(media);
            if limit.is_zero() {
                return None;
            }
            for stream in [&media.rtp, &media.rtcp] {
                let at = last_packet(stream).max(self.last_signal) + limit;
                if latest.is_none_or(|(best, _)| at > best) {
                    latest = Some((at, reason));
                }
            }
        }
        // Without any socket there is nothing to wait for but the parties' signalling.
        let limit = match self.model.parties.is_empty() {
            true => FRAGMENT_PATIENCE,
            false => self.config.timeouts.offer,
        };
        latest.or_else(|| (!limit.is_zero()).then(|| (self.last_signal + limit, EndReason::OfferTimeout)))
    }

    /// How long a media may be silent.
    fn patience(&self, media: &Media) -> (Duration, EndReason) {
        let timeouts = &self.config.timeouts;
        match media {
            m if m.remote.is_none() => (timeouts.offer, EndReason::OfferTimeout),
            m if !m.sends() => (timeouts.silent, EndReason::SilentTimeout),
            _ => (timeouts.media, EndReason::Timeout),
        }
    }
}

/// When a stream last received something; its creation counts.
pub(crate) fn last_packet(stream: &Stream) -> Time {
    Time(stream.stats.last_packet_us.load(Relaxed)).max(stream.created)
}
