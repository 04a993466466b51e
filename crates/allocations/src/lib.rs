//! An allocator that counts, for tests that say how much may be allocated.
//!
//! Whoever uses this crate has it as the allocator of the whole program; so only tests do.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// How many allocations this thread has made since it began.
#[must_use]
pub fn made() -> u64 {
    MADE.get()
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches a thread-local without a
// destructor, which never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.set(MADE.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and `ptr` came from `System`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
