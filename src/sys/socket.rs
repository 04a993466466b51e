//! Media sockets and the system calls on them.
//!
//! Invariant: a socket is bound without `SO_REUSEADDR`/`SO_REUSEPORT`, so that nobody, this process included, can have
//! the same port twice. Absent on purpose: connecting a socket (peers move), blocking calls.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::limits;

/// Binds a non-blocking UDP socket for media.
pub fn bind_media(addr: SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(
        Domain::for_address(addr),
        Type::DGRAM.nonblocking().cloexec(),
        Some(Protocol::UDP),
    )?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(addr))?;
    set_recv_buffer(&socket, limits::MEDIA_RCVBUF_BYTES);
    Ok(socket.into())
}

/// Asks for a receive buffer, past the system's limit where we may. Less than asked for is no error: the socket works.
pub fn set_recv_buffer(socket: &Socket, bytes: usize) {
    let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let forced = set_option(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, value);
    if forced.is_err() {
        let _ = socket.set_recv_buffer_size(bytes);
    }
}

/// Sets the TOS byte (IPv4) or traffic class (IPv6) of what a socket sends.
pub fn set_tos(fd: RawFd, ip: IpAddr, tos: u8) -> io::Result<()> {
    let (level, name) = match ip {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_TOS),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
    };
    set_option(fd, level, name, libc::c_int::from(tos))
}

/// Sets an integer socket option.
pub fn set_option(fd: RawFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer and length describe `value`, which lives across the call.
    let rc = unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), len) };
    check(rc).map(drop)
}

/// A return code of -1 as the error it stands for.
pub fn check(rc: libc::c_int) -> io::Result<libc::c_int> {
    if rc < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(rc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_bound_once() {
        let first = bind_media("127.0.0.1:0".parse().expect("address")).expect("bind");
        let first = Socket::from(first);
        let addr = first.local_addr().expect("name").as_socket().expect("ip");
        let again = bind_media(addr).map(|_| ()).map_err(|e| e.kind());
        assert_eq!(again, Err(io::ErrorKind::AddrInUse));
    }
}
