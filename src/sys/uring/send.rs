//! The sending ring: many datagrams of many sockets in one system call.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use io_uring::types::{Fd, Fixed};
use io_uring::{IoUring, opcode, squeue};

use super::FILES;
use crate::sys::addr::RawAddr;

/// Datagrams of one system call.
const ENTRIES: usize = 256;

/// The ring failed, and must not be used any more.
#[derive(Debug)]
pub struct Broken {
    /// What the kernel says.
    pub error: io::Error,
    /// How many datagrams, from the first one on, were sent or refused before that.
    pub handled: usize,
}

/// Sends datagrams of many sockets.
pub struct Sender {
    ring: IoUring,
    names: Vec<RawAddr>,
    enabled: bool,
}

impl Sender {
    /// A ring without sockets.
    pub fn new() -> io::Result<Self> {
        let ring = super::build(ENTRIES as u32, 2 * ENTRIES as u32, false)?;
        if !ring.params().is_feature_skip_cqe_on_success() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Self {
            ring,
            names: vec![RawAddr::empty(); ENTRIES],
            enabled: false,
        })
    }

    /// Gives a socket a place in the table of files.
    pub fn add(&mut self, slot: u32, fd: RawFd) -> io::Result<()> {
        if slot < FILES {
            super::set_file(&self.ring, slot, fd)
        } else {
            Ok(())
        }
    }

    /// Takes a socket out of the table.
    pub fn forget(&mut self, slot: u32) {
        if slot < FILES {
            // Fails only if it was not there.
            let _ = super::set_file(&self.ring, slot, -1);
        }
    }

    /// Sends datagrams (slot, descriptor, destination, bytes), in order, and calls `failed` with the number of each
    /// that the kernel refused. Never waits.
    pub fn send<'a>(
        &mut self,
        datagrams: impl Iterator<Item = (u32, RawFd, SocketAddr, &'a [u8])>,
        failed: &mut dyn FnMut(usize),
    ) -> Result<(), Broken> {
        if !self.enabled {
            super::enable(&self.ring).map_err(|error| Broken { error, handled: 0 })?;
            self.enabled = true;
        }
        let mut queued = 0;
        let mut datagrams = datagrams.enumerate().peekable();
        while datagrams.peek().is_some() {
            for (name, (number, datagram)) in self.names.iter_mut().zip(datagrams.by_ref()) {
                let entry = request(name, datagram).user_data(number as u64);
                // SAFETY: address and bytes are read before `flush` returns, and both live longer.
                let pushed = unsafe { self.ring.submission().push(&entry) };
                if pushed.is_err() {
                    failed(number);
                }
                queued = number + 1;
            }
            let flushed = self.flush();
            for entry in self.ring.completion() {
                if entry.result() < 0 {
                    failed(entry.user_data() as usize);
                }
            }
            if let Err(error) = flushed {
                let handled = queued - self.ring.submission().len();
                return Err(Broken { error, handled });
            }
        }
        Ok(())
    }

    /// Hands everything queued to the kernel, which has sent or refused it when this returns.
    fn flush(&mut self) -> io::Result<()> {
        while !self.ring.submission().is_empty() {
            match self.ring.submit() {
                Ok(_) => {}
                Err(e) if matches!(e.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// A request that sends at once or fails, and says nothing if it has sent.
fn request(name: &mut RawAddr, (slot, fd, to, bytes): (u32, RawFd, SocketAddr, &[u8])) -> squeue::Entry {
    name.set(to);
    let (bytes, len) = (bytes.as_ptr(), bytes.len() as u32);
    let (addr, addr_len) = (name.as_mut_ptr().cast_const().cast(), name.socklen());
    let entry = if slot < FILES {
        opcode::Send::new(Fixed(slot), bytes, len)
            .flags(libc::MSG_DONTWAIT)
            .dest_addr(addr)
            .dest_addr_len(addr_len)
            .build()
    } else {
        opcode::Send::new(Fd(fd), bytes, len)
            .flags(libc::MSG_DONTWAIT)
            .dest_addr(addr)
            .dest_addr_len(addr_len)
            .build()
    };
    entry.flags(squeue::Flags::SKIP_SUCCESS)
}
