//! The relay under test, running on a host of the lab: ours, or Debian's rtpengine to try the tests themselves on.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::lab::{Host, Lab, wait_for};
use crate::ng::{Ng, Request, Value};
use crate::process::Process;

/// Debian's rtpengine, release 10.5.
pub(crate) const DEBIAN: &str = "/usr/bin/rtpengine";
/// Our daemon.
pub(crate) const OURS: &str = env!("CARGO_BIN_EXE_patchbay");

/// The relay's address on its host, for media and for control.
pub(crate) const RELAY_IP: &str = "203.0.113.1";
/// Port of its ng listener.
pub(crate) const NG_PORT: u16 = 2223;
/// Media ports of a relay under test. Few enough that a leak shows soon.
pub(crate) const MEDIA_PORTS: std::ops::RangeInclusive<u16> = 30_000..=30_999;

/// Whichever relay the peer tests drive: `PATCHBAY_IT_RELAY=/usr/bin/rtpengine` tries them on another one.
pub(crate) fn under_test() -> String {
    std::env::var("PATCHBAY_IT_RELAY").unwrap_or_else(|_| OURS.into())
}

/// A running relay and a control connection to it.
pub(crate) struct Relay {
    pub(crate) ng: Ng,
    process: Process,
}

impl Relay {
    /// Starts `program` on `host`, which must have [`RELAY_IP`], with `more` options, and waits until it answers.
    pub(crate) fn start(lab: &Lab, host: &Host, program: &str, more: &[&str]) -> Self {
        Self::start_as(lab, host, "relay", program, more)
    }

    /// The same under a name of its own, for labs with several.
    pub(crate) fn start_as(lab: &Lab, host: &Host, name: &str, program: &str, more: &[&str]) -> Self {
        let ng_listener = SocketAddr::new(RELAY_IP.parse().unwrap(), NG_PORT);
        let (listen, interface) = (ng_listener.to_string(), format!("--interface={RELAY_IP}"));
        let (low, high) = (MEDIA_PORTS.start().to_string(), MEDIA_PORTS.end().to_string());
        let mut args = vec![
            "--config-file=none",
            "--table=-1",
            "--foreground",
            "--log-stderr",
            "--log-level=6",
        ];
        args.extend([
            "--delete-delay=0",
            "--listen-ng",
            &listen,
            "--port-min",
            &low,
            "--port-max",
            &high,
        ]);
        // A test that names interfaces of its own replaces the one everybody has.
        if !more.iter().any(|arg| arg.starts_with("--interface")) {
            args.push(&interface);
        }
        args.extend(more);
        let mut process = Process::start(lab, host, name, program, &args);
        let ng = Ng::new(host, ng_listener);
        wait_for("the relay to answer a ping", Duration::from_secs(20), || {
            assert!(
                process.alive(),
                "the relay ended at its start:\n{}",
                process.said()
            );
            ng.answers()
        });
        Self { ng, process }
    }

    /// The call-ids of all calls it has.
    pub(crate) fn calls(&self) -> Vec<String> {
        let reply = self.ng.ok(&Request::new("list").with("limit", 1000));
        reply
            .get("calls")
            .map_or(&[][..], Value::items)
            .iter()
            .map(|id| id.text().into())
            .collect()
    }

    /// UDP ports of the media range that are bound on its host.
    pub(crate) fn media_ports(&self) -> BTreeSet<u16> {
        let mut ports = self.process.udp_ports();
        ports.retain(|port| MEDIA_PORTS.contains(port));
        ports
    }

    /// How many descriptors it holds.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).map_or(0, Iterator::count)
    }

    /// Processor time that it has used, its system calls included.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        // Behind the name, which may have blanks in it: utime and stime are the fields 14 and 15, in ticks of 10 ms.
        let fields = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace();
        let ticks = fields
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<u64>().ok());
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// Its resident memory in kB.
    pub(crate) fn memory_kb(&self) -> u64 {
        let status = fs::read_to_string(
            Path::new("/proc")
                .join(self.process.id().to_string())
                .join("status"),
        );
        let status = status.unwrap_or_default();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|kb| kb.parse().ok())
            .unwrap_or(0)
    }

    /// Fails unless the daemon is alive and answers.
    pub(crate) fn assert_alive(&mut self) {
        assert!(
            self.process.alive(),
            "the relay has ended:\n{}",
            self.process.said()
        );
        wait_for("the relay to answer", Duration::from_secs(5), || {
            self.ng.answers()
        });
    }

    /// Fails unless it soon has no call, no media port and no more descriptors than `before`.
    pub(crate) fn assert_nothing_left(&self, before: usize) {
        wait_for("all calls to be gone", Duration::from_secs(10), || {
            self.calls().is_empty()
        });
        wait_for("all media ports to be free", Duration::from_secs(10), || {
            self.media_ports().is_empty()
        });
        wait_for("all descriptors to be closed", Duration::from_secs(10), || {
            self.descriptors() <= before
        });
    }

    /// Kills it as a crash would, and waits for its end.
    pub(crate) fn crash(&mut self) {
        self.process.signal(libc::SIGKILL);
        self.process.end(Duration::from_secs(5));
    }

    /// Sends it a signal.
    pub(crate) fn signal(&mut self, signal: i32) {
        self.process.signal(signal);
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(&mut self) {
        self.end_watched(|_| {});
    }

    /// The same, and looks at it again and again meanwhile.
    pub(crate) fn end_watched(&mut self, mut look: impl FnMut(&mut Self)) {
        self.process.signal(libc::SIGTERM);
        let give_up = std::time::Instant::now() + Duration::from_secs(10);
        while self.process.alive() && std::time::Instant::now() < give_up {
            look(self);
        }
        self.process.end(Duration::from_secs(10));
    }

    /// What it has logged.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }
}
