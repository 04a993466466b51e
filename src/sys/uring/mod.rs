//! `io_uring`: a ring that receives datagrams of many sockets, and one that sends them.
//!
//! Two rings and not one, so that the outcome of sending is read right after it, in whatever order datagrams arrive.
//! Each belongs to the thread that first uses it. Nothing here retries for ever: what fails is said to the caller.

mod receive;
mod send;

use std::io;

use io_uring::IoUring;

pub use receive::{Event, Receiver};
pub use send::{Broken, Sender};

/// Sockets with a place in a ring's table of files; others are named by their descriptors, which costs a little more.
const FILES: u32 = 16_384;

/// A ring that is idle until [`enable`] is called by the thread it will belong to.
fn build(entries: u32, completions: u32, deferred: bool) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder
        .dontfork()
        .setup_r_disabled()
        .setup_single_issuer()
        .setup_submit_all()
        .setup_cqsize(completions);
    if deferred {
        // Packets that arrive while this thread waits for several neither wake nor interrupt it.
        builder.setup_defer_taskrun();
    } else {
        builder.setup_coop_taskrun();
    }
    let ring = builder.build(entries)?;
    ring.submitter().register_files_sparse(FILES)?;
    Ok(ring)
}

/// Makes the ring the calling thread's.
fn enable(ring: &IoUring) -> io::Result<()> {
    ring.submitter().register_enable_rings()
}

/// Puts a descriptor into the table of files, or (-1) takes it out.
fn set_file(ring: &IoUring, slot: u32, fd: std::os::fd::RawFd) -> io::Result<()> {
    ring.submitter().register_files_update(slot, &[fd]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::bind_media;
    use std::net::SocketAddr;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::Duration;

    fn bound() -> (OwnedFd, SocketAddr) {
        let fd = bind_media("127.0.0.1:0".parse().expect("address")).expect("bind");
        let name = socket2::SockRef::from(&fd).local_addr().expect("name");
        (fd, name.as_socket().expect("ip"))
    }

    /// The rings, or why this kernel has none.
    fn rings(buffers: u16) -> Option<(Receiver, Sender)> {
        match Receiver::new(buffers).and_then(|receiver| Ok((receiver, Sender::new()?))) {
            Ok(rings) => Some(rings),
            Err(error) => {
                eprintln!("no io_uring here, nothing was tested: {error}");
                assert!(std::env::var_os("CI").is_none(), "CI has io_uring");
                None
            }
        }
    }

    /// Events until `count` datagrams came, as (token, bytes, source); `ended` gets tokens that need watching again.
    fn take(receiver: &mut Receiver, count: usize, ended: &mut Vec<u64>) -> Vec<(u64, Vec<u8>, SocketAddr)> {
        let mut got = Vec::new();
        while got.len() < count {
            receiver
                .wait(1, None, Some(Duration::from_secs(5)))
                .expect("wait");
            let before = got.len() + ended.len();
            while let Some(event) = receiver.poll_event() {
                match event {
                    Event::Datagram {
                        token,
                        buffer,
                        len,
                        last,
                    } => {
                        let (bytes, source) = receiver.datagram(buffer, len).expect("whole");
                        got.push((token, bytes.to_vec(), source));
                        receiver.recycle(buffer);
                        ended.extend(last.then_some(token));
                    }
                    Event::Ended { token, .. } => ended.push(token),
                }
            }
            assert!(got.len() + ended.len() > before, "{} of {count} came", got.len());
        }
        got
    }

    #[test]
    fn several_sockets_through_two_rings() {
        let Some((mut receiver, mut sender)) = rings(8) else {
            return;
        };
        let sockets = [bound(), bound(), bound()];
        for (slot, (fd, _)) in (0..).zip(&sockets) {
            receiver.add(slot, fd.as_raw_fd()).expect("add");
            sender.add(slot, fd.as_raw_fd()).expect("add");
            receiver
                .watch(slot, fd.as_raw_fd(), u64::from(slot) + 100)
                .expect("watch");
        }
        let payloads: [&[u8]; 3] = [b"one", b"2", b"three"];
        let datagrams = (0..3).map(|i| {
            let (from, to) = (&sockets[i], sockets[(i + 1) % 3].1);
            (i as u32, from.0.as_raw_fd(), to, payloads[i])
        });
        let mut failed = Vec::new();
        sender
            .send(datagrams, &mut |index| failed.push(index))
            .expect("send");
        assert_eq!(failed, [0_usize; 0]);
        let mut ended = Vec::new();
        let mut got = take(&mut receiver, 3, &mut ended);
        got.sort_by_key(|(token, ..)| *token);
        let expected = [2, 0, 1].map(|from: usize| {
            let token = 100 + ((from as u64 + 1) % 3);
            (token, payloads[from].to_vec(), sockets[from].1)
        });
        assert_eq!(got, expected);
        assert_eq!(ended, [0_u64; 0]);
    }

    #[test]
    fn what_the_kernel_refuses_is_named_and_the_rest_is_sent() {
        let Some((_, mut sender)) = rings(8) else { return };
        let (a, b) = (bound(), bound());
        let nowhere: SocketAddr = "[2001:db8::1]:9".parse().expect("address");
        let datagrams = [b.1, nowhere, b.1].map(|to| (u32::MAX, a.0.as_raw_fd(), to, &b"x"[..]));
        let mut failed = Vec::new();
        sender
            .send(datagrams.into_iter(), &mut |index| failed.push(index))
            .expect("send");
        assert_eq!(failed, [1]);
        let socket = std::net::UdpSocket::from(b.0);
        socket.set_nonblocking(true).expect("set");
        let mut buffer = [0; 8];
        assert_eq!(std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count(), 2);
    }

    #[test]
    fn a_ring_that_fails_says_how_far_it_got() {
        let Some((_, mut sender)) = rings(8) else { return };
        let (a, b) = (bound(), bound());
        let datagrams = || {
            [b.1; 3]
                .map(|to| (u32::MAX, a.0.as_raw_fd(), to, &b"x"[..]))
                .into_iter()
        };
        let none = &mut |index| panic!("{index} was refused");
        sender.send(datagrams(), none).expect("send");
        // A ring takes requests only from the thread that used it first.
        let broken = std::thread::scope(|scope| {
            let sent = scope.spawn(|| sender.send(datagrams(), &mut |index| panic!("{index} was refused")));
            sent.join().expect("no panic")
        });
        assert_eq!(broken.expect_err("another thread's").handled, 0);
        let socket = std::net::UdpSocket::from(b.0);
        socket.set_nonblocking(true).expect("set");
        let mut buffer = [0; 8];
        assert_eq!(std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count(), 3);
    }

    #[test]
    fn running_out_of_buffers_and_empty_datagrams_lose_nothing() {
        let Some((mut receiver, _)) = rings(4) else { return };
        let (fd, to) = bound();
        receiver.add(0, fd.as_raw_fd()).expect("add");
        receiver.watch(0, fd.as_raw_fd(), 7).expect("watch");
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("bind");
        for i in 0..50_u8 {
            sender.send_to(&[i], to).expect("send");
            // The kernel ends a request with an empty datagram.
            if i == 20 {
                sender.send_to(&[], to).expect("send");
            }
        }
        let (mut got, mut ended) = (Vec::new(), Vec::new());
        while got.len() < 51 {
            got.extend(take(&mut receiver, 1, &mut ended));
            if !ended.is_empty() {
                ended.clear();
                receiver.watch(0, fd.as_raw_fd(), 7).expect("watch again");
            }
        }
        let numbers: Vec<Option<u8>> = got.iter().map(|(_, bytes, _)| bytes.first().copied()).collect();
        let mut expected: Vec<Option<u8>> = (0..50).map(Some).collect();
        expected.insert(21, None);
        assert_eq!(numbers, expected);
    }

    #[test]
    fn a_socket_that_is_forgotten_frees_its_port() {
        let Some((mut receiver, mut sender)) = rings(4) else {
            return;
        };
        let (fd, addr) = bound();
        receiver.add(0, fd.as_raw_fd()).expect("add");
        sender.add(0, fd.as_raw_fd()).expect("add");
        receiver.watch(0, fd.as_raw_fd(), 7).expect("watch");
        receiver.wait(1, None, Some(Duration::ZERO)).expect("wait");
        receiver.cancel(7).expect("cancel");
        receiver.forget(0).expect("forget");
        sender.forget(0);
        drop(fd);
        bind_media(addr).expect("the port is free");
    }
}
