//! Test support: counted ports, a seeded environment, conversations as text.
//!
//! Only tests depend on this crate. It reads no clock and opens no socket; whoever uses it brings both.
#![forbid(unsafe_code)]

pub mod conversation;
mod driver;
pub mod frames;
mod interfaces;
mod pattern;
mod ports;

pub use driver::{Exchange, TestCalls};
pub use interfaces::{add_interface, config};
pub use pattern::{Captures, match_text};
pub use ports::{CountedPorts, TestEnv};
