//! `set`: limits, timeouts and log levels, changed while calls run.

use std::str::FromStr;
use std::time::Duration;

use super::show::SUBSYSTEMS;
use crate::registry::Control;
use crate::report::log;
use crate::sys::process;

/// What can be set.
pub(super) const NAMES: &[&str] = &[
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
    "loglevel",
];

/// The lowest limit of open files that the reference accepts.
const OPEN_FILES_MIN: u64 = 65_536;

/// The answer to `set WHAT VALUE`; `None` if there is no such thing.
pub(super) fn set(control: &Control, what: &str, rest: &[&str]) -> Option<String> {
    let value = *rest.first()?;
    let admission = &control.admission;
    Some(match what {
        "maxopenfiles" => open_files(value),
        "maxsessions" => number(what, value, |n: i64| {
            if n < -1 {
                return format!(
                    "Fail setting maxsessions to {value}; either positive or -1 values allowed\n"
                );
            }
            admission.change(|l| l.sessions = n);
            let note = if n == -1 { "; disable feature" } else { "" };
            format!("Success setting maxsessions to {n}{note}\n")
        }),
        "maxcpu" => measure(what, value, 1, |x| admission.change(|l| l.cpu_percent = x)),
        "maxload" => measure(what, value, 2, |x| admission.change(|l| l.load = x)),
        "maxbw" => number(what, value, |n: u64| {
            admission.change(|l| l.bandwidth_bytes = n);
            done(what, n)
        }),
        "controltos" => number(what, value, |n: u8| {
            control.set_control_tos(n);
            done(what, n)
        }),
        // COMPAT(rtpengine): the answer names all four alike.
        "timeout" => seconds(control, "timeout", value, |t, d| t.media = d),
        "silenttimeout" => seconds(control, "timeout", value, |t, d| t.silent = d),
        "offertimeout" => seconds(control, "timeout", value, |t, d| t.offer = d),
        "finaltimeout" => seconds(control, "timeout", value, |t, d| t.last = d),
        "deletedelay" => seconds(control, "delete-delay", value, |t, d| t.delete_delay = d),
        "loglevel" => return log_level(rest),
        _ => return None,
    })
}

fn done(what: &str, value: impl std::fmt::Display) -> String {
    format!("Success setting {what} to {value}\n")
}

fn number<T: FromStr>(what: &str, value: &str, set: impl FnOnce(T) -> String) -> String {
    match value.parse() {
        Ok(n) => set(n),
        // COMPAT(rtpengine): the word is spelled like that in scripts that look for it.
        Err(_) => format!("Fail setting {what} to {value}; no digists found\n"),
    }
}

fn measure(what: &str, value: &str, digits: usize, set: impl FnOnce(f64)) -> String {
    number(what, value, |x: f64| {
        if !x.is_finite() || x < 0.0 {
            return format!("Fail setting {what} to {value}; only positive values allowed\n");
        }
        set(x);
        format!("Success setting {what} to {x:.digits$}\n")
    })
}

fn seconds(
    control: &Control,
    what: &str,
    value: &str,
    set: impl FnOnce(&mut call::Timeouts, Duration),
) -> String {
    number(what, value, |n: u32| {
        control.change_settings(|settings| set(&mut settings.timeouts, Duration::from_secs(n.into())));
        done(what, n)
    })
}

fn open_files(value: &str) -> String {
    number("open_files", value, |n: u64| {
        if n < OPEN_FILES_MIN {
            return format!("Fail setting open_files to {n}; can't set it under {OPEN_FILES_MIN}\n");
        }
        match process::set_descriptor_limit(n) {
            Ok(()) => done("open_files", n),
            Err(e) => format!(
                "Fail setting open_files to {n}; errno = {}\n",
                e.raw_os_error().unwrap_or(0)
            ),
        }
    })
}

fn log_level(rest: &[&str]) -> Option<String> {
    let (which, value) = match rest {
        [name] if SUBSYSTEMS.iter().any(|(n, ..)| n == name) => return Some(super::MORE.to_owned()),
        [value] => (None, *value),
        [name, value, ..] => (Some(SUBSYSTEMS.iter().find(|(n, ..)| n == name)?.1), *value),
        [] => return None,
    };
    Some(number("loglevel", value, |n: i8| {
        if !(-1..=8).contains(&n) {
            return format!("Fail setting loglevel to {n}; invalid log level, has to be between -1 and 8\n");
        }
        match which {
            Some(subsystem) => log::set_subsystem_level(subsystem, n),
            None => log::set_level(n),
        }
        done("loglevel", n)
    }))
}
