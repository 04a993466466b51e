//! ng over TCP: messages that come in pieces, and messages that never end.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::ng::Value;
use crate::open_net::{ALICE, OpenNet, offer, sdp};
use crate::relay::RELAY_IP;

const TCP_PORT: u16 = 2224;
const TCP: &str = "--listen-tcp-ng=203.0.113.1:2224";

fn connect(net: &OpenNet) -> TcpStream {
    let to = SocketAddr::new(RELAY_IP.parse().unwrap(), TCP_PORT);
    let stream = net.world.enter(|| TcpStream::connect(to)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    stream
}

/// Reads one reply.
fn reply(stream: &mut TcpStream, cookie: &str) -> Value {
    let (mut got, mut buffer) = (Vec::new(), [0; 65_536]);
    loop {
        let len = stream
            .read(&mut buffer)
            .unwrap_or_else(|e| panic!("no reply to {cookie}: {e}"));
        assert!(
            len > 0,
            "the connection was closed instead of a reply to {cookie}"
        );
        got.extend(&buffer[..len]);
        let body = got
            .strip_prefix(cookie.as_bytes())
            .and_then(|rest| rest.strip_prefix(b" "));
        if let Some((value, rest)) = body.and_then(Value::decode) {
            assert!(rest.is_empty(), "bytes behind the reply");
            return value;
        }
    }
}

#[test]
fn tcp_messages_may_come_in_pieces() {
    let Some(net) = OpenNet::new("pieces", &[TCP]) else {
        return;
    };
    let mut stream = connect(&net);
    let large = format!("{}{}", sdp(ALICE, 4000), "a=filler:0123456789\r\n".repeat(300));
    let body = offer("pieces", &large, &[]).bytes();
    assert!(body.len() > 6_000);
    let message = [b"c1 ", &body[..]].concat();
    for piece in message.chunks(97) {
        stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_micros(200));
    }
    assert_eq!(reply(&mut stream, "c1").text_of("result"), "ok");
    // One byte at a time through cookie and lengths.
    for byte in b"c2 d7:command4:pinge" {
        stream.write_all(&[*byte]).unwrap();
    }
    assert_eq!(reply(&mut stream, "c2").text_of("result"), "pong");
    // Two at once.
    stream
        .write_all(b"c3 d7:command4:pingec4 d7:command4:pinge")
        .unwrap();
    let (mut got, mut buffer) = (Vec::<u8>::new(), [0; 4096]);
    while got.len() < b"c3 d6:result4:pongec4 d6:result4:ponge".len() {
        let len = stream.read(&mut buffer).unwrap();
        assert!(len > 0, "closed");
        got.extend(&buffer[..len]);
    }
    assert_eq!(got, b"c3 d6:result4:pongec4 d6:result4:ponge");
}

#[test]
fn endless_tcp_messages_are_bounded() {
    let Some(mut net) = OpenNet::new("endless", &[TCP]) else {
        return;
    };
    const MOST: usize = 64 << 20;
    let block = vec![b'x'; 1 << 16];
    let before = net.relay.memory_kb();
    let beginnings: [&[u8]; 4] = [
        b"",
        b"c d7:command5:offer3:sdp99999999:",
        b"c d7:commandl",
        b"c {\"sdp\":\"",
    ];
    let mut open = Vec::new();
    for beginning in beginnings {
        let mut stream = connect(&net);
        stream.write_all(beginning).unwrap();
        let mut sent = 0;
        while sent < MOST {
            match stream.write(&block) {
                Ok(len) => sent += len,
                // Closed by the relay, or not read any more: both are bounds.
                Err(e) => {
                    let fine = [
                        ErrorKind::WouldBlock,
                        ErrorKind::TimedOut,
                        ErrorKind::BrokenPipe,
                        ErrorKind::ConnectionReset,
                    ];
                    assert!(fine.contains(&e.kind()), "{e}");
                    break;
                }
            }
        }
        eprintln!("{:?}: took {sent} bytes", String::from_utf8_lossy(beginning));
        open.push(stream);
    }
    let grown = net.relay.memory_kb().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} kB more memory for endless messages");
    net.relay.assert_alive();
    let mut stream = connect(&net);
    stream.write_all(b"c9 d7:command4:pinge").unwrap();
    assert_eq!(reply(&mut stream, "c9").text_of("result"), "pong");
}
