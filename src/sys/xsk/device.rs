//! What a device of this network namespace says of itself, by `ioctl`.

use std::ffi::c_ulong;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::sys::socket::check;

/// `ETHTOOL_GCHANNELS`.
const GET_CHANNELS: u32 = 0x3c;

/// Bytes of the longest IP packet that a device takes.
pub fn mtu_of(device: &str) -> io::Result<usize> {
    let mut request = request_for(device)?;
    // SAFETY: this request takes nothing but the name and fills in the MTU.
    unsafe { ask(libc::SIOCGIFMTU as c_ulong, &mut request)? };
    // SAFETY: which was just filled in.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    usize::try_from(mtu).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// `struct ethtool_channels`.
#[repr(C)]
#[derive(Default)]
struct Channels {
    command: u32,
    max: [u32; 4],
    receive: u32,
    send: u32,
    other: u32,
    combined: u32,
}

/// Queues that a device receives by; an error if its driver does not tell.
pub fn queues_of(device: &str) -> io::Result<usize> {
    let mut request = request_for(device)?;
    let mut channels = Channels {
        command: GET_CHANNELS,
        ..Channels::default()
    };
    request.ifr_ifru.ifru_data = (&raw mut channels).cast();
    // SAFETY: this request fills in what `ifru_data` points at, which for this command is as large as `channels`, and
    // lives across the call.
    unsafe { ask(libc::SIOCETHTOOL as c_ulong, &mut request)? };
    Ok((channels.receive + channels.combined) as usize)
}

fn request_for(device: &str) -> io::Result<libc::ifreq> {
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    if device.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    Ok(request)
}

/// # Safety
/// The request's data must be what the kernel expects for `what`.
unsafe fn ask(what: c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: no pointers involved.
    let fd = check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the kernel just gave us this descriptor, nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: the request lives across the call; the rest is the caller's.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), what as _, std::ptr::from_mut(request)) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_asked_by_name() {
        assert_eq!(mtu_of("lo").expect("the loopback device"), 65536);
        assert!(queues_of("lo").is_err(), "it has no channels");
        for name in ["no-such-device", "a-name-that-is-longer-than-any"] {
            assert!(mtu_of(name).is_err() && queues_of(name).is_err(), "{name}");
        }
    }
}
