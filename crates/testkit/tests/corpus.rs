//! The signalling half of recorded exchanges with another implementation, without a daemon.
//!
//! `PATCHBAY_COMPAT=DIR` names a folder of scenarios, `PATCHBAY_COMPAT_ONLY=category,category` limits it. Without the
//! first the test says so and does nothing: the recordings are not part of this repository. Scenarios that need a
//! feature listed in `PATCHBAY_COMPAT_WITHOUT` (`name` or `prefix*`) are left out.

use std::path::{Path, PathBuf};

use call::{Config, Interfaces};
use ng_protocol::{Dict, Value, json};
use plan::Learning;
use testkit::{Captures, TestCalls, add_interface, match_text};

#[test]
fn recorded_exchanges() {
    let Some(folder) = std::env::var_os("PATCHBAY_COMPAT") else {
        println!("SKIPPED: PATCHBAY_COMPAT names no folder of recorded exchanges");
        return;
    };
    let only = std::env::var("PATCHBAY_COMPAT_ONLY").unwrap_or_default();
    let only: Vec<&str> = only.split(',').filter(|c| !c.is_empty()).collect();
    let without = std::env::var("PATCHBAY_COMPAT_WITHOUT").unwrap_or_default();
    let without: Vec<&str> = without.split(',').filter(|c| !c.is_empty()).collect();
    let mut failed = 0;
    let mut passed = 0;
    for path in scenarios(Path::new(&folder)) {
        let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
        if !only.is_empty() && !only.iter().any(|c| name.starts_with(c)) {
            continue;
        }
        let text = std::fs::read(&path).unwrap_or_default();
        match json::decode(&text)
            .map_err(|e| e.to_string())
            .and_then(|v| play(&v, &without))
        {
            Ok(false) => {}
            Ok(true) => passed += 1,
            Err(error) => {
                failed += 1;
                println!("FAILED {name}\n  {error}");
            }
        }
    }
    println!("passed {passed} failed {failed}");
    assert_eq!(failed, 0, "scenarios that differ");
}

fn scenarios(folder: &Path) -> Vec<PathBuf> {
    let entries = |dir: &Path| {
        std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
    };
    let mut found: Vec<PathBuf> = entries(folder)
        .flat_map(|d| entries(&d).collect::<Vec<_>>())
        .collect();
    found.extend(entries(folder));
    found.retain(|p| p.extension().is_some_and(|e| e == "json"));
    found.sort();
    found
}

/// Plays a scenario; `false` if it needs something that is left out.
fn play(scenario: &Value<'_>, without: &[&str]) -> Result<bool, String> {
    let needs = scenario.get("needs").and_then(Value::as_list).unwrap_or_default();
    let left_out = |need: &str| {
        without.iter().any(|w| {
            w.strip_suffix('*')
                .map_or(*w == need, |prefix| need.starts_with(prefix))
        })
    };
    if needs.iter().filter_map(Value::as_str).any(left_out) {
        return Ok(false);
    }
    let mut calls = TestCalls::new(config_of(scenario), 1);
    let mut known = Captures::new();
    for (_, names) in scenario
        .get("ids")
        .and_then(Value::as_dict)
        .into_iter()
        .flat_map(Dict::iter)
    {
        for name in names
            .as_list()
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
        {
            known.insert(name.to_owned(), format!("id-{name}"));
        }
    }
    known.insert("TMPDIR".to_owned(), "/tmp".to_owned());
    for (number, step) in scenario
        .get("steps")
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let result = match step.get("op").and_then(Value::as_str) {
            Some("ng") => exchange(&mut calls, step, &mut known),
            Some("check") => check(step, &known),
            _ => Ok(()),
        };
        result.map_err(|e| format!("step {number}: {e}"))?;
    }
    Ok(true)
}

fn exchange(calls: &mut TestCalls, step: &Value<'_>, known: &mut Captures) -> Result<(), String> {
    let request = step.get("req").and_then(|r| fill(r, known)).ok_or("no request")?;
    let request = request.as_dict().ok_or("no dictionary")?;
    let expect = step.get("expect").ok_or("nothing expected")?;
    let reply = calls.handle(request).reply;
    let wanted = expect.get("result").and_then(Value::as_str).unwrap_or("ok");
    let reply = match (reply, wanted) {
        (Ok(reply), "ok" | "pong") => reply,
        (Err(_), "error") => return Ok(()),
        (Ok(_), _) => return Err(format!("ok, expected {wanted}")),
        (Err(error), _) => return Err(format!("error '{error}'")),
    };
    let Some(lines) = expect.get("sdp").and_then(Value::as_list) else {
        return Ok(());
    };
    let lines = lines.iter().filter_map(Value::as_str);
    let expected: String = lines.map(|l| format!("{l}\r\n")).collect();
    let sdp = reply.get("sdp").and_then(Value::as_str).unwrap_or_default();
    match_text(&expected, sdp, known).map_err(|(want, got)| format!("want {want}\n          got  {got}"))
}

fn check(step: &Value<'_>, known: &Captures) -> Result<(), String> {
    let value = |key: &str| match step.get(key).and_then(|v| fill(v, known)) {
        Some(Value::Int(n)) => Some(Value::from(n.to_string())),
        other => other,
    };
    let (a, b) = (value("a"), value("b"));
    let holds = match step.get("cmp").and_then(Value::as_str) {
        Some("is") => a == b,
        Some("isnt") => a != b,
        _ => true,
    };
    if holds {
        Ok(())
    } else {
        Err(format!("check {a:?} against {b:?}"))
    }
}

/// The value with variables filled in and `$lines` joined.
fn fill(value: &Value<'_>, known: &Captures) -> Option<Value<'static>> {
    Some(match value {
        Value::Int(n) => Value::Int(*n),
        Value::Bytes(_) => Value::from(substitute(value.as_str()?, known)),
        Value::List(items) => Value::List(items.iter().filter_map(|i| fill(i, known)).collect()),
        Value::Dict(dict) => {
            if let Some(lines) = dict.get("$lines").and_then(Value::as_list) {
                let lines = lines.iter().filter_map(Value::as_str);
                return Some(Value::from(
                    lines.map(|l| substitute(l, known) + "\n").collect::<String>(),
                ));
            }
            let mut filled = Dict::new();
            for (key, item) in dict.iter() {
                filled.push(
                    substitute(std::str::from_utf8(key).ok()?, known),
                    fill(item, known)?,
                );
            }
            Value::Dict(filled)
        }
    })
}

fn substitute(text: &str, known: &Captures) -> String {
    let mut out = text.to_owned();
    for (name, value) in known {
        out = out.replace(&format!("${{{name}}}"), value);
    }
    out
}

fn config_of(scenario: &Value<'_>) -> Config {
    let argv = scenario
        .get("daemon")
        .and_then(|d| d.get("argv"))
        .and_then(Value::as_list)
        .unwrap_or_default();
    let argv: Vec<&str> = argv.iter().filter_map(Value::as_str).collect();
    let mut interfaces = Interfaces::new();
    for pair in argv.windows(2).filter(|w| w.first() == Some(&"-i")) {
        let spec = pair.last().copied().unwrap_or_default();
        match spec.split_once('=') {
            Some((alias, name)) => interfaces.alias(alias, name),
            None => add_interface(&mut interfaces, spec).expect(spec),
        }
    }
    if interfaces.logical().is_empty() {
        add_interface(&mut interfaces, "203.0.113.1").expect("an address");
    }
    let delayed = argv.contains(&"--endpoint-learning=delayed");
    let dir = argv.iter().find_map(|a| a.strip_prefix("--recording-dir="));
    let recording = call::RecordingConfig {
        dir: dir.map(|d| d.replace("${TMPDIR}", "/tmp")),
        ..call::RecordingConfig::default()
    };
    let learning = if delayed {
        Learning::Delayed
    } else {
        Learning::Heuristic
    };
    Config {
        interfaces,
        learning,
        recording,
        ..Config::default()
    }
}
