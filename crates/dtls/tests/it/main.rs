//! Behaviour of the crate at its boundary, over networks that lose, delay and reorder, and with other implementations.
#![allow(
    clippy::disallowed_methods,
    reason = "OpenSSL goes by the clock of the machine, and its program is a process with sockets"
)]

mod clock;
mod command_line;
mod corpus;
#[cfg(feature = "dimpl")]
mod simulated;
#[path = "../walk/mod.rs"]
mod walk;
mod world;
