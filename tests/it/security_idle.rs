//! Whoever may reach the control ports and has nothing to say: idle connections keep nobody out, rubbish fills no log.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, LIMIT, ask_bytes};

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

/// Who sends rubbish does not fill the operator's disk.
#[test]
fn refusals_are_logged_in_part() {
    let mut daemon = Daemon::start(&[]);
    let client = daemon.client();
    let begin = Instant::now();
    let mut sent = 0_u64;
    // Into a second that is not the first one's any more.
    while sent < 500 || begin.elapsed() < Duration::from_millis(1100) {
        ask_bytes(&client, &format!("c{sent}"), b"rubbish");
        sent += 1;
    }
    let (before, line) = daemon.lines_until("were left out");
    let left_out = line.split(' ').find_map(|word| word.parse::<u64>().ok());
    // Twenty a second, and what was left out is said in the next second in which a line is.
    let logged = before.iter().filter(|l| l.contains("refused")).count();
    assert!(
        left_out > Some(0) && (1..=40).contains(&logged),
        "{sent} sent, {logged} logged: {line}"
    );
}
