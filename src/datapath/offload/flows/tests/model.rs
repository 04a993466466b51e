//! What the program in the kernel does, said in a few lines, and next hops that are what a test says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};

use plan::{Refusal, SocketId, Time};
use relay::KernelCounts;

use super::super::super::{Entry, EntryId, Mark, NextHop, NextHops, Table};

pub(super) const HOP: NextHop = NextHop {
    device: 1,
    source: [1; 6],
    dest: [2; 6],
    vlan: None,
    mtu: 1500,
    ttl: 64,
    xdp: true,
};

/// The kernel's memory.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) now: Time,
    /// Entries that fit.
    pub(super) room: usize,
    /// Times that somebody looked at counters.
    pub(super) looks: usize,
    ports: BTreeMap<SocketId, EntryId>,
    entries: BTreeMap<u32, Published>,
    next: u32,
}

#[derive(Debug)]
struct Published {
    entry: Entry,
    gate: Mark,
    counts: KernelCounts,
    begun: bool,
}

impl Kernel {
    pub(super) const fn new() -> Self {
        Self {
            now: Time(0),
            room: usize::MAX,
            looks: 0,
            ports: BTreeMap::new(),
            entries: BTreeMap::new(),
            next: 1,
        }
    }

    /// A packet arrives at the device; where it goes, or nowhere but up the stack.
    pub(super) fn arrives(&mut self, at: SocketId, from: SocketAddr, bytes: &[u8]) -> Option<SocketAddr> {
        let id = self.ports.get(&at)?;
        let published = self.entries.get_mut(&id.0)?;
        let flow = &published.entry.flow;
        if flow.source != from {
            return None;
        }
        if published.gate != Mark::OPEN {
            published.gate = Mark::of(bytes);
            return None;
        }
        let header = rtp::Header::peek(bytes)?;
        let fits = flow.ssrc == Some(header.ssrc.0) && flow.payload_types >> header.pt.get() & 1 == 1;
        if !fits {
            return None;
        }
        let counts = &mut published.counts;
        counts.packets += 1;
        counts.bytes += bytes.len() as u64;
        counts.last = Some(self.now);
        counts.timestamp = header.ts.0;
        counts.payload_type = header.pt.get();
        let seq = header.seq.0;
        let ahead = seq
            .wrapping_sub((counts.highest_seq & 0xffff) as u16)
            .cast_signed();
        if !std::mem::replace(&mut published.begun, true) {
            counts.highest_seq = u32::from(seq);
        } else if ahead > 0 {
            counts.highest_seq += u32::from(ahead.unsigned_abs());
        }
        Some(flow.dest)
    }
}

/// Memory that both sides have mapped.
#[derive(Clone, Debug)]
pub(super) struct Shared(pub(super) Arc<Mutex<Kernel>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Kernel> {
        self.0.lock().expect("nobody panics with it")
    }

    fn with<T>(&self, id: EntryId, f: impl FnOnce(&mut Published) -> T) -> T {
        f(self
            .lock()
            .entries
            .get_mut(&id.0)
            .expect("an entry that is published"))
    }
}

impl Table for Shared {
    fn publish(&mut self, entry: &Entry) -> Result<EntryId, Refusal> {
        let mut kernel = self.lock();
        if kernel.entries.len() >= kernel.room {
            return Err(Refusal::TableFull);
        }
        let id = EntryId(kernel.next);
        kernel.next += 1;
        let before = kernel.ports.insert(entry.flow.local.id, id);
        assert_eq!(before, None, "one entry for each port");
        let published = Published {
            entry: entry.clone(),
            gate: Mark::NONE,
            counts: KernelCounts::default(),
            begun: false,
        };
        kernel.entries.insert(id.0, published);
        Ok(id)
    }

    fn open(&mut self, id: EntryId, last: Mark) -> bool {
        self.with(id, |p| {
            let opens = p.gate == last;
            if opens {
                p.gate = Mark::OPEN;
            }
            opens
        })
    }

    fn force(&mut self, id: EntryId) {
        self.with(id, |p| p.gate = Mark::OPEN);
    }

    fn holds(&self, id: EntryId) -> bool {
        self.with(id, |published| published.gate == Mark::OPEN)
    }

    fn counts(&self, id: EntryId) -> KernelCounts {
        self.lock().looks += 1;
        self.with(id, |p| p.counts)
    }

    fn retire(&mut self, id: EntryId) -> KernelCounts {
        let mut kernel = self.lock();
        let published = kernel.entries.remove(&id.0).expect("an entry that is published");
        kernel.ports.remove(&published.entry.flow.local.id);
        published.counts
    }
}

/// Next hops: the same for everybody.
#[derive(Clone, Debug)]
pub(super) struct Hops {
    pub(super) answer: Arc<Mutex<Result<NextHop, Refusal>>>,
    pub(super) generation: Arc<AtomicU64>,
}

impl Hops {
    pub(super) fn new() -> Self {
        Self {
            answer: Arc::new(Mutex::new(Ok(HOP))),
            generation: Arc::default(),
        }
    }

    pub(super) fn set(&self, answer: Result<NextHop, Refusal>) {
        *self.answer.lock().expect("nobody panics with it") = answer;
        self.generation.fetch_add(1, Relaxed);
    }
}

impl NextHops for Hops {
    fn next_hop(&mut self, _: SocketAddr, _: SocketAddr) -> Result<NextHop, Refusal> {
        *self.answer.lock().expect("nobody panics with it")
    }

    fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }
}
