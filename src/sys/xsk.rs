//! AF_XDP sockets: packets of one queue of one device in memory shared with the kernel, past its network stack.
//!
//! An [`Xsk`] owns its memory, half of whose frames are for receiving and half for sending, and the four rings in which
//! frames change hands. Invariants: a frame is either in the kernel's hands or in ours, and a slice of it exists only
//! while it is in ours; the fill ring has room for every receiving frame, so that handing one back cannot fail; what
//! the kernel writes into a ring is checked before it is used as an address.
//! Absent on purpose: memory shared between sockets (every packet is copied into a batch anyway), packets of more than
//! one frame.

use std::io;
use std::marker::PhantomData;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use super::socket::{check, set_option};

/// Bytes that the kernel keeps free in front of a received packet.
const HEADROOM: usize = 256;
/// Frames below which there is no use in trying.
const FRAMES_MIN: u32 = 64;
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
        if self.send <= FRAMES_MIN || self.receive <= FRAMES_MIN {
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

    /// Makes the kernel send what was queued; false if it could not take all of it now.
    pub fn flush(&mut self) -> bool {
        self.send.publish();
        if self.zero_copy {
            if self.send.needs_wakeup() {
                self.kick();
            }
            return true;
        }
        let mut left = self.send.untaken();
        while left > 0 {
            self.kick();
            let now = self.send.untaken();
            // The call also succeeds without taking anything: on a device with fewer sending queues than receiving ones.
            if now == left {
                return false;
            }
            left = now;
            self.reclaim();
        }
        true
    }

    /// What came of it shows in the ring.
    fn kick(&self) {
        // SAFETY: no memory is given: null pointers with length zero.
        unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                std::ptr::null(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null(),
                0,
            );
        }
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

    /// Something queued was not taken by the kernel yet.
    pub fn is_sending(&self) -> bool {
        !self.zero_copy && self.send.untaken() > 0
    }

    /// An error that ends this socket: its device is gone.
    pub fn is_broken(&self) -> bool {
        let mut error: libc::c_int = 0;
        let result = get_at(&self.fd, libc::SOL_SOCKET, libc::SO_ERROR, &mut error);
        result.is_err() || error != 0
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

/// Bytes of the longest IP packet that a device of this network namespace takes.
pub fn mtu_of(device: &str) -> io::Result<usize> {
    // SAFETY: no pointers involved.
    let fd = check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the kernel just gave us this descriptor, nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    let room = request.ifr_name.len() - 1;
    if device.len() > room {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    // SAFETY: the request lives across the call and has a name that ends with a zero.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::SIOCGIFMTU, &raw mut request) })?;
    // SAFETY: this request fills in the MTU.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    usize::try_from(mtu).map_err(|_| io::ErrorKind::InvalidData.into())
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

/// Memory that is unmapped when dropped.
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to its owner alone (and to the kernel), whichever thread that is.
unsafe impl Send for Mapping {}

impl Mapping {
    fn anonymous(len: usize) -> io::Result<Self> {
        Self::map(len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    }

    fn map(len: usize, flags: libc::c_int, fd: libc::c_int, offset: libc::off_t) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping wherever the kernel likes; nothing that exists is touched.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    /// `len` bytes at `offset`, if that is all inside.
    fn slice(&self, offset: u64, len: usize) -> Option<NonNull<[u8]>> {
        let offset = usize::try_from(offset).ok()?;
        if offset.checked_add(len)? > self.len {
            return None;
        }
        // SAFETY: inside the mapping, as was just checked.
        let start = unsafe { self.start.add(offset) };
        Some(NonNull::slice_from_raw_parts(start, len))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and with its owner goes the last pointer into it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// One ring, of which we are the producer or the consumer and the kernel the other.
struct Ring<T> {
    map: Mapping,
    producer: usize,
    consumer: usize,
    flags: usize,
    entries: usize,
    mask: u32,
    /// Our own index: of the next entry to be written or to be read.
    next: u32,
    of: PhantomData<T>,
}

impl<T: Copy> Ring<T> {
    fn map(fd: &OwnedFd, offset: libc::off_t, at: &libc::xdp_ring_offset, count: u32) -> io::Result<Self> {
        let len = at.desc as usize + count as usize * size_of::<T>();
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        Ok(Self {
            map: Mapping::map(len, flags, fd.as_raw_fd(), offset)?,
            producer: at.producer as usize,
            consumer: at.consumer as usize,
            flags: at.flags as usize,
            entries: at.desc as usize,
            mask: count - 1,
            next: 0,
            of: PhantomData,
        })
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: the kernel says that an aligned u32 is at this offset of the mapping, which lives as long as we do;
        // both sides use it atomically only.
        unsafe { self.map.start.add(offset).cast::<AtomicU32>().as_ref() }
    }

    fn entry(&self, index: u32) -> *mut T {
        // SAFETY: the mask keeps the index below the number of entries, and the mapping holds them all.
        unsafe {
            self.map
                .start
                .add(self.entries)
                .cast::<T>()
                .as_ptr()
                .add((index & self.mask) as usize)
        }
    }

    /// Entries to be read; we are the consumer.
    fn waiting(&self) -> u32 {
        let there = self
            .word(self.producer)
            .load(Ordering::Acquire)
            .wrapping_sub(self.next);
        there.min(self.mask + 1)
    }

    /// Reads the next entry, one of those `waiting`.
    fn pop(&mut self) -> T {
        // SAFETY: inside the mapping, aligned as the kernel lays it out, written before its index was published.
        let value = unsafe { self.entry(self.next).read() };
        self.next = self.next.wrapping_add(1);
        value
    }

    /// Gives the entries that were read back to the kernel.
    fn release(&self) {
        self.word(self.consumer).store(self.next, Ordering::Release);
    }

    /// Writes the next entry; we are the producer, and have seen to it that there is room.
    fn push(&mut self, value: T) {
        // SAFETY: inside the mapping, aligned as the kernel lays it out, not yet published.
        unsafe { self.entry(self.next).write(value) };
        self.next = self.next.wrapping_add(1);
    }

    /// Lets the kernel see what was written.
    fn publish(&self) {
        self.word(self.producer).store(self.next, Ordering::Release);
    }

    /// Entries written that the kernel has not taken yet.
    fn untaken(&self) -> u32 {
        self.next
            .wrapping_sub(self.word(self.consumer).load(Ordering::Acquire))
    }

    /// Whether the kernel waits for a call. To be asked after [`publish`](Self::publish).
    fn needs_wakeup(&self) -> bool {
        // The kernel sets the flag and then looks for entries, we publish entries and then look for the flag: one of both
        // must see what the other did.
        fence(Ordering::SeqCst);
        self.word(self.flags).load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}
