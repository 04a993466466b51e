//! The thread that asks the kernel, and listens to it.
//!
//! Invariant: whatever the kernel tells about is looked up again before the next thing is read, and what it could not
//! tell (its queue to us overflowed) makes everything be looked up again.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam::channel::Receiver;
use plan::{Refusal, Time};

use super::super::NextHop;
use super::host::Host;
use super::kernel::BUFFER_BYTES;
use super::links::Links;
use super::neighbour::{self, Neighbour, NeighbourKey};
use super::netdev::Netdev;
use super::prefix::Prefix;
use super::route::{self, Route, Way};
use super::shared::{Answer, Shared};
use super::wire::{self, Message};
use crate::clock;
use crate::limits;
use crate::sys::epoll::{Epoll, Waker};
use crate::sys::netlink::Netlink;

/// How often everything is looked up again, neighbours in use are told to be, and what is not in use is forgotten.
const SWEEP: Duration = Duration::from_secs(20);
/// Part of its time that the thread spends on looking everything up again when the kernel tells of changes all the time.
const RECHECK_SHARE: u32 = 10;

/// Groups of `NETLINK_ROUTE`: devices, neighbours, then addresses, routes and rules of IPv4 and IPv6, next-hop objects.
const GROUPS: &[u32] = &[1, 3, 5, 7, 8, 9, 11, 19, 32];
/// The first socket is the one for these.
const ROUTE_EVENTS: usize = 0;
/// The group of `NETLINK_XFRM` for policies.
const GROUP_POLICY: u32 = 4;

/// The state of the thread.
pub(super) struct Resolution {
    shared: Arc<Shared>,
    wanted: Receiver<Way>,
    stop: Arc<AtomicBool>,
    /// What others see of the devices.
    links: Arc<Mutex<Links>>,
    host: Host,
    events: Vec<Netlink>,
    epoll: Epoll,
    waker: Waker,
    ways: HashMap<Way, Result<Route, Refusal>>,
    neighbours: HashMap<NeighbourKey, Neighbour>,
    changes: Changes,
    sweep_at: Time,
    recheck_from: Time,
}

/// What has to be looked up again.
#[derive(Default)]
struct Changes {
    /// The host itself is read again.
    host: bool,
    /// All ways.
    all: bool,
    /// Ways to there.
    routes: Vec<Prefix>,
    /// Answers of ways by these neighbours; true = which the kernel has to make sure of.
    neighbours: HashMap<NeighbourKey, bool>,
    /// Some answer became another one.
    answers: bool,
}

impl Resolution {
    pub(super) fn new(
        shared: Arc<Shared>,
        wanted: Receiver<Way>,
        stop: Arc<AtomicBool>,
        waker: Waker,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        // First the ears, then the eyes: nothing is missed in between.
        let mut events = vec![listen(libc::NETLINK_ROUTE, GROUPS, buffer_bytes)?];
        // A kernel without IPsec has nothing to tell.
        events.extend(listen(libc::NETLINK_XFRM, &[GROUP_POLICY], buffer_bytes));
        let group = Netdev::open()?.and_then(|netdev| netdev.group);
        if let Some(group) = group {
            events.push(listen(libc::NETLINK_GENERIC, &[group], buffer_bytes)?);
        }
        let host = Host::read()?;
        let epoll = Epoll::new(limits::EPOLL_EVENTS)?;
        for socket in &events {
            epoll.add(socket.fd(), 0)?;
        }
        epoll.add(waker.fd(), 1)?;
        let now = clock::now();
        Ok(Self {
            shared,
            wanted,
            stop,
            links: Arc::new(Mutex::new(host.links.clone())),
            host,
            events,
            epoll,
            waker,
            ways: HashMap::new(),
            neighbours: HashMap::new(),
            changes: Changes::default(),
            sweep_at: now + SWEEP,
            recheck_from: now,
        })
    }

    /// The devices, as they are known now and later.
    pub(super) fn links(&self) -> Arc<Mutex<Links>> {
        Arc::clone(&self.links)
    }

    /// Works until told to stop.
    pub(super) fn run(mut self) {
        let mut buffer = vec![0; BUFFER_BYTES];
        while !self.stop.load(Acquire) {
            if let Err(error) = self.wait() {
                tracing::error!(%error, "no more news about routes and neighbours");
                return;
            }
            self.listen(&mut buffer);
            self.look_up_wanted();
            self.look_up_changed();
            if clock::now() >= self.sweep_at {
                self.sweep();
            }
            if std::mem::take(&mut self.changes.answers) {
                self.shared.count_up();
            }
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let now = clock::now();
        let mut until = self.sweep_at;
        if self.changes.host || self.changes.all {
            until = until.min(self.recheck_from);
        }
        self.waker.sleep();
        // What was queued before `sleep` did not wake us, so this look must come after it.
        let idle = self.wanted.is_empty() && !self.stop.load(Acquire);
        let timeout = if idle { until.since(now) } else { Duration::ZERO };
        let result = self.epoll.wait(Some(timeout));
        self.waker.awake();
        self.waker.clear();
        result
    }

    fn listen(&mut self, buffer: &mut [u8]) {
        for at in 0..self.events.len() {
            loop {
                match self.events[at].receive(buffer, false) {
                    // Of IPsec or drivers: rare, and read as a whole. Their numbers mean other things elsewhere.
                    Ok(_) if at != ROUTE_EVENTS => self.changes.host = true,
                    Ok(bytes) => {
                        for message in wire::messages(bytes) {
                            handle(&mut self.host, &mut self.neighbours, &mut self.changes, &message);
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => {
                        self.shared.counters.overruns.fetch_add(1, Relaxed);
                        self.changes.host = true;
                        // The news that are left are still good, but the next look may find the queue full again.
                        break;
                    }
                }
            }
        }
    }

    fn look_up_wanted(&mut self) {
        for _ in 0..self.wanted.len() {
            let Ok(way) = self.wanted.try_recv() else { return };
            self.look_up(way);
        }
    }

    fn look_up_changed(&mut self) {
        let started = clock::now();
        if (self.changes.host || self.changes.all) && started >= self.recheck_from {
            if std::mem::take(&mut self.changes.host) {
                self.read_host();
            }
            self.changes.all = false;
            self.publish_links();
            self.look_up_all();
            let spent = clock::now().since(started);
            self.recheck_from = clock::now() + spent * RECHECK_SHARE;
            return;
        }
        let routes = std::mem::take(&mut self.changes.routes);
        let neighbours = std::mem::take(&mut self.changes.neighbours);
        if !routes.is_empty() {
            let hit = |way: &&Way| routes.iter().any(|prefix| prefix.has(way.to));
            let hit: Vec<Way> = self.ways.keys().filter(hit).copied().collect();
            hit.into_iter().for_each(|way| self.look_up(way));
        }
        if !neighbours.is_empty() {
            let by = |(way, route): (&Way, &Result<Route, Refusal>)| {
                let route = route.as_ref().ok()?;
                neighbours
                    .contains_key(&(route.device, route.neighbour))
                    .then_some(*way)
            };
            let hit: Vec<Way> = self.ways.iter().filter_map(by).collect();
            hit.into_iter().for_each(|way| self.publish(&way));
            for (key, _) in neighbours.into_iter().filter(|(_, doubtful)| *doubtful) {
                self.use_neighbour(key);
            }
        }
    }

    fn read_host(&mut self) {
        match Host::read() {
            Ok(host) => self.host = host,
            Err(error) => {
                self.shared.counters.errors.fetch_add(1, Relaxed);
                tracing::warn!(%error, "devices and rules could not be read");
            }
        }
    }

    fn publish_links(&self) {
        let links = self.host.links.clone();
        *self.links.lock().unwrap_or_else(PoisonError::into_inner) = links;
    }

    /// All ways, and all neighbours on them.
    fn look_up_all(&mut self) {
        self.changes.routes.clear();
        self.changes.neighbours.clear();
        self.neighbours.clear();
        let ways: Vec<Way> = self.ways.keys().copied().collect();
        ways.into_iter().for_each(|way| self.look_up(way));
    }

    fn look_up(&mut self, way: Way) {
        let route = self.host.route(&way);
        self.shared.counters.lookups.fetch_add(1, Relaxed);
        let route = route.unwrap_or_else(|_| {
            self.shared.counters.errors.fetch_add(1, Relaxed);
            Err(Refusal::NoRoute)
        });
        self.ways.insert(way, route);
        if let Ok(route) = route {
            // Not for what is refused anyway: a tunnel's far end has no neighbours.
            if self.host.links.exit(route.device).is_ok() {
                self.meet((route.device, route.neighbour));
            }
        }
        self.publish(&way);
    }

    /// Makes a neighbour's acquaintance.
    fn meet(&mut self, key: NeighbourKey) {
        if self.neighbours.contains_key(&key) {
            return;
        }
        let known = self.host.neighbour(key).unwrap_or_else(|_| {
            self.shared.counters.errors.fetch_add(1, Relaxed);
            neighbour::UNKNOWN
        });
        self.neighbours.insert(key, known);
        if known.is_doubtful() {
            self.use_neighbour(key);
        }
    }

    /// Does for a neighbour what packets through the network stack would do: theirs go past it.
    fn use_neighbour(&mut self, key: NeighbourKey) {
        let Some(known) = self.neighbours.get_mut(&key).filter(|n| n.wants_use()) else {
            return;
        };
        if self.host.use_neighbour(key).is_err() && known.usable().is_err() {
            known.state = libc::NUD_FAILED;
        }
    }

    fn publish(&mut self, way: &Way) {
        let answer = self.answer(way);
        self.changes.answers |= self.shared.publish(way, answer);
    }

    fn answer(&self, way: &Way) -> Answer {
        let route = self.ways.get(way).copied().unwrap_or(Err(Refusal::Resolving));
        if route == Err(Refusal::LocalPeer) {
            return Err(Refusal::LocalPeer);
        }
        // Before the route: if it is not the one that will be taken, what it says is of no interest.
        self.host.policies.check(way.from, way.to)?;
        let route = route?;
        let exit = self.host.links.exit(route.device)?;
        let key = (route.device, route.neighbour);
        let neighbour = self.neighbours.get(&key).unwrap_or(&neighbour::UNKNOWN);
        let mtu = route.mtu.unwrap_or(exit.mtu).min(exit.mtu);
        let default_ttl = if way.to.is_ipv6() {
            exit.hop_limit
        } else {
            self.host.ttl
        };
        Ok(NextHop {
            device: exit.device,
            source: exit.source,
            dest: neighbour.usable()?,
            vlan: exit.vlan,
            mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
            ttl: route.hop_limit.unwrap_or(default_ttl),
            // Where the kernel does not say it, whoever asked for the native program answers for it (`attach`).
            xdp: self.host.takers.takes(exit.device).unwrap_or(true),
        })
    }

    /// Forgets what is not in use, looks everything else up again (the kernel does not tell about all that it learns of
    /// a path), and has workers ask for what they use.
    fn sweep(&mut self) {
        self.sweep_at = clock::now() + SWEEP;
        let ways = &mut self.ways;
        self.shared.sweep(|way| {
            ways.remove(way);
        });
        self.read_host();
        self.publish_links();
        self.look_up_all();
        let keys: Vec<NeighbourKey> = self.neighbours.keys().copied().collect();
        keys.into_iter().for_each(|key| self.use_neighbour(key));
        self.changes.answers |= !self.ways.is_empty();
    }
}

fn listen(protocol: libc::c_int, groups: &[u32], buffer_bytes: usize) -> io::Result<Netlink> {
    let socket = Netlink::open(protocol, Duration::from_secs(1))?;
    socket.set_buffer(buffer_bytes);
    groups.iter().try_for_each(|group| socket.join(*group))?;
    Ok(socket)
}

/// Notes what a message changes.
fn handle(
    host: &mut Host,
    neighbours: &mut HashMap<NeighbourKey, Neighbour>,
    changes: &mut Changes,
    message: &Message<'_>,
) {
    match message.kind {
        libc::RTM_NEWLINK | libc::RTM_DELLINK => changes.all |= host.links.handle_link(message),
        libc::RTM_NEWADDR | libc::RTM_DELADDR => changes.all |= host.links.handle_address(message),
        libc::RTM_NEWNEIGH | libc::RTM_DELNEIGH => {
            let Some((key, news)) = neighbour::parse(message) else {
                return;
            };
            if let Some(known) = neighbours.get_mut(&key)
                && *known != news
            {
                // Gone from where it was: packets would have it searched for everywhere.
                let lost = known.usable().is_ok() && news.state & libc::NUD_FAILED != 0;
                *known = news;
                *changes.neighbours.entry(key).or_default() |= lost || news.is_doubtful();
            }
        }
        libc::RTM_NEWROUTE | libc::RTM_DELROUTE => match route::destinations(message) {
            // A burst of them is no cheaper to look through than everything.
            Some(prefix) if changes.routes.len() < limits::ROUTE_CHANGES => changes.routes.push(prefix),
            Some(_) => changes.all = true,
            None => {}
        },
        // Rules, next-hop objects: rare, and read as a whole.
        _ => changes.host = true,
    }
}
