//! The end of a wire: frames put on it as they are, and those that come seen as they are.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use testkit::frames::Sum;

use crate::lab::Host;
use crate::xdp::index;

const ETHERNET: usize = 14;

/// A device, past all of the stack.
pub(crate) struct Cable {
    fd: OwnedFd,
}

impl Cable {
    /// The named device of a host. What that host itself sends is not seen here.
    pub(crate) fn new(host: &Host, device: &str) -> Self {
        let fd = host.enter(|| open(device));
        Self {
            fd: fd.unwrap_or_else(|error| panic!("{device}: {error}")),
        }
    }

    /// Puts a frame on the wire. With [`Sum::Partial`] it is marked as one whose checksum the device completes.
    pub(crate) fn send(&self, frame: &[u8], sum: Sum) {
        // struct virtio_net_hdr: flags, kind of segments, lengths of header and segment, where the sum begins and stands.
        let mut bytes = vec![0; 10];
        if sum == Sum::Partial {
            let ip_len = if frame.get(12..14) == Some(&[8, 0]) {
                20
            } else {
                40
            };
            bytes[0] = 1;
            bytes[6..8].copy_from_slice(&(ETHERNET as u16 + ip_len).to_ne_bytes());
            bytes[8..10].copy_from_slice(&6_u16.to_ne_bytes());
        }
        bytes.extend(frame);
        // SAFETY: pointer and length describe `bytes`, which live across the call.
        let sent = unsafe { libc::send(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
        let error = io::Error::last_os_error();
        assert_eq!(sent, bytes.len() as isize, "putting a frame on the wire: {error}");
    }

    /// The next frame that has come, if there is any.
    pub(crate) fn receive(&self) -> Option<Vec<u8>> {
        let mut buffer = [0_u8; 4096];
        loop {
            // SAFETY: all-zero bytes are a valid address.
            let mut from: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
            let mut from_len = size_of_val(&from) as libc::socklen_t;
            // SAFETY: the pointers and lengths describe `buffer` and `from`, which live across the call.
            let len = unsafe {
                libc::recvfrom(
                    self.fd.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    0,
                    (&raw mut from).cast(),
                    &raw mut from_len,
                )
            };
            let frame = buffer.get(10..usize::try_from(len).ok()?)?;
            if from.sll_pkttype != libc::PACKET_OUTGOING {
                return Some(frame.into());
            }
        }
    }
}

fn open(device: &str) -> io::Result<OwnedFd> {
    let all = (libc::ETH_P_ALL as u16).to_be();
    // SAFETY: socket has no preconditions.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, all.into()) };
    let fd = patchbay::sys::socket::check(fd)?;
    // SAFETY: the call has made this descriptor, and nobody else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    patchbay::sys::socket::set_option(fd.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1)?;
    // SAFETY: all-zero bytes are a valid address.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = all;
    address.sll_ifindex = index(device) as i32;
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: pointer and length describe `address`, which lives across the call.
    let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) };
    patchbay::sys::socket::check(bound)?;
    Ok(fd)
}
