//! What a worker needs of the outside, as a trait: real sockets, or a fake for tests.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use plan::{LocalSocket, SocketId};
use relay::{Batch, Outbox, Transmit};

/// Sockets in bulk. Nothing here fails for good: an error concerns one packet, and the socket goes on.
pub trait Io {
    /// Takes over a bound socket.
    fn open(&mut self, socket: LocalSocket, fd: OwnedFd) -> io::Result<()>;

    /// Closes a socket.
    fn close(&mut self, id: SocketId);

    /// Takes nothing more from a socket, which is going to be detached. What was taken from it before comes with the next
    /// [`receive`](Self::receive)s, until one of them does not fill its batch.
    fn settle(&mut self, id: SocketId);

    /// Gives up a socket without closing it. What waits in it stays there.
    fn detach(&mut self, id: SocketId) -> Option<OwnedFd>;

    /// Called after a turn that brought packets. May hold the thread up for a moment so that more of them gather,
    /// never longer than `timeout`.
    fn gather(&mut self, timeout: Option<Duration>);

    /// Waits for packets at most `timeout` (`None` = until something happens) and adds what is there to `batch`, as
    /// much as it has room for. Returns early if the worker is woken for its commands.
    fn receive(&mut self, batch: &mut Batch, timeout: Option<Duration>);

    /// Sends `packets`, which are some of `outbox`, in order, and calls `failed` for each that the kernel refused.
    fn transmit(
        &mut self,
        packets: &[Transmit],
        outbox: &Outbox,
        batch: &Batch,
        failed: &mut dyn FnMut(&Transmit),
    );

    /// The next wait is to let packets gather for so long, unless some are there already.
    fn pause(&mut self, pause: Duration);

    /// From now on [`receive`](Self::receive) also returns when this descriptor can be read, for whoever serves more than
    /// sockets. It has to stay open for as long as this lives. What is there when it is added, and what the caller leaves
    /// there, need not be told again.
    fn also_wait_for(&mut self, fd: BorrowedFd<'_>) -> io::Result<()>;
}

impl<T: Io + ?Sized> Io for Box<T> {
    fn open(&mut self, socket: LocalSocket, fd: OwnedFd) -> io::Result<()> {
        (**self).open(socket, fd)
    }

    fn close(&mut self, id: SocketId) {
        (**self).close(id);
    }

    fn settle(&mut self, id: SocketId) {
        (**self).settle(id);
    }

    fn detach(&mut self, id: SocketId) -> Option<OwnedFd> {
        (**self).detach(id)
    }

    fn gather(&mut self, timeout: Option<Duration>) {
        (**self).gather(timeout);
    }

    fn receive(&mut self, batch: &mut Batch, timeout: Option<Duration>) {
        (**self).receive(batch, timeout);
    }

    fn transmit(
        &mut self,
        packets: &[Transmit],
        outbox: &Outbox,
        batch: &Batch,
        failed: &mut dyn FnMut(&Transmit),
    ) {
        (**self).transmit(packets, outbox, batch, failed);
    }

    fn pause(&mut self, pause: Duration) {
        (**self).pause(pause);
    }

    fn also_wait_for(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        (**self).also_wait_for(fd)
    }
}
