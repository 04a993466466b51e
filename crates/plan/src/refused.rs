//! Where the last packet came from that was refused for its sender: what an operator asks first.
//!
//! One writer, any number of readers; a reader that meets a write sees nothing rather than half an address.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use crate::DropReason;

/// The source of the last packet that was dropped for who sent it or how it was protected, and which of these.
#[derive(Debug, Default)]
pub struct Refused {
    /// Bits 0..8 the reason, 8 an IPv4 address, 16..32 the port, 32..64 counts writes; 0 = nothing yet, or being written.
    head: AtomicU64,
    high: AtomicU64,
    low: AtomicU64,
    writes: AtomicU64,
}

const V4: u64 = 1 << 8;

impl Refused {
    /// Notes a refused packet. Only the flow's worker may call it.
    #[cold]
    pub fn note(&self, reason: DropReason, from: SocketAddr) {
        let (bits, family) = match from.ip() {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)), V4),
            IpAddr::V6(ip) => (ip.to_bits(), 0),
        };
        let writes = self.writes.load(Relaxed).wrapping_add(1).max(1) & u64::from(u32::MAX);
        self.writes.store(writes, Relaxed);
        self.head.store(0, Relaxed);
        fence(Release);
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is meant")]
        self.low.store(bits as u64, Relaxed);
        self.high.store((bits >> 64) as u64, Relaxed);
        let head = writes.max(1) << 32 | u64::from(from.port()) << 16 | family | reason as u64;
        self.head.store(head, Release);
    }

    /// The last one.
    pub fn read(&self) -> Option<(DropReason, SocketAddr)> {
        let head = self.head.load(Acquire);
        let (high, low) = (self.high.load(Relaxed), self.low.load(Relaxed));
        fence(Acquire);
        if head == 0 || self.head.load(Relaxed) != head {
            return None;
        }
        let reason = *DropReason::ALL.get(usize::try_from(head & 0xff).ok()?)?;
        let port = u16::try_from(head >> 16 & 0xffff).ok()?;
        let ip = if head & V4 == 0 {
            Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)).into()
        } else {
            IpAddr::V4(u32::try_from(low).ok()?.into())
        };
        Some((reason, SocketAddr::new(ip, port)))
    }

    pub(crate) fn copy_from(&self, other: &Self) {
        if let Some((reason, from)) = other.read() {
            self.note(reason, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_last_is_read() {
        let refused = Refused::default();
        assert_eq!(refused.read(), None);
        for (reason, from) in [
            (DropReason::NoFlow, "0.0.0.0:0"),
            (DropReason::SrtpAuth, "203.0.113.1:65535"),
            (DropReason::NoBundleMember, "[2001:db8::ffff:1]:1"),
            (DropReason::StrictSource, "[::ffff:203.0.113.1]:2"),
        ] {
            let from = from.parse().unwrap();
            refused.note(reason, from);
            assert_eq!(refused.read(), Some((reason, from)));
        }
    }
}
