//! Log lines to standard error or syslog, in the reference's form: `[CALLID]: message`.
//!
//! A small subscriber of `tracing`: a field named `call` is the call-id, the rest of the fields follow the message.
//! Nothing on the packet path logs. A syslog daemon that does not keep up loses lines, which are counted; the caller
//! never waits for it.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI8, AtomicU64, Ordering::Relaxed};

use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::clock;
use crate::config::{LogFormat, LogSettings, LogSubsystem};

/// Syslog's number for each level we use.
const ERROR: i8 = 3;
const WARNING: i8 = 4;
const INFO: i8 = 6;
const DEBUG: i8 = 7;

/// Number of [`LogSubsystem`]s.
const SUBSYSTEMS: usize = LogSubsystem::Dtx as usize + 1;

static LEVELS: [AtomicI8; SUBSYSTEMS] = [const { AtomicI8::new(INFO) }; SUBSYSTEMS];
static LOST: AtomicU64 = AtomicU64::new(0);
static INSTALLED: OnceLock<()> = OnceLock::new();

/// Makes all later log calls of the process go where `settings` say. Only the first call has an effect.
pub fn install(settings: &LogSettings) {
    INSTALLED.get_or_init(|| {
        set_level(settings.level);
        for (subsystem, level) in &settings.subsystems {
            LEVELS[*subsystem as usize].store(*level, Relaxed);
        }
        let writer = Writer::new(settings);
        // Cannot fail: it happens once.
        let _ = tracing::subscriber::set_global_default(Log { writer });
    });
}

/// Sets the level of every subsystem.
pub fn set_level(level: i8) {
    for slot in &LEVELS {
        slot.store(level, Relaxed);
    }
}

/// Sets the level of one subsystem.
pub fn set_subsystem_level(subsystem: LogSubsystem, level: i8) {
    LEVELS[subsystem as usize].store(level, Relaxed);
}

/// Makes the log more talkative (1) or less (-1).
pub fn change_level(by: i8) {
    for slot in &LEVELS {
        slot.store(slot.load(Relaxed).saturating_add(by).clamp(-1, DEBUG), Relaxed);
    }
}

/// The level of one subsystem.
pub fn level(subsystem: LogSubsystem) -> i8 {
    LEVELS[subsystem as usize].load(Relaxed)
}

/// Lines that syslog did not take.
pub fn lost() -> u64 {
    LOST.load(Relaxed)
}

struct Log {
    writer: Writer,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        severity(*metadata.level()) <= level(subsystem(metadata.target()))
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.writer.write(severity(*event.metadata().level()), &line);
    }

    // Spans are not used: a call-id as a field says all there is to say.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn severity(level: Level) -> i8 {
    match level {
        Level::ERROR => ERROR,
        Level::WARN => WARNING,
        Level::INFO => INFO,
        _ => DEBUG,
    }
}

/// Which subsystem a module's lines belong to.
fn subsystem(target: &str) -> LogSubsystem {
    match target {
        t if t.starts_with("patchbay::control::http") => LogSubsystem::Http,
        t if t.starts_with("patchbay::control") => LogSubsystem::Control,
        // The libraries underneath have nothing to say that an operator asked for.
        t if !t.starts_with("patchbay") => LogSubsystem::Internals,
        _ => LogSubsystem::Core,
    }
}

/// One event, taken apart.
#[derive(Default)]
struct Line {
    call: String,
    text: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "call" => write!(self.call, "{value:?}"),
            "message" => {
                let rest = std::mem::take(&mut self.text);
                write!(self.text, "{value:?}{rest}")
            }
            name => write!(self.text, ", {name} {value:?}"),
        };
    }
}

struct Writer {
    sink: Sink,
    format: LogFormat,
    split_lines: bool,
    line_length_max: usize,
}

enum Sink {
    Stderr {
        timestamps: bool,
    },
    Syslog {
        socket: UnixDatagram,
        facility: u8,
        name: String,
    },
}

impl Writer {
    fn new(settings: &LogSettings) -> Self {
        let stderr = Sink::Stderr {
            timestamps: !settings.no_timestamps,
        };
        let sink = if settings.stderr {
            stderr
        } else {
            syslog(settings).unwrap_or(stderr)
        };
        Self {
            sink,
            format: settings.format,
            split_lines: settings.split_lines,
            line_length_max: settings.line_length_max.unwrap_or(usize::MAX).max(1),
        }
    }

    fn write(&self, severity: i8, line: &Line) {
        let prefix = match self.format {
            _ if line.call.is_empty() => String::new(),
            LogFormat::Default => format!("[{}]: ", line.call),
            LogFormat::Parsable => format!("[ID=\"{}\"]: ", line.call),
        };
        if self.split_lines {
            for part in line.text.lines() {
                self.write_limited(severity, &prefix, part);
            }
        } else {
            self.write_limited(severity, &prefix, &line.text);
        }
    }

    fn write_limited(&self, severity: i8, prefix: &str, mut text: &str) {
        loop {
            let cut = text.floor_char_boundary(self.line_length_max.min(text.len()));
            // A first character wider than the limit is written all the same.
            let cut = if cut == 0 { text.len() } else { cut };
            self.write_one(severity, prefix, &text[..cut]);
            text = &text[cut..];
            if text.is_empty() {
                return;
            }
        }
    }

    fn write_one(&self, severity: i8, prefix: &str, text: &str) {
        match &self.sink {
            Sink::Stderr { timestamps } => {
                let level =
                    ["ERR", "WARNING", "NOTICE", "INFO", "DEBUG"][(severity - ERROR).clamp(0, 4) as usize];
                let us = clock::now().as_micros();
                let line = if *timestamps {
                    format!(
                        "[{}.{:06}] {level}: {prefix}{text}\n",
                        us / 1_000_000,
                        us % 1_000_000
                    )
                } else {
                    format!("{level}: {prefix}{text}\n")
                };
                // Nobody is left to tell if standard error is gone.
                let _ = io::stderr().write_all(line.as_bytes());
            }
            Sink::Syslog {
                socket,
                facility,
                name,
            } => {
                let priority = u32::from(*facility) * 8 + severity.unsigned_abs() as u32;
                let pid = std::process::id();
                if socket
                    .send(format!("<{priority}>{name}[{pid}]: {prefix}{text}").as_bytes())
                    .is_err()
                {
                    LOST.fetch_add(1, Relaxed);
                }
            }
        }
    }
}

/// The system's log socket; `None` if there is no syslog daemon.
fn syslog(settings: &LogSettings) -> Option<Sink> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect("/dev/log").ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(Sink::Syslog {
        socket,
        facility: settings.facility.0,
        name: settings.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_characters() {
        let writer = Writer {
            sink: Sink::Stderr { timestamps: false },
            format: LogFormat::Default,
            split_lines: true,
            line_length_max: 2,
        };
        // Ends, and does not cut the three-byte sign.
        writer.write(
            INFO,
            &Line {
                call: "c".into(),
                text: "a€\nb".into(),
            },
        );
    }

    #[test]
    fn modules_belong_to_subsystems() {
        assert_eq!(subsystem("patchbay::control::http"), LogSubsystem::Http);
        assert_eq!(subsystem("patchbay::control::udp"), LogSubsystem::Control);
        assert_eq!(subsystem("patchbay::registry"), LogSubsystem::Core);
        assert_eq!(subsystem("hyper::proto"), LogSubsystem::Internals);
    }
}
