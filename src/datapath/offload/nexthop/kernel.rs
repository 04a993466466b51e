//! Questions to the kernel, each answered before the next one is asked.

use std::io;
use std::time::Duration;

use super::wire::{self, Message, Request, u32_at};
use crate::sys::netlink::Netlink;

/// The kernel answers at once; longer than this it never takes.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of the largest datagram: the kernel fills up to 32 kB in a dump.
pub(super) const BUFFER_BYTES: usize = 64 << 10;
/// How often a list that changed while it was read is read again.
const DUMP_TRIES: usize = 8;
const NLM_F_DUMP_INTR: u16 = 0x10;

/// A socket for questions.
pub(super) struct Kernel {
    socket: Netlink,
    seq: u32,
    buffer: Vec<u8>,
}

impl Kernel {
    /// One for `NETLINK_ROUTE`, `NETLINK_XFRM`...
    pub(super) fn open(protocol: libc::c_int) -> io::Result<Self> {
        Ok(Self {
            socket: Netlink::open(protocol, PATIENCE)?,
            seq: 0,
            buffer: vec![0; BUFFER_BYTES],
        })
    }

    /// Asks, gives each message of the answer to `each`. The request asks for an acknowledgement, or for a dump.
    pub(super) fn ask(&mut self, request: Request, mut each: impl FnMut(&Message<'_>)) -> io::Result<()> {
        self.ask_once(request, &mut each).map(drop)
    }

    /// Reads a whole list as it was at one moment: `start` is called before each try.
    pub(super) fn dump<T>(
        &mut self,
        request: impl Fn() -> Request,
        start: impl Fn() -> T,
        mut each: impl FnMut(&mut T, &Message<'_>),
    ) -> io::Result<T> {
        let mut list = start();
        for _ in 0..DUMP_TRIES {
            if self.ask_once(request(), &mut |message| each(&mut list, message))? {
                return Ok(list);
            }
            list = start();
        }
        // It never stands still. Everything that changes is told apart from this, too.
        self.ask_once(request(), &mut |message| each(&mut list, message))?;
        Ok(list)
    }

    /// False if what was listed changed meanwhile.
    fn ask_once(&mut self, request: Request, each: &mut dyn FnMut(&Message<'_>)) -> io::Result<bool> {
        self.seq = self.seq.wrapping_add(1);
        self.socket.send(&request.finish(self.seq))?;
        let mut steady = true;
        loop {
            let bytes = self.socket.receive(&mut self.buffer, true)?;
            // Answers to a question that was given up may still be there.
            for message in wire::messages(bytes).filter(|m| m.seq == self.seq) {
                steady &= message.flags & NLM_F_DUMP_INTR == 0;
                match i32::from(message.kind) {
                    libc::NLMSG_DONE | libc::NLMSG_ERROR => return outcome(&message).map(|()| steady),
                    _ => each(&message),
                }
            }
        }
    }
}

/// The end of an answer carries zero or the negative number of an error.
fn outcome(message: &Message<'_>) -> io::Result<()> {
    match u32_at(message.body, 0).unwrap_or(0).cast_signed() {
        0.. => Ok(()),
        code => Err(io::Error::from_raw_os_error(code.saturating_neg())),
    }
}
