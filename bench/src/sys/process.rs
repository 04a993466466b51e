//! What a process uses: memory, descriptors, processor time.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Memory and descriptors of a process at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) rss_kb: u64,
    pub(crate) pss_kb: u64,
    pub(crate) descriptors: u64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/smaps_rollup");
        let rollup = fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
        Ok(Self {
            rss_kb: field_kb(&rollup, "Rss:")?,
            pss_kb: field_kb(&rollup, "Pss:")?,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
        })
    }
}

/// Processor time that a thread group has used, ns.
pub(crate) fn cpu_ns(pid: u32) -> Result<u64> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        total += thread_cpu_ns(&task?.path())?;
    }
    Ok(total)
}

/// Kernel threads that poll a network device; `napi/DEVICE-ID` each.
pub(crate) fn napi_threads(device: &str) -> Result<Vec<i32>> {
    let prefix = format!("napi/{device}-");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end between the two reads.
        let Ok(name) = fs::read_to_string(entry.path().join("comm")) else {
            continue;
        };
        if name.starts_with(&prefix) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Lets this process have as many open files as it may, since each party of a call has a socket; says how many.
pub(crate) fn allow_many_files() -> Result<usize> {
    // SAFETY: an all-zero rlimit is valid, and both calls get a valid one.
    let (result, most) = unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        (
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit),
            limit.rlim_max,
        )
    };
    if result < 0 {
        return Err(std::io::Error::last_os_error()).context("can't raise the limit of open files");
    }
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

fn thread_cpu_ns(task: &Path) -> Result<u64> {
    // First field: time spent on the processor, ns. A thread may have ended meanwhile: then it counts nothing.
    let Ok(text) = fs::read_to_string(task.join("schedstat")) else {
        return Ok(0);
    };
    text.split_ascii_whitespace()
        .next()
        .and_then(|ns| ns.parse().ok())
        .context("schedstat is empty")
}

fn field_kb(text: &str, name: &str) -> Result<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
        .with_context(|| format!("no {name} in smaps_rollup"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_rollup() {
        let text =
            "55-7f ---p 00 00:00 0 [rollup]\nRss:                1234 kB\nPss:                 567 kB\n";
        assert_eq!(field_kb(text, "Pss:").unwrap(), 567);
        assert!(field_kb(text, "Swap:").is_err());
    }

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(
            usage.rss_kb > 0 && usage.pss_kb > 0 && usage.descriptors > 2,
            "{usage:?}"
        );
        assert!(cpu_ns(std::process::id()).unwrap() > 0);
    }
}
