//! A program running on a host of the lab: what it writes goes to a file, and it never outlives its owner.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::lab::{Host, Lab};

/// A running program.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program on a host; `name` names its log in the lab's folder.
    pub(crate) fn start(lab: &Lab, host: &Host, name: &str, program: &str, args: &[&str]) -> Self {
        let log = lab.folder().join(format!("{name}.log"));
        let out = File::create(&log).unwrap();
        let mut command: Command = host.command(program, args);
        command.current_dir(lab.folder()).stdin(Stdio::null());
        command.stdout(out.try_clone().unwrap()).stderr(out);
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Self {
            name: name.into(),
            child,
            log,
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// UDP ports that are bound on its host, read without touching one.
    pub(crate) fn udp_ports(&self) -> BTreeSet<u16> {
        let tables = ["udp", "udp6"].map(|table| format!("/proc/{}/net/{table}", self.id()));
        let text: String = tables
            .iter()
            .map(|table| fs::read_to_string(table).unwrap_or_default())
            .collect();
        let local_ports = text.lines().filter_map(|line| {
            let local = line.split_whitespace().nth(1)?;
            u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()
        });
        local_ports.collect()
    }

    /// What it has written so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it still runs.
    pub(crate) fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self, limit: Duration) -> ExitStatus {
        let give_up = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < give_up,
                "{} did not end within {limit:?}:\n{}",
                self.name,
                self.said()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends it a signal; nothing if it has ended.
    pub(crate) fn signal(&mut self, signal: i32) {
        if self.alive() {
            // SAFETY: kill has no preconditions; a child that has not been waited for keeps its id.
            unsafe { libc::kill(self.child.id() as i32, signal) };
        }
    }

    /// Kills it and all its workers.
    fn kill_all(&mut self) {
        if self.alive() {
            // SAFETY: as above; the child leads a process group of its own.
            unsafe { libc::kill(-(self.child.id() as i32), libc::SIGKILL) };
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked to end it waits for its workers, as nobody else would.
        self.signal(libc::SIGTERM);
        let give_up = Instant::now() + Duration::from_secs(2);
        while self.alive() && Instant::now() < give_up {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill_all();
        let _ = self.child.wait();
    }
}
