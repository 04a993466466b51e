//! What serves the media sockets of this machine: chosen once, at start, by trying it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use plan::{LocalSocket, SocketId};
use relay::Batch;

use super::io::Io;
use super::io_epoll::EpollIo;
use super::io_uring::UringIo;
use crate::config::{IoChoice, SocketSettings};
use crate::limits;
use crate::sys::epoll::Waker;
use crate::sys::socket::bind_media;

/// How long the trial datagram may take.
const TRIAL: Duration = Duration::from_secs(1);

/// What serves sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `epoll`, `recvmmsg`, `sendmmsg`.
    Epoll,
    /// `io_uring`.
    Uring,
}

/// Chooses, and says so in one line of the log.
pub fn choose(settings: &SocketSettings) -> Backend {
    let (backend, why) = match settings.io {
        IoChoice::Epoll => (Backend::Epoll, "as configured".to_owned()),
        IoChoice::Uring => match try_uring() {
            Ok(_) => (Backend::Uring, "as configured".to_owned()),
            Err(error) => {
                tracing::warn!(
                    "media sockets are served by epoll, because io_uring does not work here: {error}"
                );
                return Backend::Epoll;
            }
        },
        // Measured (docs/decisions/0009-wake-ups.md): the same at partial load, and the ring is better at full load with
        // many calls; but only if it can wait for several packets at once.
        IoChoice::Auto => match try_uring() {
            Ok(true) => (Backend::Uring, "which measured best".to_owned()),
            Ok(false) => (
                Backend::Epoll,
                "because io_uring of this kernel cannot wait for several packets".to_owned(),
            ),
            Err(error) => (
                Backend::Epoll,
                format!("because io_uring does not work here: {error}"),
            ),
        },
    };
    let name = match backend {
        Backend::Epoll => "epoll",
        Backend::Uring => "io_uring",
    };
    tracing::info!("media sockets are served by {name}, {why}");
    backend
}

/// Sockets of one worker.
pub fn io(backend: Backend, settings: &SocketSettings, waker: Waker) -> io::Result<Box<dyn Io + Send>> {
    let delay = settings.wake_delay;
    Ok(match backend {
        Backend::Epoll => Box::new(EpollIo::new(waker, delay)?),
        Backend::Uring => Box::new(UringIo::new(waker, delay, settings.uring_buffers)?),
    })
}

/// Lets a datagram through a ring: kernels differ in what they have, and are kept by settings and filters from
/// offering what they have. True if it can also wait for several packets.
fn try_uring() -> io::Result<bool> {
    let mut io = UringIo::new(Waker::new()?, Duration::ZERO, 2)?;
    let fd = bind_media(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let name = socket2::SockRef::from(&fd).local_addr()?.as_socket();
    let addr = name.ok_or(io::ErrorKind::AddrNotAvailable)?;
    io.open(
        LocalSocket {
            id: SocketId(0),
            addr,
        },
        fd,
    )?;
    std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.send_to(b"trial", addr)?;
    let mut batch = Batch::new(1, limits::DATAGRAM_BYTES);
    let give_up = std::time::Instant::now() + TRIAL;
    while batch.is_empty() {
        if std::time::Instant::now() > give_up {
            return Err(io::ErrorKind::TimedOut.into());
        }
        io.receive(&mut batch, Some(TRIAL));
    }
    Ok(io.can_pause())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// What others serve ends a wait as often as it becomes readable, whether it was before it was added or not.
    #[test]
    fn a_wait_is_also_for_what_others_serve() {
        for backend in [Backend::Epoll, Backend::Uring] {
            let mut io: Box<dyn Io> = match backend {
                Backend::Epoll => {
                    Box::new(EpollIo::new(Waker::new().expect("eventfd"), Duration::ZERO).expect("epoll"))
                }
                Backend::Uring => match UringIo::new(Waker::new().expect("eventfd"), Duration::ZERO, 2) {
                    Ok(io) => Box::new(io),
                    Err(error) => {
                        eprintln!("no io_uring here, nothing was tested: {error}");
                        assert!(std::env::var_os("CI").is_none(), "CI has io_uring");
                        continue;
                    }
                },
            };
            let mut batch = Batch::new(4, limits::DATAGRAM_BYTES);
            let socket = || std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
            let (others, from) = ([socket(), socket()], socket());
            let send = |to: &std::net::UdpSocket| {
                from.send_to(b"x", to.local_addr().expect("its address"))
                    .expect("sending");
            };
            send(&others[0]);
            others
                .iter()
                .for_each(|other| io.also_wait_for(other.as_fd()).expect("added"));
            for turn in 0..200 {
                // The first one has one already.
                let other = &others[turn % 2];
                let begin = std::time::Instant::now();
                if turn % 3 == 0 {
                    io.pause(Duration::from_micros(50));
                }
                io.receive(&mut batch, Some(Duration::from_secs(20)));
                assert!(
                    begin.elapsed() < Duration::from_secs(10),
                    "{backend:?}: turn {turn}"
                );
                other.recv(&mut [0; 4]).expect("what ended the wait");
                send(&others[(turn + 1) % 2]);
            }
        }
    }
}
