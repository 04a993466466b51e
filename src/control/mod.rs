//! The control side's shell: listeners that turn bytes into jobs for the shards, and replies that find their way back.

mod bounded;
pub mod cli;
pub mod http;
pub mod places;
pub mod reply;
pub mod request;
pub mod tcp;
pub mod udp;
