//! Media over ordinary sockets: `epoll_wait` for all of them, and one system call for each packet of a stream.
//!
//! A socket that has something is asked for one datagram, which is what a stream brings and costs a third less than asking
//! for several. What is left by that is a burst, and must not wait: after a turn with few packets its socket is asked again
//! at once, and in every fourth turn, however many packets there are, each socket is asked for many.
//! One socket carries some 50 packets a second, so batches form across sockets; `moderation` says when to let more of
//! them gather. A socket is watched for as long as it is open, whatever errors it reports: an error takes one packet,
//! never the flow. Level-triggered: what a turn had no room for is reported again.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use plan::{LocalSocket, SocketId};
use relay::{Batch, Outbox, Transmit};

use super::io::Io;
use super::moderation::Moderation;
use crate::limits;
use crate::sys::epoll::{Epoll, Waker};
use crate::sys::mmsg::{self, Receiver, Sender};
use crate::sys::socket::set_tos;

/// The token of the waker, and that of all that others serve; no socket has them.
const WAKER: u64 = u64::MAX;
const OTHERS: u64 = u64::MAX - 1;

/// How many datagrams a socket is asked for when it is reported, and reported again, within one turn: in the end, all that
/// one turn takes.
const ASKED: [usize; 3] = [1, 1, limits::RECV_PER_SOCKET];

/// Packets of a turn that leave no time to ask again.
const MANY: usize = 64;

/// Sockets of one worker.
pub struct EpollIo {
    epoll: Epoll,
    waker: Waker,
    sockets: Vec<Option<Open>>,
    /// First of the ready sockets that the last batch had no room for.
    cursor: usize,
    turns: u8,
    moderation: Moderation,
    born: Instant,
    receiver: Receiver,
    sender: Sender,
}

struct Open {
    fd: OwnedFd,
    local: LocalSocket,
    tos: u8,
}

impl EpollIo {
    /// No sockets yet. `waker` ends a wait.
    pub fn new(waker: Waker, wake_delay: Duration) -> io::Result<Self> {
        let epoll = Epoll::new(limits::EPOLL_EVENTS)?;
        epoll.add(waker.fd(), WAKER)?;
        Ok(Self {
            epoll,
            waker,
            sockets: Vec::new(),
            cursor: 0,
            turns: 0,
            moderation: Moderation::new(wake_delay),
            born: Instant::now(),
            receiver: Receiver::new(limits::RECV_PER_SOCKET),
            sender: Sender::new(limits::SEND_PER_SOCKET),
        })
    }

    fn take(&mut self, id: SocketId) -> Option<Open> {
        self.sockets.get_mut(id.0 as usize)?.take()
    }

    fn wait(&mut self, timeout: Option<Duration>) {
        self.cursor = 0;
        if let Err(error) = self.epoll.wait(timeout) {
            // Only a broken descriptor of our own could cause this; a busy loop is the worst answer to it.
            tracing::error!(%error, "waiting for packets failed");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Takes at most `most` datagrams from each of the ready sockets, from the cursor on, until the batch is full.
    fn collect(&mut self, most: usize, batch: &mut Batch) {
        while self.cursor < self.epoll.ready() && !batch.is_full() {
            let token = self.epoll.token(self.cursor);
            self.cursor += 1;
            if token == WAKER {
                self.waker.clear();
                continue;
            }
            let open = self.sockets.get(token as usize).and_then(Option::as_ref);
            let Some(open) = open else { continue };
            match most {
                1 => take_one(open, batch),
                _ => take_in(&mut self.receiver, open, most, batch),
            }
        }
    }

    /// Sends a run of packets that leave by the same socket with the same TOS.
    fn send_run<'a>(
        &mut self,
        run: &'a [Transmit],
        bytes: impl Fn(&'a Transmit) -> &'a [u8],
        failed: &mut dyn FnMut(&Transmit),
    ) {
        let Some(first) = run.first() else { return };
        let open = self
            .sockets
            .get_mut(first.socket.0 as usize)
            .and_then(Option::as_mut);
        let Some(open) = open else {
            run.iter().for_each(failed);
            return;
        };
        if open.tos != first.tos && set_tos(open.fd.as_raw_fd(), open.local.addr.ip(), first.tos).is_ok() {
            open.tos = first.tos;
        }
        if let [only] = run {
            if mmsg::send_one(open.fd.as_raw_fd(), only.dest, bytes(only)).is_err() {
                failed(only);
            }
            return;
        }
        let mut rest = run;
        while let Some(next) = rest.first() {
            let datagrams = rest.iter().map(|t| (t.dest, bytes(t)));
            let taken = match self.sender.send(open.fd.as_raw_fd(), datagrams) {
                Ok(taken) if taken > 0 => taken,
                _ => {
                    failed(next);
                    1
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }
}

/// Adds one datagram of a socket to the batch.
fn take_one(open: &Open, batch: &mut Batch) {
    let Some(room) = batch.spare() else { return };
    // An error (WouldBlock, or what an earlier packet of ours met on its way) is gone once it was read.
    if let Ok(datagram) = mmsg::receive_one(open.fd.as_raw_fd(), room) {
        // Buffers hold any datagram, so none is cut off.
        let (len, source) = datagram.unwrap_or((0, open.local.addr));
        batch.push(open.local.id, source, len);
    }
}

/// Adds at most `most` datagrams of a socket to the batch.
fn take_in(receiver: &mut Receiver, open: &Open, most: usize, batch: &mut Batch) {
    let received = receiver.receive(open.fd.as_raw_fd(), batch.spares().take(most));
    for index in 0..received.unwrap_or(0) {
        // Here, too; still, each must take its buffer out of the batch.
        let (len, source) = receiver.datagram(index).unwrap_or((0, open.local.addr));
        batch.push(open.local.id, source, len);
    }
}

impl Io for EpollIo {
    fn open(&mut self, local: LocalSocket, fd: OwnedFd) -> io::Result<()> {
        let index = local.id.0 as usize;
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        self.epoll.add(fd.as_raw_fd(), u64::from(local.id.0))?;
        self.sockets[index] = Some(Open { fd, local, tos: 0 });
        Ok(())
    }

    fn close(&mut self, id: SocketId) {
        // The descriptor has no duplicates, so that closing it ends the watch as well.
        drop(self.take(id));
    }

    fn settle(&mut self, id: SocketId) {
        if let Some(open) = self.sockets.get(id.0 as usize).and_then(Option::as_ref) {
            let _ = self.epoll.remove(open.fd.as_raw_fd());
        }
    }

    fn detach(&mut self, id: SocketId) -> Option<OwnedFd> {
        let open = self.take(id)?;
        let _ = self.epoll.remove(open.fd.as_raw_fd());
        Some(open.fd)
    }

    fn gather(&mut self, timeout: Option<Duration>) {
        let now_us = self.born.elapsed().as_micros() as u64;
        if let Some(pause) = self.moderation.pause(now_us, timeout) {
            self.pause(pause);
        }
    }

    fn receive(&mut self, batch: &mut Batch, timeout: Option<Duration>) {
        let waited = self.cursor >= self.epoll.ready();
        if waited {
            self.wait(timeout);
        }
        self.turns = self.turns.wrapping_add(1);
        let first = if self.turns.is_multiple_of(4) { 2 } else { 0 };
        for (round, most) in ASKED.into_iter().enumerate().skip(first) {
            if round > first {
                self.wait(Some(Duration::ZERO));
            }
            let had = batch.len();
            self.collect(most, batch);
            if batch.is_full() || batch.len() >= MANY || batch.len() == had {
                break;
            }
        }
        if waited && !batch.is_empty() {
            let now_us = self.born.elapsed().as_micros() as u64;
            self.moderation.woken(now_us, batch.len());
        }
    }

    fn transmit(
        &mut self,
        packets: &[Transmit],
        outbox: &Outbox,
        batch: &Batch,
        failed: &mut dyn FnMut(&Transmit),
    ) {
        for run in packets.chunk_by(|a, b| a.socket == b.socket && a.tos == b.tos) {
            self.send_run(run, |t| outbox.bytes(batch, t), failed);
        }
    }

    fn pause(&mut self, pause: Duration) {
        if self.cursor >= self.epoll.ready() {
            std::thread::sleep(pause);
        }
    }

    fn also_wait_for(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.epoll.add(fd.as_raw_fd(), OTHERS)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use super::*;
    use crate::sys::socket::bind_media;

    #[test]
    fn a_burst_comes_whole_and_in_order() {
        let waker = Waker::new().expect("eventfd");
        let mut io = EpollIo::new(waker, Duration::ZERO).expect("epoll");
        let fd = bind_media("127.0.0.1:0".parse().expect("address")).expect("bind");
        let name = socket2::SockRef::from(&fd).local_addr().expect("name");
        let addr: SocketAddr = name.as_socket().expect("ip");
        let local = LocalSocket {
            id: SocketId(0),
            addr,
        };
        io.open(local, fd).expect("open");
        let party = UdpSocket::bind("127.0.0.1:0").expect("bind");
        let mut batch = Batch::new(64, 64);
        for _turn in 0..8 {
            for number in 0..20_u8 {
                party.send_to(&[number], addr).expect("send");
            }
            while batch.len() < 20 {
                let had = batch.len();
                io.receive(&mut batch, Some(Duration::from_secs(5)));
                assert!(batch.len() > had, "{had} of 20 came");
            }
            let taken = batch.datagrams().map(|(_, _, bytes)| bytes.to_vec());
            assert_eq!(taken.flatten().collect::<Vec<_>>(), (0..20).collect::<Vec<u8>>());
            batch.clear();
        }
    }

    #[test]
    fn a_socket_that_is_settled_keeps_what_comes() {
        let waker = Waker::new().expect("eventfd");
        let mut io = EpollIo::new(waker, Duration::ZERO).expect("epoll");
        let fd = bind_media("127.0.0.1:0".parse().expect("address")).expect("bind");
        let name = socket2::SockRef::from(&fd).local_addr().expect("name");
        let addr: SocketAddr = name.as_socket().expect("ip");
        let id = SocketId(0);
        io.open(LocalSocket { id, addr }, fd).expect("open");
        io.settle(id);
        let party = UdpSocket::bind("127.0.0.1:0").expect("bind");
        party.send_to(b"late", addr).expect("send");
        let mut batch = Batch::new(4, 64);
        io.receive(&mut batch, Some(Duration::ZERO));
        assert!(batch.is_empty());
        let socket = UdpSocket::from(io.detach(id).expect("it was there"));
        assert_eq!(socket.recv(&mut [0; 8]).expect("it waits there"), 4);
    }
}
