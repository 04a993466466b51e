//! Nothing is allocated for a packet that is forwarded, but for the first of a flow.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use plan::{Command, ExtMap, PlanSet, SocketId, Time};
use relay::{Batch, Config, Outbox, Relay};

use crate::world::{A, B, CALL, addr, pair, rtp, sink};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches a thread-local without a
// destructor, which never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and `ptr` came from `System`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn forwarding_allocates_nothing() {
    let mut plans = pair();
    // One sink as it is, one with extensions filtered: copied into memory that is there already.
    let map = ExtMap {
        ids: vec![(1, 2)],
        keep_unknown: true,
        two_byte: true,
        mid: None,
    };
    let mut filtered = sink(2);
    filtered.process.ext_map = Some(Arc::new(map));
    plans[0].sinks.push(filtered);
    let mut relay = Relay::new(Config { seed: 1 });
    relay.apply(
        Time(0),
        Command::Install(PlanSet {
            call: CALL,
            generation: 0,
            plans,
        }),
    );
    let (mut batch, mut out) = (Batch::new(64, 2048), Outbox::new(256, 1 << 17));
    let (a, b) = (addr(A), addr(B));
    let mut packet = rtp(5, 0);
    packet[0] |= 0x10;
    packet.splice(12..12, [0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
    let mut seq = 0_u16;
    let mut before = ALLOCATIONS.get();
    let mut sent = 0;
    for turn in 0..100 {
        if turn == 1 {
            // Each flow has got room for its loop guard: once, and nothing else.
            assert_eq!(ALLOCATIONS.get() - before, 2);
            before = ALLOCATIONS.get();
        }
        batch.clear();
        for _ in 0..32 {
            seq += 1;
            packet[2..4].copy_from_slice(&seq.to_be_bytes());
            // The first turns learn, which makes news.
            batch.push_bytes(SocketId(1), a, &packet);
            batch.push_bytes(SocketId(2), b, &packet);
        }
        let now = Time(turn * 20_000);
        while !relay.receive(now, &mut batch, &mut out) {
            sent += out.transmits().len();
            out.clear();
        }
        relay.handle_timeout(now, &mut out);
        sent += out.transmits().len();
        out.clear();
        relay.drain_events(drop);
    }
    assert_eq!(sent, 100 * 32 * 3);
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
