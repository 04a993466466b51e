//! The command-line interface: the words and answers of rtpengine-ctl.
//!
//! A line comes in, a text goes out; who carries them (TCP, HTTP, the ng command `cli`) does not matter here. Texts are
//! the reference's where monitoring reads them.

mod explain;
mod layout;
mod listener;
mod sessions;
mod set;
mod show;

pub use layout::parties;
pub use listener::serve;

use std::sync::Arc;

use ng_protocol::CallId;

use crate::registry::{Control, Shard, ask_all};

/// The first words there are.
const LEVELS: &[&str] = &["list", "get", "set", "terminate", "call", "explain", "ping"];

/// What can be listed of calls.
const SESSIONS: &[&str] = &["numsessions", "sessions"];

/// What can be done with one call.
const CALL: &[&str] = &["info", "explain", "terminate", "tag"];

const MORE: &str = "More parameters required.\n";

/// Executes one line and hands its answer to `then`, on this thread or a shard's.
pub fn execute(control: &Arc<Control>, line: &str, then: impl FnOnce(String) + Send + 'static) {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words.as_slice() {
        [] => then(String::new()),
        ["help" | "usage", ..] => then(help(&[LEVELS])),
        ["list" | "get", "help" | "usage"] => then(help(&[SESSIONS, show::NAMES])),
        ["set", "help" | "usage"] => then(help(&[set::NAMES])),
        ["call", _, "help" | "usage"] => then(help(&[CALL])),
        ["list" | "get"] | ["set"] | ["set", _] | ["terminate"] | ["call"] | ["explain"] => {
            then(MORE.to_owned())
        }
        ["call", call, "info"] => sessions::info(control, call, None, then),
        ["call", call, "tag", tag, "info"] => sessions::info(control, call, Some(tag), then),
        ["explain", call] | ["call", call, "explain"] => sessions::explain(control, call, then),
        ["call", call, "terminate"] => terminate(control, call, then),
        ["list" | "get", "numsessions", ..] => sessions::count(control, then),
        ["list" | "get", "sessions"] => then(MORE.to_owned()),
        ["list" | "get", "sessions", which, ..] => sessions::list(control, which, then),
        ["list" | "get", what, rest @ ..] => {
            then(show::list(control, what, rest).unwrap_or_else(|| unknown(&words[1..])));
        }
        ["set", what, rest @ ..] => {
            then(set::set(control, what, rest).unwrap_or_else(|| unknown(&words[1..])))
        }
        ["terminate", which, ..] => terminate(control, which, then),
        ["ping"] => then("PONG\n".to_owned()),
        _ => then(unknown(&words)),
    }
}

fn unknown(words: &[&str]) -> String {
    format!("Unknown or incomplete command::{}\n", words.join(" "))
}

fn help(levels: &[&[&str]]) -> String {
    let mut text = "Available sub-commands at this level:\n".to_owned();
    for name in levels.concat() {
        text.push_str(&format!("\t{name}\n"));
    }
    text
}

fn terminate(control: &Control, which: &str, then: impl FnOnce(String) + Send + 'static) {
    let name: Option<CallId> = match which {
        "all" | "own" => None,
        // No call is foreign as long as none is taken over from elsewhere.
        "foreign" => return then("All foreign calls terminated by operator.\n".to_owned()),
        call => Some(CallId::from(call)),
    };
    let which = which.to_owned();
    let ask = move |shard: &mut Shard| shard.terminate(name.as_ref());
    ask_all(control, ask, move |counts: Vec<usize>| {
        let any = counts.iter().sum::<usize>() > 0;
        then(match which.as_str() {
            "all" => "All calls terminated by operator.\n".to_owned(),
            "own" => "All own calls terminated by operator.\n".to_owned(),
            call if any => format!("\nCall Id ({call}) successfully terminated by operator.\n\n"),
            call => format!("\nCall Id not found ({call}).\n\n"),
        });
    });
}
