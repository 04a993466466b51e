//! A laboratory of network namespaces: hosts, NATs and wires, made with `ip` and `nft`.
//!
//! Invariant: nothing of it outlives the test. A [`Lab`] removes its namespaces when it is dropped, and the first lab
//! of a process removes what a crashed run has left; names carry the process id, so runs side by side never meet.
//! Absent on purpose: any change to the namespace the tests themselves run in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

const NETNS_DIR: &str = "/run/netns";
static LABS: AtomicU32 = AtomicU32::new(0);
static SWEEP: Once = Once::new();

/// Whether everything a test needs is here. Says aloud what is missing, and fails the test if `CI=true`.
pub(crate) fn have(programs: &[&str]) -> bool {
    let mut missing: Vec<String> = ["ip", "nft"]
        .iter()
        .chain(programs)
        .filter(|program| find_program(program).is_none())
        .map(|program| format!("the program `{program}`"))
        .collect();
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        missing.push("root".into());
    } else if missing.is_empty() && !namespaces_work() {
        missing.push("the right to make network namespaces".into());
    }
    if missing.is_empty() {
        return true;
    }
    let text = format!("SKIPPED, this test needs {}", missing.join(" and "));
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
    // Past the test harness, which would swallow the words of a test that succeeds.
    let _ = writeln!(io::stderr(), "{text}");
    false
}

fn find_program(name: &str) -> Option<PathBuf> {
    let name = Path::new(name);
    if name.is_absolute() {
        return name.exists().then(|| name.to_owned());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    // Not every user's PATH has the folders of root's tools.
    let folders = path.split(':').chain(["/usr/sbin", "/sbin", "/usr/bin"]);
    folders
        .map(|folder| Path::new(folder).join(name))
        .find(|file| file.exists())
}

fn namespaces_work() -> bool {
    let name = format!("pb{}-probe{}", std::process::id(), LABS.fetch_add(1, Relaxed));
    let made = Command::new("ip")
        .args(["netns", "add", &name])
        .output()
        .is_ok_and(|o| o.status.success());
    let _ = Command::new("ip").args(["netns", "del", &name]).output();
    made
}

/// Asks `done` until it says yes; fails the test, naming `what`, when that takes longer than `limit`.
pub(crate) fn wait_for(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let give_up = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < give_up, "waited {limit:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The seed of a random test: `PATCHBAY_IT_SEED`, or else another one each time; printed, so that it can be repeated.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("PATCHBAY_IT_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let seed = given.unwrap_or(now.as_nanos() as u64);
    eprintln!("PATCHBAY_IT_SEED={seed}");
    seed
}

/// Runs a program to its end; fails the test with what it said if it failed.
pub(crate) fn run(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Some hosts, the wires between them, and a folder for what they write.
pub(crate) struct Lab {
    prefix: String,
    spaces: Vec<String>,
    folder: PathBuf,
}

impl Lab {
    /// An empty lab. `topic` appears in the folder's name only.
    pub(crate) fn new(topic: &str) -> Self {
        SWEEP.call_once(remove_leftovers);
        let number = LABS.fetch_add(1, Relaxed);
        let prefix = format!("pb{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(format!("patchbay-it-{prefix}-{topic}"));
        fs::create_dir_all(&folder).unwrap();
        Self {
            prefix,
            spaces: Vec::new(),
            folder,
        }
    }

    /// Where this lab's programs write; kept if the test fails.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds a host without any wire.
    pub(crate) fn host(&mut self, name: &str) -> Host {
        let space = format!("{}-{name}", self.prefix);
        self.spaces.push(space.clone());
        run(command("ip", &["netns", "add", &space]));
        let netns = File::open(Path::new(NETNS_DIR).join(&space)).unwrap();
        let host = Host {
            space,
            netns: Arc::new(netns),
        };
        host.ip("link set lo up");
        host
    }

    /// A wire between two hosts, as device `a_dev` on one and `b_dev` on the other, without addresses.
    pub(crate) fn wire(&self, a: (&Host, &str), b: (&Host, &str)) {
        self.wide_wire(a, b, 1);
    }

    /// The same, with so many queues at both ends.
    pub(crate) fn wide_wire(&self, (a, a_dev): (&Host, &str), (b, b_dev): (&Host, &str), queues: usize) {
        let queues = format!("numrxqueues {queues} numtxqueues {queues}");
        let words = format!(
            "link add {a_dev} netns {} {queues} type veth peer name {b_dev} netns {} {queues}",
            a.space, b.space
        );
        run(command("ip", &words.split(' ').collect::<Vec<_>>()));
        a.ip(&format!("link set {a_dev} up"));
        b.ip(&format!("link set {b_dev} up"));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.spaces.iter().for_each(|space| remove(space));
        if std::thread::panicking() {
            eprintln!("what this lab's programs wrote is in {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Namespaces of processes that are gone.
fn remove_leftovers() {
    for entry in fs::read_dir(NETNS_DIR).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("pb").and_then(|rest| rest.split('-').next());
        let Some(pid) = pid.and_then(|digits| digits.parse::<u32>().ok()) else {
            continue;
        };
        if !Path::new(&format!("/proc/{pid}")).exists() {
            remove(&name);
        }
    }
}

/// Ends whatever still runs in a namespace of ours, then removes it. A namespace that goes first would leave the
/// workers of a program that was killed running for good, and nobody could tell any more whose they are.
fn remove(space: &str) {
    let give_up = Instant::now() + Duration::from_secs(5);
    loop {
        let pids = Command::new("ip").args(["netns", "pids", space]).output();
        let pids = pids
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        let pids: Vec<i32> = pids
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect();
        if pids.is_empty() {
            break;
        }
        for pid in &pids {
            // SAFETY: kill has no preconditions; a process in a namespace of this name was started by a lab.
            unsafe { libc::kill(*pid, libc::SIGKILL) };
        }
        if Instant::now() > give_up {
            let _ = writeln!(io::stderr(), "processes {pids:?} of {space} do not end");
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = Command::new("ip").args(["netns", "del", space]).output();
}

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(find_program(program).unwrap_or_else(|| program.into()));
    command.args(args);
    command
}

/// One host: a network namespace.
#[derive(Clone)]
pub(crate) struct Host {
    space: String,
    netns: Arc<File>,
}

impl Host {
    /// Runs `ip` with words separated by blanks.
    pub(crate) fn ip(&self, words: &str) {
        self.ip_says(words);
    }

    /// The same; what it says.
    pub(crate) fn ip_says(&self, words: &str) -> String {
        let args: Vec<&str> = ["-n", &self.space].into_iter().chain(words.split(' ')).collect();
        run(command("ip", &args))
    }

    /// Loads a nftables ruleset, written as in a file.
    pub(crate) fn nft(&self, rules: &str) -> String {
        run(self.command("nft", &[rules]))
    }

    /// Packets that the named nftables counter has seen.
    pub(crate) fn counted(&self, table: &str, counter: &str) -> u64 {
        let text = self.nft(&format!("list counter {table} {counter}"));
        let mut words = text.split_whitespace().skip_while(|word| *word != "packets");
        words
            .nth(1)
            .and_then(|n| n.parse().ok())
            .unwrap_or_else(|| panic!("no counter in: {text}"))
    }

    /// Forwards between its devices, as a router does.
    pub(crate) fn route_packets(&self) {
        self.enter(|| fs::write("/proc/sys/net/ipv4/ip_forward", "1"))
            .unwrap();
    }

    /// A command that will run on this host and die with the thread that started it.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = command(program, args);
        let netns = Arc::clone(&self.netns);
        // A group of its own, so that it can be ended together with its workers.
        command.process_group(0);
        // SAFETY: between fork and exec only setns and prctl are called, both async-signal-safe system calls; the
        // descriptor lives as long as the closure that owns it.
        unsafe {
            command.pre_exec(move || {
                if libc::setns(netns.as_raw_fd(), libc::CLONE_NEWNET) != 0
                    || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0
                {
                    return Err(io::Error::last_os_error());
                }
                Ok(())
            });
        }
        command
    }

    /// Runs `f` on this host. Sockets made in it stay on this host for good.
    pub(crate) fn enter<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                // SAFETY: setns changes only the namespace of this thread, which ends with the closure.
                let done = unsafe { libc::setns(self.netns.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(done, 0, "setns: {}", io::Error::last_os_error());
                f()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A UDP socket of this host.
    pub(crate) fn udp(&self, addr: &str) -> UdpSocket {
        let addr: SocketAddr = addr.parse().unwrap();
        // A process that another test is starting has, until it becomes itself, a copy of every socket: one that was
        // closed a moment ago may keep its port that long.
        let patience = Instant::now() + Duration::from_secs(5);
        loop {
            match self.enter(|| UdpSocket::bind(addr)) {
                Ok(socket) => return socket,
                Err(e) if e.kind() == io::ErrorKind::AddrInUse && Instant::now() < patience => {
                    std::thread::yield_now();
                }
                Err(e) => panic!("{addr}: {e}"),
            }
        }
    }
}

#[test]
fn what_a_dead_process_left_is_removed() {
    if !have(&[]) {
        return;
    }
    // No process has the highest id there can be.
    let left = "pb4194304-0-left";
    run(command("ip", &["netns", "add", left]));
    let netns = File::open(Path::new(NETNS_DIR).join(left)).unwrap();
    let host = Host {
        space: left.into(),
        netns: Arc::new(netns),
    };
    // A program with a worker, of which only the program itself dies.
    let script = "sleep 600 & echo $!; exec sleep 600";
    let mut command = host.command("sh", &["-c", script]);
    let mut program = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut worker = String::new();
    io::BufRead::read_line(
        &mut io::BufReader::new(program.stdout.take().unwrap()),
        &mut worker,
    )
    .unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    let worker = Path::new("/proc").join(worker.trim()).join("ns");
    assert!(worker.exists());
    remove_leftovers();
    assert!(!Path::new(NETNS_DIR).join(left).exists());
    wait_for("the worker to be gone", Duration::from_secs(5), || {
        // A zombie that nobody waits for has no namespaces any more.
        fs::read_link(worker.join("net")).is_err()
    });
}
