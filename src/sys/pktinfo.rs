//! Control datagrams that remember which local address they were sent to, so that the reply can leave from there.
//!
//! A client with a connected socket accepts nothing else, and a host with several addresses would otherwise choose
//! one of its own liking.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::addr::RawAddr;
use super::socket::{check, set_option, set_recv_buffer, set_tos};

/// Where a datagram was sent to: what a reply must come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalEnd {
    ip: Option<IpAddr>,
}

/// Room for one packet-info control message of either family, aligned for its header.
#[repr(C, align(8))]
struct ControlBuffer([u8; 64]);

/// Binds a non-blocking UDP socket for control.
pub fn bind_control(addr: SocketAddr, tos: u8, rcvbuf_bytes: usize) -> io::Result<Socket> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(addr), kind, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
        set_option(socket.as_raw_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
    } else {
        set_option(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
    }
    if tos != 0 {
        set_tos(socket.as_raw_fd(), addr.ip(), tos)?;
    }
    socket.bind(&SockAddr::from(addr))?;
    set_recv_buffer(&socket, rcvbuf_bytes);
    Ok(socket)
}

/// Receives one datagram; never waits.
pub fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr, LocalEnd)> {
    let mut from = RawAddr::empty();
    let mut control = ControlBuffer([0; 64]);
    let mut slice = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all-zero bytes are a valid msghdr: null pointers, zero lengths.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = from.as_mut_ptr();
    header.msg_namelen = from.socklen();
    header.msg_iov = &raw mut slice;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    // SAFETY: every pointer in the header refers to a live local or to `buffer`, with its true length.
    let rc = unsafe { libc::recvmsg(fd, &raw mut header, libc::MSG_DONTWAIT) };
    let len = usize::try_from(rc).map_err(|_| io::Error::last_os_error())?;
    let from = from.addr().ok_or(io::ErrorKind::InvalidData)?;
    Ok((
        len,
        from,
        LocalEnd {
            ip: packet_info(&header),
        },
    ))
}

/// Sends one datagram from `local` to `to`; never waits.
pub fn send(fd: RawFd, bytes: &[u8], to: SocketAddr, local: LocalEnd) -> io::Result<()> {
    let mut name = RawAddr::empty();
    name.set(to);
    let mut control = ControlBuffer([0; 64]);
    let mut slice = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: all-zero bytes are a valid msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = name.as_mut_ptr();
    header.msg_namelen = name.socklen();
    header.msg_iov = &raw mut slice;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    header.msg_controllen = put_packet_info(&mut header, local);
    // SAFETY: every pointer in the header refers to a live local or to `bytes`, which the kernel only reads.
    let rc = unsafe { libc::sendmsg(fd, &raw const header, libc::MSG_DONTWAIT) };
    check(libc::c_int::try_from(rc).unwrap_or(-1)).map(drop)
}

/// The destination address in the control messages of a received datagram.
fn packet_info(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the CMSG macros walk the control buffer within msg_controllen, which the kernel has set.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: non-null results of the macros point at a control message header inside the buffer.
    while let Some(message) = unsafe { next.as_ref() } {
        // SAFETY: as above.
        let data = unsafe { libc::CMSG_DATA(message) };
        match (message.cmsg_level, message.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // SAFETY: a message of this type carries an in_pktinfo; read unaligned to be sure.
                let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
                return Some(IpAddr::from(info.ipi_addr.s_addr.to_ne_bytes()));
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: as above, with an in6_pktinfo.
                let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                return Some(IpAddr::from(info.ipi6_addr.s6_addr));
            }
            // SAFETY: as for CMSG_FIRSTHDR.
            _ => next = unsafe { libc::CMSG_NXTHDR(header, message) },
        }
    }
    None
}

/// Writes the source address into the control buffer of `header` and returns how much of it is used.
fn put_packet_info(header: &mut libc::msghdr, local: LocalEnd) -> usize {
    match local.ip {
        None => 0,
        Some(IpAddr::V4(ip)) => {
            let addr = libc::in_addr {
                s_addr: u32::from_ne_bytes(ip.octets()),
            };
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: addr,
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            put_control(header, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
        }
        Some(IpAddr::V6(ip)) => {
            let ipi6_addr = libc::in6_addr { s6_addr: ip.octets() };
            let info = libc::in6_pktinfo {
                ipi6_addr,
                ipi6_ifindex: 0,
            };
            put_control(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
        }
    }
}

fn put_control<T>(header: &mut libc::msghdr, level: libc::c_int, kind: libc::c_int, value: T) -> usize {
    let size = size_of::<T>() as libc::c_uint;
    // SAFETY: the buffer behind msg_control is a ControlBuffer: 64 bytes, aligned, more than any of the two messages.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        (*message).cmsg_level = level;
        (*message).cmsg_type = kind;
        (*message).cmsg_len = libc::CMSG_LEN(size) as usize;
        libc::CMSG_DATA(message).cast::<T>().write_unaligned(value);
        libc::CMSG_SPACE(size) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn local_addr(socket: &Socket) -> SocketAddr {
        socket.local_addr().expect("name").as_socket().expect("ip")
    }

    #[test]
    fn the_reply_comes_from_the_address_that_was_asked() {
        for (any, asked) in [("0.0.0.0:0", "127.0.0.5"), ("[::]:0", "::1")] {
            let server = bind_control(any.parse().expect(any), 0, 1 << 16).expect("bind");
            let asked = SocketAddr::new(asked.parse().expect(asked), local_addr(&server).port());
            let client = UdpSocket::bind(if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
            let client = client.expect("bind client");
            client.connect(asked).expect("connect");
            client.send(b"ping").expect("send");
            let mut buffer = [0; 100];
            let (len, from, local) = receive(server.as_raw_fd(), &mut buffer).expect("receive");
            assert_eq!(
                (&buffer[..len], from),
                (&b"ping"[..], client.local_addr().expect("name"))
            );
            send(server.as_raw_fd(), b"pong", from, local).expect("reply");
            let len = client
                .recv(&mut buffer)
                .expect("a connected socket sees the reply");
            assert_eq!(&buffer[..len], b"pong");
        }
    }
}
