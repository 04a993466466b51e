//! The daemon's parts. `main.rs` only starts them; they are a library so that integration tests reach them.

pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod datapath;
pub mod driver;
pub mod limits;
pub mod record;
pub mod registry;
pub mod report;
pub mod sys;
