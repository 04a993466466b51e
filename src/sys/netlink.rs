//! Netlink sockets: questions to the kernel's networking, and what it tells by itself.
//!
//! Absent on purpose: what the messages mean.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::socket::{check, set_option, set_recv_buffer};

/// A netlink socket of this thread's network namespace.
pub struct Netlink {
    socket: Socket,
}

impl Netlink {
    /// Opens one for `NETLINK_ROUTE`, `NETLINK_XFRM`...; reading waits at most `patience`.
    pub fn open(protocol: libc::c_int, patience: Duration) -> io::Result<Self> {
        let family = Domain::from(libc::AF_NETLINK);
        let socket = Socket::new(family, Type::RAW.cloexec(), Some(Protocol::from(protocol)))?;
        socket.set_read_timeout(Some(patience))?;
        // SAFETY: all-zero bytes are a valid sockaddr_nl: the kernel chooses the address.
        let mut addr: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        addr.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        let len = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        // SAFETY: pointer and length describe `addr`, which lives across the call.
        let rc = unsafe { libc::bind(socket.as_raw_fd(), (&raw const addr).cast(), len) };
        check(rc)?;
        Ok(Self { socket })
    }

    /// Receives the messages of a group from now on.
    pub fn join(&self, group: u32) -> io::Result<()> {
        let value = libc::c_int::try_from(group).map_err(io::Error::other)?;
        let fd = self.socket.as_raw_fd();
        set_option(fd, libc::SOL_NETLINK, libc::NETLINK_ADD_MEMBERSHIP, value)
    }

    /// Room for what has not been read yet. With none left the next read says `ENOBUFS`.
    pub fn set_buffer(&self, bytes: usize) {
        set_recv_buffer(&self.socket, bytes);
    }

    /// Sends to the kernel.
    pub fn send(&self, message: &[u8]) -> io::Result<()> {
        self.socket.send(message).map(drop)
    }

    /// Reads what the kernel sent; with `wait` unset only what is there already. What others sent reads as nothing.
    pub fn receive<'a>(&self, buffer: &'a mut [u8], wait: bool) -> io::Result<&'a [u8]> {
        // SAFETY: all-zero bytes are a valid sockaddr_nl.
        let mut from: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        let mut len = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        let flags = libc::MSG_TRUNC | if wait { 0 } else { libc::MSG_DONTWAIT };
        // SAFETY: the pointers and lengths describe `buffer` and `from`, which live across the call.
        let n = unsafe {
            libc::recvfrom(
                self.fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                flags,
                (&raw mut from).cast(),
                &raw mut len,
            )
        };
        if n < 0 {
            return Err(io::Error::last_os_error());
        }
        if from.nl_pid != 0 {
            return Ok(&[]);
        }
        // What was cut off is as good as lost.
        buffer
            .get(..n as usize)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOBUFS))
    }

    /// The descriptor, to wait for.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
