//! AF_XDP sockets: packets of one queue of one device in memory shared with the kernel, past its network stack.
//!
//! An [`Xsk`] owns its memory, half of whose frames are for receiving and half for sending, and the four rings in which
//! frames change hands. Invariants: a frame is either in the kernel's hands or in ours, and a slice of it exists only
//! while it is in ours; the fill ring has room for every receiving frame, so that handing one back cannot fail; what
//! the kernel writes into a ring is checked before it is used as an address.
//! Absent on purpose: memory shared between sockets (every packet is copied into a batch anyway), packets of more than
//! one frame.

mod device;
mod ring;

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

pub use self::device::{mtu_of, queues_of};
use self::ring::{Mapping, Ring};
use super::socket::{check, set_option};

/// Bytes that the kernel keeps free in front of a received packet.
const HEADROOM: usize = 256;
/// Receiving frames below which there is no use in trying: a busy worker's queue has so many in a moment.
const RECEIVE_MIN: u32 = 512;
/// `XDP_MAX_TX_SKB_BUDGET`: packets that one system call sends in copy mode. Younger than the crate's constants.
const MAX_TX_SKB_BUDGET: libc::c_int = 9;

/// How much memory a socket gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of a frame: 2048 or 4096.
    pub frame: u32,
    /// Frames for receiving, a power of two.
    pub receive: u32,
    /// Frames for sending, a power of two.
    pub send: u32,
}

impl Sizes {
    /// Bytes of the longest packet that a frame takes.
    pub const fn packet(self) -> usize {
        self.frame as usize - HEADROOM
    }

    /// The same with frames of another size.
    pub const fn with_frame(self, frame: u32) -> Self {
        Self { frame, ..self }
    }

    /// Bytes in all.
    pub const fn bytes(self) -> usize {
        self.frame as usize * (self.receive + self.send) as usize
    }

    /// Half as much; the same if that is the least there is a use for.
    pub const fn halved(self) -> Self {
        if self.receive <= RECEIVE_MIN {
            return self;
        }
        Self {
            frame: self.frame,
            receive: self.receive / 2,
            send: self.send / 2,
        }
    }
}

/// An AF_XDP socket with its memory and rings.
pub struct Xsk {
    received: Ring<libc::xdp_desc>,
    fill: Ring<u64>,
    send: Ring<libc::xdp_desc>,
    completed: Ring<u64>,
    /// Sending frames that are in our hands.
    free: Vec<u64>,
    memory: Mapping,
    fd: OwnedFd,
    sizes: Sizes,
    zero_copy: bool,
    /// The device sends nothing at the moment: it is down, or gone.
    down: bool,
}

impl Xsk {
    /// Binds to a queue of a device, without copies where its driver can do that. Takes less memory than asked for
    /// if the system does not let us have so much.
    pub fn open(device: u32, queue: u32, sizes: Sizes) -> io::Result<Self> {
        let mut sizes = sizes;
        loop {
            match Self::try_open(device, queue, sizes) {
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) && sizes.halved() != sizes => {
                    sizes = sizes.halved();
                }
                result => return result,
            }
        }
    }

    fn try_open(device: u32, queue: u32, sizes: Sizes) -> io::Result<Self> {
        // SAFETY: no pointers involved.
        let fd = check(unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) })?;
        // SAFETY: the kernel just gave us this descriptor, nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let memory = Mapping::anonymous(sizes.bytes())?;
        let region = libc::xdp_umem_reg {
            addr: memory.start.as_ptr() as u64,
            len: memory.len as u64,
            chunk_size: sizes.frame,
            headroom: 0,
            flags: 0,
            tx_metadata_len: 0,
        };
        set(&fd, libc::XDP_UMEM_REG, &region)?;
        set(&fd, libc::XDP_UMEM_FILL_RING, &sizes.receive)?;
        set(&fd, libc::XDP_UMEM_COMPLETION_RING, &sizes.send)?;
        set(&fd, libc::XDP_RX_RING, &sizes.receive)?;
        set(&fd, libc::XDP_TX_RING, &sizes.send)?;
        // A kernel that does not know it sends 32 packets per call, which is the default of those that do.
        let _ = set(&fd, MAX_TX_SKB_BUDGET, &sizes.send);
        let bytes = libc::c_int::try_from(sizes.send * sizes.frame).unwrap_or(libc::c_int::MAX);
        let _ = set_option(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes);
        // SAFETY: all-zero bytes are a valid xdp_mmap_offsets.
        let mut offsets: libc::xdp_mmap_offsets = unsafe { std::mem::zeroed() };
        get(&fd, libc::XDP_MMAP_OFFSETS, &mut offsets)?;
        let fill_at = libc::XDP_UMEM_PGOFF_FILL_RING as libc::off_t;
        let completed_at = libc::XDP_UMEM_PGOFF_COMPLETION_RING as libc::off_t;
        let mut xsk = Self {
            received: Ring::map(&fd, libc::XDP_PGOFF_RX_RING, &offsets.rx, sizes.receive)?,
            fill: Ring::map(&fd, fill_at, &offsets.fr, sizes.receive)?,
            send: Ring::map(&fd, libc::XDP_PGOFF_TX_RING, &offsets.tx, sizes.send)?,
            completed: Ring::map(&fd, completed_at, &offsets.cr, sizes.send)?,
            free: Vec::with_capacity(sizes.send as usize),
            memory,
            fd,
            sizes,
            zero_copy: false,
            down: false,
        };
        let frame = u64::from(sizes.frame);
        (0..u64::from(sizes.receive)).for_each(|n| xsk.fill.push(n * frame));
        xsk.fill.publish();
        let all = u64::from(sizes.receive)..u64::from(sizes.receive + sizes.send);
        xsk.free.extend(all.map(|n| n * frame));
        xsk.bind(device, queue)?;
        Ok(xsk)
    }

    fn bind(&mut self, device: u32, queue: u32) -> io::Result<()> {
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            // Neither XDP_ZEROCOPY nor XDP_COPY: the kernel takes the best that the driver has.
            sxdp_flags: libc::XDP_USE_NEED_WAKEUP,
            sxdp_ifindex: device,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        let len = size_of::<libc::sockaddr_xdp>() as libc::socklen_t;
        // SAFETY: pointer and length describe `address`, which lives across the call.
        check(unsafe { libc::bind(self.fd.as_raw_fd(), (&raw const address).cast(), len) })?;
        let mut options = libc::xdp_options { flags: 0 };
        get(&self.fd, libc::XDP_OPTIONS, &mut options)?;
        self.zero_copy = options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0;
        Ok(())
    }

    /// The device reads and writes our memory itself.
    pub fn is_zero_copy(&self) -> bool {
        self.zero_copy
    }

    /// What it got.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Something was received.
    pub fn has_received(&self) -> bool {
        self.received.waiting() > 0
    }

    /// Hands what was received to `take`, at most `most` packets, each as an Ethernet frame; how many.
    pub fn receive(&mut self, most: usize, mut take: impl FnMut(&[u8])) -> usize {
        let count = self
            .received
            .waiting()
            .min(u32::try_from(most).unwrap_or(u32::MAX));
        for _ in 0..count {
            let desc = self.received.pop();
            if let Some(frame) = self.memory.slice(desc.addr, desc.len as usize) {
                // SAFETY: the kernel gave this frame to us with the ring's entry, and gets it back only below.
                take(unsafe { frame.as_ref() });
            }
            self.fill
                .push(desc.addr - desc.addr % u64::from(self.sizes.frame));
        }
        if count > 0 {
            self.received.release();
            self.fill.publish();
            if self.fill.needs_wakeup() {
                self.wake_receiver();
            }
        }
        count as usize
    }

    fn wake_receiver(&self) {
        // SAFETY: no memory is given: a null pointer with length zero.
        unsafe {
            libc::recvfrom(
                self.fd.as_raw_fd(),
                std::ptr::null_mut(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
    }

    /// Queues a packet: `write` makes it in the frame that it is given, and says how long it is. False if no frame is
    /// free.
    pub fn push(&mut self, write: impl FnOnce(&mut [u8]) -> usize) -> bool {
        if self.free.is_empty() {
            self.reclaim();
        }
        let Some(addr) = self.free.pop() else {
            return false;
        };
        let frame = self.memory.slice(addr, self.sizes.packet());
        let len = frame.map_or(0, |mut frame| {
            // SAFETY: what is in `free` is in our hands alone, and `frame` is the only slice of it.
            let frame = unsafe { frame.as_mut() };
            write(frame).min(frame.len())
        });
        if len == 0 {
            self.free.push(addr);
            return true;
        }
        // There are as many places in the ring as sending frames, so there is one.
        self.send.push(libc::xdp_desc {
            addr,
            len: len as u32,
            options: 0,
        });
        true
    }

    /// Makes the kernel send what was queued. What it does not take now is [`is_sending`](Self::is_sending).
    pub fn flush(&mut self) {
        self.send.publish();
        if self.zero_copy {
            if self.send.needs_wakeup() {
                self.kick();
            }
            return;
        }
        let mut left = self.send.untaken();
        while left > 0 {
            self.kick();
            let now = self.send.untaken();
            // The call also succeeds without taking anything: on a device with fewer sending queues than receiving ones.
            if now == left {
                return;
            }
            left = now;
        }
    }

    /// What the kernel took shows in the ring.
    fn kick(&mut self) {
        // SAFETY: no memory is given: null pointers with length zero.
        let rc = unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                std::ptr::null(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null(),
                0,
            )
        };
        // Other errors pass by themselves: no memory, a full queue, a packet that the device did not take.
        let error = check(rc as libc::c_int).err().and_then(|e| e.raw_os_error());
        self.down = matches!(error, Some(libc::ENETDOWN | libc::ENXIO));
    }

    /// Takes back frames that were sent.
    fn reclaim(&mut self) {
        let count = self.completed.waiting();
        for _ in 0..count {
            let addr = self.completed.pop();
            self.free.push(addr - addr % u64::from(self.sizes.frame));
        }
        if count > 0 {
            self.completed.release();
        }
    }

    /// Something queued was not taken by the kernel yet, and is worth another try. What a device that is down did not
    /// take stays in the ring until somebody sends by it again.
    pub fn is_sending(&self) -> bool {
        !self.zero_copy && !self.down && self.send.untaken() > 0
    }

    /// Packets that the kernel had no room for since the start.
    pub fn lost(&self) -> u64 {
        // SAFETY: all-zero bytes are a valid xdp_statistics.
        let mut counts: libc::xdp_statistics = unsafe { std::mem::zeroed() };
        if get(&self.fd, libc::XDP_STATISTICS, &mut counts).is_err() {
            return 0;
        }
        // `rx_dropped` has those for which the fill ring was empty, too.
        counts.rx_dropped + counts.rx_ring_full
    }
}

impl AsFd for Xsk {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn set<T>(fd: &OwnedFd, name: libc::c_int, value: &T) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: pointer and length describe `value`, which lives across the call.
    let rc = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_XDP,
            name,
            std::ptr::from_ref(value).cast(),
            len,
        )
    };
    check(rc).map(drop)
}

fn get<T: Copy>(fd: &OwnedFd, name: libc::c_int, value: &mut T) -> io::Result<()> {
    get_at(fd, libc::SOL_XDP, name, value)
}

/// Only for types of which any bytes are a value.
fn get_at<T: Copy>(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &mut T) -> io::Result<()> {
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: pointer and length describe `value`, which lives across the call.
    let rc = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_mut(value).cast(),
            &raw mut len,
        )
    };
    check(rc)?;
    if len as usize == size_of::<T>() {
        Ok(())
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}
