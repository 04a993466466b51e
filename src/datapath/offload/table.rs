//! A worker's part of the kernel's tables.
//!
//! Invariant: an entry is written while no port points to it, and rests after it was retired until no processor can be
//! reading it any more.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, fence};
use std::time::Duration;

use plan::{Framing, Refusal, Time};
use relay::KernelCounts;

use super::here::may_be_martian;
use super::layout::{self, Count, EntryCell, WORD_RINGS};
use super::maps::{Maps, Served};
use super::{Entry, EntryId, Mark, NextHop, Table};
use crate::clock;
use crate::limits;
use crate::sys::bpf::coarse_clock_ns;

/// The table of one worker. Nobody else writes to its entries, nor to the ports whose sockets this worker owns.
pub struct WorkerTable {
    maps: Arc<Maps>,
    first: u32,
    places: Vec<Place>,
    free: Vec<u32>,
    resting: VecDeque<(Time, u32)>,
}

/// What we know of an entry that the program need not.
#[derive(Debug, Default)]
struct Place {
    local: Option<SocketAddr>,
    /// The stack takes its packets only while the device's settings say so.
    martian: bool,
    /// The extended sequence number at the last look, for flows that move between processors.
    highest: Cell<Option<u32>>,
}

impl WorkerTable {
    pub(super) fn new(maps: Arc<Maps>, entries: Range<u32>) -> Self {
        Self {
            maps,
            first: entries.start,
            places: entries.clone().map(|_| Place::default()).collect(),
            free: entries.rev().collect(),
            resting: VecDeque::new(),
        }
    }

    /// An entry that no processor can be reading.
    fn take(&mut self) -> Option<u32> {
        let now = clock::now();
        if let Some((_, number)) = self
            .resting
            .pop_front_if(|(since, _)| now.since(*since) >= limits::KERNEL_REST)
        {
            return Some(number);
        }
        self.free.pop()
    }

    fn cell(&self, id: EntryId) -> Option<&EntryCell> {
        self.place(id)?;
        self.maps.entries.get(id.0 as usize)
    }

    fn place(&self, id: EntryId) -> Option<&Place> {
        let place = self.places.get(id.0.checked_sub(self.first)? as usize)?;
        place.local.is_some().then_some(place)
    }

    /// What each processor counted of an entry.
    fn counted(&self, number: u32) -> &[Count] {
        let first = number as usize * self.maps.processors;
        self.maps
            .counts
            .get(first..first + self.maps.processors)
            .unwrap_or_default()
    }

    /// Which program sees the packets of a flow.
    fn served(&self, entry: &Entry) -> Result<Served, Refusal> {
        let local = entry.flow.local.addr;
        let (served, without) = if entry.from_here {
            let here = self.maps.here.get().map(|here| here.loopback);
            (here.unwrap_or(Served::Not), Refusal::LocalPeer)
        } else {
            (self.maps.served(local.ip()), Refusal::NoProgram)
        };
        self.maps.word(local).ok_or(Refusal::NoProgram)?;
        (served != Served::Not).then_some(served).ok_or(without)
    }

    /// Makes the port point to an entry, or to none. Which packets go to rings is another's matter.
    fn point(word: &AtomicU32, entry: u32) {
        let _ = word.fetch_update(AcqRel, Acquire, |old| Some(old & WORD_RINGS | entry));
    }
}

impl Table for WorkerTable {
    fn publish(&mut self, entry: &Entry) -> Result<EntryId, Refusal> {
        let local = entry.flow.local.addr;
        let served = self.served(entry)?;
        // The stack sends by any device, a driver does not.
        if served == Served::Native && !entry.hop.xdp {
            return Err(Refusal::Device);
        }
        let (hop, flags) = if entry.hop.is_here() {
            let here = self.maps.here.get().ok_or(Refusal::LocalPeer)?;
            (0, here.flags(&self.maps, entry, served)?)
        } else {
            (self.maps.hop(entry.hop.device)?, 0)
        };
        let number = self.take().ok_or(Refusal::TableFull)?;
        for count in self.counted(number) {
            clear(count);
        }
        let maps = Arc::clone(&self.maps);
        let (Some(cell), Some(word)) = (maps.entries.get(number as usize), maps.word(local)) else {
            return Err(Refusal::TableFull);
        };
        write(cell, entry, hop, flags);
        if let Some(place) = self.places.get_mut((number - self.first) as usize) {
            place.local = Some(local);
            place.martian = flags & layout::FLAG_LOCAL != 0 && may_be_martian(entry);
            place.highest.set(None);
        }
        Self::point(word, number + 1);
        Ok(EntryId(number))
    }

    fn open(&mut self, id: EntryId, last: Mark) -> bool {
        let Some(cell) = self.cell(id) else { return false };
        last != Mark::NONE
            && cell
                .gate
                .compare_exchange(last.0, Mark::OPEN.0, AcqRel, Acquire)
                .is_ok()
    }

    fn force(&mut self, id: EntryId) {
        if let Some(cell) = self.cell(id) {
            cell.gate.store(Mark::OPEN.0, Release);
        }
    }

    fn holds(&self, id: EntryId) -> bool {
        let (Some(cell), Some(place)) = (self.cell(id), self.place(id)) else {
            return false;
        };
        let taken = || {
            let here = self.maps.here.get().zip(place.local);
            here.is_some_and(|(here, local)| here.accepts(local.ip()))
        };
        cell.gate.load(Acquire) == Mark::OPEN.0 && (!place.martian || taken())
    }

    fn counts(&self, id: EntryId) -> KernelCounts {
        let (Some(cell), Some(place)) = (self.cell(id), self.place(id)) else {
            return KernelCounts::default();
        };
        let seen = cell.cpus.load(Acquire);
        let counted = (0..).zip(self.counted(id.0));
        let counts = sum(counted
            .filter(|(cpu, _)| seen >> (cpu & 63) & 1 == 1)
            .map(|(_, c)| c));
        let highest = place
            .highest
            .get()
            .map_or(counts.highest_seq, |before| extend(before, counts.highest_seq));
        if counts.packets > 0 {
            place.highest.set(Some(highest));
        }
        KernelCounts {
            highest_seq: highest,
            ..counts
        }
    }

    fn retire(&mut self, id: EntryId) -> KernelCounts {
        let Some(cell) = self.cell(id) else {
            return KernelCounts::default();
        };
        cell.gate.store(Mark::NONE.0, Release);
        let local = self.place(id).and_then(|place| place.local);
        if let Some(word) = local.and_then(|local| self.maps.word(local))
            && word.load(Relaxed) & !WORD_RINGS == id.0 + 1
        {
            Self::point(word, 0);
        }
        // What a processor is forwarding at this moment is missing: at most one packet.
        fence(AcqRel);
        let counts = self.counts(id);
        if let Some(place) = self.places.get_mut((id.0 - self.first) as usize) {
            place.local = None;
        }
        self.resting.push_back((clock::now(), id.0));
        counts
    }
}

/// The number near `before` that ends with the same 16 bits as `now`, which another processor may have extended from
/// another beginning.
fn extend(before: u32, now: u32) -> u32 {
    let ahead = (now as u16).wrapping_sub(before as u16).cast_signed();
    before.wrapping_add_signed(i32::from(ahead.max(0)))
}

fn clear(count: &Count) {
    count.packets.store(0, Relaxed);
    count.bytes.store(0, Relaxed);
    count.last.store(0, Relaxed);
    count.highest.store(0, Relaxed);
}

/// Adds up what processors counted. What is said of the last packet is of the one that saw it last.
fn sum<'a>(counted: impl Iterator<Item = &'a Count>) -> KernelCounts {
    let mut total = KernelCounts::default();
    let mut last = 0;
    for count in counted {
        let packets = count.packets.load(Acquire);
        total.packets += packets;
        total.bytes += count.bytes.load(Relaxed);
        let at = count.last.load(Relaxed);
        if packets > 0 && at >= last {
            last = at;
            total.highest_seq = count.highest.load(Relaxed);
            total.timestamp = count.timestamp.load(Relaxed);
            total.payload_type = (count.payload_type.load(Relaxed) & 0x7f) as u8;
        }
    }
    total.last = (last > 0).then(|| {
        let age = Duration::from_nanos(coarse_clock_ns().saturating_sub(last));
        clock::now() - age
    });
    total
}

/// Writes an entry that nobody reads yet.
fn write(cell: &EntryCell, entry: &Entry, hop: u16, more_flags: u16) {
    let (flow, next) = (&entry.flow, &entry.hop);
    let (local, source, out, dest) = (flow.local.addr, flow.source, flow.out.addr, flow.dest);
    cell.gate.store(Mark::NONE.0, Relaxed);
    cell.cpus.store(0, Relaxed);
    set_address(&cell.source, source.ip());
    let types = [flow.payload_types as u64, (flow.payload_types >> 64) as u64];
    cell.payload_types
        .iter()
        .zip(types)
        .for_each(|(to, bits)| to.store(bits, Relaxed));
    cell.ssrc.store(flow.ssrc.unwrap_or(0).to_be(), Relaxed);
    cell.source_port.store(source.port().to_be(), Relaxed);
    cell.flags.store(flags(entry) | more_flags, Relaxed);
    cell.mtu.store(next.mtu, Relaxed);
    for (to, byte) in cell.ether.iter().zip(next.dest.into_iter().chain(next.source)) {
        to.store(byte, Relaxed);
    }
    cell.vlan.store(next.vlan.unwrap_or(0).to_be(), Relaxed);
    cell.from_port.store(out.port().to_be(), Relaxed);
    cell.to_port.store(dest.port().to_be(), Relaxed);
    set_address(&cell.from, out.ip());
    set_address(&cell.to, dest.ip());
    cell.tos.store(flow.tos, Relaxed);
    cell.ttl.store(next.ttl, Relaxed);
    cell.device.store(next.device, Relaxed);
    cell.hop.store(hop, Relaxed);

    let udp = u32::from(PROTOCOL_UDP.to_be());
    let old = address_sum(source.ip()) + address_sum(local.ip()) + udp;
    let new = address_sum(out.ip()) + address_sum(dest.ip()) + udp;
    let ports = |a: SocketAddr, b: SocketAddr| u32::from(a.port().to_be()) + u32::from(b.port().to_be());
    let before = fold(old + ports(source, local));
    cell.old_sum.store(fold(old), Relaxed);
    cell.new_sum.store(fold(new), Relaxed);
    let delta = fold(new) as u32 + ports(out, dest) + u32::from(!before);
    cell.udp_delta.store(fold(delta), Relaxed);
    cell.ip_sum.store(ip_sum(next, flow.tos, new - udp), Relaxed);
}

const PROTOCOL_UDP: u16 = 17;

fn flags(entry: &Entry) -> u16 {
    let kind = match (entry.flow.framing, entry.flow.ssrc) {
        (Framing::Rtp | Framing::Srtp, Some(_)) => layout::FLAG_RTP,
        (Framing::Rtp | Framing::Srtp, None) => layout::FLAG_RTCP,
        (Framing::Udptl | Framing::Opaque, _) => 0,
    };
    let family = if entry.flow.out.addr.is_ipv6() {
        layout::FLAG_LEAVES6
    } else {
        0
    };
    let tag = if entry.hop.vlan.is_some() {
        layout::FLAG_TAG
    } else {
        0
    };
    let xdp = if entry.hop.xdp { layout::FLAG_XDP } else { 0 };
    kind | family | tag | xdp
}

fn set_address(words: &[AtomicU32; 4], ip: IpAddr) {
    let mut octets = [0; 16];
    match ip {
        IpAddr::V4(ip) => octets[..4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => octets = ip.octets(),
    }
    for (word, bytes) in words.iter().zip(octets.as_chunks::<4>().0) {
        word.store(u32::from_ne_bytes(*bytes), Relaxed);
    }
}

/// The one's complement sum of an address (RFC 1071), in network order.
fn address_sum(ip: IpAddr) -> u32 {
    let sum = |octets: &[u8]| {
        octets
            .as_chunks::<2>()
            .0
            .iter()
            .map(|b| u32::from(u16::from_ne_bytes(*b)))
            .sum()
    };
    match ip {
        IpAddr::V4(ip) => sum(&ip.octets()),
        IpAddr::V6(ip) => sum(&ip.octets()),
    }
}

fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

/// The sum of an IPv4 header that leaves (RFC 791 §3.1), of which length and identification are missing.
fn ip_sum(hop: &NextHop, tos: u8, addresses: u32) -> u16 {
    let version = u16::from_be_bytes([0x45, tos]).to_be();
    let flags = 0x4000_u16.to_be();
    let ttl = u16::from_be_bytes([hop.ttl, PROTOCOL_UDP as u8]).to_be();
    fold(addresses + u32::from(version) + u32::from(flags) + u32::from(ttl))
}
