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

/// Datagrams that one call of [`send`] takes.
pub const SEND_MAX: usize = 8;

/// Room for one packet-info control message of either family, aligned for its header.
#[derive(Clone, Copy)]
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

/// Room for several datagrams, and what one system call put there.
pub struct Inbox {
    headers: Vec<libc::mmsghdr>,
    slices: Vec<libc::iovec>,
    names: Vec<RawAddr>,
    controls: Vec<ControlBuffer>,
    bytes: Vec<u8>,
    bytes_each: usize,
}

// SAFETY: the pointers inside refer only to the vectors beside them, whose memory moves with ownership, and are set up
// anew before each call.
unsafe impl Send for Inbox {}

impl Inbox {
    /// Room for `count` datagrams of up to `bytes_each`. Memory that no datagram touches costs nothing.
    pub fn new(count: usize, bytes_each: usize) -> Self {
        let no_slice = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Self {
            headers: (0..count).map(|_| empty_header()).collect(),
            slices: vec![no_slice; count],
            names: vec![RawAddr::empty(); count],
            controls: vec![ControlBuffer([0; 64]); count],
            bytes: vec![0; count * bytes_each],
            bytes_each,
        }
    }

    /// Receives what is there, as many as there is room for, and says how many. Never waits; nothing there is
    /// `WouldBlock`.
    pub fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        let parts = self
            .slices
            .iter_mut()
            .zip(&mut self.names)
            .zip(&mut self.controls);
        let buffers = self.bytes.chunks_exact_mut(self.bytes_each);
        for ((header, ((slice, name), control)), buffer) in self.headers.iter_mut().zip(parts).zip(buffers) {
            name.clear();
            slice.iov_base = buffer.as_mut_ptr().cast();
            slice.iov_len = buffer.len();
            fill(&mut header.msg_hdr, name, slice, control);
        }
        let room = libc::c_uint::try_from(self.headers.len()).unwrap_or(libc::c_uint::MAX);
        let (headers, flags) = (self.headers.as_mut_ptr(), libc::MSG_DONTWAIT);
        // SAFETY: every header points at live parts of `self`, with their true lengths.
        let rc = unsafe { libc::recvmmsg(fd, headers, room, flags, std::ptr::null_mut()) };
        check(rc).map(|n| n as usize)
    }

    /// One of the datagrams last received, who sent it, and to where; `None` if it came from nowhere.
    pub fn datagram(&self, index: usize) -> Option<(&[u8], SocketAddr, LocalEnd)> {
        let header = self.headers.get(index)?;
        let from = self.names.get(index)?.addr()?;
        let start = index * self.bytes_each;
        let bytes = self.bytes.get(start..start + header.msg_len as usize)?;
        let ip = packet_info(&header.msg_hdr);
        Some((bytes, from, LocalEnd { ip }))
    }
}

/// A datagram to be sent from `local` to `to`.
pub struct Datagram<'a> {
    /// What it carries.
    pub bytes: &'a [u8],
    /// The receiver.
    pub to: SocketAddr,
    /// The address it leaves from.
    pub local: LocalEnd,
}

/// Sends datagrams, no more than [`SEND_MAX`], and says how many the kernel took. An error is about the first of them.
/// Never waits.
pub fn send<'a>(fd: RawFd, datagrams: impl Iterator<Item = Datagram<'a>>) -> io::Result<usize> {
    let mut names = [RawAddr::empty(); SEND_MAX];
    let mut controls = [ControlBuffer([0; 64]); SEND_MAX];
    let mut slices = [const { std::mem::MaybeUninit::<libc::iovec>::uninit() }; SEND_MAX];
    let mut headers: [libc::mmsghdr; SEND_MAX] = std::array::from_fn(|_| empty_header());
    let mut count = 0;
    let parts = names.iter_mut().zip(&mut controls).zip(&mut slices);
    for ((header, ((name, control), slice)), datagram) in headers.iter_mut().zip(parts).zip(datagrams) {
        name.set(datagram.to);
        let slice = slice.write(libc::iovec {
            iov_base: datagram.bytes.as_ptr().cast_mut().cast(),
            iov_len: datagram.bytes.len(),
        });
        fill(&mut header.msg_hdr, name, slice, control);
        header.msg_hdr.msg_controllen = put_packet_info(&mut header.msg_hdr, datagram.local);
        count += 1;
    }
    // SAFETY: the first `count` headers point at live locals and at bytes that the kernel only reads.
    let rc = unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
    check(rc).map(|n| n as usize)
}

/// Makes a header point at its parts.
fn fill(header: &mut libc::msghdr, name: &mut RawAddr, slice: &mut libc::iovec, control: &mut ControlBuffer) {
    header.msg_name = name.as_mut_ptr();
    header.msg_namelen = name.socklen();
    header.msg_iov = slice;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    header.msg_flags = 0;
}

fn empty_header() -> libc::mmsghdr {
    // SAFETY: all-zero bytes are a valid mmsghdr: null pointers, zero lengths.
    unsafe { std::mem::zeroed() }
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
            client.send(b"again").expect("send");
            let mut inbox = Inbox::new(4, 100);
            assert_eq!(inbox.receive(server.as_raw_fd()).expect("receive"), 2);
            let (bytes, to, local) = inbox.datagram(1).expect("a datagram");
            assert_eq!((bytes, to), (&b"again"[..], client.local_addr().expect("name")));
            let replies = [&b"pong"[..], b"once more"].map(|bytes| Datagram { bytes, to, local });
            assert_eq!(send(server.as_raw_fd(), replies.into_iter()).expect("reply"), 2);
            for expected in [&b"pong"[..], b"once more"] {
                let mut buffer = [0; 100];
                let len = client
                    .recv(&mut buffer)
                    .expect("a connected socket sees the reply");
                assert_eq!(&buffer[..len], expected);
            }
        }
    }
}
