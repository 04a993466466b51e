//! Flows that the kernel forwards: from the relay's wish to an entry in a table that a BPF program reads.
//!
//! A worker asks for a [`NextHop`], writes an [`Entry`] with a gate (below) and opens the gate at a moment when no packet of
//! the flow is under way to it. Table memory is mapped into the process: opening, closing and reading counters are
//! loads and stores, no system calls. An entry that was published is never changed, only replaced; its place is used
//! again when no processor can be reading it any more.
//!
//! # The gate
//!
//! The program adds one to the gate for each packet that arrives while it is closed, and lets the packet go up the
//! stack. The worker counts what it has handled of that socket since the entry was published; when both agree, nothing
//! is under way, and one compare-and-exchange from exactly that number to "open" makes the kernel forward the next
//! packet. So nothing is overtaken when a flow moves into the kernel. When it moves out, the worker closes the gate:
//! what comes later goes up the stack, what came before has left.

use std::net::SocketAddr;

use plan::Refusal;
use relay::{KernelCounts, KernelFlow};

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
}

/// Names an entry of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(pub u32);

/// One worker's part of the kernel's tables.
pub trait Table: Send {
    /// Publishes an entry with its gate closed: from now on packets are counted at the gate, and go up the stack.
    fn publish(&mut self, entry: &Entry) -> Result<EntryId, Refusal>;

    /// Packets that the closed gate has counted.
    fn passed(&self, id: EntryId) -> u64;

    /// Opens the gate, if it has counted exactly `handled` packets by now.
    fn open(&mut self, id: EntryId, handled: u64) -> bool;

    /// Closes the gate and starts its count anew: some packet got lost on its way up, so that the counts never agree.
    fn reclose(&mut self, id: EntryId);

    /// What was forwarded since the entry was published.
    fn counts(&self, id: EntryId) -> KernelCounts;

    /// Ends an entry: the gate is closed, the port points to it no more. Returns its last counts.
    fn retire(&mut self, id: EntryId) -> KernelCounts;
}
