//! What concerns the process as a whole: descriptors, signals, going into the background.

use std::io;
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

/// Lets short sleeps of the calling thread end on time instead of up to 50 µs late.
pub fn precise_sleeps() {
    // SAFETY: no pointers involved. A failure costs precision only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000_u64) };
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

/// Goes into the background: a new session, standard streams on `/dev/null`. The caller's process ends here with
/// status 0; to be called before any thread starts.
pub fn daemonise() -> io::Result<()> {
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    for _ in 0..2 {
        // SAFETY: no thread exists yet, so the child may go on as if nothing had happened.
        match check(unsafe { libc::fork() })? {
            // SAFETY: leaves without running destructors, which the child will do.
            1.. => unsafe { libc::_exit(0) },
            // SAFETY: no pointers involved; fails harmlessly in the second round.
            _ => unsafe { libc::setsid() },
        };
    }
    for stream in 0..3 {
        // SAFETY: both descriptors are open.
        check(unsafe { libc::dup2(null.as_raw_fd(), stream) })?;
    }
    Ok(())
}
