//! Starting and stopping the daemon under test, with the options both understand.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::sys::cpu;
use crate::sys::netns::Namespace;

/// Time a daemon gets to end by itself.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How a daemon is started.
pub(crate) struct Daemon {
    pub(crate) ip: Ipv4Addr,
    pub(crate) ng_port: u16,
    pub(crate) media_ports: (u16, u16),
    /// Options that the other one does not have.
    pub(crate) more: Vec<String>,
}

/// A daemon that runs; killed when dropped.
pub(crate) struct Started {
    child: Child,
    log: File,
}

impl Daemon {
    /// Starts a daemon in a namespace, on one core. It need not answer yet when this returns.
    pub(crate) fn start(&self, program: &Path, namespace: &Namespace, core: usize) -> Result<Started> {
        let log = unnamed_file()?;
        let program = program.to_str().context("the program's path is not UTF-8")?;
        let mut command = namespace.command(program);
        command
            .args([
                "--config-file=none",
                "--foreground",
                "--log-stderr",
                "--log-level=3",
                "--table=-1",
            ])
            .arg(format!("--interface={}", self.ip))
            .arg(format!("--listen-ng={}:{}", self.ip, self.ng_port))
            .arg(format!("--port-min={}", self.media_ports.0))
            .arg(format!("--port-max={}", self.media_ports.1))
            .args(&self.more)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?);
        // SAFETY: pinning and raising a limit are plain system calls and touch no memory of ours.
        unsafe { command.pre_exec(move || prepare(core)) };
        let child = command
            .spawn()
            .with_context(|| format!("can't start {program}"))?;
        Ok(Started { child, log })
    }
}

impl Started {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and sees to it.
    pub(crate) fn stop(&mut self) -> Result<()> {
        // SAFETY: the child has not been waited for, so its pid is still its own.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        let deadline = Instant::now() + STOP_PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("the relay ended with {status}: {}", self.last_words());
                }
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.child.kill()?;
        self.child.wait()?;
        eprintln!("the relay did not end within {STOP_PATIENCE:?} of SIGTERM and was killed");
        Ok(())
    }

    /// The end of what it logged.
    pub(crate) fn last_words(&mut self) -> String {
        let mut text = String::new();
        let start = self.log.stream_position().unwrap_or(0).saturating_sub(2_000);
        let read = self
            .log
            .seek(SeekFrom::Start(start))
            .and_then(|_| self.log.read_to_string(&mut text));
        match read {
            Ok(0) | Err(_) => "the relay logged nothing".to_owned(),
            Ok(_) => format!("the relay's log ends: {}", text.trim()),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn prepare(core: usize) -> std::io::Result<()> {
    cpu::pin(0, core).map_err(std::io::Error::other)?;
    cpu::own_session();
    cpu::prefer().map_err(std::io::Error::other)?;
    // SAFETY: an all-zero rlimit is valid, and both calls get a valid one.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
    Ok(())
}

/// A file without a name, gone when closed.
fn unnamed_file() -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.read(true).write(true).custom_flags(libc::O_TMPFILE);
    options.open(std::env::temp_dir()).context("no temporary file")
}
