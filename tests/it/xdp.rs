//! The smallest XDP program, for ends of wires that are to take what XDP sends.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use patchbay::sys::bpf::{Point, attach};

use crate::lab::Host;

/// Of a device of this thread's host.
pub(crate) fn index(device: &str) -> u32 {
    let name = std::ffi::CString::new(device).unwrap();
    // SAFETY: a text that ends with a zero byte and lives across the call.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}

/// What bpf(2) wants to know of a program.
#[repr(C)]
struct ProgramLoad {
    kind: u32,
    instructions: u32,
    code: u64,
    license: u64,
    rest: [u64; 14],
}

/// Lets a device take frames that XDP sends to it: a veth does if there is any program at its end.
pub(crate) fn pass(host: &Host, device: &str) -> OwnedFd {
    const BPF_PROG_LOAD: libc::c_int = 5;
    const BPF_PROG_TYPE_XDP: u32 = 6;
    // r0 = XDP_PASS; exit
    let code: [u64; 2] = [0x0000_0002_0000_00b7, 0x0000_0000_0000_0095];
    let load = ProgramLoad {
        kind: BPF_PROG_TYPE_XDP,
        instructions: 2,
        code: code.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        rest: [0; 14],
    };
    // SAFETY: the structure points to a program of two instructions and a text, which live across the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_PROG_LOAD,
            &raw const load,
            size_of::<ProgramLoad>(),
        )
    };
    assert!(fd >= 0, "loading a program: {}", std::io::Error::last_os_error());
    // SAFETY: the call has made this descriptor, and nobody else knows it.
    let program = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    host.enter(|| attach(program.as_fd(), index(device), Point::XdpNative))
        .unwrap_or_else(|error| panic!("attaching a program to {device}: {error}"))
}
