//! Flows that the kernel forwards: from the relay's wish to an entry in a table that a BPF program reads.
//!
//! A worker asks for a [`NextHop`], writes an [`Entry`] with a gate (below) and opens the gate at a moment when no packet of
//! the flow is under way to it. Table memory is mapped into the process: opening, closing and reading counters are
//! loads and stores, no system calls. An entry that was published is never changed, only replaced; its place is used
//! again when no processor can be reading it any more.
//!
//! # The gate
//!
//! While a gate is closed, the program leaves in it the [`Mark`] of each packet that comes from the flow's source, and
//! lets the packet go up the stack. The worker, when it has sent on what a batch brought, tries to open the gate with the
//! mark of the last packet that it has handled of that source at that socket. If the gate holds that mark, nothing is
//! under way, because the packets of one source stay in their order on the way up; one compare-and-exchange from the
//! mark to "open" then makes the kernel forward the next packet. So nothing is overtaken when a flow moves into the
//! kernel, however many packets wait in the socket by then or get lost on their way: a later one settles it. When the
//! flow moves out, the worker closes the gate: what comes later goes up the stack, what came before has left.

pub mod attach;
pub mod flows;
mod here;
pub mod kernel;
pub mod layout;
mod maps;
pub mod nexthop;
pub mod rings;
pub mod start;
pub mod table;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use plan::Refusal;
use relay::{KernelCounts, KernelFlow};

pub use self::flows::{Flows, OffloadCounters};
pub use self::kernel::{Kernel, KernelCounters, Ran};
pub use self::maps::{Served, Setup, Unavailable, object};
pub use self::rings::Rings;
pub use self::start::FastPaths;
pub use self::table::WorkerTable;

/// How packets leave towards a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// Index of the device.
    pub device: u32,
    /// Ethernet address of that device.
    pub source: [u8; 6],
    /// Ethernet address of the neighbour.
    pub dest: [u8; 6],
    /// 802.1Q tag, if they leave by a VLAN device on top of `device`.
    pub vlan: Option<u16>,
    /// Bytes of the largest IP packet.
    pub mtu: u16,
    /// Time to live or hop limit of what this host sends there.
    pub ttl: u8,
    /// The device delivers what a program at XDP sends by it, at the moment; tc can send by any.
    pub xdp: bool,
}

impl NextHop {
    /// To this host itself.
    pub const HERE: Self = Self {
        device: 0,
        source: [0; 6],
        dest: [0; 6],
        vlan: None,
        mtu: u16::MAX,
        ttl: 64,
        xdp: true,
    };

    /// Whether packets stay on this host.
    pub const fn is_here(&self) -> bool {
        self.device == Self::HERE.device
    }
}

/// Finds next hops. Answers at once: what is not known yet is [`Refusal::Resolving`], and worth asking for again after
/// [`generation`](Self::generation) has changed.
pub trait NextHops: Send {
    /// The way from a local address to a peer.
    fn next_hop(&mut self, from: SocketAddr, to: SocketAddr) -> Result<NextHop, Refusal>;

    /// Counts up whenever an answer may have changed: a route, a neighbour, a device.
    fn generation(&self) -> u64;
}

/// A flow with its next hop.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The flow.
    pub flow: KernelFlow,
    /// Where its packets go.
    pub hop: NextHop,
    /// Its source is on this host.
    pub from_here: bool,
}

/// Names an entry of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(pub u32);

/// What a closed gate remembers of the last packet: a number that hardly another one near it has.
///
/// The program does the same in the same byte order: it loads eight bytes of UDP payload, if there are so many, and takes
/// 2 for what is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub u64);

impl Mark {
    /// The gate is open. No packet has this mark.
    pub const OPEN: Self = Self(0);
    /// The gate is closed and nothing has come yet. No packet has this mark.
    pub const NONE: Self = Self(1);

    /// The mark of a packet, by its UDP payload.
    pub fn of(payload: &[u8]) -> Self {
        let first = payload
            .first_chunk()
            .map_or(0, |bytes| u64::from_ne_bytes(*bytes));
        Self(first.max(2))
    }
}

/// One worker's part of the kernel's tables.
pub trait Table: Send {
    /// Publishes an entry with its gate closed, holding [`Mark::NONE`]: from now on packets leave their marks, and go up
    /// the stack.
    fn publish(&mut self, entry: &Entry) -> Result<EntryId, Refusal>;

    /// Opens the gate, if it holds this mark: compares and exchanges it for [`Mark::OPEN`].
    fn open(&mut self, id: EntryId, last: Mark) -> bool;

    /// Opens the gate, whatever is under way: more comes than the worker can handle, so that packets are lost anyway.
    fn force(&mut self, id: EntryId);

    /// Whether an entry whose gate was opened still forwards: one for a party on this host may not any more.
    fn holds(&self, id: EntryId) -> bool;

    /// What was forwarded since the entry was published.
    fn counts(&self, id: EntryId) -> KernelCounts;

    /// Ends an entry: the gate is closed, the port points to it no more. Returns its last counts.
    fn retire(&mut self, id: EntryId) -> KernelCounts;
}
