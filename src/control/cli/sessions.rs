//! `list numsessions` and `list sessions`.

use std::fmt::Write as _;

use ng_protocol::{CallId, Dict, QueryArgs, Value};

use crate::registry::{Control, Entry, Shard, ask_all};

/// Calls by what they are made of.
#[derive(Default)]
struct Counts {
    v4: usize,
    v6: usize,
    mixed: usize,
    all: usize,
}

/// `list numsessions`.
pub(super) fn count(control: &Control, then: impl FnOnce(String) + Send + 'static) {
    let ask = |shard: &mut Shard| {
        let mut counts = Counts {
            all: shard.calls(),
            ..Counts::default()
        };
        for entry in shard.entries() {
            match entry.families {
                (true, true) => counts.mixed += 1,
                (false, true) => counts.v6 += 1,
                (true, false) => counts.v4 += 1,
                (false, false) => {}
            }
        }
        counts
    };
    ask_all(control, ask, |parts| {
        let sum = |of: fn(&Counts) -> usize| parts.iter().map(of).sum::<usize>();
        let all = sum(|c| c.all);
        then(format!(
            "Current sessions own: {all}\nCurrent sessions foreign: 0\nCurrent sessions total: {all}\n\
             Current transcoded media: 0\nCurrent sessions ipv4 only media: {}\n\
             Current sessions ipv6 only media: {}\nCurrent sessions ip mixed  media: {}\n",
            sum(|c| c.v4),
            sum(|c| c.v6),
            sum(|c| c.mixed)
        ));
    });
}

/// `list sessions all`, `own`, `foreign`, `recording` or one call-id.
pub(super) fn list(control: &Control, which: &str, then: impl FnOnce(String) + Send + 'static) {
    match which {
        "all" | "own" => {
            let ask = |shard: &mut Shard| shard.entries().map(summary).collect::<String>();
            ask_all(control, ask, |parts| then(parts.concat()));
        }
        "foreign" => then(String::new()),
        call => {
            let name = CallId::from(call);
            let ask = move |shard: &mut Shard| shard.entries().find(|e| e.names.contains(&name)).map(detail);
            let call = call.to_owned();
            ask_all(control, ask, move |parts| {
                let found = parts.into_iter().flatten().next();
                then(found.unwrap_or_else(|| format!("\nCall ID not found ({call}).\n\n")));
            });
        }
    }
}

fn summary(entry: &Entry) -> String {
    format!(
        "callid: {:>60} | deletionmark:{:>4} | created:{:>12} | proxy:{} | redis_keyspace:0 | foreign:no\n",
        entry.call.call_id().to_string(),
        if entry.call.is_ended() { "yes" } else { "no" },
        entry.call.created().as_secs(),
        entry.client
    )
}

fn detail(entry: &Entry) -> String {
    let call = entry.call.call_id();
    let created = entry.call.created().as_secs();
    let proxy = entry.client;
    let mut text =
        format!("\ncallid: {call}\ndeletionmark: no\ncreated: {created}\nproxy: {proxy}\nforeign: no\n\n");
    let args = QueryArgs {
        call_id: call.clone(),
        from_tag: None,
        to_tag: None,
    };
    if let Ok(query) = entry.call.query(&args) {
        print(&mut text, &query, 0);
    }
    text.push('\n');
    text
}

/// What `query` says, indented: complete, and in step with it by itself.
fn print(text: &mut String, dict: &Dict<'_>, depth: usize) {
    for (key, value) in dict.iter() {
        print_value(text, &String::from_utf8_lossy(key), value, depth);
    }
}

fn print_value(text: &mut String, key: &str, value: &Value<'_>, depth: usize) {
    let indent = "  ".repeat(depth);
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Int(n) => writeln!(text, "{indent}{key}: {n}"),
        Value::Bytes(bytes) => writeln!(text, "{indent}{key}: {}", bytes.escape_ascii()),
        Value::Dict(dict) => {
            let _ = writeln!(text, "{indent}{key}:");
            print(text, dict, depth + 1);
            Ok(())
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                print_value(text, &format!("{key} #{}", index + 1), item, depth);
            }
            Ok(())
        }
    };
}
