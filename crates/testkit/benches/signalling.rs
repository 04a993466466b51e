//! What a call costs the control side: `cargo bench -p testkit`. Offers, answers and deletes pass as bytes through
//! everything that is pure, plans included; per message it prints the allocations and the bytes asked for, which do not
//! depend on the machine. For instructions run it under callgrind with a number of calls as its argument.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use call::{
    Call, Config, Env, Interfaces, LocalAddress, LocalSockets, Output, PortError, PortRange, PortRequest,
    Ports,
};
use ng_protocol::{CallId, Command, CommandKind, Dict, NgError, Request, Templates, envelope, reply};
use plan::{CallKey, LocalSocket, SocketId, Time};
use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};
use relay::Relay;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
const WARM_UP: u64 = 100;
/// Calls that stand at the same time, as in a busy system.
const STANDING: u64 = 50;

/// The stages of one message.
const STAGES: [&str; 5] = ["decode", "parse", "call", "relay", "reply"];

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
    HELD.fetch_add(bytes as u64, Relaxed);
}

// SAFETY: everything is passed on to the system's allocator; only counters are kept beside.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as u64, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        HELD.fetch_sub(layout.size() as u64, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn main() {
    let calls = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(1_000);
    let mut node = Node::new();
    let mut standing = VecDeque::new();
    for call in 0..WARM_UP {
        node.set_up(call);
        standing.push_back(call);
        if standing.len() as u64 > STANDING {
            node.delete(standing.pop_front().expect("not empty"));
        }
    }
    node.spent = [[(0, 0); STAGES.len()]; 3];
    for call in WARM_UP..WARM_UP + calls {
        node.set_up(call);
        standing.push_back(call);
        node.delete(standing.pop_front().expect("not empty"));
    }
    print(&node.spent, calls);
    let before = HELD.load(Relaxed);
    for call in 0..calls {
        node.set_up(1_000_000 + call);
    }
    println!(
        "{} bytes held per standing call",
        (HELD.load(Relaxed) - before) / calls
    );
}

fn print(spent: &[[(u64, u64); STAGES.len()]; 3], calls: u64) {
    print!("allocations (bytes)");
    STAGES.iter().for_each(|stage| print!("{stage:>14}"));
    println!("{:>14}", "sum");
    for (name, stages) in ["offer", "answer", "delete"].into_iter().zip(spent) {
        print!("{name:<19}");
        let sum = stages.iter().fold((0, 0), |(a, b), (x, y)| (a + x, b + y));
        for (allocations, bytes) in stages.iter().chain([&sum]) {
            print!("{:>14}", format!("{} ({})", allocations / calls, bytes / calls));
        }
        println!();
    }
}

/// The daemon without its shell.
struct Node {
    calls: BTreeMap<CallId, Call>,
    config: Arc<Config>,
    templates: Templates,
    outside: Outside,
    relay: Relay,
    next_key: u64,
    spent: [[(u64, u64); STAGES.len()]; 3],
}

struct Outside {
    free: Vec<u16>,
    rng: SmallRng,
}

impl Env for Outside {
    fn ports(&mut self) -> &mut dyn Ports {
        self
    }
    fn rng(&mut self) -> &mut dyn RngCore {
        &mut self.rng
    }
}

impl Ports for Outside {
    fn allocate(&mut self, request: &PortRequest) -> Result<LocalSockets, PortError> {
        let port = self.free.pop().ok_or(PortError::Exhausted)?;
        let socket = |port: u16| LocalSocket {
            id: SocketId(port.into()),
            addr: SocketAddr::new(LOCAL, port),
        };
        Ok((port..).take(request.count.into()).map(socket).collect())
    }

    fn release(&mut self, sockets: &[SocketId]) {
        let even = sockets.iter().filter(|s| s.0 % 2 == 0);
        self.free.extend(even.filter_map(|s| u16::try_from(s.0).ok()));
    }
}

/// Allocations and bytes since the last look.
struct Meter(u64, u64);

impl Meter {
    fn new() -> Self {
        Self(ALLOCATIONS.load(Relaxed), BYTES.load(Relaxed))
    }

    fn lap(&mut self, into: &mut (u64, u64)) {
        let now = Self::new();
        into.0 += now.0 - self.0;
        into.1 += now.1 - self.1;
        *self = now;
    }
}

impl Node {
    fn new() -> Self {
        let mut interfaces = Interfaces::new();
        let ports = PortRange {
            min: 10_000,
            max: 65_000,
        };
        let address = LocalAddress {
            ip: LOCAL,
            advertised: LOCAL,
            ports,
            excluded: Vec::new(),
        };
        interfaces.add("default", address);
        Self {
            calls: BTreeMap::new(),
            config: Arc::new(Config {
                interfaces,
                ..Config::default()
            }),
            templates: Templates::default(),
            outside: Outside {
                free: (10_000..65_000).step_by(2).collect(),
                rng: SmallRng::seed_from_u64(1),
            },
            relay: Relay::new(relay::Config { seed: 1 }),
            next_key: 0,
            spent: [[(0, 0); STAGES.len()]; 3],
        }
    }

    fn set_up(&mut self, n: u64) {
        self.handle(0, &message("offer", n));
        self.handle(1, &message("answer", n));
    }

    fn delete(&mut self, n: u64) {
        self.handle(2, &message("delete", n));
    }

    fn handle(&mut self, row: usize, bytes: &[u8]) {
        let mut spent = self.spent[row];
        let [decode, parse, call, relay, reply] = &mut spent;
        let now = Time::from_secs(1_000_000);
        let mut meter = Meter::new();
        let envelope = envelope::Envelope::split(bytes).expect("a cookie");
        let dict = envelope::decode(envelope.payload).expect("well formed");
        meter.lap(decode);
        let kind = CommandKind::of(&dict).expect("known");
        let request = Request::parse(kind, &dict, &self.templates).expect("complete");
        drop(dict);
        meter.lap(parse);
        let (key, answer) = self.execute(now, &request);
        let answer = answer.expect("accepted");
        meter.lap(call);
        self.settle(now, key);
        drop(request);
        meter.lap(relay);
        let format = envelope::Format::of(envelope.payload);
        let bytes: Arc<[u8]> = envelope::encode_message(envelope.cookie, format, &answer).into();
        assert!(bytes.len() > 100, "a reply with something in it");
        drop((bytes, answer));
        meter.lap(reply);
        self.spent[row] = spent;
    }

    fn execute(&mut self, now: Time, request: &Request) -> (CallId, Result<Dict<'static>, NgError>) {
        let id = request.command.call_id().expect("a call").clone();
        let env = &mut self.outside;
        if let Command::Offer(_) = request.command {
            self.next_key += 1;
            let call = Call::new(CallKey(self.next_key), id.clone(), now, Arc::clone(&self.config));
            self.calls.insert(id.clone(), call);
        }
        let call = self.calls.get_mut(&id).expect("offered before");
        let result = match &request.command {
            Command::Offer(args) => call.offer(now, env, args).map(sdp_reply),
            Command::Answer(args) => call.answer(now, env, args).map(sdp_reply),
            Command::Delete(args) => call.delete(now, args).map(|d| d.with("result", "ok")),
            _ => unreachable!("no other message is sent"),
        };
        (id, result)
    }

    fn settle(&mut self, now: Time, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let mut ended = false;
        while let Some(output) = call.poll_output() {
            match output {
                Output::Install(set) => self.relay.apply(now, plan::Command::Install(set)),
                Output::Send(datagram) => self.relay.apply(now, plan::Command::Send(datagram)),
                Output::Remove(key) => self.relay.apply(now, plan::Command::Remove(key)),
                Output::Ended(_) => ended = true,
                Output::Recording(_) | Output::Notify(_) => {}
            }
        }
        if ended {
            self.calls.remove(&id);
        }
        let outside = &mut self.outside;
        self.relay.drain_released(|id| outside.release(&[id]));
    }
}

fn sdp_reply(reply: call::SdpReply) -> Dict<'static> {
    reply::ok().with("sdp", reply.sdp)
}

fn message(command: &str, n: u64) -> Vec<u8> {
    let names = [
        format!("call-4711-{n}"),
        format!("from4711{n}"),
        format!("to4711{n}"),
    ];
    let [call_id, from_tag, to_tag] = &names;
    let sdp = match command {
        "offer" => sdp("198.51.100.1"),
        _ => sdp("198.51.100.2"),
    };
    let mut dict = Dict::new().with("command", command);
    if command != "delete" {
        dict = dict.with("sdp", &*sdp).with("ICE", "remove").with(
            "replace",
            ["origin"].into_iter().collect::<ng_protocol::Value<'_>>(),
        );
    }
    dict.push("call-id", &**call_id);
    dict.push("from-tag", &**from_tag);
    match command {
        "answer" => dict.push("to-tag", &**to_tag),
        "delete" => dict.push("delete-delay", 0),
        _ => {}
    }
    let cookie = format!("4711_{n}_{command}");
    envelope::encode_message(cookie.as_bytes(), envelope::Format::of(b"d"), &dict)
}

fn sdp(ip: &str) -> String {
    format!(
        "v=0\r\no=load 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
         a=sendrecv\r\n"
    )
}
