//! The program in the kernel from start to end of the daemon: where it is attached, that it leaves others' alone, and that
//! nothing of it outlives the process, however that ends.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use crate::lab::{Host, Lab, have, run, wait_for};
use crate::process::Process;

const BIN: &str = env!("CARGO_BIN_EXE_patchbay");
/// Our own object serves as somebody else's program: it passes every packet as long as its tables are empty.
const OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/datapath/bpf/forward.o");
/// How long a daemon may take to start or to end, and the kernel to free what it had.
const PATIENCE: Duration = Duration::from_secs(20);

const ARGS: [&str; 5] = [
    "--config-file=none",
    "--foreground",
    "--log-stderr",
    "--interface=192.0.2.1",
    "--listen-ng=127.0.0.1:2223",
];

/// A host with one wire to another, where a program makes the wire take packets from XDP.
fn wired(lab: &mut Lab) -> Host {
    let (relay, peer) = (lab.host("relay"), lab.host("peer"));
    lab.wire((&relay, "eth0"), (&peer, "eth0"));
    relay.ip("addr add 192.0.2.1/24 dev eth0");
    peer.ip("addr add 192.0.2.2/24 dev eth0");
    attach_foreign(&peer);
    relay
}

fn attach_foreign(host: &Host) {
    host.ip(&format!("link set dev eth0 xdp obj {OBJECT} sec xdp"));
}

/// What `--check-offload` says, and whether it found anything.
fn check(host: &Host, option: &str) -> (String, bool) {
    let args: Vec<&str> = ARGS.iter().copied().chain(["--check-offload", option]).collect();
    let output = host.command(BIN, &args).output().expect("the daemon");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.success(),
    )
}

/// Numbers of the programs, maps and links that a process holds.
fn held(process: u32) -> BTreeSet<(String, u32)> {
    let infos = fs::read_dir(format!("/proc/{process}/fdinfo")).expect("a process");
    let texts = infos
        .flatten()
        .filter_map(|info| fs::read_to_string(info.path()).ok());
    let numbers = |text: String| {
        let lines = text.lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            let key = ["prog_id", "map_id", "link_id"]
                .into_iter()
                .find(|known| *known == key)?;
            Some((key.to_owned(), value.trim().parse().ok()?))
        });
        lines.collect::<Vec<_>>()
    };
    texts.flat_map(numbers).collect()
}

/// Those of all processes.
fn alive() -> BTreeSet<(String, u32)> {
    let programs = aya::programs::loaded_programs()
        .flatten()
        .map(|p| ("prog_id", p.id()));
    let maps = aya::maps::loaded_maps().flatten().map(|m| ("map_id", m.id()));
    let links = aya::programs::loaded_links()
        .flatten()
        .map(|l| ("link_id", l.id()));
    programs
        .chain(maps)
        .chain(links)
        .map(|(kind, id)| (kind.to_owned(), id))
        .collect()
}

#[test]
fn nothing_in_the_kernel_outlives_the_daemon() {
    if !have(&[]) {
        return;
    }
    let mut lab = Lab::new("offload-end");
    let relay = wired(&mut lab);
    for (mode, name) in [
        ("native", "eth0 (192.0.2.1): native XDP"),
        ("tc", "eth0 (192.0.2.1): tc"),
        ("generic", "eth0 (192.0.2.1): generic XDP"),
        ("afxdp", "AF_XDP on eth0"),
    ] {
        // Whoever was killed does not keep the next one from starting.
        for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGINT] {
            let option = format!("--offload={mode}");
            let args: Vec<&str> = ARGS.iter().copied().chain(["--no-fallback", &option]).collect();
            let mut daemon = Process::start(&lab, &relay, &format!("{mode}-{signal}"), BIN, &args);
            wait_for("the start", PATIENCE, || daemon.said().contains("started"));
            assert!(daemon.said().contains(name), "{}", daemon.said());
            let mine = held(daemon.id());
            for kind in ["prog_id", "map_id", "link_id"] {
                assert!(mine.iter().any(|(held, _)| held == kind), "no {kind} in {mine:?}");
            }
            assert!(mine.is_subset(&alive()));
            daemon.signal(signal);
            daemon.end(PATIENCE);
            // The kernel frees them after a moment.
            wait_for("the kernel to forget them", PATIENCE, || {
                mine.is_disjoint(&alive())
            });
        }
    }
}

#[test]
fn a_program_of_somebody_else_stays() {
    if !have(&[]) {
        return;
    }
    let mut lab = Lab::new("offload-foreign");
    let relay = wired(&mut lab);
    let (said, found) = check(&relay, "--offload=auto");
    assert!(found && said.contains("eth0 (192.0.2.1): native XDP\n"), "{said}");
    attach_foreign(&relay);
    let shown = || run(relay.command("ip", &["-o", "link", "show", "eth0"]));
    let before = shown();
    assert!(before.contains("prog/xdp"), "{before}");
    for option in ["--offload=native", "--offload=generic"] {
        let (said, found) = check(&relay, option);
        assert!(
            !found && said.contains("a program of somebody else's"),
            "{option}: {said}"
        );
        assert_eq!(shown(), before, "{option}");
    }
    let (said, found) = check(&relay, "--offload=auto");
    assert!(
        found && said.contains("eth0 (192.0.2.1): tc; not native XDP: a program"),
        "{said}"
    );
    assert_eq!(shown(), before);
    let args: Vec<&str> = ARGS
        .iter()
        .copied()
        .chain(["--no-fallback", "--offload=native"])
        .collect();
    let mut daemon = Process::start(&lab, &relay, "no-fallback", BIN, &args);
    assert!(!daemon.end(PATIENCE).success());
    assert!(daemon.said().contains("no-fallback"), "{}", daemon.said());
}

#[test]
fn what_cannot_have_a_program_says_why() {
    if !have(&[]) {
        return;
    }
    let mut lab = Lab::new("offload-kinds");
    let (relay, peer) = (lab.host("relay"), lab.host("peer"));
    lab.wire((&relay, "eth0"), (&peer, "eth0"));
    relay.ip("addr add 192.0.2.1/24 dev eth0");
    relay.ip("link add br0 type bridge");
    relay.ip("addr add 192.0.2.65/28 dev br0");
    let args = [
        &ARGS[..],
        &[
            "-i",
            "b/192.0.2.65",
            "-i",
            "l/127.0.0.1",
            "-i",
            "n/192.0.2.99",
            "--check-offload",
        ],
    ]
    .concat();
    let text = run(relay.command(BIN, &args));
    for line in [
        "br0 (192.0.2.65): sockets; it is a bridge, or a port of one",
        "lo (127.0.0.1): sockets; it is the loopback device",
        "192.0.2.99 (192.0.2.99): sockets; no device has this address",
        // Nobody at the other end would take what XDP sends.
        "eth0 (192.0.2.1): tc; not native XDP: it cannot send from XDP",
    ] {
        assert!(
            text.lines().any(|said| said.starts_with(line)),
            "no line {line} in:\n{text}"
        );
    }
    let (text, found) = check(&relay, "--offload=off");
    assert!(!found && text.is_empty(), "{text}");
}

/// Without the right to load programs everything works over sockets, after one line in the log.
#[test]
fn without_the_right_there_are_sockets() {
    if !have(&["setpriv"]) {
        return;
    }
    let mut lab = Lab::new("offload-right");
    let relay = wired(&mut lab);
    let args = [
        &[
            "--bounding-set=-bpf,-net_admin,-sys_admin,-perfmon",
            "--inh-caps=-bpf,-net_admin,-sys_admin,-perfmon",
            BIN,
        ],
        &ARGS[..],
    ]
    .concat();
    let mut daemon = Process::start(&lab, &relay, "no-right", "setpriv", &args);
    wait_for("the start", PATIENCE, || daemon.said().contains("started"));
    let said = daemon.said();
    assert_eq!(
        said.matches("sockets only: CAP_NET_ADMIN and CAP_BPF and CAP_PERFMON missing")
            .count(),
        1,
        "{said}"
    );
    assert!(held(daemon.id()).is_empty());
    assert!(daemon.alive());
}
