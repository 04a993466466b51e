//! Many packets at once, of any contexts in any order.
//!
//! The outcome is that of one packet after the other. Behind it there is one packet after the other, too, for now: what
//! hashes packets of different contexts side by side will stand here, and nobody else has to change.

use crate::{Receiver, Reject, Sender};

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
}

/// One packet of a batch.
#[derive(Debug)]
pub struct Job<'a> {
    /// Which context, in the caller's numbering.
    pub context: usize,
    /// What it is.
    pub kind: Kind,
    /// The packet at the beginning, with room behind it for what protection adds.
    pub buf: &'a mut [u8],
    /// Length of the packet: before, and, if `outcome` is fine, after.
    pub len: usize,
    /// What became of it. A packet that was refused is as it was.
    pub outcome: Result<(), Reject>,
}

impl<'a> Job<'a> {
    /// A packet of `len` bytes at the beginning of `buf`.
    pub const fn new(context: usize, kind: Kind, buf: &'a mut [u8], len: usize) -> Self {
        Self {
            context,
            kind,
            buf,
            len,
            outcome: Ok(()),
        }
    }

    fn done(&mut self, result: Result<usize, Reject>) {
        self.outcome = result.map(|len| self.len = len);
    }
}

/// Where the contexts of a batch are kept.
pub trait Contexts<C> {
    /// The context of that number.
    fn context(&mut self, number: usize) -> Option<&mut C>;
}

impl<C> Contexts<C> for [C] {
    fn context(&mut self, number: usize) -> Option<&mut C> {
        self.get_mut(number)
    }
}

/// Protects all packets, in their order.
pub fn protect_batch(senders: &mut (impl Contexts<Sender> + ?Sized), jobs: &mut [Job<'_>]) {
    for job in jobs {
        let result = match (senders.context(job.context), job.kind) {
            (None, _) => Err(Reject::NoContext),
            (Some(sender), Kind::Rtp) => sender.protect_rtp(job.buf, job.len),
            (Some(sender), Kind::Rtcp) => sender.protect_rtcp(job.buf, job.len),
        };
        job.done(result);
    }
}

/// Unprotects all packets, in their order.
pub fn unprotect_batch(receivers: &mut (impl Contexts<Receiver> + ?Sized), jobs: &mut [Job<'_>]) {
    for job in jobs {
        let packet = job.buf.get_mut(..job.len);
        let result = match (receivers.context(job.context), packet, job.kind) {
            (None, ..) => Err(Reject::NoContext),
            (_, None, _) => Err(Reject::Malformed),
            (Some(receiver), Some(packet), Kind::Rtp) => receiver.unprotect_rtp(packet),
            (Some(receiver), Some(packet), Kind::Rtcp) => receiver.unprotect_rtcp(packet),
        };
        job.done(result);
    }
}
