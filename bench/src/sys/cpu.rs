//! Which core a thread runs on, and how urgent it is.

use std::io;

use anyhow::{Context, Result};

/// Pins a thread (0 = the calling one) to one core.
pub(crate) fn pin(tid: i32, core: usize) -> Result<()> {
    // SAFETY: an all-zero cpu_set_t is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is valid; CPU_SET ignores a core beyond its size.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: `set` is valid for the size given.
    let result = unsafe { libc::sched_setaffinity(tid, size_of_val(&set), &raw const set) };
    check(result).with_context(|| format!("can't pin thread {tid} to core {core}"))
}

/// Lets a thread run before every ordinary one, as interrupt work does.
pub(crate) fn make_urgent(tid: i32) -> Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: `parameters` is valid and not kept.
    let result = unsafe { libc::sched_setscheduler(tid, libc::SCHED_FIFO, &raw const parameters) };
    check(result).with_context(|| format!("can't raise the priority of thread {tid}"))
}

/// Gives a kernel thread, which is in no session, as much of its core as [`prefer`] gives a program.
pub(crate) fn prefer_thread(tid: i32) -> Result<()> {
    let who = libc::id_t::try_from(tid).context("no thread")?;
    // SAFETY: touches no memory.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, who, -20) };
    check(result).with_context(|| format!("can't raise the priority of thread {tid}"))
}

/// Gives the calling thread, and what it starts, nearly all of its core against ordinary programs: in its session,
/// and its session among the others where the kernel groups them (sched_autogroup).
pub(crate) fn prefer() -> Result<()> {
    // SAFETY: touches no memory; on Linux, 0 is the calling thread.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) }).context("can't raise the priority")?;
    // A kernel without session groups has no such file, and needs none.
    let _ = std::fs::write("/proc/self/autogroup", "-20");
    Ok(())
}

/// A session of its own, if this process does not lead a process group already; then [`prefer`] is about it alone.
pub(crate) fn own_session() {
    // SAFETY: touches no memory; a leader gets an error and stays where it is.
    unsafe { libc::setsid() };
}

/// Cores this process may run on, in order.
pub(crate) fn allowed() -> Result<Vec<usize>> {
    // SAFETY: an all-zero cpu_set_t is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is valid for writes of the size given.
    check(unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) })?;
    // SAFETY: every index is below CPU_SETSIZE.
    Ok((0..libc::CPU_SETSIZE as usize)
        .filter(|core| unsafe { libc::CPU_ISSET(*core, &set) })
        .collect())
}

fn check(result: libc::c_int) -> Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error().into());
    }
    Ok(())
}
