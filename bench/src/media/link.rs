//! Facts about network devices: their numbers and hardware addresses, and those of the neighbours behind them.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result, bail};

use super::frame::Mac;

/// Lets a socket hold its port and drop whatever arrives.
pub(crate) fn discard_all(socket: &UdpSocket) -> Result<()> {
    // One instruction, BPF_RET | BPF_K 0: keep no byte.
    let mut program = libc::sock_filter {
        code: 6,
        jt: 0,
        jf: 0,
        k: 0,
    };
    let filter = libc::sock_fprog {
        len: 1,
        filter: &raw mut program,
    };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
}

pub(crate) fn device_index(device: &str) -> Result<u32> {
    let name = std::ffi::CString::new(device)?;
    // SAFETY: `name` ends with a zero byte and outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        bail!("no network device {device}");
    }
    Ok(index)
}

pub(crate) fn own_mac(device: &str) -> Result<Mac> {
    let socket = any_socket()?;
    // SAFETY: all-zero is a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if device.len() >= request.ifr_name.len() {
        bail!("no network device {device}");
    }
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: SIOCGIFHWADDR reads the name and writes the address of a valid ifreq.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("no hardware address of {device}"));
    }
    // SAFETY: SIOCGIFHWADDR filled this member of the union.
    let data = unsafe { request.ifr_ifru.ifru_hwaddr.sa_data };
    Ok(std::array::from_fn(|i| data[i] as u8))
}

/// The relay's hardware address, from the neighbour table of this thread's namespace.
pub(crate) fn neighbour_mac(ip: Ipv4Addr, device: &str) -> Result<Mac> {
    let table = std::fs::read_to_string("/proc/thread-self/net/arp")?;
    find_neighbour(&table, &ip.to_string(), device)
        .with_context(|| format!("{} is no neighbour on {device}; is it reached by a gateway?", ip))
}

fn find_neighbour(table: &str, ip: &str, device: &str) -> Option<Mac> {
    let line = table.lines().find(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next() == Some(ip) && words.next_back() == Some(device)
    })?;
    let mut bytes = line
        .split_ascii_whitespace()
        .nth(3)?
        .split(':')
        .map(|b| u8::from_str_radix(b, 16).ok());
    let mut mac = [0; 6];
    for byte in &mut mac {
        *byte = bytes.next()??;
    }
    Some(mac)
}

/// Frames that a device of this thread's namespace has refused to send so far: its ring was full.
pub(crate) fn refused(device: &str) -> Result<u64> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev")?;
    find_refused(&table, device).with_context(|| format!("no counters of {device}"))
}

fn find_refused(table: &str, device: &str) -> Option<u64> {
    let counters = table.lines().find_map(|line| {
        let (name, counters) = line.split_once(':')?;
        (name.trim() == device).then_some(counters)
    })?;
    // Eight counters of receiving, then bytes, packets, errors, drops.
    counters.split_ascii_whitespace().nth(11)?.parse().ok()
}

fn any_socket() -> Result<OwnedFd> {
    // SAFETY: creates a descriptor, touches no memory.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error()).context("can't open a socket");
    }
    // SAFETY: just opened and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn set<T>(socket: &impl AsRawFd, level: i32, name: i32, value: &T) -> Result<()> {
    // SAFETY: `value` is valid for the length given.
    let result = unsafe {
        let length = size_of::<T>() as libc::socklen_t;
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            length,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("socket option {level}/{name}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_frames_are_found() {
        let table = "Inter-| Receive | Transmit\n face |bytes packets\n  lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n\
            va: 1 2 3 4 5 6 7 8 9 10 11 99 13 14 15 16\n";
        assert_eq!(find_refused(table, "va"), Some(99));
        assert_eq!(find_refused(table, "v"), None);
    }

    #[test]
    fn neighbours_are_found_by_address_and_device() {
        let table = "IP address HW type Flags HW address Mask Device\n\
            10.0.0.1 0x1 0x6 02:00:00:00:00:0a * veth0\n10.0.0.1 0x1 0x6 02:00:00:00:00:0b * veth1\n";
        assert_eq!(
            find_neighbour(table, "10.0.0.1", "veth1"),
            Some([2, 0, 0, 0, 0, 11])
        );
        assert_eq!(find_neighbour(table, "10.0.0.2", "veth1"), None);
    }
}
