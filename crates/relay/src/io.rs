//! What goes in and what comes out: packets in buffers of the caller, and instructions to send.
//!
//! A packet that is forwarded unchanged is never copied: the instruction points into the batch it arrived in. Only
//! what is made or changed per destination lies in the outbox's scratch memory. Nothing here grows after `new`.

use std::net::SocketAddr;
use std::ops::Range;

use arrayvec::ArrayVec;
use plan::{DropReason, Path, SocketId};
use srtp::{Seal, Ticket};

use crate::limits;
use crate::table::Slot;

/// One received datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) socket: SocketId,
    pub(crate) source: SocketAddr,
    pub(crate) opened: Opened,
    path: Path,
    /// It has waited here already.
    late: bool,
    start: usize,
    len: usize,
    /// As it arrived.
    wire_len: usize,
}

/// What came of unprotecting a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// Nobody has tried.
    Not,
    /// It needs no key, or none helps it.
    AsIs,
    /// It was authentic, and is now unprotected in its place.
    Here,
    /// To be done with a copy.
    Later,
    /// It was authentic, and is left as it is; so many bytes of it are the packet inside, still encrypted.
    Judged(usize),
    /// It is not what it should be.
    Refused(DropReason),
}

impl Arrival {
    pub(crate) const fn range(&self) -> Range<usize> {
        self.start..self.start + self.len
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Length of the datagram as it arrived.
    pub(crate) const fn wire_len(&self) -> usize {
        self.wire_len
    }

    /// How it got here.
    pub(crate) const fn path(&self) -> Path {
        self.path
    }

    /// Whether it has waited here already.
    pub(crate) const fn is_late(&self) -> bool {
        self.late
    }

    /// It was unprotected in its place, to `len` bytes.
    pub(crate) const fn shrink(&mut self, len: usize) {
        self.opened = Opened::Here;
        self.len = len;
    }
}

/// Received datagrams on their way into [`Relay::receive`](crate::Relay::receive).
///
/// The caller receives into [`spare`](Self::spare), says what came with [`push`](Self::push), hands the batch over
/// until it is done, and clears it.
#[derive(Debug)]
pub struct Batch {
    memory: Box<[u8]>,
    buffer_len: usize,
    arrivals: Vec<Arrival>,
    capacity: usize,
    done: usize,
    /// How many were looked at to be unprotected.
    opened: usize,
}

impl Batch {
    /// Room for `packets` datagrams of up to `buffer_len` bytes each. Both are at least 1.
    pub fn new(packets: usize, buffer_len: usize) -> Self {
        let (capacity, buffer_len) = (packets.max(1), buffer_len.max(1));
        Self {
            memory: vec![0; capacity * buffer_len].into_boxed_slice(),
            buffer_len,
            arrivals: Vec::with_capacity(capacity),
            capacity,
            done: 0,
            opened: 0,
        }
    }

    /// The buffer of the next datagram; `None` if the batch is full.
    pub fn spare(&mut self) -> Option<&mut [u8]> {
        self.spares().next()
    }

    /// The buffers of the next datagrams, in the order in which they have to be pushed.
    pub fn spares(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let used = self.arrivals.len() * self.buffer_len;
        self.memory[used..].chunks_exact_mut(self.buffer_len)
    }

    /// Takes the next spare buffer into the batch: its first `len` bytes arrived at `socket` from `source`. A batch
    /// that is full stays as it is.
    pub fn push(&mut self, socket: SocketId, source: SocketAddr, len: usize) {
        self.push_from(Path::Sockets, socket, source, len);
    }

    /// As [`push`](Self::push), for a datagram that came another way than from a socket.
    pub fn push_from(&mut self, path: Path, socket: SocketId, source: SocketAddr, len: usize) {
        if self.is_full() {
            return;
        }
        let start = self.arrivals.len() * self.buffer_len;
        let len = len.min(self.buffer_len);
        self.arrivals.push(Arrival {
            socket,
            source,
            opened: Opened::Not,
            path,
            late: false,
            start,
            len,
            wire_len: len,
        });
    }

    /// Copies a datagram into the batch that has waited here since it came.
    pub(crate) fn push_late(&mut self, path: Path, socket: SocketId, source: SocketAddr, bytes: &[u8]) {
        if let Some(room) = self.spare().and_then(|spare| spare.get_mut(..bytes.len())) {
            room.copy_from_slice(bytes);
            self.push_from(path, socket, source, bytes.len());
            self.arrivals.last_mut().into_iter().for_each(|a| a.late = true);
        }
    }

    /// Copies a datagram into the batch; cuts it off at the buffer's end. For tests and generators.
    pub fn push_bytes(&mut self, socket: SocketId, source: SocketAddr, bytes: &[u8]) {
        if let Some(spare) = self.spare() {
            let len = bytes.len().min(spare.len());
            spare[..len].copy_from_slice(&bytes[..len]);
            self.push(socket, source, len);
        }
    }

    /// Forgets all datagrams.
    pub fn clear(&mut self) {
        self.arrivals.clear();
        self.done = 0;
        self.opened = 0;
    }

    /// Passes over the next datagram that was not yet handled: handling it failed.
    pub const fn skip(&mut self) {
        self.done += 1;
    }

    /// Datagrams in it.
    pub const fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Bytes of all datagrams in it.
    pub fn payload_bytes(&self) -> usize {
        self.arrivals.iter().map(|a| a.wire_len).sum()
    }

    /// No datagram is in it.
    pub const fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Spare buffers that are left.
    pub const fn room(&self) -> usize {
        self.capacity - self.arrivals.len()
    }

    /// No spare buffer is left.
    pub const fn is_full(&self) -> bool {
        self.arrivals.len() == self.capacity
    }

    /// What is in it: where each datagram arrived, whence, and its bytes.
    pub fn datagrams(&self) -> impl DoubleEndedIterator<Item = (SocketId, SocketAddr, &[u8])> {
        let arrivals = self.arrivals.iter();
        arrivals.map(|a| (a.socket, a.source, self.bytes(a.range())))
    }

    /// The next datagram that was not yet handled.
    pub(crate) fn head(&self) -> Option<&Arrival> {
        self.arrivals.get(self.done)
    }

    /// The head was handled.
    pub(crate) const fn advance(&mut self) {
        self.done += 1;
    }

    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.memory.get(range).unwrap_or_default()
    }

    /// The head was looked at.
    #[inline]
    pub(crate) const fn is_opened(&self) -> bool {
        self.done < self.opened
    }

    /// Those that [`unopened`](Self::unopened) would give.
    pub(crate) fn next_unopened(&self, most: usize) -> &[Arrival] {
        let from = self.done.max(self.opened);
        let to = self.arrivals.len().min(from + most);
        self.arrivals.get(from..to).unwrap_or_default()
    }

    /// The next datagrams that were not looked at, at most `most`, with their buffers. Whoever takes them has looked at
    /// them, whatever comes of it.
    pub(crate) fn unopened(&mut self, most: usize) -> impl Iterator<Item = (&mut Arrival, &mut [u8])> {
        let from = self.done.max(self.opened);
        self.opened = self.arrivals.len().min(from + most);
        let arrivals = self.arrivals.get_mut(from..self.opened).unwrap_or_default();
        let buffers = self.memory.chunks_exact_mut(self.buffer_len).skip(from);
        arrivals.iter_mut().zip(buffers)
    }
}

/// Where the bytes of a [`Transmit`] lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    Batch,
    Scratch,
}

/// One instruction to send a datagram. Valid until the batch or the outbox is cleared.
#[derive(Clone, Copy, Debug)]
pub struct Transmit {
    /// Leaves by this socket.
    pub socket: SocketId,
    /// To this address.
    pub dest: SocketAddr,
    /// With this IP TOS or traffic class.
    pub tos: u8,
    memory: Memory,
    start: usize,
    len: usize,
    /// Slot of the flow whose peer this goes to.
    pub(crate) flow: u32,
}

/// What the relay wants sent.
///
/// Packets that have their place among those under a key, and wait to be protected with others, are not yet to be
/// seen: neither they, nor what comes after them.
#[derive(Debug)]
pub struct Outbox {
    transmits: Vec<Transmit>,
    capacity: usize,
    scratch: Box<[u8]>,
    scratch_used: usize,
    /// What is to be protected, in the order of the scratch memory.
    unsealed: Vec<Unsealed>,
    /// The first instruction whose packet is not protected yet.
    visible: usize,
}

/// A packet in the scratch memory that is to be protected.
#[derive(Debug)]
struct Unsealed {
    context: Slot,
    ticket: Ticket,
    start: usize,
}

impl Outbox {
    /// Room for `datagrams` instructions (at least what one packet can cause) and for `scratch_len` bytes of packets
    /// made or changed (at least what one packet can cause).
    pub fn new(datagrams: usize, scratch_len: usize) -> Self {
        let capacity = datagrams.max(limits::SINKS_PER_FLOW_MAX);
        let scratch_len = scratch_len.max(limits::SINKS_PER_FLOW_MAX * limits::PACKET_BYTES_MAX);
        Self {
            transmits: Vec::with_capacity(capacity),
            capacity,
            scratch: vec![0; scratch_len].into_boxed_slice(),
            scratch_used: 0,
            unsealed: Vec::with_capacity(capacity),
            visible: usize::MAX,
        }
    }

    /// The instructions, in order.
    pub fn transmits(&self) -> &[Transmit] {
        self.transmits.get(..self.visible).unwrap_or(&self.transmits)
    }

    /// The bytes of one instruction; `batch` is the one that was last handed over.
    pub fn bytes<'a>(&'a self, batch: &'a Batch, transmit: &Transmit) -> &'a [u8] {
        let range = transmit.start..transmit.start + transmit.len;
        match transmit.memory {
            Memory::Batch => batch.bytes(range),
            Memory::Scratch => self.scratch.get(range).unwrap_or_default(),
        }
    }

    /// Everything was sent.
    pub fn clear(&mut self) {
        self.transmits.clear();
        self.scratch_used = 0;
        self.unsealed.clear();
        self.visible = usize::MAX;
    }

    /// Nothing is to be sent.
    pub const fn is_empty(&self) -> bool {
        self.transmits.is_empty()
    }

    /// `datagrams` more, `scratched` of them made or changed with up to `len` bytes each, would fit.
    pub(crate) const fn has_room(&self, datagrams: usize, scratched: usize, len: usize) -> bool {
        self.capacity - self.transmits.len() >= datagrams
            && self.scratch.len() - self.scratch_used >= scratched * len
    }

    /// Unused scratch memory, to be taken by [`send_scratch`](Self::send_scratch).
    pub(crate) fn scratch(&mut self) -> &mut [u8] {
        self.scratch.get_mut(self.scratch_used..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn send_batch(&mut self, to: &Target, range: &Range<usize>) {
        self.push(to, Memory::Batch, range.start, range.len());
    }

    /// Sends the first `len` bytes of [`scratch`](Self::scratch).
    pub(crate) fn send_scratch(&mut self, to: &Target, len: usize) {
        self.push(to, Memory::Scratch, self.scratch_used, len);
        self.scratch_used = (self.scratch_used + len).min(self.scratch.len());
    }

    /// Sends the packet at the beginning of [`scratch`](Self::scratch) when it is protected: by the context that gave
    /// the ticket for it.
    #[inline]
    pub(crate) fn send_unsealed(&mut self, to: &Target, context: Slot, ticket: Ticket) {
        self.visible = self.visible.min(self.transmits.len());
        let start = self.scratch_used;
        self.unsealed.push(Unsealed {
            context,
            ticket,
            start,
        });
        self.send_scratch(to, ticket.sealed_len());
    }

    /// Nothing waits to be protected.
    #[inline]
    pub(crate) const fn is_sealed(&self) -> bool {
        self.unsealed.is_empty()
    }

    /// Has all that waits protected by `seal`, many at once.
    pub(crate) fn seal(&mut self, mut seal: impl FnMut(&mut [Seal<'_>])) {
        let (mut rest, mut behind) = (&mut *self.scratch, 0);
        let mut seals = ArrayVec::<Seal<'_>, { limits::SEAL_JOBS }>::new();
        for Unsealed {
            context,
            ticket,
            start,
        } in self.unsealed.drain(..)
        {
            let end = start + ticket.sealed_len();
            let (upto, after) = std::mem::take(&mut rest).split_at_mut(end - behind);
            let (_, buf) = upto.split_at_mut(start - behind);
            (rest, behind) = (after, end);
            seals.push(Seal {
                context: context as usize,
                ticket,
                buf,
            });
            if seals.is_full() {
                seal(&mut seals);
                seals.clear();
            }
        }
        seal(&mut seals);
        self.visible = usize::MAX;
    }

    #[inline]
    fn push(&mut self, to: &Target, memory: Memory, start: usize, len: usize) {
        debug_assert!(self.transmits.len() < self.capacity, "room was checked before");
        let &Target {
            socket,
            dest,
            tos,
            flow,
        } = to;
        self.transmits.push(Transmit {
            socket,
            dest,
            tos,
            memory,
            start,
            len,
            flow,
        });
    }
}

/// Where something goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) socket: SocketId,
    pub(crate) dest: SocketAddr,
    pub(crate) tos: u8,
    pub(crate) flow: u32,
}
