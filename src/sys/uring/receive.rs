//! The receiving ring: one multishot request for each socket, which fills buffers of a common supply.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, CancelBuilder, Fd, Fixed, RecvMsgOut, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use super::FILES;
use crate::limits;
use crate::sys::addr::RawAddr;

/// The only supply of buffers.
const GROUP: u16 = 0;

/// Token of requests whose outcome is of no interest.
const NOBODY: u64 = u64::MAX;

/// Requests queued for one system call.
const ENTRIES: u32 = 256;

/// Bytes of a buffer: what the kernel writes before a datagram (header and source address), and any datagram.
const BUFFER_BYTES: usize = limits::DATAGRAM_BYTES + 64;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A datagram arrived, and lies in a buffer until that is recycled.
    Datagram {
        /// The request's.
        token: u64,
        /// Which buffer.
        buffer: u16,
        /// Bytes of the buffer that were used.
        len: usize,
        /// The request ended with this.
        last: bool,
    },
    /// A request ended: buffers ran out, the socket reported an error, or it was cancelled.
    Ended {
        /// The request's.
        token: u64,
        /// It told that the watched descriptor can be read, and goes on.
        more: bool,
    },
}

/// Receives datagrams of many sockets.
pub struct Receiver {
    ring: IoUring,
    /// The shared list of free buffers, then the buffers.
    list: Mapping,
    memory: Mapping,
    /// What the kernel is to write before a datagram; every request points at it.
    header: Box<libc::msghdr>,
    buffers: u16,
    tail: u16,
    enabled: bool,
}

// SAFETY: the pointers inside refer to mappings and a box that only this value knows.
unsafe impl Send for Receiver {}

impl Receiver {
    /// A ring with this many buffers, rounded up to a power of two.
    pub fn new(buffers: u16) -> io::Result<Self> {
        let buffers = buffers.clamp(2, 1 << 14).next_power_of_two();
        // Each buffer causes at most one completion at a time, and each socket one that ends its request; should there
        // be more, the kernel keeps them. It takes no ring with room for fewer completions than requests.
        let completions = (u32::from(buffers) * 4).max(ENTRIES);
        let ring = super::build(ENTRIES, completions, true)?;
        if !ring.params().is_feature_nodrop() || !ring.params().is_feature_ext_arg() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let list = Mapping::new(usize::from(buffers) * size_of::<BufRingEntry>())?;
        let memory = Mapping::new(usize::from(buffers) * BUFFER_BYTES)?;
        // SAFETY: all-zero bytes are a valid msghdr: null pointers, zero lengths.
        let mut header: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
        // SAFETY: the mapping has room for that many entries, is page-aligned and outlives the ring (see `Drop`).
        unsafe {
            let submitter = ring.submitter();
            submitter.register_buf_ring_with_flags(list.start.as_ptr() as u64, buffers, GROUP, 0)?;
        }
        let mut receiver = Self {
            ring,
            list,
            memory,
            header,
            buffers,
            tail: 0,
            enabled: false,
        };
        (0..buffers).for_each(|id| receiver.recycle(id));
        Ok(receiver)
    }

    /// Gives a socket a place in the table of files.
    pub fn add(&mut self, slot: u32, fd: RawFd) -> io::Result<()> {
        if slot < FILES {
            super::set_file(&self.ring, slot, fd)
        } else {
            Ok(())
        }
    }

    /// Asks for all datagrams of a socket, until an event says that the request has ended.
    pub fn watch(&mut self, slot: u32, fd: RawFd, token: u64) -> io::Result<()> {
        let header: *const libc::msghdr = &raw const *self.header;
        let entry = if slot < FILES {
            opcode::RecvMsgMulti::new(Fixed(slot), header, GROUP).build()
        } else {
            opcode::RecvMsgMulti::new(Fd(fd), header, GROUP).build()
        };
        // SAFETY: header and buffers live until the ring is gone.
        unsafe { self.push(&entry.user_data(token)) }
    }

    /// Asks to be told whenever a descriptor can be read.
    pub fn watch_readable(&mut self, fd: RawFd, token: u64) -> io::Result<()> {
        let entry = opcode::PollAdd::new(Fd(fd), libc::POLLIN as u32)
            .multi(true)
            .build();
        // SAFETY: no memory is involved.
        unsafe { self.push(&entry.user_data(token)) }
    }

    /// Ends the request of this token. When this returns, nothing more is taken from the socket; what it brought before may
    /// still be among the events.
    pub fn cancel(&mut self, token: u64) -> io::Result<()> {
        let entry = opcode::AsyncCancel::new(token).build().user_data(NOBODY);
        // SAFETY: no memory is involved.
        unsafe { self.push(&entry)? };
        self.wait(1, None, Some(Duration::ZERO))
    }

    /// Takes a socket without a request out of the table: the ring does not hold it any more.
    pub fn forget(&mut self, slot: u32) -> io::Result<()> {
        if slot < FILES {
            super::set_file(&self.ring, slot, -1)
        } else {
            Ok(())
        }
    }

    /// Submits what was asked for and waits for `want` events, at most `timeout`. After `pause`, one is enough.
    pub fn wait(
        &mut self,
        want: usize,
        pause: Option<Duration>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.enable()?;
        let limit = timeout.map(Timespec::from);
        let mut args = SubmitArgs::new();
        if let Some(limit) = &limit {
            args = args.timespec(limit);
        }
        if let Some(pause) = pause {
            args = args.min_wait_usec(u32::try_from(pause.as_micros()).unwrap_or(u32::MAX));
        }
        match self.ring.submitter().submit_with_args(want, &args) {
            Ok(_) => Ok(()),
            // Time is up; interrupted; or events have to be read first.
            Err(e)
                if matches!(
                    e.raw_os_error(),
                    Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)
                ) =>
            {
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// Submits what was asked for.
    pub fn submit(&mut self) -> io::Result<()> {
        self.enable()?;
        self.ring.submit().map(drop)
    }

    /// The kernel can wait for several packets a while and then be content with one.
    pub fn can_pause(&self) -> bool {
        self.ring.params().is_feature_min_timeout()
    }

    /// Events are there to be read.
    pub fn has_events(&mut self) -> bool {
        !self.ring.completion().is_empty()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            let entry = self.ring.completion().next()?;
            let (token, result, flags) = (entry.user_data(), entry.result(), entry.flags());
            if token == NOBODY {
                continue;
            }
            let more = cqueue::more(flags);
            return Some(match (cqueue::buffer_select(flags), usize::try_from(result)) {
                (Some(buffer), Ok(len)) => Event::Datagram {
                    token,
                    buffer,
                    len,
                    last: !more,
                },
                (Some(buffer), Err(_)) => {
                    self.recycle(buffer);
                    Event::Ended { token, more }
                }
                _ => Event::Ended { token, more },
            });
        }
    }

    /// A datagram and its source, of which the kernel said that it used `len` bytes of that buffer; `None` if it came
    /// from nowhere or was cut off.
    pub fn datagram(&self, buffer: u16, len: usize) -> Option<(&[u8], SocketAddr)> {
        let bytes = self.buffer(buffer)?.get(..len)?;
        let out = RecvMsgOut::parse(bytes, &self.header).ok()?;
        let mut name = RawAddr::empty();
        name.copy_from(out.name_data());
        if out.is_payload_truncated() {
            return None;
        }
        let payload = self.buffer(buffer)?.get(len - out.payload_data().len()..len)?;
        Some((payload, name.addr()?))
    }

    /// Gives a buffer back to the kernel.
    pub fn recycle(&mut self, buffer: u16) {
        if buffer >= self.buffers {
            return;
        }
        let base = self.list.start.as_ptr().cast::<BufRingEntry>();
        let index = usize::from(self.tail & (self.buffers - 1));
        // SAFETY: the index is below the number of entries, which the mapping has room for; the kernel reads entries
        // only below the tail, so this one is ours.
        let entry = unsafe { &mut *base.add(index) };
        entry.set_addr(self.memory.start.as_ptr() as u64 + u64::from(buffer) * BUFFER_BYTES as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the mapping, aligned; it is shared with the kernel, hence atomic.
        let tail = unsafe { &*BufRingEntry::tail(base).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }

    fn buffer(&self, id: u16) -> Option<&[u8]> {
        if id >= self.buffers {
            return None;
        }
        // SAFETY: the buffer lies in the mapping. The kernel has handed it over and writes it again only after it was
        // recycled, which needs `&mut self`.
        Some(unsafe {
            std::slice::from_raw_parts(
                self.memory.start.as_ptr().add(usize::from(id) * BUFFER_BYTES),
                BUFFER_BYTES,
            )
        })
    }

    fn enable(&mut self) -> io::Result<()> {
        if !self.enabled {
            super::enable(&self.ring)?;
            self.enabled = true;
        }
        Ok(())
    }

    /// Queues a request.
    ///
    /// # Safety
    /// What it points at must live until it has ended.
    unsafe fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        self.enable()?;
        if self.ring.submission().is_full() {
            self.ring.submit()?;
        }
        // SAFETY: the caller's.
        unsafe { self.ring.submission().push(entry) }.map_err(io::Error::other)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // No request may outlive the buffers. Fails only if there is none.
        let _ = self
            .ring
            .submitter()
            .register_sync_cancel(None, CancelBuilder::any());
        let _ = self.ring.submitter().unregister_buf_ring(GROUP);
    }
}

/// Anonymous memory; pages that are never touched cost nothing.
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

impl Mapping {
    fn new(bytes: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped with this address and length; its owner is going away, and with it all that refers to it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}
