//! The same ng exchanges with Debian's rtpengine 10.5 and with ours, compared reply by reply.
//!
//! Each relay runs in a namespace of its own with the same addresses, so that only the ports and what is random by
//! design have to be made alike. Whatever else differs must be listed in `differential_known.rs` with its reason, and
//! whatever is listed there must still occur.

use std::collections::BTreeMap;

use crate::differential_cases::{CASES, Case, Key, Step};
use crate::differential_ice;
use crate::differential_known::{KNOWN, RULES};
use crate::lab::{Lab, have};
use crate::ng::{Request, Value};
use crate::relay::{DEBIAN, MEDIA_PORTS, RELAY_IP, Relay, under_test};

/// Keys of a reply's tree that are compared by name only.
const BY_NAME: &[&str] = &["created", "created_us", "last signal", "tags", "totals", "SSRC"];

fn start(lab: &mut Lab, name: &str, program: &str) -> Relay {
    let host = lab.host(name);
    host.ip("link add media type bridge");
    for addr in [&format!("{RELAY_IP}/24"), "192.0.2.1/24", "2001:db8::1/64"] {
        // Without duplicate address detection an IPv6 address can be bound at once.
        let nodad = if addr.contains("::") { " nodad" } else { "" };
        host.ip(&format!("addr add {addr} dev media{nodad}"));
    }
    host.ip("link set media up");
    let interfaces = [
        "--interface=203.0.113.1",
        "--interface=2001:db8::1",
        "--interface=priv/192.0.2.1",
    ];
    // One daemon's folder for each: two logs of one name would overwrite each other.
    Relay::start_as(lab, &host, name, program, &interfaces)
}

fn request(case: &Case, step: &Step) -> Request {
    let mut request = Request::new(step.command);
    let texts = [
        ("call-id", case.name),
        ("from-tag", step.from),
        ("to-tag", step.to),
        ("via-branch", step.branch),
    ];
    for (key, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        request = request.with(key, text);
    }
    if !step.sdp.is_empty() {
        let body: String = step
            .sdp
            .lines()
            .map(|line| format!("{}\r\n", line.trim_start()))
            .collect();
        request = request.with("sdp", body.as_str());
    }
    for (key, value) in step.keys {
        request = request.with(key, key_value(value));
    }
    request
}

fn key_value(key: &Key) -> Value {
    match key {
        Key::Text(text) => (*text).into(),
        Key::List(items) => (*items).into(),
        Key::Map(entries) => Value::Dict(
            entries
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
        ),
    }
}

/// Names ports in the order in which a case shows them; the one above a known one is its RTCP. The same number may be
/// in use in both families (`true` = IPv6).
#[derive(Default)]
struct Ports(BTreeMap<(bool, u16), usize>);

impl Ports {
    fn name(&mut self, v6: bool, port: u16) -> String {
        if let Some(number) = self.0.get(&(v6, port)) {
            return format!("<port {number}>");
        }
        if let Some(number) = self.0.get(&(v6, port - 1)) {
            return format!("<port {number} rtcp>");
        }
        let number = self.0.len();
        self.0.insert((v6, port), number);
        format!("<port {number}>")
    }

    /// The line with its words that are media ports named. `v6` = that is the family of the body's `c=`.
    fn hide(&mut self, v6: bool, line: &str) -> String {
        let v6 = if line.starts_with("a=candidate:") {
            line.contains("2001:db8::")
        } else {
            v6
        };
        let mut out = String::new();
        for word in line.split_inclusive([' ', ':', '/']) {
            let digits = word.trim_end_matches([' ', ':', '/']);
            match digits.parse::<u16>() {
                Ok(port) if MEDIA_PORTS.contains(&port) => {
                    out += &self.name(v6, port);
                    out += &word[digits.len()..];
                }
                _ => out += word,
            }
        }
        out
    }
}

/// A reply as lines of text, in a form that two relays can share.
fn normalised(reply: &Value, ports: &mut Ports) -> Vec<String> {
    let Value::Dict(entries) = reply else {
        panic!("a reply is a dictionary, not {reply:?}")
    };
    let (mut lines, mut sdp) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        match (key.as_str(), value) {
            ("sdp", body) => {
                let v6 = body.text().contains("c=IN IP6");
                sdp.extend(body.text().lines().map(|line| hide_random(&ports.hide(v6, line))));
            }
            (key, _) if BY_NAME.contains(&key) => lines.push(format!("{key}: …")),
            (key, Value::Str(_)) => lines.push(format!("{key}: {}", value.text())),
            (key, value) => lines.push(format!("{key}: {value:?}")),
        }
    }
    sdp.extend(lines);
    sdp
}

/// What each relay invents for itself.
fn hide_random(line: &str) -> String {
    if let Some(rest) = line.strip_prefix("a=rtpengine:") {
        return format!("a=rtpengine:<{} digits>", rest.len());
    }
    if let Some(rest) = line.strip_prefix("a=candidate:") {
        let (foundation, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        return format!(
            "a=candidate:<foundation {}> {rest}",
            if foundation.len() == 16 {
                "ours"
            } else {
                foundation
            }
        );
    }
    for name in ["a=ice-ufrag:", "a=ice-pwd:"] {
        if let Some(rest) = line.strip_prefix(name) {
            return format!("{name}<{} characters>", rest.len());
        }
    }
    line.into()
}

/// Lines that only one of both has, by the longest common subsequence: `-` theirs, `+` ours.
fn difference(theirs: &[String], ours: &[String]) -> Vec<String> {
    let mut common = vec![vec![0_usize; ours.len() + 1]; theirs.len() + 1];
    for (i, their) in theirs.iter().enumerate().rev() {
        for (j, our) in ours.iter().enumerate().rev() {
            common[i][j] = if their == our {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < theirs.len() || j < ours.len() {
        if i < theirs.len() && j < ours.len() && theirs[i] == ours[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == ours.len() || i < theirs.len() && common[i + 1][j] >= common[i][j + 1] {
            out.push(format!("-{}", theirs[i]));
            i += 1;
        } else {
            out.push(format!("+{}", ours[j]));
            j += 1;
        }
    }
    out
}

/// One step of one case, and how the replies to it differ.
struct Finding {
    case: &'static str,
    step: usize,
    lines: Vec<String>,
}

fn findings(theirs: &Relay, ours: &Relay) -> Vec<Finding> {
    let mut found = Vec::new();
    for case in CASES.iter().chain(differential_ice::CASES) {
        let mut ports: [Ports; 2] = Default::default();
        for (step, what) in case.steps.iter().enumerate() {
            let request = request(case, what);
            let replies = [theirs.ng.ask(&request), ours.ng.ask(&request)];
            let our = normalised(&replies[1], &mut ports[1]);
            let their = normalised(&replies[0], &mut ports[0]);
            let their = RULES.iter().fold(their, |their, rule| (rule.apply)(their, &our));
            let lines = difference(&their, &our);
            if !lines.is_empty() {
                found.push(Finding {
                    case: case.name,
                    step,
                    lines,
                });
            }
        }
        for relay in [theirs, ours] {
            relay.ng.ask(&Request::new("delete").with("call-id", case.name));
        }
    }
    found
}

#[test]
fn replies_are_those_of_debians_rtpengine() {
    let program = under_test();
    if !have(&[DEBIAN, &program]) {
        return;
    }
    let mut lab = Lab::new("differential");
    let (theirs, ours) = (
        start(&mut lab, "debian", DEBIAN),
        start(&mut lab, "ours", &program),
    );
    let found = findings(&theirs, &ours);

    let mut seen = vec![false; KNOWN.len()];
    let mut unknown = String::new();
    for finding in &found {
        let known = KNOWN
            .iter()
            .enumerate()
            .filter(|(_, known)| known.covers(finding.case, finding.step));
        let mut left = finding.lines.clone();
        for (index, known) in known {
            if known.lines.iter().all(|line| left.iter().any(|l| l == line)) {
                known.lines.iter().for_each(|line| left.retain(|l| l != line));
                seen[index] = true;
            }
        }
        if !left.is_empty() {
            unknown += &format!(
                "\n{:?} step {}:\n  {}\n",
                finding.case,
                finding.step,
                left.join("\n  ")
            );
        }
    }
    assert!(
        unknown.is_empty(),
        "differences (- Debian's, + ours) that are not listed:{unknown}"
    );
    if program == crate::relay::OURS {
        let stale: Vec<_> = KNOWN
            .iter()
            .zip(&seen)
            .filter(|(_, seen)| !**seen)
            .map(|(k, _)| k.name)
            .collect();
        assert!(
            stale.is_empty(),
            "listed differences that no longer occur: {stale:?}"
        );
    }
}

/// Every difference the test accepts is told to the reader of the manual, by the same name.
#[test]
fn every_known_difference_is_documented() {
    let document = include_str!("../../docs/compatibility.md");
    let names = KNOWN
        .iter()
        .map(|known| known.name)
        .chain(RULES.iter().map(|rule| rule.name));
    for name in names {
        assert!(
            document.contains(&format!("| {name} |")),
            "docs/compatibility.md lacks {name:?}"
        );
    }
}
