//! Many packets at once, of any contexts in any order.
//!
//! The outcome is that of one packet after the other. What is slow, hashing, is done for many of them side by side:
//!
//! - To send, first each packet gets its index, in order, which also decides whether it may be sent ([`Sender::take`]);
//!   then all are encrypted, all are hashed, all get their tags.
//! - To receive, first all are hashed as their contexts expect them to be; then each is judged, in order, and decrypted.
//!   One whose context has come to expect something else by then (because an earlier packet of the batch turned the
//!   rollover counter) is hashed again, alone.

use arrayvec::ArrayVec;

use crate::hmac::Text;
use crate::limits::SIDE_BY_SIDE;
use crate::sender::Ticket;
use crate::session::{Known, put_tag};
use crate::{Receiver, Reject, Sender, simd};

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
    /// To be judged and counted only: the packet stays as it is, and `len` says how long what is in it would be.
    pub judge_only: bool,
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
            judge_only: false,
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
    fn context(&self, number: usize) -> Option<&C>;

    /// The same, to be changed.
    fn context_mut(&mut self, number: usize) -> Option<&mut C>;
}

impl<C> Contexts<C> for [C] {
    fn context(&self, number: usize) -> Option<&C> {
        self.get(number)
    }

    fn context_mut(&mut self, number: usize) -> Option<&mut C> {
        self.get_mut(number)
    }
}

/// A packet for which a ticket was taken.
#[derive(Debug)]
pub struct Seal<'a> {
    /// The context that gave the ticket.
    pub context: usize,
    /// The ticket.
    pub ticket: Ticket,
    /// The packet at the beginning, as it was then, with room behind it for what protection adds.
    pub buf: &'a mut [u8],
}

type Few<T> = ArrayVec<T, SIDE_BY_SIDE>;

/// Protects the packets for which tickets were taken. What has lost its context since, or its room, is not a packet any
/// more: it is zeroed, so that nothing ever leaves unprotected.
pub fn seal_batch(senders: &(impl Contexts<Sender> + ?Sized), seals: &mut [Seal<'_>]) {
    for seals in seals.chunks_mut(SIDE_BY_SIDE) {
        for seal in seals.iter_mut() {
            let sender = senders.context(seal.context);
            let fits = seal.ticket.sealed_len() <= seal.buf.len();
            let encrypted = sender
                .filter(|_| fits)
                .and_then(|s| s.encrypt(&seal.ticket, seal.buf));
            if encrypted.is_none() {
                seal.buf.fill(0);
            }
        }
        let mut whose = Few::<usize>::new();
        let mut texts = Few::<Text<'_>>::new();
        for (nth, seal) in seals.iter().enumerate() {
            let sender = senders.context(seal.context);
            if let Some(text) = sender.and_then(|s| s.text(&seal.ticket, seal.buf)) {
                whose.push(nth);
                texts.push(text);
            }
        }
        let tags = hashed(&texts);
        drop(texts);
        for (nth, known) in whose.into_iter().zip(tags) {
            if let Some(seal) = seals.get_mut(nth) {
                put_tag(seal.buf, seal.ticket.trailer(), &known.tag);
            }
        }
    }
}

/// Protects all packets, in their order.
pub fn protect_batch(senders: &mut (impl Contexts<Sender> + ?Sized), jobs: &mut [Job<'_>]) {
    for jobs in jobs.chunks_mut(SIDE_BY_SIDE) {
        let mut seals = Few::<Seal<'_>>::new();
        for job in jobs {
            let ticket = match senders.context_mut(job.context) {
                None => Err(Reject::NoContext),
                Some(sender) => sender.take(job.kind, job.buf, job.len),
            };
            job.outcome = ticket.map(|ticket| {
                job.len = ticket.sealed_len();
                seals.push(Seal {
                    context: job.context,
                    ticket,
                    buf: job.buf,
                });
            });
        }
        seal_batch(senders, &mut seals);
    }
}

/// Unprotects all packets, in their order; or only judges them.
pub fn unprotect_batch(receivers: &mut (impl Contexts<Receiver> + ?Sized), jobs: &mut [Job<'_>]) {
    for jobs in jobs.chunks_mut(SIDE_BY_SIDE) {
        let mut known = expected(receivers, jobs).into_iter();
        for job in jobs {
            let known = known.next().flatten();
            let packet = job.buf.get_mut(..job.len);
            let result = match (receivers.context_mut(job.context), packet) {
                (None, _) => Err(Reject::NoContext),
                (_, None) => Err(Reject::Malformed),
                (Some(receiver), Some(packet)) if job.judge_only => {
                    receiver.verify_knowing(job.kind, packet, known.as_ref())
                }
                (Some(receiver), Some(packet)) => {
                    receiver.unprotect_knowing(job.kind, packet, known.as_ref())
                }
            };
            job.done(result);
        }
    }
}

/// The tags that the packets should have, as far as contexts can tell beforehand.
fn expected(receivers: &(impl Contexts<Receiver> + ?Sized), jobs: &[Job<'_>]) -> Few<Option<Known>> {
    let mut whose = Few::<usize>::new();
    let mut texts = Few::<Text<'_>>::new();
    for (nth, job) in jobs.iter().enumerate() {
        let receiver = receivers.context(job.context);
        let packet = job.buf.get(..job.len).unwrap_or_default();
        if let Some(text) = receiver.and_then(|r| r.text(job.kind, packet)) {
            whose.push(nth);
            texts.push(text);
        }
    }
    let mut known: Few<Option<Known>> = jobs.iter().map(|_| None).collect();
    for (nth, tag) in whose.into_iter().zip(hashed(&texts)) {
        if let Some(known) = known.get_mut(nth) {
            *known = Some(tag);
        }
    }
    known
}

fn hashed(texts: &[Text<'_>]) -> Few<Known> {
    let blank = |text: &Text<'_>| Known {
        ending: text.ending,
        tag: [0; _],
    };
    let mut known: Few<Known> = texts.iter().map(blank).collect();
    simd::tags(texts, |nth, tag| {
        if let Some(known) = known.get_mut(nth) {
            known.tag = *tag;
        }
    });
    known
}
