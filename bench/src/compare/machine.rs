//! Which machine, which kernel, which programs: what a figure means nothing without.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The machine and the programs compared. Deliberately without its name or addresses.
pub(crate) fn describe(programs: &[&Path]) -> Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let model = |name| field(&cpuinfo, name, ':').unwrap_or_default();
    json!({
        "date": date(),
        "processor": model("model name"),
        "mhz": model("cpu MHz"),
        "family_model_stepping":
            format!("{}/{}/{}", model("cpu family"), model("model"), model("stepping")),
        "cores": cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
        "memory": field(&memory, "MemTotal", ':'),
        "virtual": cpuinfo.contains("hypervisor"),
        "system": field(&os, "PRETTY_NAME", '=').map(|name| name.trim_matches('"').to_owned()),
        "kernel": kernel.trim(),
        "load_before": load.split_ascii_whitespace().take(3).collect::<Vec<_>>(),
        "programs": programs.iter().map(|program| version(program)).collect::<Vec<_>>(),
    })
}

/// The same as a few lines of text.
pub(crate) fn markdown(machine: &Value) -> String {
    let text = |key: &str| match &machine[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!(
        "{}: {} ({} MHz, family/model/stepping {}), {} cores, {}, {}, Linux {}, load before {}\n\nprograms: {}",
        text("date"),
        text("processor"),
        text("mhz"),
        text("family_model_stepping"),
        text("cores"),
        if machine["virtual"] == true {
            "virtual machine"
        } else {
            "no hypervisor"
        },
        text("system"),
        text("kernel"),
        text("load_before"),
        text("programs"),
    )
}

/// Today and now, UTC, fit for a file name: `2026-11-21T1705`.
pub(crate) fn date() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    format!(
        "{year}-{month:02}-{day:02}T{:02}{:02}",
        seconds / 3_600 % 24,
        seconds / 60 % 60
    )
}

/// Year, month and day of a day since 1970, Gregorian.
fn civil(days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let (mut year, mut rest) = (1970, days);
    while rest >= 365 + u64::from(leap(year)) {
        rest -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year, month, rest + 1)
}

fn version(program: &Path) -> String {
    let name = program
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let output = Command::new(program).arg("--version").output();
    let said = output.map(|o| [o.stdout, o.stderr].concat()).unwrap_or_default();
    let first = String::from_utf8_lossy(&said)
        .lines()
        .next()
        .unwrap_or("no version")
        .trim()
        .to_owned();
    format!("{name}: {first}")
}

fn field(text: &str, name: &str, separator: char) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(separator)?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_778, (2026, 11, 21)),
            (20_818, (2026, 12, 31)),
        ] {
            assert_eq!(civil(days), date, "{days}");
        }
    }

    #[test]
    fn fields_of_proc_files() {
        assert_eq!(
            field("model name\t: X\nmodel : 3\n", "model", ':'),
            Some("3".to_owned())
        );
        assert_eq!(field("", "model", ':'), None);
    }
}
