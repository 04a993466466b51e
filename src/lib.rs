//! The daemon's parts. `main.rs` only starts them; they are a library so that integration tests reach them.

pub mod config;
