//! Calls that move between the kernel and the relay while packets come fast: nothing is lost or overtaken, a plan that was
//! replaced forwards nothing any more, and the figures are exact.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::kernel_net::{ALICE, BOB, Call, Ip, KernelNet, WITH_RINGS};
use crate::lab::wait_for;
use crate::ng::{Request, Value};
use crate::open_net::{answer, offer};
use crate::rtp::{Party, packet};

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

/// Alice sends one packet after another while `meanwhile` runs; what arrives at each of the sockets, and the numbers of
/// the first packet and of the one after the last.
fn under_load<const N: usize>(
    call: &mut Call,
    sockets: [&UdpSocket; N],
    meanwhile: impl FnOnce(),
) -> ([Vec<u16>; N], u16, u16) {
    let (over, begun) = (&AtomicBool::new(false), &AtomicBool::new(false));
    let (first, to) = (call.alice.next_seq(), call.alice.peer().expect("a call"));
    let (alice, ssrc) = (&call.alice.socket, call.alice.ssrc);
    let talk = move || {
        let mut heard = [const { Vec::new() }; N];
        let (begin, mut next, mut last) = (Instant::now(), first, None);
        while last.is_none_or(|at: Instant| at.elapsed() < Duration::from_millis(500)) {
            let due = begin + INTERVAL * u32::from(next.wrapping_sub(first));
            if last.is_none() && Instant::now() >= due {
                alice.send_to(&packet(ssrc, next), to).expect("sending");
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
        (heard, first, next)
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
        let bob = call.bob.socket.try_clone().expect("a descriptor");
        make_room(&bob);
        read(&bob, &mut Vec::new());
        let command = |name: &str| net.relay.ng.ok(&Request::new(name).with("call-id", id.as_str()));
        let ([heard], first, next) = under_load(&mut call, [&bob], || {
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

#[test]
fn a_call_that_is_moved_under_load_never_mixes_its_plans() {
    for mode in WITH_RINGS {
        let id = &format!("reinvite-{mode}");
        let Some(net) = KernelNet::new(id, &[&format!("--offload={mode}")]) else {
            return;
        };
        let mut call = net.call(id, Ip::V4, Ip::V4);
        net.settle(&mut call);
        let places = [4000_u16, 5000];
        let other = Party::new(&net.bob, &format!("{}:5000", BOB[0]), 0xb0b);
        let sockets = [&call.bob.socket.try_clone().expect("a descriptor"), &other.socket];
        sockets.into_iter().for_each(make_room);
        read(sockets[0], &mut Vec::new());
        let described = |ip: &str, port: u16| {
            format!(
                "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
                 m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
            )
        };
        let (heard, first, next) = under_load(&mut call, sockets, || {
            wait_for_kernel(&net, id);
            let again = offer(id, &described(ALICE[0], 4000), &[]).with("direction", &["alice", "bob"][..]);
            net.relay.ng.ok(&again);
            assert!(is_in_kernel(&net, id), "{mode}: nothing has changed");
            net.relay.ng.ok(&answer(id, &described(BOB[0], places[1]), &[]));
            wait_for_kernel(&net, id);
            std::thread::sleep(Duration::from_millis(100));
        });
        let [before, after] = heard;
        let moved = before.last().expect("packets before") + 1;
        assert!(before.iter().copied().eq(first..moved), "{mode}: up to {moved}");
        assert!(after.iter().copied().eq(moved..next), "{mode}: {moved} to {next}");
        assert!(next - moved > 100, "{mode}: {moved} of {next}");
    }
}
