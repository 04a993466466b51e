//! Calls that change while packets come fast, by every way: nothing is lost or overtaken, a plan that was replaced forwards
//! nothing any more, and the figures are exact.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::kernel_net::{ALICE, BOB, Call, Ip, KernelNet, MODES, WITH_RINGS};
use crate::lab::wait_for;
use crate::ng::{Request, Value};
use crate::open_net::{answer, media_address, offer};
use crate::phone::Inline;
use crate::rtp::{Party, meet, packet, talk};

/// Time between two packets of alice's: 4,000 a second.
const INTERVAL: Duration = Duration::from_micros(250);

fn sequence(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[2], bytes[3]])
}

/// Gives a socket room for all that may come while nobody reads.
fn make_room(socket: &UdpSocket) {
    let (level, name) = (libc::SOL_SOCKET, libc::SO_RCVBUFFORCE);
    patchbay::sys::socket::set_option(socket.as_raw_fd(), level, name, 16 << 20).expect("root may");
}

/// Numbers that are missing, as ranges.
fn missing(heard: &[u16], first: u16, next: u16) -> Vec<(u16, u16)> {
    let all = std::iter::once(first.wrapping_sub(1))
        .chain(heard.iter().copied())
        .chain([next]);
    let all: Vec<u16> = all.collect();
    let gaps = all.windows(2).filter(|pair| pair[1] != pair[0].wrapping_add(1));
    gaps.map(|pair| (pair[0].wrapping_add(1), pair[1])).collect()
}

/// Reads what is there; the sequence numbers in the order of their arrival.
fn read(socket: &UdpSocket, into: &mut Vec<u16>) {
    let mut buffer = [0; 2048];
    while let Ok(len) = socket.recv(&mut buffer) {
        assert!(len >= 12);
        into.push(sequence(&buffer));
    }
}

/// `send` is called for one number after another, from `first` on, while `meanwhile` runs; what arrives at each of the
/// sockets, and the number after the last.
fn under_load<const N: usize>(
    first: u16,
    mut send: impl FnMut(u16) + Send,
    sockets: [&UdpSocket; N],
    meanwhile: impl FnOnce(),
) -> ([Vec<u16>; N], u16) {
    let (over, begun) = (&AtomicBool::new(false), &AtomicBool::new(false));
    let talk = move || {
        let mut heard = [const { Vec::new() }; N];
        let (begin, mut next, mut last) = (Instant::now(), first, None);
        while last.is_none_or(|at: Instant| at.elapsed() < Duration::from_millis(500)) {
            let due = begin + INTERVAL * u32::from(next.wrapping_sub(first));
            if last.is_none() && Instant::now() >= due {
                send(next);
                next += 1;
                begun.store(next.wrapping_sub(first) > 20, Relaxed);
            }
            for (socket, heard) in sockets.iter().zip(&mut heard) {
                read(socket, heard);
            }
            if over.load(Relaxed) && last.is_none() {
                last = Some(Instant::now());
            }
        }
        (heard, next)
    };
    std::thread::scope(|scope| {
        let talking = scope.spawn(talk);
        // On a busy machine a thread may begin late.
        wait_for("alice to talk", Duration::from_secs(10), || begun.load(Relaxed));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        over.store(true, Relaxed);
        let heard = talking.join().expect("talking");
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        heard
    })
}

/// What alice sends, for [`under_load`]: the number of her first packet, and how she sends one.
fn plain(call: &mut Call) -> (u16, impl FnMut(u16) + Send + use<>) {
    let (socket, ssrc) = (
        call.alice.socket.try_clone().expect("a descriptor"),
        call.alice.ssrc,
    );
    let to = call.alice.peer().expect("a call");
    let send = move |seq| {
        socket.send_to(&packet(ssrc, seq), to).expect("sending");
    };
    (call.alice.next_seq(), send)
}

/// Bob's socket, empty and with room.
fn bobs(call: &Call) -> UdpSocket {
    let bob = call.bob.socket.try_clone().expect("a descriptor");
    make_room(&bob);
    read(&bob, &mut Vec::new());
    bob
}

/// Ways into the kernel, to rings, and by sockets.
const WAYS: [&[&str]; 6] = [
    &["--offload=native"],
    &["--offload=tc"],
    &["--offload=generic"],
    &["--offload=afxdp"],
    &["--offload=off", "--io=epoll"],
    &["--offload=off", "--io=uring"],
];

fn by_kernel(way: &[&str]) -> bool {
    MODES.iter().any(|mode| way[0].ends_with(mode))
}

/// Alice and bob talk until the call is where this way takes it.
fn settle(net: &KernelNet, way: &[&str], call: &mut Call) {
    if way.contains(&"--offload=off") {
        meet(&mut call.alice, &mut call.bob);
        // Nothing is under way any more.
        talk(&mut call.alice, &mut call.bob, 5);
    } else {
        net.settle(call);
    }
}

fn is_in_kernel(net: &KernelNet, id: &str) -> bool {
    net.paths(id).iter().any(|(path, _)| path == "kernel")
}

#[track_caller]
fn wait_for_kernel(net: &KernelNet, id: &str) {
    wait_for("the kernel to forward", Duration::from_secs(5), || {
        is_in_kernel(net, id)
    });
}

fn totals(reply: &Value, name: &str) -> i64 {
    let totals = reply.get("totals").and_then(|totals| totals.get("RTP"));
    match totals.and_then(|rtp| rtp.get(name)) {
        Some(Value::Int(n)) => *n,
        _ => panic!("{reply:?}"),
    }
}

#[test]
fn recording_takes_a_call_out_of_the_kernel_and_lets_it_back() {
    for mode in WITH_RINGS {
        let id = &format!("moves-{mode}");
        let folder = std::env::temp_dir().join(format!("patchbay-{id}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let options = [
            format!("--offload={mode}"),
            format!("--recording-dir={}", folder.display()),
            "--recording-method=pcap".to_owned(),
        ];
        let Some(net) = KernelNet::new(id, &options.each_ref().map(String::as_str)) else {
            return;
        };
        let mut call = net.call(id, Ip::V4, Ip::V4);
        net.settle(&mut call);
        let bob = bobs(&call);
        let (first, send) = plain(&mut call);
        let command = |name: &str| net.relay.ng.ok(&Request::new(name).with("call-id", id.as_str()));
        let ([heard], next) = under_load(first, send, [&bob], || {
            for _ in 0..4 {
                wait_for_kernel(&net, id);
                command("start recording");
                wait_for("the relay to record", Duration::from_secs(5), || {
                    !is_in_kernel(&net, id)
                });
                std::thread::sleep(Duration::from_millis(50));
                command("stop recording");
            }
            wait_for_kernel(&net, id);
        });
        assert!(next - first > 1_000, "{mode}: {first} to {next}");
        assert_eq!(missing(&heard, first, next), [], "{mode}: lost or overtaken");
        let sent = i64::from(next) - 1 + i64::from(call.bob.sent());
        let reply = command("query");
        assert_eq!(totals(&reply, "packets"), sent, "{mode}: query");
        let reply = command("delete");
        assert_eq!(totals(&reply, "packets"), sent, "{mode}: delete");
        drop(std::fs::remove_dir_all(&folder));
    }
}

fn described(ip: &str, port: u16, profile: &str, more: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} {profile} 8\r\na=rtpmap:8 PCMA/8000\r\n{more}"
    )
}

#[test]
fn a_call_that_is_moved_under_load_never_mixes_its_plans() {
    for way in WAYS {
        let Some(net) = KernelNet::new("reinvite", way) else {
            return;
        };
        let mut call = net.call("reinvite", Ip::V4, Ip::V4);
        settle(&net, way, &mut call);
        let places = [4000_u16, 5000];
        let other = Party::new(&net.bob, &format!("{}:5000", BOB[0]), 0xb0b);
        let sockets = [&bobs(&call), &other.socket];
        make_room(&other.socket);
        let (first, send) = plain(&mut call);
        let (heard, next) = under_load(first, send, sockets, || {
            let place = || match by_kernel(way) {
                true => wait_for_kernel(&net, "reinvite"),
                false => std::thread::sleep(Duration::from_millis(100)),
            };
            place();
            let alices = described(ALICE[0], 4000, "RTP/AVP", "");
            let again = offer("reinvite", &alices, &[]).with("direction", &["alice", "bob"][..]);
            net.relay.ng.ok(&again);
            if by_kernel(way) {
                assert!(is_in_kernel(&net, "reinvite"), "{way:?}: nothing has changed");
            }
            let bobs = described(BOB[0], places[1], "RTP/AVP", "");
            net.relay.ng.ok(&answer("reinvite", &bobs, &[]));
            place();
            std::thread::sleep(Duration::from_millis(100));
        });
        let [before, after] = heard;
        let moved = before.last().expect("packets before") + 1;
        assert!(before.iter().copied().eq(first..moved), "{way:?}: up to {moved}");
        assert!(
            after.iter().copied().eq(moved..next),
            "{way:?}: {moved} to {next}"
        );
        assert!(next - moved > 100, "{way:?}: {moved} of {next}");
    }
}

/// From its very first packets on a call is learned, its way is looked up, and it moves to where it belongs.
#[test]
fn a_call_that_begins_under_load_loses_nothing() {
    for way in WAYS {
        let Some(net) = KernelNet::new("begin", way) else {
            return;
        };
        let mut call = net.call("begin", Ip::V4, Ip::V4);
        let bob = bobs(&call);
        let (first, send) = plain(&mut call);
        let ([heard], next) = under_load(first, send, [&bob], || {
            if by_kernel(way) {
                wait_for_kernel(&net, "begin");
            }
            std::thread::sleep(Duration::from_millis(300));
        });
        assert!(next - first > 1_000, "{way:?}: {first} to {next}");
        assert_eq!(missing(&heard, first, next), [], "{way:?}: lost or overtaken");
    }
}

/// A NAT gives alice another port in the middle of her stream.
#[test]
fn a_party_that_moves_under_load_loses_nothing() {
    for way in WAYS {
        let Some(net) = KernelNet::new("rebinding", way) else {
            return;
        };
        let mut call = net.call("rebinding", Ip::V4, Ip::V4);
        settle(&net, way, &mut call);
        let bob = bobs(&call);
        let elsewhere = net.alice.udp(&format!("{}:4002", ALICE[0]));
        let (first, mut send) = plain(&mut call);
        let (ssrc, to) = (call.alice.ssrc, call.alice.peer().expect("a call"));
        let moved = &AtomicBool::new(false);
        let send = |seq| {
            if moved.load(Relaxed) {
                elsewhere.send_to(&packet(ssrc, seq), to).expect("sending");
            } else {
                send(seq);
            }
        };
        let ([heard], next) = under_load(first, send, [&bob], || {
            std::thread::sleep(Duration::from_millis(100));
            moved.store(true, Relaxed);
            std::thread::sleep(Duration::from_millis(300));
            if by_kernel(way) {
                wait_for_kernel(&net, "rebinding");
            }
        });
        assert!(next - first > 1_000, "{way:?}: {first} to {next}");
        assert_eq!(missing(&heard, first, next), [], "{way:?}: lost or overtaken");
    }
}

/// Alice's keys are others from some packet on; what she sends meanwhile is still under the old ones.
#[test]
fn a_key_that_changes_under_load_loses_nothing() {
    for way in WAYS {
        let Some(net) = KernelNet::new("keys", way) else {
            return;
        };
        let (mut alice, mut bob) = (
            Party::new(&net.alice, &format!("{}:4000", ALICE[0]), 0xa11ce),
            Party::new(&net.bob, &format!("{}:4000", BOB[0]), 0xb0b),
        );
        let negotiate = |key: &Inline| {
            let sdp = described(ALICE[0], 4000, "RTP/SAVP", &key.line());
            let request = offer("keys", &sdp, &[])
                .with("direction", &["alice", "bob"][..])
                .with("transport-protocol", "RTP/AVP");
            let for_bob = net.relay.ng.ok(&request).text_of("sdp").to_owned();
            let sdp = described(BOB[0], 4000, "RTP/AVP", "");
            let reply = net.relay.ng.ok(&answer("keys", &sdp, &[]));
            (for_bob, reply.text_of("sdp").to_owned())
        };
        let (for_bob, for_alice) = negotiate(&Inline::new(1));
        bob.call(media_address(&for_bob));
        alice.call(media_address(&for_alice));
        alice.secure(Inline::new(1).params(), Inline::of(&for_alice).params());
        meet(&mut alice, &mut bob);
        talk(&mut alice, &mut bob, 5);
        let (socket, bob) = (bob.socket.try_clone().expect("a descriptor"), bob);
        make_room(&socket);
        read(&socket, &mut Vec::new());
        let first = alice.sent() + 1;
        let alice = &Mutex::new(alice);
        let send = |_| {
            alice.lock().expect("alice").send();
        };
        let ([heard], next) = under_load(first, send, [&socket], || {
            for seed in 2..5 {
                std::thread::sleep(Duration::from_millis(100));
                let key = Inline::new(seed);
                let (_, for_alice) = negotiate(&key);
                let others = Inline::of(&for_alice).params();
                alice.lock().expect("alice").secure(key.params(), others);
            }
            std::thread::sleep(Duration::from_millis(100));
        });
        drop(bob);
        assert!(next - first > 1_000, "{way:?}: {first} to {next}");
        assert_eq!(missing(&heard, first, next), [], "{way:?}: lost or overtaken");
    }
}

/// The relay stands still: what comes meanwhile is forwarded afterwards or, by the kernel, at once, and nothing waits for
/// the next packet.
#[test]
fn a_pause_loses_nothing() {
    for way in WAYS {
        let Some(mut net) = KernelNet::new("pause", way) else {
            return;
        };
        let mut call = net.call("pause", Ip::V4, Ip::V4);
        settle(&net, way, &mut call);
        let bob = bobs(&call);
        let (first, mut send) = plain(&mut call);
        net.relay.signal(libc::SIGSTOP);
        // 150 ms of a video stream of 1,000 packets a second.
        let next = first + 150;
        for seq in first..next {
            send(seq);
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut heard = Vec::new();
        if by_kernel(way) {
            wait_for("all packets, without the relay", Duration::from_secs(5), || {
                read(&bob, &mut heard);
                heard.len() >= 150
            });
        }
        net.relay.signal(libc::SIGCONT);
        wait_for("all packets", Duration::from_secs(5), || {
            read(&bob, &mut heard);
            heard.len() >= 150
        });
        assert_eq!(missing(&heard, first, next), [], "{way:?}: lost or overtaken");
    }
}
