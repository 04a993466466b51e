//! Starting, running and ending the daemon: everything is put together here, and nowhere else.
//!
//! Order: bind what is configured, go into the background (no thread may exist before that), start the packet workers,
//! the control shards, then the listeners; say that we are ready; wait for a signal; end in the opposite order.

mod certificate;
mod kernel;
mod listen;
mod parts;
mod rings;
mod run;
mod service;

pub use rings::check_offload;
pub use run::{StartError, run};
