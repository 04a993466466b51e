//! What the daemon tells its operator: log, counters, statistics, announcements of ended calls.

pub mod log;
