//! Packets through ordinary UDP sockets: works everywhere, needs no rights.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

use anyhow::{Context, Result};
use socket2::SockRef;

use super::flows::Flows;
use super::io::{Arrival, Batch, PacketIo};
use crate::limits::BATCH_PACKETS_MAX;
use crate::sys::clock;

/// Bytes asked for each socket's receive buffer.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// Largest packet looked at, bytes; ours are far smaller.
const DATAGRAM_BYTES: usize = 1_536;

/// A socket on an ephemeral port of `ip`, with room for bursts.
pub(crate) fn bind(ip: Ipv4Addr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, 0)).with_context(|| format!("can't bind a port of {ip}"))?;
    socket.set_nonblocking(true)?;
    // As much as the system allows is fine.
    let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    Ok(socket)
}

/// The IPv4 address of a socket.
pub(crate) fn local(socket: &UdpSocket) -> Result<SocketAddrV4> {
    match socket.local_addr()? {
        SocketAddr::V4(addr) => Ok(addr),
        SocketAddr::V6(_) => anyhow::bail!("media load speaks IPv4 only"),
    }
}

/// All parties behind a few sockets.
pub(crate) struct UdpIo {
    sockets: Vec<(UdpSocket, SocketAddrV4)>,
    /// Socket and destination of each flow.
    flows: Vec<(usize, libc::sockaddr_in)>,
    buffers: Box<[[u8; DATAGRAM_BYTES]; BATCH_PACKETS_MAX]>,
}

impl UdpIo {
    pub(crate) fn new(sockets: Vec<UdpSocket>, flows: &Flows) -> Result<Self> {
        let sockets: Vec<_> = sockets
            .into_iter()
            .map(|socket| local(&socket).map(|addr| (socket, addr)))
            .collect::<Result<_>>()?;
        let flows = flows
            .routes()
            .map(|route| {
                let socket = sockets.iter().position(|(_, addr)| *addr == route.from);
                Ok((socket.context("a flow without a socket")?, sockaddr(route.to)))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            sockets,
            flows,
            buffers: Box::new([[0; DATAGRAM_BYTES]; BATCH_PACKETS_MAX]),
        })
    }

    /// Sends packets `from..to` of a batch, all of the same socket.
    fn send_run(&mut self, batch: &Batch, from: usize, to: usize) -> Result<()> {
        let socket = self.flows[batch.flows[from]].0;
        let fd = self.sockets[socket].0.as_raw_fd();
        let mut vectors = [libc::iovec {
            iov_base: null_mut(),
            iov_len: 0,
        }; BATCH_PACKETS_MAX];
        // SAFETY: all-zero is a valid mmsghdr: no name, no vectors, no control data.
        let mut messages: [libc::mmsghdr; BATCH_PACKETS_MAX] = unsafe { std::mem::zeroed() };
        let count = to - from;
        for i in 0..count {
            let bytes = batch.packet(from + i);
            vectors[i] = libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            };
            let header = &mut messages[i].msg_hdr;
            header.msg_name = (&raw mut self.flows[batch.flows[from + i]].1).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[i];
            header.msg_iovlen = 1;
        }
        send_all(fd, &mut messages[..count])
    }
}

impl PacketIo for UdpIo {
    fn send(&mut self, batch: &Batch) -> Result<()> {
        let mut from = 0;
        for to in 1..=batch.len {
            let socket = |i: usize| self.flows[batch.flows[i]].0;
            if to == batch.len || socket(to) != socket(from) {
                self.send_run(batch, from, to)?;
                from = to;
            }
        }
        Ok(())
    }

    fn receive(&mut self, sink: &mut Arrival<'_>) -> Result<usize> {
        let mut total = 0;
        for (socket, local) in &self.sockets {
            // SAFETY: all-zero is a valid sockaddr_in and a valid mmsghdr.
            let mut names: [libc::sockaddr_in; BATCH_PACKETS_MAX] = unsafe { std::mem::zeroed() };
            // SAFETY: as above.
            let mut messages: [libc::mmsghdr; BATCH_PACKETS_MAX] = unsafe { std::mem::zeroed() };
            let mut vectors = self.buffers.each_mut().map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: DATAGRAM_BYTES,
            });
            for i in 0..BATCH_PACKETS_MAX {
                let header = &mut messages[i].msg_hdr;
                header.msg_name = (&raw mut names[i]).cast();
                header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
                header.msg_iov = &raw mut vectors[i];
                header.msg_iovlen = 1;
            }
            // SAFETY: every header points to a name and a buffer that outlive the call.
            let received = unsafe {
                libc::recvmmsg(
                    socket.as_raw_fd(),
                    messages.as_mut_ptr(),
                    BATCH_PACKETS_MAX as u32,
                    libc::MSG_DONTWAIT,
                    null_mut(),
                )
            };
            // Nothing there, or a note that something sent earlier was refused: the counters will tell.
            let Ok(received) = usize::try_from(received) else {
                continue;
            };
            let now = clock::now_ns();
            for i in 0..received {
                let from = SocketAddrV4::new(
                    u32::from_be(names[i].sin_addr.s_addr).into(),
                    u16::from_be(names[i].sin_port),
                );
                let length = (messages[i].msg_len as usize).min(DATAGRAM_BYTES);
                sink(from, *local, &self.buffers[i][..length], now);
            }
            total += received;
        }
        Ok(total)
    }
}

/// Sends all messages; one that the kernel refuses is skipped.
pub(super) fn send_all(fd: i32, messages: &mut [libc::mmsghdr]) -> Result<()> {
    let mut done = 0;
    while done < messages.len() {
        let rest = &mut messages[done..];
        // SAFETY: the caller's headers point to live names and buffers.
        let sent = unsafe { libc::sendmmsg(fd, rest.as_mut_ptr(), rest.len() as u32, libc::MSG_DONTWAIT) };
        if let Ok(sent) = usize::try_from(sent) {
            done += sent.max(1);
            continue;
        }
        let error = std::io::Error::last_os_error();
        match (error.kind(), error.raw_os_error()) {
            (ErrorKind::Interrupted, _) => {}
            (ErrorKind::WouldBlock | ErrorKind::ConnectionRefused, _) | (_, Some(libc::ENOBUFS)) => done += 1,
            _ => return Err(error).context("can't send"),
        }
    }
    Ok(())
}

fn sockaddr(addr: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: addr.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(*addr.ip()).to_be(),
        },
        sin_zero: [0; 8],
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::media::engine::Paced;
    use crate::media::flows::{Route, Talk};
    use crate::media::generator::{Generator as _, unwatched};
    use crate::media::payload::Payload;

    #[test]
    fn packets_between_our_own_sockets_all_arrive() {
        let sockets: Vec<_> = (0..2).map(|_| bind(Ipv4Addr::LOCALHOST).unwrap()).collect();
        let (a, b) = (local(&sockets[0]).unwrap(), local(&sockets[1]).unwrap());
        // No relay between: what a sends to b comes from a.
        let flows = Flows::new(
            &Talk::Made(Payload::default()),
            [
                Route {
                    from: a,
                    to: b,
                    via: a,
                    sink: b,
                    seal: None,
                    open: None,
                },
                Route {
                    from: b,
                    to: a,
                    via: b,
                    sink: a,
                    seal: None,
                    open: None,
                },
            ],
        );
        let io = UdpIo::new(sockets, &flows).unwrap();
        let trial = Paced::new(flows, io)
            .trial(10_000.0, Duration::from_millis(50), &mut unwatched)
            .unwrap();
        assert!(trial.totals.sent > 0);
        assert_eq!(trial.totals.lost(), 0, "{:?}", trial.totals);
        assert_eq!(
            trial.totals.corrupted + trial.totals.misdelivered + trial.totals.duplicates,
            0
        );
    }
}
