//! How the daemon starts and ends: what it says about its configuration, and its exit status.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::lab::{Lab, have, wait_for};
use crate::ng::Ng;
use crate::process::Process;
use crate::relay::OURS;

fn ours(args: &str) -> (Output, String) {
    let output = Command::new(OURS).args(args.split_whitespace()).output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, said)
}

#[test]
fn check_config_says_what_is_wrong() {
    let fine = "--check-config --config-file=none -i 127.0.0.1 -n 127.0.0.1:2223";
    // 198.51.100.77 is reserved for documentation (RFC 5737): no host has it.
    for (more, status, part) in [
        ("", 0, ""),
        (
            "-i pub/198.51.100.77",
            1,
            "pub/198.51.100.77: 198.51.100.77 can't be bound",
        ),
        ("--endpoint-learing=off", 1, "did you mean `--endpoint-learning`?"),
        ("--port-min=x", 1, "a whole number from 1 to 65535"),
        ("--redis=127.0.0.1:6379/1", 0, "`redis` is not implemented yet"),
    ] {
        let (output, said) = ours(&format!("{fine} {more}"));
        assert_eq!(output.status.code(), Some(status), "{more}: {said}");
        assert!(said.contains(part), "{more}: {said}");
    }
}

#[test]
fn a_wrong_configuration_does_not_start() {
    let (output, said) = ours("--config-file=none -f -E -i 198.51.100.77 -n 127.0.0.1:1");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("!198.51.100.77"), "{said}");
}

#[test]
fn the_background_is_entered_once_the_start_has_succeeded() {
    let folder = std::env::temp_dir().join(format!("patchbay-it-background-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let start = |pidfile: &Path| {
        let pidfile = pidfile.display();
        // Whoever holds the standard streams is waited for, so they must be given up as well.
        ours(&format!(
            "--config-file=none -E -i 127.0.0.1 -n 127.0.0.1:0 --pidfile={pidfile}"
        ))
    };
    let (output, said) = start(&folder.join("missing/pid"));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("missing/pid"), "{said}");

    let pidfile = folder.join("pid");
    let (output, said) = start(&pidfile);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let pid = std::fs::read_to_string(&pidfile).unwrap();
    let pid: i32 = pid.trim().parse().unwrap();
    // SAFETY: kill has no preconditions; the pid is that of the daemon just started, which ends only by this.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0, "{pid}");
    wait_for("the pid file to go", Duration::from_secs(10), || {
        !pidfile.exists()
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn help_version_and_codecs_end_at_once() {
    for (option, part) in [
        ("--help", "--listen-ng"),
        ("--version", "patchbay"),
        ("--codecs", "PCMU"),
    ] {
        let (output, said) = ours(option);
        assert_eq!(output.status.code(), Some(0), "{option}: {said}");
        assert!(said.contains(part), "{option}: {said}");
    }
}

/// The file that Debian's rtpengine-daemon brings, as it is, and a clean end on both signals.
#[test]
fn debians_configuration_starts() {
    let file = "/etc/rtpengine/rtpengine.conf";
    if !have(&[file]) {
        return;
    }
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let mut lab = Lab::new("debian-conf");
        let host = lab.host("relay");
        host.ip("link add eth0 type bridge");
        host.ip("addr add 203.0.113.1/24 dev eth0");
        host.ip("link set eth0 up");
        let pidfile = lab.folder().join("pid");
        let pidfile_arg = format!("--pidfile={}", pidfile.display());
        let args = [
            "-f",
            "-E",
            "--no-log-timestamps",
            &pidfile_arg,
            "--config-file",
            file,
        ];
        let mut process = Process::start(&lab, &host, "relay", OURS, &args);
        let ng = Ng::new(&host, "127.0.0.1:2223".parse().unwrap());
        wait_for("the relay to answer a ping", Duration::from_secs(20), || {
            assert!(process.alive(), "it ended at its start:\n{}", process.said());
            ng.answers()
        });
        let pid = std::fs::read_to_string(Path::new(&pidfile)).unwrap();
        assert_eq!(pid.trim(), process.id().to_string());
        process.signal(signal);
        let status = process.end(Duration::from_secs(10));
        assert_eq!(status.code(), Some(0), "{}", process.said());
    }
}
