//! Calls and who owns them.
//!
//! A call belongs to one control shard, chosen by its call-id: its commands run in order, different calls side by side.
//! [`Control`] is what the listeners and the shards share; a [`Shard`] is one thread with its calls.

mod admission;
mod commands;
mod control;
mod gather;
mod inputs;
mod job;
mod moving;
mod shard;
mod table;

pub use admission::{Admission, Limits};
pub use control::{Control, ControlParts, ShardPort};
pub use gather::ask_all;
pub use job::{CommandJob, Job};
pub use shard::{Shard, ShardParts};
pub use table::Entry;
