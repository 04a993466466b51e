//! `list` and `get` of settings, limits and counters.

use std::fmt::Write as _;

use crate::config::LogSubsystem;
use crate::registry::Control;
use crate::report::{json, log, text};
use crate::sys::process;

/// What can be shown, besides sessions.
pub(super) const NAMES: &[&str] = &[
    "totals",
    "counters",
    "interfaces",
    "jsonstats",
    "transcoders",
    "maxopenfiles",
    "maxsessions",
    "maxcpu",
    "maxload",
    "maxbw",
    "timeout",
    "silenttimeout",
    "offertimeout",
    "finaltimeout",
    "deletedelay",
    "controltos",
    "loglevels",
    "loglevel",
];

/// Subsystems with a log level: name and what they log.
pub(super) const SUBSYSTEMS: &[(&str, LogSubsystem, &str)] = &[
    (
        "core",
        LogSubsystem::Core,
        "Everything that isn't part of another subsystem",
    ),
    ("spandsp", LogSubsystem::Spandsp, "Signal processing"),
    ("ffmpeg", LogSubsystem::Ffmpeg, "Codec library"),
    (
        "transcoding",
        LogSubsystem::Transcoding,
        "Media and RTP transcoding",
    ),
    ("codec", LogSubsystem::Codec, "Codec negotiation"),
    ("rtcp", LogSubsystem::Rtcp, "RTCP handling"),
    ("ice", LogSubsystem::Ice, "ICE negotiation"),
    (
        "crypto",
        LogSubsystem::Crypto,
        "Negotiation of SRTP, crypto suites, DTLS, SDES",
    ),
    ("srtp", LogSubsystem::Srtp, "SRTP encryption and decryption"),
    ("internals", LogSubsystem::Internals, "Noisy low-level internals"),
    ("http", LogSubsystem::Http, "HTTP"),
    (
        "control",
        LogSubsystem::Control,
        "Control protocols including SDP exchanges, CLI",
    ),
    ("dtx", LogSubsystem::Dtx, "DTX timer and buffer"),
];

/// The answer to `list WHAT`; `None` if there is no such thing.
pub(super) fn list(control: &Control, what: &str, rest: &[&str]) -> Option<String> {
    let limits = control.admission.limits();
    let settings = control.settings();
    let timeouts = settings.timeouts;
    let secs = |name: &str, value: std::time::Duration| format!("{name}={}\n", value.as_secs());
    Some(match what {
        "totals" => text::totals(control),
        "counters" => text::counters(control),
        "interfaces" => text::interfaces(control),
        "jsonstats" => json::text(control),
        "transcoders" => "No stats entries\n".to_owned(),
        "maxopenfiles" => open_files(),
        "maxsessions" => format!("Maximum sessions configured on rtpengine: {}\n", limits.sessions),
        "maxcpu" => format!(
            "Maximum CPU usage configured on rtpengine: {:.1}\n",
            limits.cpu_percent
        ),
        "maxload" => format!(
            "Maximum load average configured on rtpengine: {:.2}\n",
            limits.load
        ),
        "maxbw" => format!(
            "Maximum bandwidth configured on rtpengine: {}\n",
            limits.bandwidth_bytes
        ),
        "timeout" => secs("TIMEOUT", timeouts.media),
        "silenttimeout" => secs("SILENT_TIMEOUT", timeouts.silent),
        "offertimeout" => secs("OFFER_TIMEOUT", timeouts.offer),
        "finaltimeout" => secs("FINAL_TIMEOUT", timeouts.last),
        "deletedelay" => format!("{}\n", timeouts.delete_delay.as_secs()),
        "controltos" => format!("{}\n", control.control_tos()),
        "loglevels" => SUBSYSTEMS
            .iter()
            .map(|(name, _, about)| format!("{name} - {about}\n"))
            .collect(),
        "loglevel" => return log_level(rest.first().copied()),
        _ => return None,
    })
}

fn open_files() -> String {
    let limit = process::descriptor_limit().unwrap_or(0);
    format!(
        "Maximum open-files configured on rtpengine: {limit}; cat /proc/{}/limits\n",
        std::process::id()
    )
}

fn log_level(which: Option<&str>) -> Option<String> {
    let Some(which) = which else {
        let mut text = String::new();
        for (name, subsystem, _) in SUBSYSTEMS {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} = {}", log::level(*subsystem));
        }
        return Some(text);
    };
    let (_, subsystem, _) = SUBSYSTEMS.iter().find(|(name, ..)| *name == which)?;
    Some(format!("{}\n", log::level(*subsystem)))
}
