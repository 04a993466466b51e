//! Sentences and their parts.

use std::fmt::Write as _;
use std::time::Duration;

use plan::Time;

use super::path::{Path, finding};
use super::{CallFacts, Explanation, Finding, FindingKind, Severity, StreamFacts};

/// How long ago something was, in words.
pub fn age(now: Time, at: Option<Time>) -> String {
    match at {
        None => "never".to_owned(),
        Some(at) => format!("{} ago", span(now.since(at))),
    }
}

/// A duration in words, as precise as anybody wants it.
pub(super) fn span(lasted: Duration) -> String {
    let secs = lasted.as_secs();
    match secs {
        0..=1 => format!("{} ms", lasted.as_millis()),
        2..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs / 60),
        _ => format!("{} h {} min", secs / 3600, secs / 60 % 60),
    }
}

/// The beginning of a sentence.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// `1 packet`, `2 packets`.
pub(super) fn packets(n: u64) -> String {
    match n {
        1 => "1 packet".to_owned(),
        n => format!("{n} packets"),
    }
}

/// What has arrived at a stream, in one line.
pub(super) fn arrived(now: Time, stream: &StreamFacts) -> String {
    let mut text = format!("{} received", packets(stream.received.0));
    if let Some(at) = stream.last_in {
        // Writing to a string cannot fail, here and below.
        let _ = write!(text, ", the last {}", age(now, Some(at)));
    }
    if stream.dropped() > 0 {
        let _ = write!(text, "; {} dropped", packets(stream.dropped()));
    }
    text
}

/// What we have sent to a stream's party, in one line.
pub(super) fn sent(now: Time, stream: &StreamFacts) -> String {
    match (stream.sent.0, stream.destination) {
        (0, _) => "nothing was sent to it".to_owned(),
        (n, Some(to)) => format!(
            "{} sent to {to}, the last {}",
            packets(n),
            age(now, stream.last_out)
        ),
        (n, None) => format!(
            "{} sent to it, the last {}",
            packets(n),
            age(now, stream.last_out)
        ),
    }
}

/// Codecs by number and name.
pub(super) fn codecs(list: &[(u8, String)]) -> String {
    let names: Vec<String> = list.iter().map(|(pt, name)| format!("{pt} {name}")).collect();
    names.join(", ")
}

/// That a path is all right.
pub(super) fn flows(path: &Path<'_>) -> Finding {
    let now = path.facts.now;
    let text = format!(
        "{} flows from {} to {}.",
        capital(&path.from.kind),
        path.sender(),
        path.receiver()
    );
    let evidence = format!("{}; {}", arrived(now, &path.from.rtp), sent(now, &path.to.rtp));
    finding(FindingKind::Flows, text, evidence)
}

/// One sentence about the call: what its users would say.
pub(super) fn summary(explanation: &Explanation) -> String {
    let facts = &explanation.facts;
    let paths = &explanation.paths;
    if paths.is_empty() {
        return "Nobody hears anybody yet: there is no media between two parties.".to_owned();
    }
    let troubled: Vec<_> = paths
        .iter()
        .filter(|p| p.severity() == Severity::Trouble)
        .collect();
    if troubled.is_empty() {
        let flowing = paths.iter().filter(|p| p.flows()).count();
        return match flowing {
            0 => "No media flows, and none is expected to.".to_owned(),
            n if n == paths.len() => "Healthy: media flows on every path.".to_owned(),
            _ => "Healthy: media flows wherever it is expected to.".to_owned(),
        };
    }
    let silent: Vec<String> = troubled
        .iter()
        .filter(|p| !p.flows())
        .map(|p| deaf(facts, p.from, p.to))
        .collect();
    match silent.is_empty() {
        true => "Media flows, but somebody may not hear it.".to_owned(),
        false => capital(&silent.join("; ")) + ".",
    }
}

/// Who lacks what of whom.
fn deaf(facts: &CallFacts, from: usize, to: usize) -> String {
    let media = |at: usize| facts.medias.get(at);
    let name = |at: usize| {
        let party = media(at).and_then(|m| facts.parties.get(m.party));
        party.map_or("a party", |p| p.name.as_str())
    };
    let kind = media(from).map_or("media", |m| m.kind.as_str());
    format!("{} gets no {kind} from {}", name(to), name(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (ms, text) in [
            (0, "0 ms"),
            (1_999, "1999 ms"),
            (2_000, "2 s"),
            (119_000, "119 s"),
            (120_000, "2 min"),
            (7_260_000, "2 h 1 min"),
        ] {
            assert_eq!(span(Duration::from_millis(ms)), text);
        }
    }
}
