//! The program over packets, by `BPF_PROG_TEST_RUN`: the kernel runs it, and nothing is sent.

mod cost;
mod forward;
mod gate;
mod here;
mod object;
mod refuse;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use plan::{FlowId, FlowStats, Framing, LocalSocket, Refusal, SocketId};
use relay::KernelFlow;

use super::{Entry, EntryId, Kernel, NextHop, Served, Setup, Table, Unavailable, WorkerTable};

const MODES: [Served; 3] = [Served::Native, Served::Generic, Served::Tc];

/// What the program answers if a packet goes up the stack.
const fn pass(mode: Served) -> i32 {
    match mode {
        Served::Tc => -1, // TC_ACT_UNSPEC: whoever is next decides
        _ => 2,           // XDP_PASS
    }
}

/// What it answers if it sends one by the device where it arrived.
const fn sent_on(mode: Served) -> i32 {
    match mode {
        Served::Tc => 7, // TC_ACT_REDIRECT
        _ => 3,          // XDP_TX
    }
}

/// The loopback device, at which test runs arrive.
const LOOPBACK: u32 = 1;
const HOST: [u8; 6] = [0; 6];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];
const SSRC: u32 = 0x1122_3344;
const V4: &str = "192.0.2.1:30000";
const V6: &str = "[2001:db8::1]:30000";
const PEER4: &str = "198.51.100.7:4000";
const PEER6: &str = "[2001:db8:7::7]:4000";
const OUT4: &str = "192.0.2.1:30002";
const OUT6: &str = "[2001:db8::1]:30002";
const DEST4: &str = "203.0.113.9:5000";
const DEST6: &str = "[2001:db8:9::9]:5000";

/// The program with a table of one worker, or `None` where we may not load it.
fn loaded(addresses: &[&str]) -> Option<(Kernel, WorkerTable)> {
    let setup = Setup {
        addresses: addresses.iter().map(|a| address(a).ip()).collect(),
        workers: 1,
        entries: 64,
    };
    let mut kernel = match Kernel::load(&setup) {
        Ok(kernel) => kernel,
        Err(error @ (Unavailable::NoCapability(_) | Unavailable::NotPermitted | Unavailable::NoBpf)) => {
            let text = format!("SKIPPED, this test loads a BPF program: {error}");
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
            let _ = writeln!(std::io::stderr(), "{text}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    setup
        .addresses
        .iter()
        .for_each(|ip| kernel.serve(*ip, Served::Tc));
    let table = kernel.worker_table(0);
    Some((kernel, table))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A flow of RTP with payload types 0, 8 and 101, from `source` to `local`, out of `out`, to `dest`.
fn entry(source: &str, local: &str, out: &str, dest: &str) -> Entry {
    let socket = |addr| LocalSocket {
        id: SocketId(1),
        addr: address(addr),
    };
    let stats = Arc::new(FlowStats::default());
    Entry {
        flow: KernelFlow {
            flow: FlowId(1),
            local: socket(local),
            source: address(source),
            framing: Framing::Rtp,
            ssrc: Some(SSRC),
            payload_types: 1 | 1 << 8 | 1 << 101,
            out: socket(out),
            dest: address(dest),
            tos: 0xb8,
            stats: Arc::clone(&stats),
            sink_stats: stats,
        },
        hop: NextHop {
            device: LOOPBACK,
            source: [2, 0, 0, 0, 0, 3],
            dest: [2, 0, 0, 0, 0, 4],
            vlan: None,
            mtu: 1500,
            ttl: 64,
            xdp: true,
        },
        from_here: false,
    }
}

fn open(table: &mut WorkerTable, entry: &Entry) -> EntryId {
    let id = table.publish(entry).expect("room in the table");
    table.force(id);
    id
}
