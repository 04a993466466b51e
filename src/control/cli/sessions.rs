//! `list numsessions` and `list sessions`.

use ng_protocol::CallId;

use super::{explain, layout};
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
            let none = if which == "all" {
                "No sessions"
            } else {
                "No own sessions"
            };
            ask_all(control, ask, move |parts| {
                let text = parts.concat();
                then(if text.is_empty() {
                    format!("{none} on this media relay.\n")
                } else {
                    text
                });
            });
        }
        "foreign" => then("No foreign sessions on this media relay.\n".to_owned()),
        "recording" => {
            let ask = |shard: &mut Shard| {
                let recorded = shard.entries().filter(|entry| entry.call.is_recording());
                recorded.map(summary).collect::<String>()
            };
            ask_all(control, ask, |parts| then(parts.concat()));
        }
        call => {
            let name = CallId::from(call);
            let missing = format!("\nCall ID not found ({call}).\n\n");
            let show = |entry: &Entry| layout::call(entry) + &explain::verdicts(entry) + "\n";
            with_call(control, name, show, move |found| then(found.unwrap_or(missing)));
        }
    }
}

/// `call CALL-ID info`, `call CALL-ID tag TAG info`.
pub(super) fn info(
    control: &Control,
    call: &str,
    tag: Option<&str>,
    then: impl FnOnce(String) + Send + 'static,
) {
    let missing = format!("No such call '{call}'\n");
    let tag = tag.map(str::to_owned);
    let show = move |entry: &Entry| match &tag {
        None => layout::call(entry),
        Some(tag) => layout::party(entry, tag).unwrap_or_else(|| format!("No such tag '{tag}'\n")),
    };
    with_call(control, CallId::from(call), show, move |found| {
        then(found.unwrap_or(missing))
    });
}

/// `explain CALL-ID`.
pub(super) fn explain(control: &Control, call: &str, then: impl FnOnce(String) + Send + 'static) {
    let missing = format!("\nCall ID not found ({call}).\n\n");
    with_call(control, CallId::from(call), explain::call, move |found| {
        then(found.unwrap_or(missing))
    });
}

/// What `show` says of the call of this name, if there is one.
fn with_call(
    control: &Control,
    name: CallId,
    show: impl Fn(&Entry) -> String + Send + Sync + 'static,
    then: impl FnOnce(Option<String>) + Send + 'static,
) {
    let ask = move |shard: &mut Shard| shard.entry(&name).map(&show);
    ask_all(control, ask, move |parts| {
        then(parts.into_iter().flatten().next())
    });
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
