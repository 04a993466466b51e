//! Nothing is allocated for a packet by whatever serves its socket.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use patchbay::datapath::io::Io;
use patchbay::datapath::io_epoll::EpollIo;
use patchbay::datapath::io_uring::UringIo;
use patchbay::sys::epoll::Waker;
use patchbay::sys::socket::bind_media;
use plan::{CallKey, Command, Component, FlowId, Learning, LocalSocket, Plan, PlanSet, Sink, SocketId, Time};
use relay::{Batch, Config, Outbox, Relay};

use crate::daemon::LIMIT;

#[test]
fn epoll_allocates_nothing() {
    forward(&mut EpollIo::new(Waker::new().expect("eventfd"), Duration::ZERO).expect("epoll"));
}

#[test]
fn io_uring_allocates_nothing() {
    match UringIo::new(Waker::new().expect("eventfd"), Duration::ZERO, 64) {
        Ok(mut io) => forward(&mut io),
        Err(error) => {
            eprintln!("no io_uring here, nothing was tested: {error}");
            assert!(std::env::var_os("CI").is_none(), "CI has io_uring");
        }
    }
}

/// Flow `n` receives at socket `n`; what it receives leaves by its neighbour's.
fn plan(n: u32, local: SocketAddr, peer: SocketAddr) -> Plan {
    let mut plan = Plan {
        sockets: vec![LocalSocket {
            id: SocketId(n),
            addr: local,
        }]
        .into(),
        peer: Some(peer),
        sinks: vec![Sink::new(FlowId(u64::from(n ^ 1)))].into(),
        clock_rates: vec![(8, 8000)].into(),
        ..Plan::new(FlowId(u64::from(n)), Component::Rtp)
    };
    plan.source.learning = Learning::Off;
    plan
}

/// Turns with several packets of several flows each; counts what the calls of `io` allocate.
fn forward(io: &mut dyn Io) {
    const FLOWS: u32 = 8;
    const PACKETS: usize = 5;
    let parties: Vec<UdpSocket> = (0..FLOWS)
        .map(|_| UdpSocket::bind("127.0.0.1:0").expect("bind"))
        .collect();
    let (mut plans, mut media) = (Vec::new(), Vec::new());
    for (n, party) in (0..FLOWS).zip(&parties) {
        party.set_read_timeout(Some(LIMIT)).expect("timeout");
        let fd = bind_media("127.0.0.1:0".parse().expect("address")).expect("bind");
        let name = socket2::SockRef::from(&fd).local_addr().expect("name");
        let addr = name.as_socket().expect("ip");
        media.push(addr);
        plans.push(plan(n, addr, party.local_addr().expect("name")));
        io.open(
            LocalSocket {
                id: SocketId(n),
                addr,
            },
            fd,
        )
        .expect("open");
    }
    let mut relay = Relay::new(Config { seed: 1 });
    let set = PlanSet {
        call: CallKey(1),
        generation: 0,
        plans,
    };
    relay.apply(Time(0), Command::Install(set));
    let (mut batch, mut out) = (Batch::new(64, 2048), Outbox::new(256, 1 << 17));
    let (mut allocated, mut bytes) = (0, [0; 2048]);
    for turn in 0..50_usize {
        let seq = |packet| u16::try_from(turn * PACKETS + packet).expect("few");
        for (n, (party, to)) in (0..FLOWS).zip(parties.iter().zip(&media)) {
            for packet in 0..PACKETS {
                party
                    .send_to(&crate::rtp::packet(n, seq(packet)), to)
                    .expect("send");
            }
        }
        let all = parties.len() * PACKETS;
        let before = allocations::made();
        while batch.len() < all {
            let had = batch.len();
            io.gather(Some(LIMIT));
            io.receive(&mut batch, Some(LIMIT));
            assert!(batch.len() > had, "{had} of {all} packets came");
        }
        allocated += allocations::made() - before;
        assert!(
            relay.receive(Time(turn as u64 * 20_000), &mut batch, &mut out),
            "room for all"
        );
        let before = allocations::made();
        io.transmit(out.transmits(), &out, &batch, &mut |t| {
            panic!("{t:?} was refused")
        });
        allocated += allocations::made() - before;
        out.clear();
        batch.clear();
        for (n, party) in (0..FLOWS).zip(&parties) {
            for packet in 0..PACKETS {
                let len = party.recv(&mut bytes).expect("a packet");
                assert_eq!(bytes[..len], crate::rtp::packet(n ^ 1, seq(packet)));
            }
        }
        // What is needed once: the waker's watch, room for what is watched.
        if turn == 0 {
            allocated = 0;
        }
    }
    assert_eq!(allocated, 0);
}
