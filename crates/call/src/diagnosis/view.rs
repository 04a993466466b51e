//! The diagnosis as `query` shows it, beside what the reference shows.

use std::net::SocketAddr;

use ng_protocol::{Dict, Value};
use plan::{FlowStats, Time};

use super::{CallFacts, Explanation, Finding, FindingKind, MediaFacts, PathVerdict, Severity};
use crate::call::Call;

impl Call {
    /// The key `diagnosis` of `query`.
    pub(crate) fn view_diagnosis(&self, now: Time) -> Dict<'static> {
        let explanation = self.explain(now);
        Dict::with_capacity(3)
            .with("summary", explanation.summary())
            .with("healthy", i64::from(explanation.severity() != Severity::Trouble))
            .with("paths", paths(&explanation))
    }
}

fn paths(explanation: &Explanation) -> Value<'static> {
    let view = |path| view_path(&explanation.facts, path);
    explanation.paths.iter().map(view).collect()
}

fn view_path(facts: &CallFacts, path: &PathVerdict) -> Dict<'static> {
    let end = |at: usize| facts.medias.get(at);
    let tag = |media: Option<&MediaFacts>| {
        let party = media.and_then(|m| facts.parties.get(m.party));
        party.and_then(|p| p.tag.clone()).unwrap_or_default()
    };
    let (from, to) = (end(path.from), end(path.to));
    Dict::with_capacity(6)
        .with("from-tag", tag(from))
        .with("to-tag", tag(to))
        .with("media", from.map_or(0, |m| m.index))
        .with("type", from.map_or_else(String::new, |m| m.kind.clone()))
        .with("verdict", path.verdict().kind.name())
        .with(
            "findings",
            path.findings.iter().map(view_finding).collect::<Value<'static>>(),
        )
}

fn view_finding(finding: &Finding) -> Dict<'static> {
    let kind: FindingKind = finding.kind;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Dict::with_capacity(5)
        .with("kind", kind.name())
        .with("severity", kind.severity().text())
        .with("text", finding.text.clone())
        .with_some("evidence", some(&finding.evidence))
        .with_some("next", some(kind.next()))
}

/// What `query` says of one stream besides the reference's keys: where it was heard, when it was sent to, what was
/// dropped and which payload types came.
pub(crate) fn describe_stream(stats: &FlowStats, learned: Option<SocketAddr>, entry: &mut Dict<'static>) {
    use std::sync::atomic::Ordering::Relaxed;
    if let Some(addr) = learned {
        entry.push("learned endpoint", crate::view::view_endpoint(addr));
    }
    entry.push("path", stats.path().text());
    if let Some(why) = stats.refusal() {
        entry.push("path reason", why.text());
    }
    let sent = Time(stats.last_sent_us.load(Relaxed));
    if sent != Time(0) {
        entry.push("last packet sent", sent.as_secs());
    }
    let mut drops = Dict::new();
    for (reason, count) in plan::DropReason::ALL.iter().zip(&stats.drops) {
        let count = count.load(Relaxed);
        if count > 0 {
            drops.push(reason.text(), count);
        }
    }
    if !drops.is_empty() {
        entry.push("drops", drops);
    }
    if let Some((reason, from)) = stats.refused.read() {
        let refused = crate::view::view_endpoint(from).with("reason", reason.text());
        entry.push("last refused", refused);
    }
    let types: Value<'static> = stats
        .payload_types()
        .map(|pt| Value::from(i64::from(pt)))
        .collect();
    if types.as_list().is_some_and(|l| !l.is_empty()) {
        entry.push("payload types", types);
    }
}
