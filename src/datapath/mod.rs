//! The packet side's shell: sockets, ports and the workers' loop.

pub mod env;
pub mod io;
pub mod io_epoll;
pub mod io_uring;
pub mod io_xdp;
pub mod moderation;
pub mod offload;
pub mod ports;
pub mod serve;
pub mod worker;
