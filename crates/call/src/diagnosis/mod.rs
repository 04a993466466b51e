//! Why is there no audio? A diagnosis of one call, from what its model and its counters say.
//!
//! [`Call::explain`](crate::Call::explain) takes [`CallFacts`], and [`diagnose`] finds out for each `Path` (whose
//! media, to whom) whether it flows and, if not, the one thing that explains it best: the first of its findings is the
//! verdict. A path that flows has no finding of [`Severity::Trouble`] before that; what is merely odd is a note.
//!
//! Absent on purpose: keys, and any look at other calls.

mod egress;
mod facts;
mod gather;
mod ingress;
mod kind;
mod notes;
mod path;
mod secure;
mod signalling;
mod transport;
mod view;
mod words;

pub use facts::{
    CallFacts, Drop, DtlsFacts, DtlsState, IceFacts, IceState, MediaFacts, Moved, PartyFacts, Protection,
    ReportFacts, SsrcFacts, StreamFacts,
};
pub use kind::{FindingKind, Severity};
pub(crate) use view::describe_stream;
pub use words::age;

use path::Path;

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// The same in words.
    pub text: String,
    /// What it was concluded from.
    pub evidence: String,
}

/// What was found out about the media that one party sends to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathVerdict {
    /// Whose media, as an index of [`CallFacts::medias`].
    pub from: usize,
    /// To whom.
    pub to: usize,
    /// The verdict first, then what else is worth knowing. Never empty.
    pub findings: Vec<Finding>,
}

/// A call, explained.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What is known.
    pub facts: CallFacts,
    /// What follows from it, for each path.
    pub paths: Vec<PathVerdict>,
}

impl PathVerdict {
    /// The finding that explains it best.
    pub fn verdict(&self) -> &Finding {
        // COMPAT with the invariant: `diagnose` never leaves it empty.
        &self.findings[0]
    }

    /// The worst of its findings.
    pub fn severity(&self) -> Severity {
        let severities = self.findings.iter().map(|f| f.kind.severity());
        severities.max().unwrap_or(Severity::Good)
    }

    /// Packets arrive and go on.
    pub fn flows(&self) -> bool {
        self.findings.iter().any(|f| f.kind == FindingKind::Flows)
    }
}

impl Explanation {
    /// The worst of all findings.
    pub fn severity(&self) -> Severity {
        let severities = self.paths.iter().map(PathVerdict::severity);
        severities.max().unwrap_or(Severity::Note)
    }

    /// One sentence about the call.
    pub fn summary(&self) -> String {
        words::summary(self)
    }
}

/// Finds out what can be found out about each path of a call.
pub fn diagnose(facts: &CallFacts) -> Vec<PathVerdict> {
    let paths = facts
        .links
        .iter()
        .filter_map(|(from, to)| Path::new(facts, *from, *to));
    paths
        // In an answered call nobody waits for the branches that never answered.
        .filter(|path| !facts.answered || path.from.described && path.to.described)
        .map(|path| PathVerdict {
            from: path.from_index,
            to: path.to_index,
            findings: judge(&path),
        })
        .collect()
}

/// All rules in order: the first that says something is the verdict.
fn judge(path: &Path<'_>) -> Vec<Finding> {
    if let Some(finding) = signalling::expectation(path) {
        return vec![finding];
    }
    let flows = path.arrives() && path.goes_on();
    let mut findings = Vec::new();
    if flows {
        findings.extend(ingress::in_a_loop(path));
        findings.extend(ingress::wrong_codec(path));
        findings.extend(egress::out_of_reach(path));
        findings.push(words::flows(path));
    } else {
        findings.extend(transport::not_ready(path));
        findings.extend(egress::cannot_send(path));
        if findings.is_empty() {
            findings.push(ingress::why_nothing_passes(path));
        }
    }
    findings.extend(notes::all(path, flows));
    findings
}
