//! The cookie cache: a retransmitted request gets the first one's reply, byte for byte, and is not executed again.
//!
//! Keyed by source address *and* cookie, so that two controllers may use the same cookie (the reference's key
//! lacks the address). Two generations of 30 s: a reply is kept for 30 to 60 s. A duplicate that arrives while the
//! first is still in work waits for it. Bounded by entries and bytes: when a generation holds half of either, it
//! is retired early.

use std::collections::HashMap;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::limits::{COOKIE_CACHE_BYTES_MAX, COOKIE_ENTRIES_MAX, COOKIE_GENERATION_US, COOKIE_WAITERS_MAX};

/// What to do with a request that has just arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Execute it, then call [`CookieCache::finish`].
    New,
    /// It is being executed; the waiter was remembered (or dropped, if there are too many).
    InWork,
    /// It was executed: send this again.
    Done(Arc<[u8]>),
}

/// Remembers what was asked and answered. `W` says how to reach a waiting duplicate.
#[derive(Debug)]
pub struct CookieCache<W> {
    current: Generation<W>,
    previous: Generation<W>,
    rotated_at_us: u64,
    early_rotations: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: SocketAddr,
    cookie: Box<[u8]>,
}

#[derive(Debug)]
enum Entry<W> {
    InWork(Vec<W>),
    Done(Arc<[u8]>),
}

#[derive(Debug)]
struct Generation<W> {
    entries: HashMap<Key, Entry<W>>,
    bytes: usize,
}

impl<W> Default for Generation<W> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
        }
    }
}

impl<W> Generation<W> {
    fn insert(&mut self, key: Key, entry: Entry<W>) {
        let size = |key: &Key, entry: &Entry<W>| match entry {
            Entry::InWork(_) => key.cookie.len(),
            Entry::Done(reply) => key.cookie.len() + reply.len(),
        };
        self.bytes += size(&key, &entry);
        let cookie = key.cookie.len();
        if let Some(old) = self.entries.insert(key, entry) {
            self.bytes -= match old {
                Entry::InWork(_) => cookie,
                Entry::Done(reply) => cookie + reply.len(),
            };
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Entry<W>> {
        let entry = self.entries.remove(key)?;
        self.bytes -= key.cookie.len();
        if let Entry::Done(reply) = &entry {
            self.bytes -= reply.len();
        }
        Some(entry)
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= COOKIE_ENTRIES_MAX / 2 || self.bytes >= COOKIE_CACHE_BYTES_MAX / 2
    }
}

impl<W> CookieCache<W> {
    /// An empty cache. `now_us` in microseconds, of any clock that does not run backwards.
    pub fn new(now_us: u64) -> Self {
        Self {
            current: Generation::default(),
            previous: Generation::default(),
            rotated_at_us: now_us,
            early_rotations: 0,
        }
    }

    /// A request has arrived.
    pub fn begin(&mut self, source: SocketAddr, cookie: &[u8], waiter: W, now_us: u64) -> Arrival {
        self.rotate_if_due(now_us);
        let key = Key {
            source,
            cookie: cookie.into(),
        };
        for generation in [&mut self.current, &mut self.previous] {
            match generation.entries.get_mut(&key) {
                None => {}
                Some(Entry::Done(reply)) => return Arrival::Done(Arc::clone(reply)),
                Some(Entry::InWork(waiters)) => {
                    if waiters.len() < COOKIE_WAITERS_MAX {
                        waiters.push(waiter);
                    }
                    return Arrival::InWork;
                }
            }
        }
        self.current.insert(key, Entry::InWork(Vec::new()));
        Arrival::New
    }

    /// A request was executed. Returns the duplicates that wait for the same reply.
    #[must_use = "the waiting duplicates need the reply too"]
    pub fn finish(&mut self, source: SocketAddr, cookie: &[u8], reply: Arc<[u8]>) -> Vec<W> {
        let key = Key {
            source,
            cookie: cookie.into(),
        };
        let entry = match self.current.remove(&key) {
            None => self.previous.remove(&key),
            entry => entry,
        };
        self.current.insert(key, Entry::Done(reply));
        match entry {
            Some(Entry::InWork(waiters)) => waiters,
            _ => Vec::new(),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to forget, in µs.
    pub fn poll_timeout(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.rotated_at_us.saturating_add(COOKIE_GENERATION_US))
    }

    /// Forgets what is old enough, also when nothing arrives any more.
    pub fn handle_timeout(&mut self, now_us: u64) {
        self.rotate_if_due(now_us);
    }

    /// Number of requests remembered.
    pub fn len(&self) -> usize {
        self.current.entries.len() + self.previous.entries.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of cookies and replies held.
    pub fn bytes(&self) -> usize {
        self.current.bytes + self.previous.bytes
    }

    /// How often a generation was retired before its time because the cache was full.
    pub fn early_rotations(&self) -> u64 {
        self.early_rotations
    }

    fn rotate_if_due(&mut self, now_us: u64) {
        let age_us = now_us.saturating_sub(self.rotated_at_us);
        let full = self.current.is_full();
        if age_us < COOKIE_GENERATION_US && !full {
            return;
        }
        self.early_rotations += u64::from(age_us < COOKIE_GENERATION_US);
        self.rotated_at_us = now_us;
        let retired = mem::replace(&mut self.previous, mem::take(&mut self.current));
        // What is still in work outlives its generation: its waiters must not be forgotten.
        for (key, entry) in retired.entries {
            if matches!(entry, Entry::InWork(_)) {
                self.current.insert(key, entry);
            }
        }
        if age_us >= 2 * COOKIE_GENERATION_US {
            self.previous.entries.retain(|_, e| matches!(e, Entry::InWork(_)));
            self.previous.bytes = self.previous.entries.keys().map(|k| k.cookie.len()).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn source(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn bytes(text: &str) -> Arc<[u8]> {
        Arc::from(text.as_bytes())
    }

    #[test]
    fn an_idle_cache_empties_itself() {
        let mut cache = CookieCache::new(0);
        assert_eq!(cache.poll_timeout(), None);
        assert_eq!(cache.begin(source(1), b"c", (), S), Arrival::New);
        assert!(cache.finish(source(1), b"c", bytes("r")).is_empty());
        let mut now_us = S;
        while let Some(at_us) = cache.poll_timeout() {
            now_us = at_us;
            cache.handle_timeout(now_us);
        }
        assert!((31 * S..=61 * S).contains(&now_us), "{now_us}");
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn duplicates_wait_then_share_the_reply() {
        let mut cache = CookieCache::new(0);
        assert_eq!(cache.begin(source(1), b"c", 'a', 0), Arrival::New);
        assert_eq!(cache.begin(source(1), b"c", 'b', S), Arrival::InWork);
        assert_eq!(cache.begin(source(1), b"c", 'c', S), Arrival::InWork);
        assert_eq!(cache.begin(source(2), b"c", 'd', S), Arrival::New);
        assert_eq!(cache.finish(source(1), b"c", bytes("r")), ['b', 'c']);
        assert_eq!(
            cache.begin(source(1), b"c", 'e', 2 * S),
            Arrival::Done(bytes("r"))
        );
        assert_eq!(cache.begin(source(2), b"c", 'f', 2 * S), Arrival::InWork);
    }

    #[test]
    fn replies_live_for_30_to_60_seconds() {
        for (answered_s, asked_s, kept) in [
            (0, 29, true),
            (0, 30, true),
            (29, 58, true),
            (1, 61, false),
            (0, 200, false),
        ] {
            let mut cache = CookieCache::new(0);
            assert_eq!(cache.begin(source(1), b"c", (), answered_s * S), Arrival::New);
            let _ = cache.finish(source(1), b"c", bytes("r"));
            // Other traffic is what makes generations turn.
            for second in answered_s + 1..asked_s {
                cache.begin(source(9), second.to_string().as_bytes(), (), second * S);
            }
            let arrival = cache.begin(source(1), b"c", (), asked_s * S);
            assert_eq!(
                arrival == Arrival::Done(bytes("r")),
                kept,
                "{answered_s} {asked_s}"
            );
        }
    }

    #[test]
    fn quiet_times_do_not_prolong_life() {
        let mut cache = CookieCache::new(0);
        assert_eq!(cache.begin(source(1), b"c", (), 0), Arrival::New);
        let _ = cache.finish(source(1), b"c", bytes("r"));
        assert_eq!(cache.begin(source(1), b"c", (), 70 * S), Arrival::New);
    }

    #[test]
    fn work_outlives_generations() {
        let mut cache = CookieCache::new(0);
        assert_eq!(cache.begin(source(1), b"c", 1, 0), Arrival::New);
        for second in 1..200 {
            assert_eq!(cache.begin(source(1), b"c", 2, second * S), Arrival::InWork);
        }
        assert_eq!(
            cache.finish(source(1), b"c", bytes("r")).len(),
            COOKIE_WAITERS_MAX
        );
        assert_eq!(
            cache.begin(source(1), b"c", 3, 200 * S),
            Arrival::Done(bytes("r"))
        );
    }

    #[test]
    fn floods_are_bounded_and_counted() {
        let mut cache = CookieCache::new(0);
        let reply: Arc<[u8]> = Arc::from(vec![0; 3000]);
        for n in 0..100_000u32 {
            cache.begin(source(1), &n.to_be_bytes(), (), 0);
            let _ = cache.finish(source(1), &n.to_be_bytes(), Arc::clone(&reply));
            assert!(cache.len() <= COOKIE_ENTRIES_MAX);
            assert!(cache.bytes() <= COOKIE_CACHE_BYTES_MAX + 6000);
        }
        assert!(cache.early_rotations() > 5);
        // The sum kept beside the map is the truth.
        let count = |g: &Generation<()>| -> usize {
            g.entries
                .iter()
                .map(|(k, e)| k.cookie.len() + if let Entry::Done(r) = e { r.len() } else { 0 })
                .sum()
        };
        assert_eq!(cache.bytes(), count(&cache.current) + count(&cache.previous));
    }
}
