//! The daemon without its shell: registry, calls and one packet worker, driven by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use call::{Call, Config, Env, Interfaces, LocalAddress, Output, PortRange, Ports};
use ng_protocol::cookie::{Arrival, CookieCache};
use ng_protocol::{Command, CommandKind, Dict, NgError, Request, Templates, Value, envelope, reply};
use plan::{CallKey, FlowStats, PlanSet, SocketId, Time};
use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};
use relay::{Batch, Outbox, Relay};

use crate::pool::Pool;

/// Where the node listens for media.
pub(crate) const LOCAL: &str = "203.0.113.1";

pub(crate) struct Node {
    calls: BTreeMap<String, Call>,
    by_key: BTreeMap<CallKey, String>,
    generations: BTreeMap<CallKey, u64>,
    flows: BTreeMap<CallKey, Vec<Arc<FlowStats>>>,
    config: Arc<Config>,
    cookies: CookieCache<()>,
    /// Media address to socket and call, for what is installed.
    sockets: BTreeMap<SocketAddr, (SocketId, CallKey)>,
    addresses: BTreeMap<SocketId, SocketAddr>,
    outside: Outside,
    relay: Relay,
    batch: Batch,
    outbox: Outbox,
    next_key: u64,
    pub(crate) executed: u64,
    pub(crate) errors: u64,
    pub(crate) packets: u64,
}

struct Outside {
    pool: Pool,
    rng: SmallRng,
}

impl Env for Outside {
    fn ports(&mut self) -> &mut dyn Ports {
        &mut self.pool
    }
    fn rng(&mut self) -> &mut dyn RngCore {
        &mut self.rng
    }
}

/// A datagram that leaves.
pub(crate) struct Sent {
    pub(crate) from: SocketId,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

impl Node {
    pub(crate) fn new(seed: u64, now: Time) -> Self {
        let ip = LOCAL.parse().expect("address");
        let ports = PortRange {
            min: 30_000,
            max: 33_999,
        };
        let mut interfaces = Interfaces::new();
        interfaces.add(
            "default",
            LocalAddress {
                ip,
                advertised: ip,
                ports,
                excluded: Vec::new(),
            },
        );
        let config = Config {
            interfaces,
            ..Config::default()
        };
        Self {
            calls: BTreeMap::new(),
            by_key: BTreeMap::new(),
            generations: BTreeMap::new(),
            flows: BTreeMap::new(),
            config: Arc::new(config),
            cookies: CookieCache::new(now.as_micros()),
            sockets: BTreeMap::new(),
            addresses: BTreeMap::new(),
            outside: Outside {
                pool: Pool::new(ip, ports.min, ports.max),
                rng: SmallRng::seed_from_u64(seed),
            },
            relay: Relay::new(relay::Config { seed }),
            batch: Batch::new(8, 2048),
            outbox: Outbox::new(64, 1 << 16),
            next_key: 1,
            executed: 0,
            errors: 0,
            packets: 0,
        }
    }

    /// One datagram on the control port; returns the reply.
    pub(crate) fn handle_message(&mut self, now: Time, source: SocketAddr, bytes: &[u8]) -> Arc<[u8]> {
        let envelope = envelope::Envelope::split(bytes).expect("messages have a cookie");
        match self.cookies.begin(source, envelope.cookie, (), now.as_micros()) {
            Arrival::Done(reply) => return reply,
            Arrival::InWork => unreachable!("commands are executed one at a time here"),
            Arrival::New => {}
        }
        let dict = envelope::decode(envelope.payload).expect("messages are well formed");
        self.executed += 1;
        let answer = self.execute(now, &dict).unwrap_or_else(|error| {
            self.errors += 1;
            reply::error(&error)
        });
        self.assert_installed(&answer);
        let format = envelope::Format::of(envelope.payload);
        let bytes: Arc<[u8]> = envelope::encode_message(envelope.cookie, format, &answer).into();
        let waiting = self.cookies.finish(source, envelope.cookie, bytes.clone());
        assert!(
            waiting.is_empty(),
            "nothing waits where commands are executed one at a time"
        );
        bytes
    }

    /// What an SDP body in a reply promises is there when the reply leaves.
    fn assert_installed(&self, reply: &Dict<'_>) {
        let Some(sdp) = reply.get("sdp").and_then(Value::as_bytes) else {
            return;
        };
        let Some(port) = crate::messages::port(sdp).filter(|p| *p != 0) else {
            return;
        };
        let addr = SocketAddr::new(LOCAL.parse().expect("address"), port);
        assert!(
            self.sockets.contains_key(&addr),
            "port {port} was told but no plan is installed for it"
        );
    }

    fn execute(&mut self, now: Time, dict: &Dict<'_>) -> Result<Dict<'static>, NgError> {
        let kind = CommandKind::of(dict)?;
        let request = Request::parse(kind, dict, &Templates::default())?;
        let Some(id) = request.command.call_id().map(|id| id.to_str().into_owned()) else {
            return Ok(reply::pong());
        };
        if let Command::Offer(_) = request.command
            && !self.calls.contains_key(&id)
        {
            self.create(now, &id);
        }
        let Some(call) = self.calls.get_mut(&id) else {
            return match request.command {
                Command::Delete(_) => Ok(reply::warning("Call-ID not found or tags didn't match")),
                _ => Err(NgError::UnknownCallId),
            };
        };
        let env = &mut self.outside;
        let result = match &request.command {
            Command::Offer(args) => call.offer(now, env, args).map(sdp_reply),
            Command::Answer(args) => call.answer(now, env, args).map(sdp_reply),
            Command::Delete(args) => match call.delete(now, args) {
                Ok(dict) => Ok(dict.with("result", "ok")),
                Err(error) => Ok(reply::warning(error.to_string())),
            },
            Command::Query(args) => call.query(now, args).map(|d| d.with("result", "ok")),
            _ => Err(NgError::NotImplemented(kind.name())),
        };
        self.settle(now, &id);
        result
    }

    fn create(&mut self, now: Time, id: &str) {
        let key = CallKey(self.next_key);
        self.next_key += 1;
        self.by_key.insert(key, id.to_owned());
        self.calls
            .insert(id.to_owned(), Call::new(key, id.into(), now, self.config.clone()));
    }

    /// Does what a call wants done.
    fn settle(&mut self, now: Time, id: &str) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let key = call.key();
        let mut ended = false;
        while let Some(output) = self.calls.get_mut(id).and_then(Call::poll_output) {
            match output {
                Output::Install(set) => self.install(now, set),
                Output::Send(datagram) => self.relay.apply(now, plan::Command::Send(datagram)),
                Output::Remove(key) => self.relay.apply(now, plan::Command::Remove(key)),
                Output::Ended(_) => ended = true,
                Output::Recording(_) | Output::Notify(_) => {}
            }
            self.collect_released();
        }
        if ended {
            self.calls.remove(id);
            self.by_key.remove(&key);
            self.generations.remove(&key);
            self.flows.remove(&key);
        }
    }

    fn install(&mut self, now: Time, set: PlanSet) {
        let last = self.generations.insert(set.call, set.generation);
        assert!(
            last.is_none_or(|last| last < set.generation),
            "generations count up"
        );
        for plan in &set.plans {
            for socket in &plan.sockets {
                self.sockets.insert(socket.addr, (socket.id, set.call));
                self.addresses.insert(socket.id, socket.addr);
            }
        }
        self.flows
            .insert(set.call, set.plans.iter().map(|p| p.stats.clone()).collect());
        self.relay.apply(now, plan::Command::Install(set));
    }

    fn collect_released(&mut self) {
        let (sockets, addresses, pool) = (&mut self.sockets, &mut self.addresses, &mut self.outside.pool);
        self.relay.drain_released(|id| {
            if let Some(addr) = addresses.remove(&id) {
                sockets.remove(&addr);
            }
            pool.closed(id);
        });
    }

    /// One media datagram to one of our ports; returns what leaves because of it.
    pub(crate) fn handle_packet(
        &mut self,
        now: Time,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Vec<Sent> {
        self.packets += 1;
        // A datagram to a port that is closed never arrives.
        let Some(&(socket, call)) = self.sockets.get(&to) else {
            return Vec::new();
        };
        let before = self.dropped(call);
        self.batch.clear();
        self.batch.push_bytes(socket, from, bytes);
        assert!(
            self.relay.receive(now, &mut self.batch, &mut self.outbox),
            "one packet fits the outbox"
        );
        let sent = self.take_outbox();
        let dropped = self.dropped(call) - before;
        assert!(
            (sent.is_empty() && dropped == 1) || (!sent.is_empty() && dropped == 0),
            "sent or dropped, and once"
        );
        self.events(now);
        sent
    }

    fn take_outbox(&mut self) -> Vec<Sent> {
        let sent = self.outbox.transmits().iter().map(|t| Sent {
            from: t.socket,
            to: t.dest,
            bytes: self.outbox.bytes(&self.batch, t).to_vec(),
        });
        let sent = sent.collect();
        self.outbox.clear();
        sent
    }

    fn dropped(&self, call: CallKey) -> u64 {
        let of = |stats: &Arc<FlowStats>| stats.drops.iter().map(|n| n.load(Relaxed)).sum::<u64>();
        self.flows.get(&call).into_iter().flatten().map(of).sum::<u64>() + self.relay.totals().no_flow
    }

    fn events(&mut self, now: Time) {
        let mut events = Vec::new();
        self.relay.drain_events(|event| events.push(event));
        for event in events {
            let Some(id) = self.by_key.get(&event.call()).cloned() else {
                continue;
            };
            if let Some(call) = self.calls.get_mut(&id) {
                call.handle_event(now, &event);
            }
            self.settle(now, &id);
        }
    }

    /// Time passes, for calls and packets.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let due = |call: &Call| call.poll_timeout().is_some_and(|at| at <= now);
        let ids: Vec<String> = self
            .calls
            .iter()
            .filter(|(_, c)| due(c))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            if let Some(call) = self.calls.get_mut(&id) {
                call.handle_timeout(now);
            }
            self.settle(now, &id);
        }
        if self.relay.poll_timeout().is_some_and(|at| at <= now) {
            self.relay.handle_timeout(now, &mut self.outbox);
            self.outbox.clear();
        }
        self.events(now);
    }

    pub(crate) fn alive(&self) -> usize {
        self.calls.len()
    }

    /// Where a socket is bound.
    pub(crate) fn address(&self, socket: SocketId) -> Option<SocketAddr> {
        self.addresses.get(&socket).copied()
    }

    pub(crate) fn assert_empty(&self) {
        let ids: Vec<&String> = self.calls.keys().take(5).collect();
        assert!(
            self.calls.is_empty(),
            "{} calls are left, among them {ids:?}",
            self.calls.len()
        );
        assert!(self.sockets.is_empty(), "sockets are left: {:?}", self.sockets);
        assert!(self.outside.pool.is_whole(), "ports are left");
    }
}

fn sdp_reply(reply: call::SdpReply) -> Dict<'static> {
    reply::ok().with("sdp", reply.sdp)
}
