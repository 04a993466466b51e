//! Media over `io_uring`: every socket has one standing request for all its datagrams, and a turn's packets leave in
//! one system call, whatever sockets they leave by.
//!
//! The kernel fills buffers of a common supply, in order of arrival. What finds the supply used up stays in its
//! socket; the request ends, and is made again when the buffers are back. Completions never get lost: the kernel
//! keeps what the queue has no room for (`IORING_FEAT_NODROP`). If the sending ring itself fails, packets leave by system
//! calls of their own from then on, beginning with those that it has not taken.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use plan::{LocalSocket, SocketId};
use relay::{Batch, Outbox, Transmit};

use super::io::Io;
use super::moderation::Moderation;
use crate::limits;
use crate::sys::epoll::Waker;
use crate::sys::mmsg;
use crate::sys::socket::set_tos;
use crate::sys::uring::{Event, Receiver, Sender};

/// In tokens of descriptors that are only watched, beside their index; no socket has it in its generation.
const WATCHED: u64 = 1 << 63;

/// Sockets of one worker.
pub struct UringIo {
    receiver: Receiver,
    /// `None` once it failed.
    sender: Option<Sender>,
    waker: Waker,
    /// The waker, and what others serve.
    watched: Vec<Watched>,
    /// Each of them has its request.
    all_watched: bool,
    sockets: Vec<Option<Open>>,
    /// Sockets opened so far: tells a socket from an earlier one with the same id.
    generation: u32,
    /// Sockets whose requests have ended, to be watched again before the next wait.
    ended: Vec<u64>,
    moderation: Moderation,
    /// The next wait may be for several packets, this long.
    pause: Option<Duration>,
    born: Instant,
}

struct Watched {
    fd: RawFd,
    /// Its request stands.
    standing: bool,
}

struct Open {
    fd: OwnedFd,
    local: LocalSocket,
    token: u64,
    tos: u8,
    /// Nothing more is taken from it.
    settled: bool,
}

impl UringIo {
    /// No sockets yet. `waker` ends a wait. May be made by another thread than the one that will use it.
    pub fn new(waker: Waker, wake_delay: Duration, buffers: u16) -> io::Result<Self> {
        Ok(Self {
            receiver: Receiver::new(buffers)?,
            sender: Some(Sender::new()?),
            watched: vec![Watched {
                fd: waker.fd(),
                standing: false,
            }],
            waker,
            all_watched: false,
            sockets: Vec::new(),
            generation: 0,
            ended: Vec::with_capacity(limits::EPOLL_EVENTS),
            moderation: Moderation::new(wake_delay),
            pause: None,
            born: Instant::now(),
        })
    }

    /// A wait can be for several packets.
    pub fn can_pause(&self) -> bool {
        self.receiver.can_pause()
    }

    fn take(&mut self, id: SocketId) -> Option<Open> {
        self.settle(id);
        let open = self.sockets.get_mut(id.0 as usize)?.take()?;
        if let Err(error) = self.receiver.forget(id.0) {
            tracing::error!(%error, "a media socket could not be taken out of its ring");
        }
        if let Some(sender) = &mut self.sender {
            sender.forget(id.0);
        }
        Some(open)
    }

    /// Asks for the packets of sockets that are new or whose requests have ended.
    fn watch(&mut self) -> io::Result<()> {
        if self.all_watched && self.ended.is_empty() {
            return Ok(());
        }
        for (index, watched) in (0_u64..).zip(&mut self.watched) {
            if !watched.standing {
                self.receiver.watch_readable(watched.fd, WATCHED | index)?;
                watched.standing = true;
            }
        }
        self.all_watched = true;
        for token in self.ended.drain(..) {
            if let Some(open) = find(&self.sockets, token).filter(|open| !open.settled) {
                self.receiver.watch(open.local.id.0, open.fd.as_raw_fd(), token)?;
            }
        }
        self.receiver.submit()
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.watch()?;
        // The kernel would wait for the pause's end even if that is later than the timeout's.
        let pause = self.pause.take();
        match pause.filter(|pause| timeout.is_none_or(|t| t > *pause)) {
            Some(pause) => self
                .receiver
                .wait(limits::BATCH_PACKETS / 2, Some(pause), timeout),
            None => self.receiver.wait(1, None, timeout),
        }
    }

    /// Takes what is there, in order of arrival, until the batch is full.
    fn collect(&mut self, batch: &mut Batch) {
        while !batch.is_full() {
            match self.receiver.poll_event() {
                Some(Event::Datagram {
                    token,
                    buffer,
                    len,
                    last,
                }) => {
                    self.take_in(token, buffer, len, batch);
                    self.receiver.recycle(buffer);
                    if last {
                        self.ended.push(token);
                    }
                }
                Some(Event::Ended { token, more }) if token & WATCHED != 0 => {
                    let index = (token & !WATCHED) as usize;
                    if index == 0 {
                        self.waker.clear();
                    }
                    if let Some(watched) = self.watched.get_mut(index) {
                        watched.standing = more;
                    }
                    self.all_watched &= more;
                }
                Some(Event::Ended { token, .. }) => self.ended.push(token),
                None => return,
            }
        }
    }

    fn take_in(&mut self, token: u64, buffer: u16, len: usize, batch: &mut Batch) {
        let Some(open) = find(&self.sockets, token) else {
            return;
        };
        let datagram = self.receiver.datagram(buffer, len);
        if let (Some((bytes, source)), Some(spare)) = (datagram, batch.spare())
            && let Some(room) = spare.get_mut(..bytes.len())
        {
            room.copy_from_slice(bytes);
            batch.push(open.local.id, source, bytes.len());
        }
    }

    /// Sends packets whose sockets have the right TOS.
    fn send(
        &mut self,
        packets: &[Transmit],
        outbox: &Outbox,
        batch: &Batch,
        failed: &mut dyn FnMut(&Transmit),
    ) {
        let sockets = &self.sockets;
        let fd = |t: &Transmit| {
            let open = sockets.get(t.socket.0 as usize).and_then(Option::as_ref);
            // -1 is no descriptor: the kernel says so, and the packet counts as refused.
            open.map_or(-1, |open| open.fd.as_raw_fd())
        };
        let datagrams = packets
            .iter()
            .map(|t| (t.socket.0, fd(t), t.dest, outbox.bytes(batch, t)));
        let mut handled = 0;
        if let Some(sender) = &mut self.sender {
            let sent = sender.send(datagrams.clone(), &mut |index| {
                packets.get(index).into_iter().for_each(&mut *failed)
            });
            let Err(broken) = sent else { return };
            tracing::error!(error = %broken.error, "io_uring sends no more; each packet leaves by its own system call");
            self.sender = None;
            handled = broken.handled;
        }
        for (packet, (_, fd, to, bytes)) in packets.iter().zip(datagrams).skip(handled) {
            if mmsg::send_one(fd, to, bytes).is_err() {
                failed(packet);
            }
        }
    }

    fn needs_tos(&self, packet: &Transmit) -> bool {
        let open = self
            .sockets
            .get(packet.socket.0 as usize)
            .and_then(Option::as_ref);
        open.is_some_and(|open| open.tos != packet.tos)
    }

    fn set_tos(&mut self, packet: &Transmit) {
        let open = self
            .sockets
            .get_mut(packet.socket.0 as usize)
            .and_then(Option::as_mut);
        if let Some(open) = open {
            // A socket that refuses it sends without, as long as nothing else is asked of it.
            let _ = set_tos(open.fd.as_raw_fd(), open.local.addr.ip(), packet.tos);
            open.tos = packet.tos;
        }
    }

    fn now_us(&self) -> u64 {
        self.born.elapsed().as_micros() as u64
    }
}

/// The socket of a token, if it is still the same.
fn find(sockets: &[Option<Open>], token: u64) -> Option<&Open> {
    let index = token & u64::from(u32::MAX);
    let open = sockets.get(usize::try_from(index).ok()?)?.as_ref()?;
    (open.token == token).then_some(open)
}

impl Io for UringIo {
    fn open(&mut self, local: LocalSocket, fd: OwnedFd) -> io::Result<()> {
        let index = local.id.0 as usize;
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        self.generation = self.generation.wrapping_add(1) & (u32::MAX >> 1);
        let token = u64::from(self.generation) << 32 | u64::from(local.id.0);
        self.receiver.add(local.id.0, fd.as_raw_fd())?;
        if let Some(sender) = &mut self.sender {
            sender.add(local.id.0, fd.as_raw_fd())?;
        }
        self.ended.push(token);
        self.sockets[index] = Some(Open {
            fd,
            local,
            token,
            tos: 0,
            settled: false,
        });
        self.watch()
    }

    fn close(&mut self, id: SocketId) {
        drop(self.take(id));
    }

    fn settle(&mut self, id: SocketId) {
        let open = self.sockets.get_mut(id.0 as usize).and_then(Option::as_mut);
        let Some(open) = open.filter(|open| !open.settled) else {
            return;
        };
        open.settled = true;
        if let Err(error) = self.receiver.cancel(open.token) {
            tracing::error!(%error, "a media socket's request could not be ended");
        }
    }

    fn detach(&mut self, id: SocketId) -> Option<OwnedFd> {
        self.take(id).map(|open| open.fd)
    }

    fn gather(&mut self, timeout: Option<Duration>) {
        if let Some(pause) = self.moderation.pause(self.now_us(), timeout) {
            self.pause(pause);
        }
    }

    fn receive(&mut self, batch: &mut Batch, timeout: Option<Duration>) {
        let waited = !self.receiver.has_events();
        if waited && let Err(error) = self.wait(timeout) {
            // Only a broken ring could cause this; a busy loop is the worst answer to it.
            tracing::error!(%error, "waiting for packets failed");
            std::thread::sleep(Duration::from_millis(100));
        }
        self.collect(batch);
        if let Err(error) = self.watch() {
            tracing::error!(%error, "media sockets could not be watched again");
        }
        if waited && !batch.is_empty() {
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
        // TOS belongs to a socket: where it changes, what was queued before has to leave first.
        let mut rest = packets;
        while let Some(first) = rest.first() {
            let same = rest.iter().position(|t| self.needs_tos(t)).unwrap_or(rest.len());
            if same == 0 {
                self.set_tos(first);
                continue;
            }
            let (run, later) = rest.split_at(same);
            self.send(run, outbox, batch, failed);
            rest = later;
        }
    }

    fn pause(&mut self, pause: Duration) {
        if self.receiver.has_events() {
            return;
        }
        if self.receiver.can_pause() {
            self.pause = Some(pause);
        } else {
            std::thread::sleep(pause);
        }
    }

    /// Its own ring must not be waited for by others in turn: until its owner enters the kernel for it, what has come is
    /// not yet a completion, and wakes nobody who polls the ring's descriptor.
    fn also_wait_for(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.watched.push(Watched {
            fd: fd.as_raw_fd(),
            standing: false,
        });
        self.all_watched = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use super::*;
    use crate::sys::socket::bind_media;

    const LIMIT: Duration = Duration::from_secs(5);

    #[test]
    fn a_socket_that_is_given_away_loses_nothing() {
        let made = Waker::new().and_then(|waker| UringIo::new(waker, Duration::ZERO, 16));
        let mut io = match made {
            Ok(io) => io,
            Err(error) => {
                eprintln!("no io_uring here, nothing was tested: {error}");
                assert!(std::env::var_os("CI").is_none(), "CI has io_uring");
                return;
            }
        };
        let fd = bind_media("127.0.0.1:0".parse().expect("address")).expect("bind");
        let name = socket2::SockRef::from(&fd).local_addr().expect("name");
        let addr: SocketAddr = name.as_socket().expect("ip");
        let id = SocketId(3);
        let local = LocalSocket { id, addr };
        io.open(local, fd).expect("open");
        let party = UdpSocket::bind("127.0.0.1:0").expect("bind");
        let send = |byte: u8| assert_eq!(party.send_to(&[byte], addr).expect("send"), 1);
        (0..5).for_each(send);
        // The ring takes them all, and the batch the first two.
        let mut batch = Batch::new(2, 64);
        io.receive(&mut batch, Some(LIMIT));
        let mut taken = bytes(&batch);
        io.settle(id);
        (5..8).for_each(send);
        while batch.is_full() {
            batch.clear();
            io.receive(&mut batch, Some(Duration::ZERO));
            taken.extend(bytes(&batch));
        }
        let fd = io.detach(id).expect("it was there");
        let socket = UdpSocket::from(fd);
        socket.set_nonblocking(true).expect("set");
        let mut buffer = [0; 8];
        while socket.recv(&mut buffer).is_ok() {
            taken.push(buffer[0]);
        }
        assert_eq!(taken, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    fn bytes(batch: &Batch) -> Vec<u8> {
        let datagrams = batch.datagrams();
        datagrams
            .filter_map(|(_, _, bytes)| bytes.first().copied())
            .collect()
    }
}
