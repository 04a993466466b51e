//! The answers, shared between the thread that finds them and the workers that ask.
//!
//! Invariant: no worker waits. A lock is held for the time of one look into a map and never across a system call; a
//! worker that finds it taken nevertheless goes on without an answer, and is told to ask again.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use crossbeam::channel::Sender;
use plan::Refusal;

use super::super::{NextHop, NextHops};
use super::route::Way;
use crate::limits;
use crate::sys::epoll::Waker;

/// Parts of the map, each with a lock of its own.
const SHARDS: usize = 16;
/// Looks at a lock that is taken; whoever has it needs less than a microsecond.
const SPINS: usize = 200;

pub(super) type Answer = Result<NextHop, Refusal>;

#[derive(Clone, Copy, Debug)]
struct Known {
    answer: Answer,
    /// Since the last sweep.
    asked: bool,
}

/// What is counted about lookups.
#[derive(Debug, Default)]
pub struct NextHopCounters {
    /// Ways that are known or being looked up.
    pub ways: AtomicU64,
    /// Questions to the kernel about routes.
    pub lookups: AtomicU64,
    /// Questions of workers that found no room.
    pub refused: AtomicU64,
    /// Times that notifications were lost, so that everything was looked up again.
    pub overruns: AtomicU64,
    /// Questions to the kernel that it did not answer.
    pub errors: AtomicU64,
}

/// Answers, and the way to more of them.
pub(super) struct Shared {
    shards: [Mutex<HashMap<Way, Known>>; SHARDS],
    hasher: RandomState,
    generation: AtomicU64,
    wanted: Sender<Way>,
    waker: Waker,
    /// Those who ask, to be told at once that answers have changed.
    pub(super) workers: OnceLock<Vec<Waker>>,
    pub(super) counters: NextHopCounters,
}

impl Shared {
    pub(super) fn new(wanted: Sender<Way>, waker: Waker) -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            generation: AtomicU64::new(0),
            wanted,
            waker,
            workers: OnceLock::new(),
            counters: NextHopCounters::default(),
        }
    }

    /// Replaces an answer, if anybody still wants it; true if it is another one.
    pub(super) fn publish(&self, way: &Way, answer: Answer) -> bool {
        let mut shard = lock(self.shard(way));
        let known = shard.get_mut(way).filter(|known| known.answer != answer);
        known.map(|known| known.answer = answer).is_some()
    }

    /// Tells workers to ask again.
    pub(super) fn count_up(&self) {
        self.generation.fetch_add(1, AcqRel);
        self.workers.get().into_iter().flatten().for_each(Waker::wake);
    }

    /// Forgets what nobody has asked for since the last time, and calls `forgotten` for it.
    pub(super) fn sweep(&self, mut forgotten: impl FnMut(&Way)) {
        let mut ways = 0;
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.retain(|way, known| {
                let keep = std::mem::take(&mut known.asked);
                if !keep {
                    forgotten(way);
                }
                keep
            });
            ways += shard.len() as u64;
        }
        self.counters.ways.store(ways, Relaxed);
    }

    fn shard(&self, way: &Way) -> &Mutex<HashMap<Way, Known>> {
        &self.shards[self.hasher.hash_one(way) as usize % SHARDS]
    }

    fn ask(&self, way: Way) -> Answer {
        let Some(mut shard) = try_lock(self.shard(&way)) else {
            self.count_up();
            return Err(Refusal::Resolving);
        };
        if let Some(known) = shard.get_mut(&way) {
            known.asked = true;
            return known.answer;
        }
        // The queue's contents will be answered, and that counts up.
        if shard.len() >= limits::NEXT_HOPS / SHARDS || self.wanted.try_send(way).is_err() {
            self.counters.refused.fetch_add(1, Relaxed);
            return Err(Refusal::Resolving);
        }
        let answer = Err(Refusal::Resolving);
        shard.insert(way, Known { answer, asked: true });
        drop(shard);
        self.counters.ways.fetch_add(1, Relaxed);
        self.waker.wake();
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..SPINS {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
        }
    }
    None
}

/// One worker's way to ask.
#[derive(Clone)]
pub struct Lookup(pub(super) Arc<Shared>);

impl NextHops for Lookup {
    fn next_hop(&mut self, from: SocketAddr, to: SocketAddr) -> Answer {
        let scope = match to {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(to) => to.scope_id(),
        };
        let (from, to) = (from.ip(), to.ip());
        if from.is_ipv4() != to.is_ipv4() {
            return Err(Refusal::Unsupported);
        }
        self.0.ask(Way { from, to, scope })
    }

    fn generation(&self) -> u64 {
        self.0.generation.load(Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crossbeam::channel::bounded;

    use super::*;

    fn way(n: u32) -> (SocketAddr, SocketAddr) {
        let to = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        ("10.0.0.1:2000".parse().unwrap(), SocketAddr::new(to, 4000))
    }

    #[test]
    fn what_nobody_asks_for_again_is_forgotten() {
        let (tx, wanted) = bounded(8);
        let shared = Arc::new(Shared::new(tx, Waker::new().unwrap()));
        let mut lookup = Lookup(Arc::clone(&shared));
        let (kept, left) = (way(1), way(2));
        for (from, to) in [kept, left] {
            assert_eq!(lookup.next_hop(from, to), Err(Refusal::Resolving));
        }
        let ways: Vec<Way> = wanted.try_iter().collect();
        assert_eq!(ways.len(), 2);
        assert!(shared.publish(&ways[0], Err(Refusal::Bridge)));
        assert!(!shared.publish(&ways[0], Err(Refusal::Bridge)), "the same again");
        shared.sweep(|way| panic!("{way:?} was asked for"));
        assert_eq!(lookup.next_hop(kept.0, kept.1), Err(Refusal::Bridge));
        let mut forgotten = Vec::new();
        shared.sweep(|way| forgotten.push(*way));
        assert_eq!(forgotten, [ways[1]]);
        assert!(!shared.publish(&ways[1], Err(Refusal::Bridge)));
        assert_eq!(wanted.len(), 0, "a known way is not asked for again");
    }

    #[test]
    fn a_full_queue_is_counted_and_asked_again() {
        let (tx, wanted) = bounded(1);
        let shared = Arc::new(Shared::new(tx, Waker::new().unwrap()));
        let mut lookup = Lookup(Arc::clone(&shared));
        for n in 1..=3 {
            assert_eq!(lookup.next_hop(way(n).0, way(n).1), Err(Refusal::Resolving));
        }
        assert_eq!(shared.counters.refused.load(Relaxed), 2);
        assert_eq!(wanted.try_iter().count(), 1);
        assert_eq!(lookup.next_hop(way(2).0, way(2).1), Err(Refusal::Resolving));
        assert_eq!(wanted.try_iter().count(), 1);
    }

    #[test]
    fn a_taken_lock_makes_nobody_wait() {
        let (tx, wanted) = bounded(1);
        let shared = Arc::new(Shared::new(tx, Waker::new().unwrap()));
        let mut lookup = Lookup(Arc::clone(&shared));
        let before = lookup.generation();
        let guards: Vec<_> = shared.shards.iter().map(lock).collect();
        assert_eq!(lookup.next_hop(way(1).0, way(1).1), Err(Refusal::Resolving));
        assert!(lookup.generation() > before, "worth asking again");
        drop(guards);
        assert_eq!(wanted.len(), 0);
    }
}
