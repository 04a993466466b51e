//! The allocator's settings. The allocator itself is named in `main.rs`, where a program's is chosen.

use libmimalloc_sys::mi_option_set;

/// `mi_option_purge_delay` of mimalloc 2, which the crate does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Milliseconds for which memory that became free is kept for the next allocation. With the default of ten, a burst of
/// commands leaves half as much again resident; with none at all, each burst asks the system for its memory back.
const PURGE_DELAY_MS: libc::c_long = 1;

/// Makes memory that became free go back to the system soon. To be called before any thread starts.
pub fn return_freed_soon() {
    // SAFETY: no other thread runs that could read the option meanwhile.
    unsafe { mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_that_of_the_purge_delay() {
        // SAFETY: reading an option has no condition.
        let value = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
            assert_eq!(value(), 10, "the default of this option and of no neighbour");
        }
        return_freed_soon();
        assert_eq!(value(), PURGE_DELAY_MS);
    }
}
