//! What arrives protected is unprotected before anything else looks at it: all of a batch at once, in place.
//!
//! Invariant: a packet that is refused here has changed nothing, and nothing but the reason is known of it.

use arrayvec::ArrayVec;
use plan::{Component, DropReason};
use srtp::{Job, Kind};

use crate::flow::Flow;
use crate::io::{Arrival, Batch, Opened};
use crate::keys::{self, Keying, Receivers};
use crate::table::{Slot, Table};
use crate::{Relay, limits};

/// What is to be done with a datagram before it is looked at.
#[derive(Clone, Copy, Debug)]
enum Step {
    Nothing,
    Refuse(DropReason),
    /// Unprotect it in place.
    Open(Slot, Kind),
    /// Unprotect a copy, when its turn comes: what has arrived goes on as it is.
    Copy,
}

impl Relay {
    /// Unprotects the next datagrams of a batch.
    #[inline]
    pub(crate) fn open(&mut self, batch: &mut Batch) {
        let mut jobs = ArrayVec::<Job<'_>, { limits::OPEN_JOBS }>::new();
        let mut whose = ArrayVec::<&mut Arrival, { limits::OPEN_JOBS }>::new();
        for (arrival, buffer) in batch.unopened(limits::OPEN_JOBS) {
            let bytes = buffer.get(..arrival.len()).unwrap_or_default();
            match self.table.step(arrival, bytes) {
                Step::Nothing => arrival.opened = Opened::AsIs,
                Step::Refuse(reason) => arrival.opened = Opened::Refused(reason),
                Step::Copy => arrival.opened = Opened::Later,
                Step::Open(context, kind) => {
                    jobs.push(Job::new(context as usize, kind, buffer, arrival.len()));
                    whose.push(arrival);
                }
            }
        }
        if !jobs.is_empty() {
            self.table.unprotect(&mut jobs, &mut whose);
        }
    }

    /// Authenticates a datagram that goes on as it arrived, and returns what is in it: a copy that was unprotected or,
    /// if nobody reads it, the packet without what protection has added.
    pub(crate) fn open_kept<'a>(
        &mut self,
        arrival: &Arrival,
        bytes: &'a [u8],
        copy: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], DropReason> {
        let flow = self.table.owner_flow(arrival).ok_or(DropReason::NoFlow)?;
        let (Keying::At(slot), Some(kind)) = (flow.recv, media_kind(flow, bytes)) else {
            return Err(DropReason::NoKeys);
        };
        let read = flow.reads || kind == Kind::Rtcp;
        let receiver = Receivers(&mut self.table.flows).take(slot);
        let receiver = receiver.ok_or(DropReason::NoKeys)?;
        if !read {
            let len = receiver.verify_rtp(bytes).map_err(keys::refused)?;
            return Ok(bytes.get(..len).unwrap_or_default());
        }
        copy.clear();
        copy.extend_from_slice(bytes);
        let len = match kind {
            Kind::Rtp => receiver.unprotect_rtp(copy),
            Kind::Rtcp => receiver.unprotect_rtcp(copy),
        };
        let len = len.map_err(keys::refused)?;
        Ok(copy.get(..len).unwrap_or_default())
    }
}

impl Table {
    #[inline]
    fn step(&self, arrival: &Arrival, bytes: &[u8]) -> Step {
        let flow = match self.owner_flow(arrival) {
            Some(flow) if flow.recv != Keying::Plain => flow,
            _ => return Step::Nothing,
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
        jobs: &mut ArrayVec<Job<'_>, N>,
        whose: &mut ArrayVec<&mut Arrival, N>,
    ) {
        srtp::unprotect_batch(&mut Receivers(&mut self.flows), jobs);
        for (job, arrival) in jobs.drain(..).zip(whose.drain(..)) {
            match job.outcome {
                Ok(()) => arrival.shrink(job.len),
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
