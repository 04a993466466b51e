//! Packets through the real process: what pauses, errors and reuse do to a flow.

use std::net::UdpSocket;
use std::time::Duration;

use crate::daemon::{Daemon, Peer, ask, delete, offer, set_up};

#[test]
fn packets_pass_both_ways() {
    let daemon = Daemon::start(&[]);
    let (mut a, mut b) = (Peer::new(1), Peer::new(2));
    let (a_sends_to, b_sends_to) = set_up(&daemon.client(), "both", &a, &b);
    for _ in 0..20 {
        assert_eq!(a.send(a_sends_to), b.receive());
        assert_eq!(b.send(b_sends_to), a.receive());
    }
    assert_eq!(daemon.end().code(), Some(0));
}

/// What serves media sockets is said once, and is what was asked for where it works.
#[test]
fn each_way_of_serving_sockets_forwards() {
    for (option, named) in [
        ("--io=epoll", "by epoll, as configured"),
        ("--io=uring", "by io_uring, as configured"),
        ("--io-uring", "by io_uring, as configured"),
        ("--io=auto", "media sockets are served by"),
    ] {
        let mut daemon = Daemon::unstarted(2, &[option, "--pin-workers"]);
        let (said, _) = daemon.lines_until("started");
        let said: Vec<_> = said
            .iter()
            .filter(|line| line.contains("media sockets"))
            .collect();
        assert_eq!(said.len(), 1, "{said:?}");
        if !said[0].contains(named) {
            assert!(
                said[0].contains("by epoll, because io_uring does not work here"),
                "{said:?}"
            );
            eprintln!("not tested: {}", said[0]);
            assert!(std::env::var_os("CI").is_none(), "CI has io_uring");
        }
        let (mut a, mut b) = (Peer::new(1), Peer::new(2));
        let client = daemon.client();
        let (a_sends_to, b_sends_to) = set_up(&client, "ways", &a, &b);
        for _ in 0..100 {
            assert_eq!(a.send(a_sends_to), b.receive());
            assert_eq!(b.send(b_sends_to), a.receive());
        }
        // Empty datagrams and long ones are nobody's, and end nothing.
        for len in [0, 1, 20_000, 60_000] {
            a.socket.send_to(&vec![0; len], a_sends_to).expect("send");
            assert_eq!(
                a.send(a_sends_to),
                loop {
                    let got = b.receive();
                    if got.len() != len {
                        break got;
                    }
                }
            );
        }
        ask(&client, "d", &delete("ways"));
        settle(&daemon);
        assert_eq!(daemon.end().code(), Some(0));
    }
}

#[test]
fn a_pause_loses_nothing() {
    for io in ["--io=epoll", "--io=uring"] {
        pause(io);
    }
}

/// A pause of the process (a migrating VM, a debugger): everything that queued meanwhile is forwarded, and nothing waits
/// for the next packet.
fn pause(io: &str) {
    let daemon = Daemon::start(&[io]);
    let (mut a, b) = (Peer::new(1), Peer::new(2));
    let (a_sends_to, _) = set_up(&daemon.client(), "pause", &a, &b);
    assert_eq!(a.send(a_sends_to), b.receive());
    daemon.signal(libc::SIGSTOP);
    // 150 ms of a video stream of 1,000 packets a second.
    let sent: Vec<_> = (0..150).map(|_| a.send(a_sends_to)).collect();
    daemon.signal(libc::SIGCONT);
    for packet in sent {
        assert_eq!(packet, b.receive());
    }
}

/// Nobody listens where we send to, for a while: ICMP errors come back, and the flow goes on.
#[test]
fn a_refusing_peer_does_not_silence_the_flow() {
    let daemon = Daemon::start(&[]);
    let (mut a, mut b) = (Peer::new(1), Peer::new(2));
    let (a_sends_to, b_sends_to) = set_up(&daemon.client(), "refused", &a, &b);
    assert_eq!(a.send(a_sends_to), b.receive());
    assert_eq!(b.send(b_sends_to), a.receive());
    let addr = b.socket.local_addr().expect("name");
    // Closes the port: from here on each packet to it causes an error.
    b.socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
    for _ in 0..100 {
        a.send(a_sends_to);
    }
    b.socket = UdpSocket::bind(addr).expect("the same port again");
    b.socket
        .set_read_timeout(Some(crate::daemon::LIMIT))
        .expect("timeout");
    let last = a.send(a_sends_to);
    while b.receive() != last {}
    assert_eq!(b.send(b_sends_to), a.receive());
}

/// Calls come and go; no port and no descriptor stays behind, and the ports are used again.
#[test]
fn cycles_leave_nothing_behind() {
    let daemon = Daemon::start(&["--port-min=20000", "--port-max=20799"]);
    let client = daemon.client();
    let (a, b) = (Peer::new(1), Peer::new(2));
    set_up(&client, "first", &a, &b);
    ask(&client, "first-d", &delete("first"));
    settle(&daemon);
    let before = daemon.descriptors();
    // 100 calls at a time use half of the 800 ports, so each port is used several times.
    for round in 0..8 {
        let calls: Vec<String> = (0..100).map(|n| format!("c{round}-{n}")).collect();
        for call in &calls {
            set_up(&client, call, &a, &b);
        }
        assert_eq!(daemon.ports_used(), 400);
        for call in &calls {
            let reply = ask(&client, &format!("{call}-d"), &delete(call));
            assert_eq!(reply.text_of("result"), "ok");
        }
        settle(&daemon);
    }
    // The CLI's own connections take a moment to close.
    let limit = Duration::from_secs(10);
    crate::lab::wait_for("the descriptors to be closed", limit, || {
        daemon.descriptors() <= before
    });
}

/// "Ran out of ports" is said when it is true, and only then.
#[test]
fn ports_run_out_and_come_back() {
    // Four ports, two pairs: enough for one call.
    let base = (20_800..29_000)
        .step_by(4)
        .find(|b| (*b..b + 4).all(|p| UdpSocket::bind(("127.0.0.1", p)).is_ok()));
    let base = base.expect("four free ports");
    let range = [format!("--port-min={base}"), format!("--port-max={}", base + 3)];
    let daemon = Daemon::start(&[&range[0], &range[1]]);
    let client = daemon.client();
    let (a, b) = (Peer::new(1), Peer::new(2));
    set_up(&client, "one", &a, &b);
    let refused = ask(&client, "r", &offer("two", &a.sdp()));
    assert_eq!(refused.text_of("error-reason"), "Ran out of ports");
    ask(&client, "d", &delete("one"));
    settle(&daemon);
    set_up(&client, "three", &a, &b);
}

/// Waits until the workers have given every port back.
fn settle(daemon: &Daemon) {
    crate::lab::wait_for("the ports to be free", Duration::from_secs(10), || {
        daemon.ports_used() == 0
    });
}
