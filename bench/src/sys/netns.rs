//! Network namespaces without names: each lives as long as somebody holds its descriptor, so nothing is left behind
//! however this process ends.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A network namespace.
pub(crate) struct Namespace(OwnedFd);

impl Namespace {
    /// A new, empty namespace; the caller stays where it is.
    pub(crate) fn create() -> Result<Self> {
        let maker = std::thread::spawn(|| -> Result<OwnedFd> {
            // SAFETY: changes only the network namespace of this thread, which ends right after.
            if unsafe { libc::unshare(libc::CLONE_NEWNET) } < 0 {
                return Err(io::Error::last_os_error()).context("can't make a network namespace (root?)");
            }
            Ok(File::open("/proc/thread-self/ns/net")?.into())
        });
        match maker.join() {
            Ok(made) => Ok(Self(made?)),
            Err(_) => bail!("the thread that makes a namespace died"),
        }
    }

    /// A path by which `ip link ... netns` finds it.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Moves the calling thread in, for good.
    pub(crate) fn enter(&self) -> Result<()> {
        // SAFETY: the descriptor is one of a namespace and stays open during the call.
        if unsafe { libc::setns(self.0.as_raw_fd(), libc::CLONE_NEWNET) } < 0 {
            return Err(io::Error::last_os_error()).context("can't enter a network namespace");
        }
        Ok(())
    }

    /// A command that will run inside, and that dies with the thread that starts it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let fd = self.0.as_raw_fd();
        // SAFETY: setns and prctl are plain system calls, async-signal-safe, and touch no memory of ours; the
        // descriptor is open in the child because descriptors are closed only at exec.
        unsafe {
            command.pre_exec(move || {
                if libc::setns(fd, libc::CLONE_NEWNET) < 0
                    || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0
                {
                    return Err(io::Error::last_os_error());
                }
                Ok(())
            });
        }
        command
    }

    /// Runs a command line inside, split at spaces, and fails with what it printed if it fails.
    pub(crate) fn run(&self, line: &str) -> Result<()> {
        let mut words = line.split_ascii_whitespace();
        let program = words.next().context("empty command")?;
        finish(self.command(program).args(words), line)
    }

    /// Runs a shell script inside with a /sys that shows this namespace.
    pub(crate) fn script(&self, script: &str) -> Result<()> {
        let script = format!("set -e; mount -t sysfs none /sys; {script}");
        finish(
            self.command("unshare").args(["--mount", "sh", "-c", &script]),
            &script,
        )
    }
}

fn finish(command: &mut Command, line: &str) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't run `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}`: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
