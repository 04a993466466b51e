//! Connections that are opened and say nothing keep nobody out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::daemon::{Daemon, LIMIT};

/// As many as each listener has places for.
const PLACES: usize = 256;

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("connect");
    stream.set_read_timeout(Some(LIMIT)).expect("timeout");
    stream
}

/// Asks, and returns what comes at once.
fn ask(stream: &mut TcpStream, question: &str) -> String {
    stream.write_all(question.as_bytes()).expect("write");
    let mut buffer = [0; 4096];
    let len = stream.read(&mut buffer).expect("an answer");
    String::from_utf8_lossy(&buffer[..len]).into_owned()
}

#[test]
fn idle_connections_give_way() {
    let daemon = Daemon::start(&[]);
    for (what, question, answer) in [
        ("ng/tcp", "c d7:command4:pinge", "c d6:result4:ponge"),
        ("http/tcp", "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", "pong"),
    ] {
        let addr = daemon.addr(what);
        let mut first = connect(addr);
        assert!(ask(&mut first, question).contains(answer));
        // One of them begins a message and never ends it.
        let mut idle: Vec<TcpStream> = (1..PLACES).map(|_| connect(addr)).collect();
        idle[0].write_all(&question.as_bytes()[..5]).expect("write");
        // Newcomers are let in, one for one, and whoever is in use stays.
        for round in 0..20 {
            let mut newcomer = connect(addr);
            assert!(
                ask(&mut newcomer, question).contains(answer),
                "{what}: newcomer {round}"
            );
            assert!(
                ask(&mut first, question).contains(answer),
                "{what}: the active one, round {round}"
            );
            idle.push(newcomer);
        }
        // The first of the idle ones are closed.
        let mut rest = Vec::new();
        assert_eq!(idle[1].read_to_end(&mut rest).unwrap_or(0), 0, "{what}");
    }
    assert!(daemon.cli("list numsessions").contains("total: 0"));
}
