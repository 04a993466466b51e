//! Media over AF_XDP rings and sockets together.
//!
//! The rings of a worker are those of the queues that are its own. They bring what the kernel's program steers to them,
//! and take what leaves by their devices; an [`Io`] of sockets inside keeps the ports reserved and does the
//! rest: other devices, fragments, peers on this host, whatever there is no next hop for. Invariants: a packet that the
//! rings cannot take leaves by its socket, after those of its flow that were before it; one wait serves both, that of
//! the sockets, and neither keeps the other out of two batches in a row.

mod build;
mod counters;
mod directory;
mod handover;
mod parse;
mod routes;
mod setup;
mod sum;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plan::{LocalSocket, Path, SocketId, WorkerId};
use relay::{Batch, Outbox, Transmit};

pub use counters::{RingCount, RingCounters};
pub use directory::Directory;
pub use handover::Mailbox;
pub use setup::{RingDevice, RingSet, RingSite, open};

use self::directory::Owner;
use self::routes::Routes;
use super::io::Io;
use super::moderation::Moderation;
use super::offload::{NextHops, Rings};
use crate::limits;
use crate::sys::xsk::Xsk;

/// How long what the kernel did not take at once waits at most before it is offered again.
const RETRY: Duration = Duration::from_millis(1);

/// A ring with the device and queue that it is bound to.
pub struct Ring {
    /// The socket.
    pub xsk: Xsk,
    /// Index of the device.
    pub device: u32,
}

/// What the rings of all workers share.
pub struct Fabric {
    /// Who has which port.
    pub directory: Directory,
    /// A box for each worker.
    pub mailboxes: Vec<Mailbox>,
    /// Steers packets to rings.
    pub program: Rings,
}

/// Rings and sockets of one worker.
pub struct XdpIo<S> {
    sockets: S,
    rings: Vec<Ring>,
    /// The ring that is emptied first; the next one will be next time.
    turn: usize,
    /// The sockets have filled the last batch.
    crowded: bool,
    worker: WorkerId,
    fabric: Arc<Fabric>,
    routes: Routes,
    counters: Arc<RingCounters>,
    moderation: Moderation,
    born: Instant,
    last_pull: Instant,
}

impl<S: Io> XdpIo<S> {
    /// Those `rings` beside `sockets`; no packet is held back for company for longer than `wake_delay`.
    pub fn new(
        sockets: S,
        rings: Vec<Ring>,
        worker: WorkerId,
        fabric: Arc<Fabric>,
        hops: Box<dyn NextHops>,
        counters: Arc<RingCounters>,
        wake_delay: Duration,
    ) -> io::Result<Self> {
        let mut sockets = sockets;
        for ring in &rings {
            sockets.also_wait_for(ring.xsk.as_fd())?;
        }
        Ok(Self {
            sockets,
            rings,
            turn: 0,
            crowded: false,
            worker,
            fabric,
            routes: Routes::new(hops),
            counters,
            moderation: Moderation::new(wake_delay),
            born: Instant::now(),
            last_pull: Instant::now(),
        })
    }

    fn now_us(&self) -> u64 {
        self.born.elapsed().as_micros() as u64
    }

    fn mailbox(&self) -> Option<&Mailbox> {
        self.fabric.mailboxes.get(usize::from(self.worker.0))
    }

    /// Something is there that no descriptor tells of.
    fn has_more(&self) -> bool {
        self.rings.iter().any(|ring| ring.xsk.has_received()) || self.mailbox().is_some_and(|m| !m.is_empty())
    }

    /// Asks the kernel now and then what it had no room for.
    fn pull(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.last_pull) >= limits::RING_PULL {
            self.last_pull = now;
            let lost = self.rings.iter().map(|ring| ring.xsk.lost()).sum();
            self.counters.set(RingCount::Lost, lost);
        }
    }

    /// Takes at most `most` packets from other workers and from the rings.
    fn collect_all(&mut self, batch: &mut Batch, most: usize) {
        let before = batch.len();
        self.collect_parcels(batch, most.div_ceil(2));
        self.collect(batch, most - (batch.len() - before));
    }

    /// Takes at most `most` packets from the rings.
    fn collect(&mut self, batch: &mut Batch, most: usize) {
        let mut collector = Collector {
            worker: self.worker,
            fabric: &self.fabric,
            counters: &self.counters,
            batch,
            woken: 0,
        };
        let count = self.rings.len();
        let mut left = most;
        for step in 0..count {
            let Some(ring) = self.rings.get_mut((self.turn + step) % count) else {
                continue;
            };
            let device = ring.device;
            left -= ring.xsk.receive(left, |frame| collector.take(frame, device));
        }
        self.turn = (self.turn + 1) % count.max(1);
        collector.wake();
    }

    /// Takes at most `most` packets that arrived at others' queues.
    fn collect_parcels(&self, batch: &mut Batch, most: usize) {
        let Some(mailbox) = self.mailbox() else { return };
        let count = mailbox.empty(most, |socket, source, bytes| push(batch, socket, source, bytes));
        self.counters.add(RingCount::TakenOver, count as u64);
    }

    /// Queues a packet to the ring that it leaves by, if there is one.
    fn send(&mut self, packet: &Transmit, payload: &[u8]) -> Sent {
        let Some((index, headers)) = self.routes.find(packet.socket, packet.dest, &self.rings) else {
            return Sent::Elsewhere;
        };
        let Some(ring) = self.rings.get_mut(index) else {
            return Sent::Elsewhere;
        };
        if !headers.fits(payload.len(), ring.xsk.sizes().packet()) {
            return Sent::NotTaken;
        }
        let mut queue = || ring.xsk.push(|frame| headers.write(packet.tos, payload, frame));
        if queue() {
            return Sent::Queued;
        }
        ring.xsk.flush();
        let mut queue = || ring.xsk.push(|frame| headers.write(packet.tos, payload, frame));
        if queue() {
            return Sent::Queued;
        }
        self.counters.add(RingCount::SendFull, 1);
        Sent::NotTaken
    }

    fn send_by_sockets(
        &mut self,
        packets: &[Transmit],
        outbox: &Outbox,
        batch: &Batch,
        failed: &mut dyn FnMut(&Transmit),
    ) {
        if !packets.is_empty() {
            self.counters.add(RingCount::SentBySocket, packets.len() as u64);
            self.sockets.transmit(packets, outbox, batch, failed);
        }
    }

    fn flush(&mut self) {
        self.rings.iter_mut().for_each(|ring| {
            ring.xsk.flush();
        });
    }
}

/// What became of a packet that was to be sent.
#[derive(PartialEq, Eq)]
enum Sent {
    /// It is in a ring.
    Queued,
    /// No ring of ours leads there.
    Elsewhere,
    /// A ring does, but this one it does not take.
    NotTaken,
}

/// Sorts frames that a ring brought.
struct Collector<'a> {
    worker: WorkerId,
    fabric: &'a Fabric,
    counters: &'a RingCounters,
    batch: &'a mut Batch,
    /// Workers that have got parcels, one bit each, modulo 64.
    woken: u64,
}

impl Collector<'_> {
    fn take(&mut self, frame: &[u8], device: u32) {
        let datagram = match parse::parse(frame, device) {
            Ok(datagram) => datagram,
            Err(bad) => return self.counters.add(bad.into(), 1),
        };
        let Some(Owner { worker, socket }) = self.fabric.directory.owner(datagram.dest) else {
            return self.counters.add(RingCount::NoSocket, 1);
        };
        if worker == self.worker {
            self.counters.add(RingCount::Received, 1);
            return push(self.batch, socket, datagram.source, datagram.payload);
        }
        let mailbox = self.fabric.mailboxes.get(usize::from(worker.0));
        if mailbox.is_some_and(|m| m.put(socket, datagram.source, datagram.payload)) {
            self.woken |= 1 << (worker.0 % 64);
            self.counters.add(RingCount::HandedOver, 1);
        } else {
            self.counters.add(RingCount::HandoverFull, 1);
        }
    }

    fn wake(self) {
        let boxes = self.fabric.mailboxes.iter().enumerate();
        boxes
            .filter(|(index, _)| self.woken & 1 << (index % 64) != 0)
            .for_each(|(_, mailbox)| mailbox.wake());
    }
}

fn push(batch: &mut Batch, socket: SocketId, source: SocketAddr, bytes: &[u8]) {
    let Some(room) = batch.spare().and_then(|spare| spare.get_mut(..bytes.len())) else {
        return;
    };
    room.copy_from_slice(bytes);
    batch.push_from(Path::Rings, socket, source, bytes.len());
}

impl<S: Io> Io for XdpIo<S> {
    fn open(&mut self, local: LocalSocket, fd: OwnedFd) -> io::Result<()> {
        self.sockets.open(local, fd)?;
        self.routes.open(local);
        let owner = Owner {
            worker: self.worker,
            socket: local.id,
        };
        if self.fabric.directory.insert(local.addr, owner) {
            self.fabric.program.steer(local.addr, true);
        }
        Ok(())
    }

    fn close(&mut self, id: SocketId) {
        if let Some(local) = self.routes.close(id) {
            self.fabric.program.steer(local, false);
            self.fabric.directory.remove(local);
        }
        self.sockets.close(id);
    }

    fn settle(&mut self, id: SocketId) {
        self.sockets.settle(id);
    }

    fn detach(&mut self, id: SocketId) -> Option<OwnedFd> {
        // What comes from now on waits in the socket for whoever gets it.
        if let Some(local) = self.routes.close(id) {
            self.fabric.program.steer(local, false);
            self.fabric.directory.remove(local);
        }
        self.sockets.detach(id)
    }

    fn gather(&mut self, timeout: Option<Duration>) {
        if self.has_more() {
            return;
        }
        if let Some(pause) = self.moderation.pause(self.now_us(), timeout) {
            self.sockets.pause(pause);
        }
    }

    fn receive(&mut self, batch: &mut Batch, timeout: Option<Duration>) {
        let mut timeout = timeout;
        if self.rings.iter().any(|ring| ring.xsk.is_sending()) {
            self.flush();
            timeout = Some(timeout.map_or(RETRY, |t| t.min(RETRY)));
        }
        // What a socket has came by a longer way than what is in a ring, so it goes first: a flow's fragments stay in
        // their order. Unless it was so much last time that nothing else had room.
        let rings_first = std::mem::take(&mut self.crowded);
        if rings_first {
            self.collect_all(batch, batch.room() / 2);
        }
        if !batch.is_empty() || self.has_more() {
            timeout = Some(Duration::ZERO);
        }
        self.sockets.receive(batch, timeout);
        self.crowded = batch.is_full() && !rings_first;
        self.collect_all(batch, batch.room());
        self.pull();
        if !batch.is_empty() {
            self.moderation.woken(self.now_us(), batch.len());
        }
    }

    fn transmit(
        &mut self,
        packets: &[Transmit],
        outbox: &Outbox,
        batch: &Batch,
        failed: &mut dyn FnMut(&Transmit),
    ) {
        self.routes.refresh();
        // Those before `rest` are sent or queued; those from there on go by their sockets.
        let mut rest = 0;
        let mut queued = 0;
        for (index, packet) in packets.iter().enumerate() {
            match self.send(packet, outbox.bytes(batch, packet)) {
                Sent::Elsewhere => continue,
                // Those of its flow that were before it are ahead of it.
                Sent::NotTaken => {
                    self.flush();
                    continue;
                }
                Sent::Queued => queued += 1,
            }
            let by_sockets = packets.get(rest..index).unwrap_or_default();
            self.send_by_sockets(by_sockets, outbox, batch, failed);
            rest = index + 1;
        }
        if queued > 0 {
            self.flush();
            self.counters.add(RingCount::Sent, queued);
        }
        let by_sockets = packets.get(rest..).unwrap_or_default();
        self.send_by_sockets(by_sockets, outbox, batch, failed);
    }

    fn pause(&mut self, pause: Duration) {
        if !self.has_more() {
            self.sockets.pause(pause);
        }
    }

    fn also_wait_for(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.sockets.also_wait_for(fd)
    }
}
