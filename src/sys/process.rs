//! What concerns the process as a whole: descriptors, signals, going into the background.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::socket::check;

/// Raises the limit of open descriptors to the hard limit and returns it.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` lives across the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    Ok(limit.rlim_cur)
}

/// The limit of open descriptors.
pub fn descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` lives across the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    Ok(limit.rlim_cur)
}

/// Sets the limit of open descriptors, hard and soft.
pub fn set_descriptor_limit(count: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: count,
        rlim_max: count,
    };
    // SAFETY: `limit` lives across the call.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }).map(drop)
}

/// The bytes that this process may lock, after raising its limit as far as it may; `None` = as many as it likes.
pub fn locked_memory_limit() -> Option<usize> {
    const CAP_IPC_LOCK: u32 = 14;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` lives across the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) }).ok()?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above. It only ever raises the limit, so that a failure changes nothing.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
    let unlimited = limit.rlim_max == libc::RLIM_INFINITY || has_capability(CAP_IPC_LOCK);
    (!unlimited).then(|| usize::try_from(limit.rlim_max).unwrap_or(usize::MAX))
}

/// Whether a capability, by number, is in effect; true if the system does not tell.
fn has_capability(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let held = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    held.is_none_or(|held| held >> number & 1 == 1)
}

/// Lets short sleeps of the calling thread end on time instead of up to 50 µs late.
pub fn precise_sleeps() {
    // SAFETY: no pointers involved. A failure costs precision only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000_u64) };
}

/// Keeps the calling thread on the `index`-th of the cores it may use, counted round.
pub fn pin_to_core(index: usize) -> io::Result<()> {
    // SAFETY: an all-zero set is the empty one; every pointer is to a live local of the size given, and no core's
    // number is beyond the size of a set.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        check(libc::sched_getaffinity(
            0,
            size_of::<libc::cpu_set_t>(),
            &raw mut allowed,
        ))?;
        let count = usize::try_from(libc::CPU_COUNT(&allowed)).unwrap_or(0).max(1);
        let mut cores = (0..libc::CPU_SETSIZE as usize).filter(|core| libc::CPU_ISSET(*core, &allowed));
        let core = cores.nth(index % count).unwrap_or(0);
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut one);
        check(libc::sched_setaffinity(
            0,
            size_of::<libc::cpu_set_t>(),
            &raw const one,
        ))
        .map(drop)
    }
}

/// Signals that end the daemon, as a descriptor; blocked everywhere else. To be made before any thread starts.
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks SIGINT and SIGTERM for this thread and all it starts.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before it is used; all pointers are to live locals.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in [
                libc::SIGINT,
                libc::SIGTERM,
                libc::SIGHUP,
                libc::SIGUSR1,
                libc::SIGUSR2,
            ] {
                libc::sigaddset(&raw mut set, signal);
            }
            let rc = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            if rc != 0 {
                return Err(io::Error::from_raw_os_error(rc));
            }
            let fd = check(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC))?;
            Ok(Self(OwnedFd::from_raw_fd(fd)))
        }
    }

    /// Waits for the next signal.
    pub fn next(&self) -> io::Result<libc::c_int> {
        // SAFETY: all-zero bytes are a valid signalfd_siginfo.
        let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::signalfd_siginfo>();
        loop {
            // SAFETY: pointer and size describe `info`.
            let rc = unsafe { libc::read(self.0.as_raw_fd(), (&raw mut info).cast(), size) };
            match check(libc::c_int::try_from(rc).unwrap_or(-1)) {
                Ok(_) => return Ok(libc::c_int::try_from(info.ssi_signo).unwrap_or(0)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// The process in the background, until it is ready. Dropped before: the start failed.
pub struct Background {
    null: File,
    parent: OwnedFd,
}

/// Goes into the background, in a session of its own. The caller's process stays until the start has succeeded or
/// failed and ends with status 0 or 1, so that scripts learn of failures; messages still reach the terminal until
/// then. To be called before any thread starts.
pub fn daemonise() -> io::Result<Background> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    let (started, parent) = io::pipe()?;
    for generation in 0..2 {
        // SAFETY: no thread exists yet, so the child may go on as if nothing had happened.
        if check(unsafe { libc::fork() })? > 0 {
            drop(parent);
            let succeeded = generation == 1 || (&started).read(&mut [0]).is_ok_and(|n| n == 1);
            // SAFETY: leaves without running destructors, which the child will do.
            unsafe { libc::_exit(i32::from(!succeeded)) };
        }
        // SAFETY: no pointers involved; fails harmlessly in the second round.
        unsafe { libc::setsid() };
    }
    let parent = OwnedFd::from(parent);
    Ok(Background { null, parent })
}

impl Background {
    /// The start has succeeded: standard streams go to `/dev/null`, and whoever waits for us goes on.
    pub fn ready(self) -> io::Result<()> {
        for stream in 0..3 {
            // SAFETY: both descriptors are open.
            check(unsafe { libc::dup2(self.null.as_raw_fd(), stream) })?;
        }
        File::from(self.parent).write_all(b"1")
    }
}
