//! Memory shared with the kernel, and the rings of indices in it.
//!
//! Invariant: whoever uses a [`Ring`] knows how many entries are his: those `waiting`, if the kernel is the producer; as
//! many as there are frames in his hands, if the kernel is the consumer. Indices count on for ever and wrap; only
//! their differences mean something.

use std::io;
use std::marker::PhantomData;
use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

/// Memory that is unmapped when dropped.
pub(super) struct Mapping {
    pub(super) start: NonNull<u8>,
    pub(super) len: usize,
}

// SAFETY: the mapping belongs to its owner alone (and to the kernel), whichever thread that is.
unsafe impl Send for Mapping {}

impl Mapping {
    pub(super) fn anonymous(len: usize) -> io::Result<Self> {
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
    pub(super) fn slice(&self, offset: u64, len: usize) -> Option<NonNull<[u8]>> {
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
pub(super) struct Ring<T> {
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
    pub(super) fn map(
        fd: &OwnedFd,
        offset: libc::off_t,
        at: &libc::xdp_ring_offset,
        count: u32,
    ) -> io::Result<Self> {
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
    pub(super) fn waiting(&self) -> u32 {
        let there = self
            .word(self.producer)
            .load(Ordering::Acquire)
            .wrapping_sub(self.next);
        there.min(self.mask + 1)
    }

    /// Reads the next entry, one of those `waiting`.
    pub(super) fn pop(&mut self) -> T {
        // SAFETY: inside the mapping, aligned as the kernel lays it out, written before its index was published.
        let value = unsafe { self.entry(self.next).read() };
        self.next = self.next.wrapping_add(1);
        value
    }

    /// Gives the entries that were read back to the kernel.
    pub(super) fn release(&self) {
        self.word(self.consumer).store(self.next, Ordering::Release);
    }

    /// Writes the next entry; we are the producer, and have seen to it that there is room.
    pub(super) fn push(&mut self, value: T) {
        // SAFETY: inside the mapping, aligned as the kernel lays it out, not yet published.
        unsafe { self.entry(self.next).write(value) };
        self.next = self.next.wrapping_add(1);
    }

    /// Lets the kernel see what was written.
    pub(super) fn publish(&self) {
        self.word(self.producer).store(self.next, Ordering::Release);
    }

    /// Entries written that the kernel has not taken yet.
    pub(super) fn untaken(&self) -> u32 {
        self.next
            .wrapping_sub(self.word(self.consumer).load(Ordering::Acquire))
    }

    /// Whether the kernel waits for a call. To be asked after [`publish`](Self::publish).
    pub(super) fn needs_wakeup(&self) -> bool {
        // The kernel sets the flag and then looks for entries, we publish entries and then look for the flag: one of both
        // must see what the other did.
        fence(Ordering::SeqCst);
        self.word(self.flags).load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}
