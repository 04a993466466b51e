//! The packet side's shell: sockets, ports and the workers' loop.

pub mod ports;
