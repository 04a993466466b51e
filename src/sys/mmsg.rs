//! `recvmmsg` and `sendmmsg`: several datagrams of one socket per system call; and `recvfrom` and `sendto`, which cost a
//! third less for one.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use super::addr::RawAddr;

/// Headers for receiving up to a fixed number of datagrams at once.
pub struct Receiver {
    headers: Vec<libc::mmsghdr>,
    slices: Vec<libc::iovec>,
    addrs: Vec<RawAddr>,
}

// SAFETY: the pointers inside refer only to what is set up anew for each call, or to the vectors beside them, whose
// memory moves with ownership.
unsafe impl Send for Receiver {}

impl Receiver {
    /// Room for `count` datagrams.
    pub fn new(count: usize) -> Self {
        Self {
            headers: (0..count).map(|_| empty_header()).collect(),
            slices: vec![
                libc::iovec {
                    iov_base: std::ptr::null_mut(),
                    iov_len: 0
                };
                count
            ],
            addrs: vec![RawAddr::empty(); count],
        }
    }

    /// Receives what is there, one datagram per buffer, as many as there are buffers or room. Never waits; nothing
    /// there is `WouldBlock`.
    pub fn receive<'a>(
        &mut self,
        fd: RawFd,
        buffers: impl Iterator<Item = &'a mut [u8]>,
    ) -> io::Result<usize> {
        let mut count = 0;
        let room = self.headers.iter_mut().zip(&mut self.slices).zip(&mut self.addrs);
        for (((header, slice), addr), buffer) in room.zip(buffers) {
            slice.iov_base = buffer.as_mut_ptr().cast();
            slice.iov_len = buffer.len();
            addr.clear();
            header.msg_hdr.msg_name = addr.as_mut_ptr();
            header.msg_hdr.msg_namelen = addr.socklen();
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_flags = 0;
            count += 1;
        }
        // SAFETY: the first `count` headers point at live slices, addresses and at buffers that the caller lends us
        // mutably for the length of this call.
        let rc = unsafe {
            libc::recvmmsg(
                fd,
                self.headers.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        super::socket::check(rc).map(|n| n as usize)
    }

    /// Length and source of one of the datagrams just received; `None` if it was cut off or came from nowhere.
    pub fn datagram(&self, index: usize) -> Option<(usize, SocketAddr)> {
        let header = self.headers.get(index)?;
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        Some((header.msg_len as usize, self.addrs.get(index)?.addr()?))
    }
}

/// Receives one datagram: its length and source, `None` if it was cut off or came from nowhere. Never waits; nothing there
/// is `WouldBlock`.
pub fn receive_one(fd: RawFd, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
    let mut addr = RawAddr::empty();
    // The true length, so that it is seen if the datagram was longer.
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: the buffer and the address are valid for writes of the lengths given.
    let rc = unsafe {
        let (start, name) = (buffer.as_mut_ptr().cast(), addr.as_mut_ptr().cast());
        libc::recvfrom(fd, start, buffer.len(), flags, name, addr.socklen_mut())
    };
    let len = usize::try_from(rc).map_err(|_| io::Error::last_os_error())?;
    Ok(addr
        .addr()
        .filter(|_| len <= buffer.len())
        .map(|from| (len, from)))
}

/// Sends one datagram. Never waits.
pub fn send_one(fd: RawFd, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    let mut addr = RawAddr::empty();
    addr.set(to);
    // SAFETY: the kernel only reads the bytes and the address, both of the lengths given.
    let rc = unsafe {
        let (start, name) = (bytes.as_ptr().cast(), addr.as_mut_ptr().cast_const().cast());
        libc::sendto(fd, start, bytes.len(), libc::MSG_DONTWAIT, name, addr.socklen())
    };
    if rc < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Headers for sending up to a fixed number of datagrams at once.
pub struct Sender {
    headers: Vec<libc::mmsghdr>,
    slices: Vec<libc::iovec>,
    addrs: Vec<RawAddr>,
}

// SAFETY: as for `Receiver`.
unsafe impl Send for Sender {}

impl Sender {
    /// Room for `count` datagrams.
    pub fn new(count: usize) -> Self {
        Self {
            headers: (0..count).map(|_| empty_header()).collect(),
            slices: vec![
                libc::iovec {
                    iov_base: std::ptr::null_mut(),
                    iov_len: 0
                };
                count
            ],
            addrs: vec![RawAddr::empty(); count],
        }
    }

    /// Sends datagrams through one socket, as many as there is room for, and says how many the kernel took. An error
    /// is about the first one not taken. Never waits.
    pub fn send<'a>(
        &mut self,
        fd: RawFd,
        datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
    ) -> io::Result<usize> {
        let mut count = 0;
        let room = self.headers.iter_mut().zip(&mut self.slices).zip(&mut self.addrs);
        for (((header, slice), addr), (to, bytes)) in room.zip(datagrams) {
            addr.set(to);
            slice.iov_base = bytes.as_ptr().cast_mut().cast();
            slice.iov_len = bytes.len();
            header.msg_hdr.msg_name = addr.as_mut_ptr();
            header.msg_hdr.msg_namelen = addr.socklen();
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
            count += 1;
        }
        // SAFETY: the first `count` headers point at live slices, addresses and bytes; the kernel only reads them.
        let rc = unsafe { libc::sendmmsg(fd, self.headers.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
        super::socket::check(rc).map(|n| n as usize)
    }
}

fn empty_header() -> libc::mmsghdr {
    // SAFETY: all-zero bytes are a valid mmsghdr: null pointers, zero lengths.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::bind_media;
    use std::os::fd::AsRawFd;

    #[test]
    fn several_datagrams_each_way() {
        let a = bind_media("127.0.0.1:0".parse().expect("address")).expect("bind");
        let b = bind_media("127.0.0.1:0".parse().expect("address")).expect("bind");
        let name = |fd: &std::os::fd::OwnedFd| {
            let socket = socket2::SockRef::from(fd);
            socket.local_addr().expect("name").as_socket().expect("ip")
        };
        let (from, to) = (name(&a), name(&b));
        let sent = [&b"one"[..], b"", b"three"];
        let count = Sender::new(8).send(a.as_raw_fd(), sent.iter().map(|s| (to, *s)));
        assert_eq!(count.expect("send"), 3);
        let mut arena = [[0_u8; 4]; 8];
        let mut receiver = Receiver::new(8);
        let count = receiver.receive(b.as_raw_fd(), arena.iter_mut().map(|b| &mut b[..]));
        assert_eq!(count.expect("receive"), 3);
        assert_eq!(receiver.datagram(0), Some((3, from)));
        assert_eq!(receiver.datagram(1), Some((0, from)));
        assert_eq!(receiver.datagram(2), None, "longer than its buffer");
        assert_eq!(&arena[0][..3], b"one");
        let empty = receiver.receive(b.as_raw_fd(), arena.iter_mut().map(|b| &mut b[..]));
        assert_eq!(empty.map_err(|e| e.kind()), Err(io::ErrorKind::WouldBlock));
    }
}
