//! What the daemon tells its operator: log, counters, statistics, announcements of ended calls.

pub mod announce;
pub mod json;
pub mod log;
pub mod paths;
pub mod prometheus;
pub mod sampler;
pub mod snapshot;
pub mod stats;
pub mod text;
pub mod throttle;
pub mod xmlrpc;
