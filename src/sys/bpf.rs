//! Memory shared with BPF programs, and links that attach them.
//!
//! Invariant: what is mapped is made of atomics only, because the kernel reads and writes it at any time. A link ends with
//! its descriptor, so that nothing outlives the process.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use super::socket::check;

/// What may lie in memory that others write at any time.
///
/// # Safety
///
/// It consists of atomics, without padding whose value would matter, and any bits are a value of it.
pub unsafe trait Shareable: Sync {}

// SAFETY: it is an atomic, and any bits are an integer.
unsafe impl Shareable for AtomicU8 {}
// SAFETY: as above.
unsafe impl Shareable for AtomicU16 {}
// SAFETY: as above.
unsafe impl Shareable for AtomicU32 {}
// SAFETY: as above.
unsafe impl Shareable for AtomicU64 {}
// SAFETY: an array of such.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {}

/// Defines structures that may be shared: laid out as C does it, of fields that may be shared.
#[macro_export]
macro_rules! shareable {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* })*) => { $(
        $(#[$meta])*
        #[derive(Debug)]
        #[repr(C)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }
        impl $name {
            /// Its fields: name, where it begins, bytes.
            pub const FIELDS: &'static [(&'static str, usize, usize)] =
                &[$((stringify!($field), std::mem::offset_of!(Self, $field), size_of::<$type>()),)*];
        }
        const _: () = {
            const fn shareable<T: $crate::sys::bpf::Shareable>() {}
            $(shareable::<$type>();)*
        };
        // SAFETY: the compiler has just checked every field, and the layout is C's.
        unsafe impl $crate::sys::bpf::Shareable for $name {}
    )* };
}

/// A map of the kind `BPF_MAP_TYPE_ARRAY` with `BPF_F_MMAPABLE`, in our memory.
#[derive(Debug)]
pub struct Shared<T: Shareable> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: it is a reference to memory that anyone may read and write through atomics (`Shareable` is `Sync`).
unsafe impl<T: Shareable> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for Shared<T> {}

impl<T: Shareable> Shared<T> {
    /// Maps `len` elements of the map behind `fd`. Its values must have exactly the size of `T`.
    pub fn map(fd: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        assert!(
            size_of::<T>().is_multiple_of(8) && len > 0,
            "the kernel rounds elements up to eight bytes"
        );
        // SAFETY: a new mapping at an address of the kernel's choice; the kernel refuses a length that the map has not.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len * size_of::<T>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }
}

impl<T: Shareable> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping has this length, is aligned to a page and lives as long as `self`; any bits are a `T`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Shareable> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, and no reference into it can outlive `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len * size_of::<T>()) };
    }
}

/// Where on a device a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// XDP in the driver.
    XdpNative,
    /// XDP of the stack itself.
    XdpGeneric,
    /// The last program of its kind before the stack (`tcx`).
    TcIngress,
}

const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_XDP: u32 = 37;
const BPF_TCX_INGRESS: u32 = 46;
const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

/// `link_create` of `union bpf_attr`, as far as we need it; what follows is zero.
#[repr(C)]
struct LinkCreate {
    program: u32,
    device: u32,
    attach_type: u32,
    flags: u32,
    rest: [u64; 4],
}

/// Attaches a program. It stays until the descriptor is closed or the device goes. A program that is there already is
/// never replaced.
pub fn attach(program: BorrowedFd<'_>, device: u32, point: Point) -> io::Result<OwnedFd> {
    let (attach_type, flags) = match point {
        Point::XdpNative => (BPF_XDP, XDP_FLAGS_DRV_MODE),
        Point::XdpGeneric => (BPF_XDP, XDP_FLAGS_SKB_MODE),
        Point::TcIngress => (BPF_TCX_INGRESS, 0),
    };
    let attributes = LinkCreate {
        program: program.as_raw_fd().cast_unsigned(),
        device,
        attach_type,
        flags,
        rest: [0; 4],
    };
    // SAFETY: the pointer and size describe `attributes`, which lives across the call and is not kept.
    let rc = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_LINK_CREATE,
            &raw const attributes,
            size_of::<LinkCreate>(),
        )
    };
    let fd = check(libc::c_int::try_from(rc).unwrap_or(-1))?;
    // SAFETY: the call has made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The clock that programs stamp packets with, in nanoseconds.
pub fn coarse_clock_ns() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid place for the result; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
