//! `epoll`, level-triggered, and the `eventfd` that wakes a thread from it.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::socket::check;

/// A set of descriptors to wait for; each has a token. Closing a descriptor takes it out.
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
    ready: usize,
}

impl Epoll {
    /// An empty set that reports at most `events_max` descriptors at a time.
    pub fn new(events_max: usize) -> io::Result<Self> {
        // SAFETY: no pointers involved.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel just gave us this descriptor, nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let events = vec![libc::epoll_event { events: 0, u64: 0 }; events_max];
        Ok(Self { fd, events, ready: 0 })
    }

    /// Reports `fd` as `token` whenever it can be read, or has an error to report.
    pub fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: token,
        };
        // SAFETY: `event` lives across the call; a stale `fd` is an error, not undefined.
        let rc = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        check(rc).map(drop)
    }

    /// Stops reporting `fd`.
    pub fn remove(&self, fd: RawFd) -> io::Result<()> {
        // SAFETY: the kernel ignores the event for this operation; a stale `fd` is an error, not undefined.
        let rc =
            unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut()) };
        check(rc).map(drop)
    }

    /// Waits until something is ready, at most `timeout`; `None` = for ever. Being interrupted is nothing ready.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        // Rounded up: waking too early would only mean another, useless turn.
        let ms = timeout.map_or(-1, |t| {
            i32::try_from(t.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
        });
        let room = i32::try_from(self.events.len()).unwrap_or(i32::MAX);
        // SAFETY: pointer and count describe `events`.
        let rc = unsafe { libc::epoll_wait(self.fd.as_raw_fd(), self.events.as_mut_ptr(), room, ms) };
        self.ready = match check(rc) {
            Ok(n) => n as usize,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
            Err(e) => return Err(e),
        };
        Ok(())
    }

    /// How many descriptors the last wait reported.
    pub fn ready(&self) -> usize {
        self.ready
    }

    /// The token of one of them.
    pub fn token(&self, index: usize) -> u64 {
        self.events[index].u64
    }
}

/// Wakes one thread out of [`Epoll::wait`]. Costs a system call only if that thread is asleep or about to be.
#[derive(Clone)]
pub struct Waker(Arc<WakerInner>);

struct WakerInner {
    fd: OwnedFd,
    asleep: AtomicBool,
}

impl Waker {
    /// A waker whose descriptor the sleeping thread has added to its set.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers involved.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the kernel just gave us this descriptor, nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self(Arc::new(WakerInner {
            fd,
            asleep: AtomicBool::new(false),
        })))
    }

    /// The descriptor to wait for.
    pub fn fd(&self) -> RawFd {
        self.0.fd.as_raw_fd()
    }

    /// Makes the thread look at its queues. What was queued before this is seen.
    pub fn wake(&self) {
        // Pairs with `sleep`: either we see that it sleeps, or it sees what we queued.
        if self.0.asleep.swap(false, Ordering::SeqCst) {
            let one = 1_u64;
            // SAFETY: eight bytes from a live u64, as eventfd wants. It can only fail if the counter is full, and
            // then the thread is awake anyway.
            unsafe { libc::write(self.fd(), (&raw const one).cast(), size_of::<u64>()) };
        }
    }

    /// Announces that the thread is going to wait. It must look at its queues once more before it does.
    pub fn sleep(&self) {
        self.0.asleep.store(true, Ordering::SeqCst);
    }

    /// The thread is awake.
    pub fn awake(&self) {
        self.0.asleep.store(false, Ordering::SeqCst);
    }

    /// Empties the descriptor after it was reported.
    pub fn clear(&self) {
        let mut value = 0_u64;
        // SAFETY: eight bytes into a live u64; the descriptor is non-blocking.
        unsafe { libc::read(self.fd(), (&raw mut value).cast(), size_of::<u64>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakes_only_a_sleeper() {
        let mut epoll = Epoll::new(4).expect("epoll");
        let waker = Waker::new().expect("eventfd");
        epoll.add(waker.fd(), 7).expect("add");
        waker.wake();
        epoll.wait(Some(Duration::ZERO)).expect("wait");
        assert_eq!(epoll.ready(), 0, "awake threads need no system call");
        waker.sleep();
        waker.wake();
        epoll.wait(None).expect("wait");
        assert_eq!((epoll.ready(), epoll.token(0)), (1, 7));
        waker.clear();
        epoll.wait(Some(Duration::ZERO)).expect("wait");
        assert_eq!(epoll.ready(), 0);
    }
}
