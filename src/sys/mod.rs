//! System calls: the only place of the daemon with `unsafe` in it.
//!
//! Each file wraps one facility of the kernel in a type that cannot be used wrongly. Absent on purpose: any idea of
//! calls, packets or commands.

pub mod addr;
pub mod bpf;
pub mod epoll;
pub mod memory;
pub mod mmsg;
pub mod netlink;
pub mod pktinfo;
pub mod process;
pub mod socket;
pub mod uring;
pub mod xsk;
