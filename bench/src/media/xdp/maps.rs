//! Maps of the BPF programs as memory of ours. Programs write to them while we look, so each access is volatile, and a
//! value larger than a word may be half old; what must agree is read when no program runs.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{NonNull, null_mut};

use anyhow::{Context, Result, bail};
use aya::Ebpf;
use aya::maps::Map;

use super::layout::Plain;

/// An array map of values of one type, mapped into this process.
pub(crate) struct Mapped<T: Plain> {
    values: NonNull<T>,
    count: usize,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone, whatever thread that is on.
unsafe impl<T: Plain + Send> Send for Mapped<T> {}

impl<T: Plain> Mapped<T> {
    /// Maps the map of that name, which must have been made for `count` values.
    pub(crate) fn new(ebpf: &Ebpf, name: &str, count: usize) -> Result<Self> {
        let Some(Map::Array(data)) = ebpf.map(name) else {
            bail!("the BPF object has no array {name}")
        };
        Self::map(data.fd().as_fd().as_raw_fd(), count).with_context(|| format!("can't map the array {name}"))
    }

    fn map(fd: i32, count: usize) -> Result<Self> {
        // The kernel rounds values up to 8 bytes; all of ours are.
        const { assert!(size_of::<T>().is_multiple_of(8)) };
        let bytes = (count * size_of::<T>()).next_multiple_of(4096);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping; the kernel refuses one that is larger than the map.
        let values = unsafe { libc::mmap(null_mut(), bytes, protection, libc::MAP_SHARED, fd, 0) };
        if values == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().into());
        }
        let values = NonNull::new(values.cast()).context("mapped at address 0")?;
        Ok(Self { values, count, bytes })
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// A copy of a value.
    pub(crate) fn read(&self, index: usize) -> T {
        assert!(index < self.count);
        // SAFETY: within the mapping, aligned to the page or a multiple of 8 from there, and any bytes are a value.
        unsafe { self.values.add(index).read_volatile() }
    }

    /// Replaces a value.
    pub(crate) fn write(&mut self, index: usize, value: T) {
        assert!(index < self.count);
        // SAFETY: as above.
        unsafe { self.values.add(index).write_volatile(value) }
    }

    /// Changes a value by way of a copy; for fields that no running program writes.
    pub(crate) fn update(&mut self, index: usize, change: impl FnOnce(&mut T)) {
        let mut value = self.read(index);
        change(&mut value);
        self.write(index, value);
    }

    /// Writes one field of a value and nothing beside it, for while programs run.
    pub(crate) fn poke<F: Plain>(&mut self, index: usize, offset: usize, value: F) {
        assert!(index < self.count && offset + size_of::<F>() <= size_of::<T>());
        // SAFETY: within the value.
        let at = unsafe { self.values.add(index).cast::<u8>().add(offset) }.cast::<F>();
        assert!(at.is_aligned());
        // SAFETY: within the mapping and aligned.
        unsafe { at.write_volatile(value) }
    }
}

impl<T: Plain> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this address and length, and nothing refers to it any more.
        unsafe { libc::munmap(self.values.as_ptr().cast(), self.bytes) };
    }
}
