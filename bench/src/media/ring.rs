//! Packets past the socket layer: frames out through a packet socket, frames in through a ring shared with the
//! kernel. Needs CAP_NET_RAW; costs about a third of what UDP sockets do, so that the generator is not the limit.

use std::io;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{Ordering, fence};

use anyhow::{Context, Result, bail};

use super::flows::Flows;
use super::frame::{self, HEADERS_BYTES, Mac};
use super::io::{Arrival, Batch, PacketIo};
use super::udp::send_all;
use crate::limits::BATCH_PACKETS_MAX;

/// Bytes of a ring slot: header, alignment and a frame of ours.
const SLOT_BYTES: usize = 512;
/// Slots: at a million packets a second, 33 ms of them.
const SLOTS: usize = 32_768;
const RING_BYTES: usize = SLOT_BYTES * SLOTS;
/// The kernel allocates the ring in blocks of this many bytes.
const BLOCK_BYTES: usize = 1 << 16;
/// Frames taken out at once at most, so that sending is not kept waiting.
const TAKE_MAX: usize = 128;

/// Sends and receives on one network device.
pub(crate) struct RingIo {
    sender: OwnedFd,
    receiver: OwnedFd,
    ring: NonNull<u8>,
    next: usize,
    headers: Vec<[u8; HEADERS_BYTES]>,
    /// Hold the parties' ports, so that nobody else gets them and the kernel does not call them unreachable.
    _ports: Vec<UdpSocket>,
}

impl RingIo {
    /// For flows that all leave by `device`; `ports` are the sockets that hold the parties' ports.
    pub(crate) fn new(device: &str, flows: &Flows, ports: Vec<UdpSocket>) -> Result<Self> {
        let ours = own_mac(device)?;
        let mut headers = Vec::new();
        for route in flows.routes() {
            let theirs = neighbour_mac(route.to, device)?;
            headers.push(frame::headers(
                (ours, route.from),
                (theirs, route.to),
                route.packet_bytes(),
            ));
        }
        ports.iter().try_for_each(discard_all)?;
        let index = device_index(device)?;
        let sender = packet_socket(0)?;
        bind_to(&sender, index, 0)?;
        let (receiver, ring) = receive_ring()?;
        bind_to(&receiver, index, libc::ETH_P_ALL as u16)?;
        Ok(Self {
            sender,
            receiver,
            ring,
            next: 0,
            headers,
            _ports: ports,
        })
    }
}

impl PacketIo for RingIo {
    fn send(&mut self, batch: &Batch) -> Result<()> {
        let mut vectors = [[libc::iovec {
            iov_base: null_mut(),
            iov_len: 0,
        }; 2]; BATCH_PACKETS_MAX];
        // SAFETY: all-zero is a valid mmsghdr: no name, no vectors, no control data.
        let mut messages: [libc::mmsghdr; BATCH_PACKETS_MAX] = unsafe { std::mem::zeroed() };
        for i in 0..batch.len {
            let (headers, bytes) = (&self.headers[batch.flows[i]], batch.packet(i));
            vectors[i] = [
                libc::iovec {
                    iov_base: headers.as_ptr().cast_mut().cast(),
                    iov_len: headers.len(),
                },
                libc::iovec {
                    iov_base: bytes.as_ptr().cast_mut().cast(),
                    iov_len: bytes.len(),
                },
            ];
            messages[i].msg_hdr.msg_iov = vectors[i].as_mut_ptr();
            messages[i].msg_hdr.msg_iovlen = 2;
        }
        send_all(self.sender.as_raw_fd(), &mut messages[..batch.len])
    }

    fn receive(&mut self, sink: &mut Arrival<'_>) -> Result<usize> {
        for taken in 0..TAKE_MAX {
            // SAFETY: `next` is below SLOTS, so the slot lies within the mapping, aligned to 512 bytes.
            let slot = unsafe { self.ring.add(self.next * SLOT_BYTES) };
            let header = slot.cast::<libc::tpacket2_hdr>();
            // SAFETY: the header lies in the mapping; its status is shared with the kernel, hence volatile.
            let status = unsafe { (&raw const (*header.as_ptr()).tp_status).read_volatile() };
            if status & libc::TP_STATUS_USER == 0 {
                return Ok(taken);
            }
            fence(Ordering::Acquire);
            // SAFETY: the kernel has handed the slot over and does not touch it until the status says so.
            let (header_copy, bytes) = unsafe {
                let copy = header.as_ptr().read();
                let start = usize::from(copy.tp_mac).min(SLOT_BYTES);
                let length = (copy.tp_snaplen as usize).min(SLOT_BYTES - start);
                (copy, std::slice::from_raw_parts(slot.as_ptr().add(start), length))
            };
            if let Some((from, to, payload)) = frame::parse(bytes) {
                let at = u64::from(header_copy.tp_sec) * 1_000_000_000 + u64::from(header_copy.tp_nsec);
                sink(from, to, payload, at);
            }
            fence(Ordering::Release);
            // SAFETY: as above; this hands the slot back, and `bytes` is not used any more.
            unsafe { (&raw mut (*header.as_ptr()).tp_status).write_volatile(libc::TP_STATUS_KERNEL) };
            self.next = (self.next + 1) % SLOTS;
        }
        Ok(TAKE_MAX)
    }
}

impl Drop for RingIo {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this address and length and nothing refers to it any more; the receiver's
        // descriptor, closed after this, outlives it.
        unsafe { libc::munmap(self.ring.as_ptr().cast(), RING_BYTES) };
        debug_assert!(self.receiver.as_raw_fd() >= 0);
    }
}

fn receive_ring() -> Result<(OwnedFd, NonNull<u8>)> {
    // Protocol 0 until it is bound, so that no other device's frames get in.
    let socket = packet_socket(0)?;
    set(
        &socket,
        libc::SOL_PACKET,
        libc::PACKET_VERSION,
        &(libc::tpacket_versions::TPACKET_V2 as i32),
    )?;
    set(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
    let request = libc::tpacket_req {
        tp_block_size: BLOCK_BYTES as u32,
        tp_block_nr: (RING_BYTES / BLOCK_BYTES) as u32,
        tp_frame_size: SLOT_BYTES as u32,
        tp_frame_nr: SLOTS as u32,
    };
    set(&socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_POPULATE,
    );
    // SAFETY: a fresh mapping of the ring that was just made; nothing else refers to that memory.
    let ring = unsafe { libc::mmap(null_mut(), RING_BYTES, protection, flags, socket.as_raw_fd(), 0) };
    if ring == libc::MAP_FAILED {
        return Err(io::Error::last_os_error()).context("can't map the packet ring");
    }
    Ok((
        socket,
        NonNull::new(ring.cast()).context("packet ring at address 0")?,
    ))
}

fn packet_socket(protocol: u16) -> Result<OwnedFd> {
    // SAFETY: creates a descriptor, touches no memory.
    let fd = unsafe {
        libc::socket(
            libc::AF_PACKET,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC,
            i32::from(protocol.to_be()),
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error()).context("can't open a packet socket (CAP_NET_RAW?)");
    }
    // SAFETY: just opened and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bind_to(socket: &OwnedFd, device: i32, protocol: u16) -> Result<()> {
    // SAFETY: all-zero is a valid sockaddr_ll.
    let mut addr: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    addr.sll_family = libc::AF_PACKET as u16;
    addr.sll_protocol = protocol.to_be();
    addr.sll_ifindex = device;
    // SAFETY: `addr` is valid for the length given.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const addr).cast(),
            size_of_val(&addr) as libc::socklen_t,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error()).context("can't bind a packet socket");
    }
    Ok(())
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

/// Lets a socket hold its port and drop whatever arrives.
fn discard_all(socket: &UdpSocket) -> Result<()> {
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

fn device_index(device: &str) -> Result<i32> {
    let name = std::ffi::CString::new(device)?;
    // SAFETY: `name` ends with a zero byte and outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        bail!("no network device {device}");
    }
    Ok(i32::try_from(index)?)
}

fn own_mac(device: &str) -> Result<Mac> {
    let socket = packet_socket(0)?;
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
fn neighbour_mac(addr: SocketAddrV4, device: &str) -> Result<Mac> {
    let table = std::fs::read_to_string("/proc/thread-self/net/arp")?;
    find_neighbour(&table, &addr.ip().to_string(), device).with_context(|| {
        format!(
            "{} is no neighbour on {device}; is it reached by a gateway?",
            addr.ip()
        )
    })
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

#[cfg(test)]
mod tests {
    use super::*;

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
