//! Names of calls and of recordings that point out of the recording folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lab::wait_for;
use crate::ng::Request;
use crate::open_net::{ALICE, BOB, OpenNet, answer, offer, sdp};

fn files(folder: &Path, out: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), out)
        } else {
            out.insert(entry.path());
        };
    }
}

#[test]
fn recordings_stay_in_their_folder() {
    let folder = std::env::temp_dir().join(format!("patchbay-it-recordings-{}", std::process::id()));
    let spool = folder.join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    let option = format!("--recording-dir={}", spool.display());
    let Some(mut net) = OpenNet::new("recordings", &[&option, "--recording-method=pcap"]) else {
        return;
    };
    let evil = [
        "../../outside",
        "/../../../outside",
        "..",
        ".",
        "a/b/../../../outside",
        "/tmp/outside\0x",
        "%2e%2e%2foutside",
    ];
    for (number, name) in evil.into_iter().enumerate() {
        // Named by a key, and by the call-id.
        record(
            &net,
            &format!("plain-{number}"),
            &folder.join("outside").join(name).to_string_lossy(),
        );
        record(&net, &format!("{name}{number}"), "");
    }
    net.relay.assert_alive();
    wait_for("no call to be left", Duration::from_secs(10), || {
        net.relay.calls().is_empty()
    });
    let mut found = BTreeSet::new();
    files(&folder, &mut found);
    assert!(!found.is_empty(), "the calls have to be recorded somewhere");
    let outside: Vec<_> = found.iter().filter(|file| !file.starts_with(&spool)).collect();
    assert!(
        outside.is_empty(),
        "files outside the recording folder: {outside:?}"
    );
    let mut beside = BTreeSet::new();
    files(net.lab.folder(), &mut beside);
    let beside: Vec<_> = beside
        .iter()
        .filter(|file| file.to_string_lossy().contains("outside"))
        .collect();
    assert!(
        beside.is_empty(),
        "files outside the recording folder: {beside:?}"
    );
    let _ = std::fs::remove_dir_all(&folder);
}

/// One recorded call; `path` is what each key that names a place of the recording says, if anything.
fn record(net: &OpenNet, id: &str, path: &str) {
    let mut request = offer(id, &sdp(ALICE, 4000), &["record-call"]).with("record call", "yes");
    let keys = [
        "recording-file",
        "recording-dir",
        "recording-pattern",
        "output-destination",
        "metadata",
    ];
    for key in keys.into_iter().filter(|_| !path.is_empty()) {
        request = request.with(key, path);
    }
    net.relay.ng.ask(&request);
    net.relay.ng.ask(&answer(id, &sdp(BOB, 5000), &[]));
    for command in ["start recording", "delete"] {
        net.relay.ng.ask(&Request::new(command).with("call-id", id));
    }
}
