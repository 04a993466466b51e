//! The control listeners of the real process.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::daemon::{Daemon, LIMIT, Peer, answer, ask, ask_bytes, delete, media_of, offer, set_up};
use crate::ng::{Request, Value};

/// A retransmitted request is not executed again: the same bytes come back, and no second pair of ports is taken.
#[test]
fn a_duplicate_gets_the_same_bytes() {
    let daemon = Daemon::start(&[]);
    let (client, a) = (daemon.client(), Peer::new(1));
    let request = offer("twice", &a.sdp()).bytes();
    let first = ask_bytes(&client, "cookie", &request);
    let ports = daemon.ports_used();
    assert_eq!(ask_bytes(&client, "cookie", &request), first);
    assert_eq!(daemon.ports_used(), ports);
    // Another client's cookie of the same name is another request.
    let other = ask_bytes(&daemon.client(), "cookie", b"d7:command4:pinge");
    assert_eq!(other, b"cookie d6:result4:ponge");
}

/// Duplicates that are in flight together: each gets the reply (up to `COOKIE_WAITERS_MAX` of them).
#[test]
fn a_burst_of_duplicates_makes_one_call() {
    let daemon = Daemon::start(&[]);
    let (client, a) = (daemon.client(), Peer::new(1));
    let message = [b"c ", &offer("burst", &a.sdp()).bytes()[..]].concat();
    for _ in 0..10 {
        client.send(&message).expect("send");
    }
    let mut buffer = vec![0; 65_536];
    let mut replies: Vec<Vec<u8>> = Vec::new();
    for _ in 0..10 {
        let len = client.recv(&mut buffer).expect("a reply");
        replies.push(buffer[..len].to_vec());
    }
    replies.dedup();
    assert_eq!(replies.len(), 1);
    assert!(daemon.cli("list numsessions").contains("total: 1\n"));
}

fn read_until(stream: &mut TcpStream, complete: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    stream.set_read_timeout(Some(LIMIT)).expect("timeout");
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    while !complete(&got) {
        let len = stream.read(&mut buffer).expect("more");
        assert!(len > 0, "closed after {}", got.escape_ascii());
        got.extend_from_slice(&buffer[..len]);
    }
    got
}

/// ng over TCP in pieces of any size, bencode and JSON, several messages in one write.
#[test]
fn tcp_messages_in_pieces() {
    let daemon = Daemon::start(&[]);
    let a = Peer::new(1);
    let mut stream = TcpStream::connect(daemon.addr("ng/tcp")).expect("connect");
    stream.set_nodelay(true).expect("nodelay");
    let long = format!("{}a=x:{}\r\n", a.sdp(), "y".repeat(6000));
    let message = [b"t1 ", &offer("tcp", &long).bytes()[..]].concat();
    for piece in message.chunks(500) {
        stream.write_all(piece).expect("write");
    }
    let reply = read_until(&mut stream, |got| got.ends_with(b"e") && got.len() > 6000);
    assert!(reply.starts_with(b"t1 d"), "{}", reply.escape_ascii());
    assert_eq!(
        Value::decode(&reply[3..]).expect("bencode").0.text_of("result"),
        "ok"
    );

    stream
        .write_all(b"t2 {\"command\":\"ping\"}\nt3 d7:command4:pinge")
        .expect("write");
    let both = read_until(&mut stream, |got| got.ends_with(b"ponge"));
    assert_eq!(both, b"t2 {\"result\":\"pong\"}t3 d6:result4:ponge");

    stream.write_all(b"t4 nonsense").expect("write");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("closed");
    assert!(rest.is_empty());
}

/// A call that times out is announced to connected clients.
#[test]
fn a_timeout_is_announced() {
    let daemon = Daemon::start(&["--timeout=1"]);
    let mut listener = TcpStream::connect(daemon.addr("ng/tcp")).expect("connect");
    listener.write_all(b"p d7:command4:pinge").expect("write");
    read_until(&mut listener, |got| got.ends_with(b"ponge"));
    let (a, b) = (Peer::new(1), Peer::new(2));
    set_up(&daemon.client(), "silent", &a, &b);
    let told = read_until(&mut listener, |got| got.ends_with(b"ee"));
    let space = told.iter().position(|b| *b == b' ').expect("a cookie");
    let (value, _) = Value::decode(&told[space + 1..]).expect("bencode");
    assert_eq!(value.text_of("notify"), "onTimeout");
    let data = value.get("data").expect("data");
    assert_eq!(
        (data.text_of("callid"), data.text_of("reason")),
        ("silent", "TIMEOUT")
    );
    assert!(daemon.cli("list totals").contains("via TIMEOUT            :1\n"));
}

/// New calls are refused at the limit, in the words the client knows; a call that exists never is.
#[test]
fn limits_refuse_new_calls_only() {
    let daemon = Daemon::start(&["--max-sessions=1"]);
    let (client, a, b) = (daemon.client(), Peer::new(1), Peer::new(2));
    ask(&client, "o", &offer("here", &a.sdp()));
    let old = ask(&client, "x", &offer("new", &a.sdp()));
    assert_eq!(old.text_of("error-reason"), "Parallel session limit reached");
    let knows = offer("new", &a.sdp()).with("supports", ["load limit"]);
    let modern = ask(&client, "y", &knows);
    assert_eq!(
        (modern.text_of("result"), modern.text_of("message")),
        ("load limit", "Parallel session limit reached")
    );
    assert_eq!(
        ask(&client, "a", &answer("here", &b.sdp())).text_of("result"),
        "ok"
    );
    assert_eq!(
        ask(&client, "r", &offer("here", &a.sdp())).text_of("result"),
        "ok"
    );
    assert_eq!(
        daemon.cli("set maxsessions -1"),
        "Success setting maxsessions to -1; disable feature\n"
    );
    assert_eq!(ask(&client, "z", &offer("new", &a.sdp())).text_of("result"), "ok");
}

#[test]
fn unknown_calls_and_commands() {
    let daemon = Daemon::start(&[]);
    let client = daemon.client();
    let a = Peer::new(1);
    for (cookie, request, result, key, text) in [
        (
            "1",
            delete("no"),
            "ok",
            "warning",
            "Call-ID not found or tags didn't match",
        ),
        (
            "2",
            delete("no").with("flags", ["fatal"]),
            "error",
            "error-reason",
            "Call-ID not found or tags didn't match",
        ),
        (
            "3",
            answer("no", &a.sdp()),
            "error",
            "error-reason",
            "Unknown call-id",
        ),
        (
            "4",
            Request::new("nonsense"),
            "error",
            "error-reason",
            "Unrecognized command",
        ),
    ] {
        let reply = ask(&client, cookie, &request);
        assert_eq!((reply.text_of("result"), reply.text_of(key)), (result, text));
    }
    assert!(daemon.cli("list totals").contains("Delete"));
}

fn http(daemon: &Daemon, request: &str) -> String {
    let mut stream = TcpStream::connect(daemon.addr("http/tcp")).expect("connect");
    stream.write_all(request.as_bytes()).expect("write");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    answer
}

#[test]
fn http_speaks_too() {
    let daemon = Daemon::start(&[]);
    let get = |path: &str| {
        http(
            &daemon,
            &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        )
    };
    assert!(get("/ping").ends_with("\r\n\r\npong\n"));
    assert!(get("/metrics").contains("\nrtpengine_sessions{type=\"own\"} 0\n"));
    assert!(get("/cli/list+numsessions").contains("Current sessions total: 0\n"));
    assert!(get("/nowhere").starts_with("HTTP/1.1 404"));
    let post = |path: &str, body: &str| {
        let length = body.len();
        http(
            &daemon,
            &format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            ),
        )
    };
    assert!(post("/ng-plain", "{\"command\":\"ping\"}").ends_with("{\"result\":\"pong\"}"));
    assert!(post("/ng", "c d7:command4:pinge").ends_with("c d6:result4:ponge"));
    assert!(post("/cli", "list maxsessions").ends_with("rtpengine: -1\n"));
}

/// Several control shards and workers: every call is found, wherever it lives, and two calls become one.
#[test]
fn calls_live_on_many_shards() {
    let daemon = Daemon::with_workers(12, &[]);
    let client = daemon.client();
    let parties: Vec<(Peer, Peer)> = (0..12)
        .map(|n| (Peer::new(2 * n), Peer::new(2 * n + 1)))
        .collect();
    for (n, (a, b)) in parties.iter().enumerate() {
        let (tag, other) = (format!("a{n}"), format!("b{n}"));
        let call = format!("call{n}");
        let offer = offer(&call, &a.sdp()).with("from-tag", &*tag);
        ask(&client, &format!("o{n}"), &offer);
        let answer = answer(&call, &b.sdp())
            .with("from-tag", &*tag)
            .with("to-tag", &*other);
        ask(&client, &format!("a{n}"), &answer);
    }
    assert!(daemon.cli("list numsessions").contains("total: 12\n"));
    let list = ask(&client, "l", &Request::new("list"));
    assert_eq!(list.get("calls").expect("calls").items().len(), 12);
    // Each call with its neighbour: some pairs share a shard, some do not.
    for n in (0..12).step_by(2) {
        let connect = Request::new("connect")
            .with("call-id", &*format!("call{n}"))
            .with("from-tag", &*format!("a{n}"))
            .with("to-call-id", &*format!("call{}", n + 1))
            .with("to-tag", &*format!("a{}", n + 1));
        let reply = ask(&client, &format!("c{n}"), &connect);
        assert_eq!(reply.text_of("result"), "ok", "{reply:?}");
    }
    assert!(daemon.cli("list numsessions").contains("total: 6\n"));
    let ports = daemon.ports_used();
    assert_eq!(ports, 48, "both calls keep their ports");
    // Under either name it is the same call.
    for n in 0..12 {
        let query = Request::new("query").with("call-id", &*format!("call{n}"));
        let reply = ask(&client, &format!("q{n}"), &query);
        let tags = reply.get("tags").unwrap_or_else(|| panic!("{reply:?}"));
        assert!(tags.get(&format!("a{n}")).is_some(), "{tags:?}");
    }
    assert_eq!(daemon.cli("terminate all"), "All calls terminated by operator.\n");
    assert!(daemon.cli("list numsessions").contains("total: 0\n"));
    crate::lab::wait_for("the ports to be free", LIMIT, || daemon.ports_used() == 0);
    assert_eq!(daemon.end().code(), Some(0));
}

/// Two calls that live on different workers: after `connect` media flows between them.
#[test]
fn connected_calls_hear_each_other() {
    let daemon = Daemon::with_workers(3, &[]);
    let client = daemon.client();
    let mut parties: Vec<(Peer, Peer)> = (0..2).map(|n| (Peer::new(2 * n), Peer::new(2 * n + 1))).collect();
    let mut ends = Vec::new();
    for (n, (a, b)) in parties.iter().enumerate() {
        let (tag, other, call) = (format!("a{n}"), format!("b{n}"), format!("call{n}"));
        let offered = ask(
            &client,
            &format!("o{n}"),
            &offer(&call, &a.sdp()).with("from-tag", &*tag),
        );
        let answer = answer(&call, &b.sdp())
            .with("from-tag", &*tag)
            .with("to-tag", &*other);
        let answered = ask(&client, &format!("a{n}"), &answer);
        ends.push((media_of(&answered), media_of(&offered)));
    }
    for ((a, b), (a_to, b_to)) in parties.iter_mut().zip(&ends) {
        assert_eq!(a.send(*a_to), b.receive());
        assert_eq!(b.send(*b_to), a.receive());
    }
    let connect = Request::new("connect")
        .with("call-id", "call0")
        .with("from-tag", "a0");
    let connect = connect.with("to-call-id", "call1").with("to-tag", "a1");
    assert_eq!(ask(&client, "c", &connect).text_of("result"), "ok");
    let [(first, _), (second, _)] = &mut parties[..] else {
        panic!("two")
    };
    for _ in 0..5 {
        assert_eq!(first.send(ends[0].0), second.receive());
        assert_eq!(second.send(ends[1].0), first.receive());
    }
}
