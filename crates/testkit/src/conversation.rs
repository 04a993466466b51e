//! Conversations as text: requests with their SDP, and the replies they get.
//!
//! ```text
//! # a comment
//! interface public/203.0.113.1
//! --- offer {"from-tag": "a"}
//! > v=0
//! < v=0
//! --- pass 30
//! --- delete {"from-tag": "a"}
//! error: Call-ID not found or tags didn't match
//! ```
//!
//! `>` lines are the body that is sent, `<` lines the body that has to come back, `error:` the reason of an error
//! reply, `warning:` the text of a warning, `ports: N` how many sockets are in use afterwards. Requests without
//! `call-id` are about the call `c`.

use std::time::Duration;

use call::{Config, Interfaces};
use ng_protocol::{Dict, Value, json};

use crate::pattern::{Captures, match_text};
use crate::{TestCalls, add_interface};

/// One request and what has to follow.
#[derive(Debug, Default)]
struct Step {
    line: usize,
    command: String,
    keys: String,
    sent: Vec<String>,
    expected: Vec<String>,
    notes: Vec<(String, String)>,
}

/// Plays a conversation. The error names the line and what was different.
pub fn play(text: &str) -> Result<(), String> {
    let (interfaces, steps) = parse(text)?;
    let config = Config {
        interfaces,
        ..Config::default()
    };
    let mut calls = TestCalls::new(config, 1);
    let mut captures = Captures::new();
    for step in steps {
        run(&mut calls, &step, &mut captures).map_err(|e| format!("line {}: {e}", step.line))?;
    }
    Ok(())
}

fn run(calls: &mut TestCalls, step: &Step, captures: &mut Captures) -> Result<(), String> {
    if step.command == "pass" {
        let seconds = step.keys.trim().parse().map_err(|e| format!("{e}"))?;
        calls.pass(Duration::from_secs(seconds));
        return check_ports(calls, step);
    }
    let keys = if step.keys.trim().is_empty() {
        "{}"
    } else {
        &step.keys
    };
    let keys = json::decode(keys.as_bytes()).map_err(|e| format!("bad JSON: {e}"))?;
    let mut dict = Dict::new().with("command", step.command.as_str());
    for (key, value) in keys.as_dict().into_iter().flat_map(Dict::iter) {
        dict.push(String::from_utf8_lossy(key).into_owned(), value.clone());
    }
    if dict.get("call-id").is_none() {
        dict.push("call-id", "c");
    }
    if !step.sent.is_empty() {
        dict.push(
            "sdp",
            step.sent.iter().map(|l| format!("{l}\r\n")).collect::<String>(),
        );
    }
    let reply = calls.handle(&dict).reply;
    let wanted = |name: &str| {
        step.notes
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    match (reply, wanted("error")) {
        (Ok(_), Some(error)) => return Err(format!("expected the error '{error}'")),
        (Err(error), None) => return Err(format!("error '{error}'")),
        (Err(error), Some(wanted)) if error.to_string() != wanted => return Err(format!("error '{error}'")),
        (Err(_), Some(_)) => {}
        (Ok(reply), None) => {
            let text = |key| reply.get(key).and_then(Value::as_str).unwrap_or_default();
            if wanted("warning").is_some_and(|w| w != text("warning")) {
                return Err(format!("warning '{}'", text("warning")));
            }
            if !step.expected.is_empty() {
                let expected: String = step.expected.iter().map(|l| format!("{l}\r\n")).collect();
                match_text(&expected, text("sdp"), captures)
                    .map_err(|(want, got)| format!("expected {want:?}\n     got {got:?}"))?;
            }
        }
    }
    check_ports(calls, step)
}

fn check_ports(calls: &TestCalls, step: &Step) -> Result<(), String> {
    let wanted = step
        .notes
        .iter()
        .find(|(n, _)| n == "ports")
        .map(|(_, v)| v.clone());
    let in_use = calls.env.ports.in_use().to_string();
    match wanted {
        Some(wanted) if wanted != in_use => Err(format!("{in_use} ports in use, expected {wanted}")),
        _ => Ok(()),
    }
}

fn parse(text: &str) -> Result<(Interfaces, Vec<Step>), String> {
    let mut interfaces = Interfaces::new();
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let bad = || format!("line {number}: not understood: {line}");
        if let Some(rest) = line.strip_prefix("--- ") {
            let at = rest.find(['{', ' ']).map_or(rest.len(), |at| {
                rest.find('{')
                    .unwrap_or(if rest.starts_with("pass") { at } else { rest.len() })
            });
            let (command, keys) = rest.split_at(at);
            let (command, keys) = (command.trim().to_owned(), keys.to_owned());
            steps.push(Step {
                line: number,
                command,
                keys,
                ..Step::default()
            });
        } else if let Some(rest) = line.strip_prefix("interface ") {
            add_interface(&mut interfaces, rest).ok_or_else(bad)?;
        } else if line.is_empty() || line.starts_with('#') {
        } else {
            let step = steps.last_mut().ok_or_else(bad)?;
            match (
                line.strip_prefix("> "),
                line.strip_prefix("< "),
                line.split_once(": "),
            ) {
                (Some(sent), _, _) => step.sent.push(sent.to_owned()),
                (_, Some(expected), _) => step.expected.push(expected.to_owned()),
                (_, _, Some((name, value))) => step.notes.push((name.to_owned(), value.to_owned())),
                _ => return Err(bad()),
            }
        }
    }
    Ok((interfaces, steps))
}
