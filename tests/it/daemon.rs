//! The daemon as a process on the loopback interface: no namespaces, no fixed ports, no rights needed.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::ng::{Request, Value};
use crate::relay::OURS;

/// More than anything here should take, also on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A running daemon. Killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: Receiver<String>,
    addrs: Vec<(String, SocketAddr)>,
}

/// One caller or callee: a socket for media.
pub(crate) struct Peer {
    pub(crate) socket: UdpSocket,
    ssrc: u32,
    seq: u16,
}

impl Daemon {
    /// Starts it with listeners on ports of the system's choice, and waits until it says that it has started.
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::with_workers(2, more)
    }

    /// The same with that many packet workers, and a control shard for each four of them.
    pub(crate) fn with_workers(workers: usize, more: &[&str]) -> Self {
        let mut daemon = Self::unstarted(workers, more);
        daemon.wait_for_line("started");
        daemon
    }

    /// The same, without waiting.
    pub(crate) fn unstarted(workers: usize, more: &[&str]) -> Self {
        let common = "--config-file=none -f -E -i 127.0.0.1 -n 127.0.0.1:0 --listen-tcp-ng=127.0.0.1:0 \
                      -c 127.0.0.1:0 --listen-http=127.0.0.1:0";
        let mut child = Command::new(OURS)
            .args(common.split_whitespace())
            .arg(format!("--num-threads={workers}"))
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon's binary");
        let stderr = child.stderr.take().expect("piped");
        let (tx, log) = channel();
        std::thread::spawn(move || {
            // Read to the end, or the daemon would block on a full pipe.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = tx.send(line);
            }
        });
        Self {
            child,
            log,
            addrs: Vec::new(),
        }
    }

    /// Waits for a line of the log that contains `text`, and notes listeners on the way.
    pub(crate) fn wait_for_line(&mut self, text: &str) -> String {
        self.lines_until(text).1
    }

    /// The same, with the lines before it that nobody has waited for yet.
    pub(crate) fn lines_until(&mut self, text: &str) -> (Vec<String>, String) {
        let mut before = Vec::new();
        loop {
            let line = self
                .log
                .recv_timeout(LIMIT)
                .unwrap_or_else(|_| panic!("the log never said {text:?}"));
            if let Some((_, rest)) = line.split_once("listening for ") {
                let words: Vec<&str> = rest.split(' ').collect();
                let [what, "on", protocol, addr] = words[..] else {
                    panic!("{line}")
                };
                self.addrs
                    .push((format!("{what}/{protocol}"), addr.parse().expect("address")));
            }
            if line.contains(text) {
                return (before, line);
            }
            before.push(line);
        }
    }

    pub(crate) fn addr(&self, what: &str) -> SocketAddr {
        self.addrs
            .iter()
            .find(|(name, _)| name == what)
            .unwrap_or_else(|| panic!("no {what}"))
            .1
    }

    pub(crate) fn pid(&self) -> libc::pid_t {
        self.child.id().try_into().expect("pid")
    }

    /// A client socket for ng over UDP.
    pub(crate) fn client(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
        socket.connect(self.addr("ng/udp")).expect("connect");
        socket.set_read_timeout(Some(LIMIT)).expect("timeout");
        socket
    }

    /// The CLI's answer to a line.
    pub(crate) fn cli(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(self.addr("cli/tcp")).expect("connect");
        std::io::Write::write_all(&mut stream, format!("{line}\n").as_bytes()).expect("write");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answer");
        answer
    }

    /// Ports that are leased now.
    pub(crate) fn ports_used(&self) -> u64 {
        let stats: serde_json::Value = serde_json::from_str(&self.cli("list jsonstats")).expect("JSON");
        stats["interfaces"][0]["ports"]["used"]
            .as_u64()
            .expect("a number")
    }

    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .expect("/proc")
            .count()
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        // SAFETY: no pointers involved; the process is our child and not yet waited for.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    pub(crate) fn end(mut self) -> ExitStatus {
        self.signal(libc::SIGTERM);
        self.child.wait().expect("status")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    pub(crate) fn new(ssrc: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
        socket.set_read_timeout(Some(LIMIT)).expect("timeout");
        Self { socket, ssrc, seq: 0 }
    }

    pub(crate) fn sdp(&self) -> String {
        let port = self.socket.local_addr().expect("name").port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
        )
    }

    /// Sends the next packet to `to` and returns it.
    pub(crate) fn send(&mut self, to: SocketAddr) -> Vec<u8> {
        self.seq += 1;
        let packet = crate::rtp::packet(self.ssrc, self.seq);
        self.socket.send_to(&packet, to).expect("send");
        packet
    }

    pub(crate) fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let len = self.socket.recv(&mut buffer).expect("a packet");
        buffer[..len].to_vec()
    }
}

/// One exchange over UDP; the cookie is sent as it is.
pub(crate) fn ask(client: &UdpSocket, cookie: &str, request: &Request) -> Value {
    let reply = ask_bytes(client, cookie, &request.bytes());
    let body = reply
        .strip_prefix(format!("{cookie} ").as_bytes())
        .expect("the cookie");
    Value::decode(body).expect("bencode").0
}

pub(crate) fn ask_bytes(client: &UdpSocket, cookie: &str, body: &[u8]) -> Vec<u8> {
    client
        .send(&[cookie.as_bytes(), b" ", body].concat())
        .expect("send");
    let mut buffer = vec![0; 65_536];
    let len = client.recv(&mut buffer).expect("a reply");
    buffer[..len].to_vec()
}

pub(crate) fn offer(call: &str, sdp: &str) -> Request {
    Request::new("offer")
        .with("call-id", call)
        .with("from-tag", "a")
        .with("sdp", sdp)
}

pub(crate) fn answer(call: &str, sdp: &str) -> Request {
    Request::new("answer")
        .with("call-id", call)
        .with("from-tag", "a")
        .with("to-tag", "b")
        .with("sdp", sdp)
}

pub(crate) fn delete(call: &str) -> Request {
    Request::new("delete")
        .with("call-id", call)
        .with("delete-delay", 0)
}

/// Where an SDP of ours tells its receiver to send.
pub(crate) fn media_of(reply: &Value) -> SocketAddr {
    let sdp = reply.text_of("sdp");
    let line = sdp.lines().find(|l| l.starts_with("m=")).expect("a media");
    let port = line.split(' ').nth(1).expect("a port").parse().expect("a number");
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Sets up a call between two parties: where each has to send.
pub(crate) fn set_up(client: &UdpSocket, call: &str, a: &Peer, b: &Peer) -> (SocketAddr, SocketAddr) {
    let to_b = ask(client, &format!("{call}-o"), &offer(call, &a.sdp()));
    let to_a = ask(client, &format!("{call}-a"), &answer(call, &b.sdp()));
    (media_of(&to_a), media_of(&to_b))
}
