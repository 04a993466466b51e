//! What arrives protected is unprotected before anything else looks at it: all of a batch at once, in place.
//!
//! Invariant: a packet that is refused here has changed nothing, and nothing but the reason is known of it.

use arrayvec::ArrayVec;
use plan::{Component, DropReason, Time};
use srtp::{Contexts, Job, Kind, Receiver, Reject};

use crate::flow::Flow;
use crate::io::{Arrival, Batch, Opened};
use crate::keys::{self, Keying, Receivers, Senders};
use crate::table::{Slot, Table};
use crate::{Relay, limits};

/// What is to be done with a datagram before it is looked at.
#[derive(Clone, Copy, Debug)]
enum Step {
    Nothing,
    Refuse(DropReason),
    /// Unprotect it in place.
    Open(Slot, Kind),
    /// Judge it only: it goes on as it is, and nobody reads it.
    Judge(Slot, Kind),
    /// Unprotect a copy, when its turn comes: what has arrived goes on as it is.
    Copy,
}

impl Relay {
    /// Unprotects the next datagrams of a batch.
    #[inline]
    pub(crate) fn open(&mut self, now: Time, batch: &mut Batch) {
        for arrival in batch.next_unopened(limits::OPEN_JOBS) {
            self.prefetch(arrival);
        }
        let mut jobs = ArrayVec::<Job<'_>, { limits::OPEN_JOBS }>::new();
        let mut whose = ArrayVec::<&mut Arrival, { limits::OPEN_JOBS }>::new();
        for (arrival, buffer) in batch.unopened(limits::OPEN_JOBS) {
            let bytes = buffer.get(..arrival.len()).unwrap_or_default();
            let step = self.table.step(arrival, bytes);
            match step {
                Step::Nothing => arrival.opened = Opened::AsIs,
                Step::Refuse(reason) => arrival.opened = Opened::Refused(reason),
                Step::Copy => arrival.opened = Opened::Later,
                Step::Open(context, kind) | Step::Judge(context, kind) => {
                    let mut job = Job::new(context as usize, kind, buffer, arrival.len());
                    job.judge_only = matches!(step, Step::Judge(..));
                    jobs.push(job);
                    whose.push(arrival);
                }
            }
        }
        if !jobs.is_empty() {
            self.table.unprotect(now, &mut jobs, &mut whose);
        }
    }

    /// Has the keys that a datagram will need fetched from memory. Of many calls they are not in the cache, and packets
    /// one after the other would wait for them one after the other.
    #[inline]
    fn prefetch(&mut self, arrival: &Arrival) {
        let Some(flow) = self.table.owner_flow(arrival) else {
            return;
        };
        let (recv, sink) = (flow.recv, flow.sinks.first());
        let send = sink.and_then(|sink| self.table.flows.get(sink.to as usize));
        let send = send.map_or(Keying::Plain, |to| to.send);
        if let Keying::At(slot) = recv {
            let receivers = Receivers(&mut self.table.flows);
            receivers.context(slot as usize).inspect(|r| r.prefetch());
        }
        if let Keying::At(slot) = send {
            let senders = Senders(&mut self.table.flows);
            senders.context(slot as usize).inspect(|s| s.prefetch());
        }
    }

    /// Authenticates a datagram that goes on as it arrived although somebody reads it, and returns what is in it: a copy
    /// that was unprotected.
    pub(crate) fn open_kept<'a>(
        &mut self,
        now: Time,
        arrival: &Arrival,
        bytes: &[u8],
        copy: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], DropReason> {
        let flow = self.table.owner_flow(arrival).ok_or(DropReason::NoFlow)?;
        let (Keying::At(slot), Some(kind)) = (flow.recv, media_kind(flow, bytes)) else {
            return Err(DropReason::NoKeys);
        };
        copy.clear();
        copy.extend_from_slice(bytes);
        let mut attempt = |receiver: &mut Receiver| match kind {
            Kind::Rtcp => receiver.unprotect_rtcp(copy),
            Kind::Rtp => receiver.unprotect_rtp(copy),
        };
        let known = flow.knows(arrival.source);
        let receiver = Receivers(&mut self.table.flows).take(slot);
        let judged = attempt(receiver.ok_or(DropReason::NoKeys)?);
        let keys = Receivers(&mut self.table.flows).keys(slot);
        let judged = keys
            .ok_or(DropReason::NoKeys)?
            .settle(now, known, judged, attempt);
        let len = judged.map_err(keys::refused)?;
        Ok(copy.get(..len).unwrap_or_default())
    }
}

impl Table {
    #[inline]
    fn step(&self, arrival: &Arrival, bytes: &[u8]) -> Step {
        let owner = self.owner(arrival.socket).filter(|owner| owner.secured);
        let Some(flow) = owner.and_then(|o| self.flows.get(o.slot as usize)) else {
            return Step::Nothing;
        };
        let Some(kind) = media_kind(flow, bytes) else {
            return Step::Nothing;
        };
        if !flow.is_proven(arrival.source) {
            return Step::Refuse(DropReason::Unproven);
        }
        match flow.recv {
            Keying::Plain => Step::Nothing,
            Keying::Pending => Step::Refuse(DropReason::NoKeys),
            Keying::At(context) if flow.keeps && kind == Kind::Rtp && !flow.reads => {
                Step::Judge(context, kind)
            }
            Keying::At(_) if flow.keeps => Step::Copy,
            Keying::At(context) => Step::Open(context, kind),
        }
    }

    fn owner_flow(&self, arrival: &Arrival) -> Option<&Flow> {
        let owner = self.owner(arrival.socket)?;
        self.flows.get(owner.slot as usize).map(Box::as_ref)
    }

    fn unprotect<const N: usize>(
        &mut self,
        now: Time,
        jobs: &mut ArrayVec<Job<'_>, N>,
        whose: &mut ArrayVec<&mut Arrival, N>,
    ) {
        srtp::unprotect_batch(&mut Receivers(&mut self.flows), jobs);
        for (job, arrival) in jobs.drain(..).zip(whose.drain(..)) {
            let Job {
                kind,
                buf,
                len,
                judge_only,
                ..
            } = job;
            let owner = self.owner_flow(arrival).filter(|_| job.outcome.is_err());
            let known = owner.is_some_and(|flow| flow.knows(arrival.source));
            let keys = Slot::try_from(job.context).ok();
            let keys = keys.and_then(|slot| Receivers(&mut self.flows).keys(slot));
            let judged = job.outcome.map(|()| len);
            let again = |receiver: &mut Receiver| match (kind, buf.get_mut(..len)) {
                (_, None) => Err(Reject::Malformed),
                (Kind::Rtp, Some(packet)) if judge_only => receiver.verify_rtp(packet),
                (Kind::Rtp, Some(packet)) => receiver.unprotect_rtp(packet),
                (Kind::Rtcp, Some(packet)) => receiver.unprotect_rtcp(packet),
            };
            match keys.map_or(judged, |keys| keys.settle(now, known, judged, again)) {
                Ok(len) if judge_only => arrival.opened = Opened::Judged(len),
                Ok(len) => arrival.shrink(len),
                Err(why) => arrival.opened = Opened::Refused(keys::refused(why)),
            }
        }
    }
}

/// Which of the two a datagram is to a flow that expects them; `None` for all else.
fn media_kind(flow: &Flow, bytes: &[u8]) -> Option<Kind> {
    match rtp::classify(bytes) {
        rtp::Kind::Rtp if flow.plan.component != Component::Rtcp => Some(Kind::Rtp),
        rtp::Kind::Rtcp => Some(Kind::Rtcp),
        _ => None,
    }
}
