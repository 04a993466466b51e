//! What signalling says about a path: whether anything is to be expected there at all.

use super::path::{Path, finding};
use super::words::{age, arrived, capital};
use super::{Finding, FindingKind, MediaFacts};

/// Why nothing has to flow, if that is so.
pub(super) fn expectation(path: &Path<'_>) -> Option<Finding> {
    ending(path)
        .or_else(|| rejected(path))
        .or_else(|| unanswered(path))
        .or_else(|| blocked(path))
        .or_else(|| direction(path))
}

fn ending(path: &Path<'_>) -> Option<Finding> {
    let is_ending = |m: &MediaFacts| path.facts.parties.get(m.party).is_some_and(|p| p.ending);
    let media = [path.from, path.to].into_iter().find(|m| is_ending(m))?;
    let text = format!("{} was deleted and goes soon.", capital(path.name(media)));
    Some(finding(FindingKind::Ending, text, heard(path)))
}

fn rejected(path: &Path<'_>) -> Option<Finding> {
    let by = [path.from, path.to].into_iter().find(|m| m.rejected)?;
    let text = format!(
        "{} has rejected or ended this media (port 0).",
        capital(path.name(by))
    );
    Some(finding(FindingKind::Rejected, text, heard(path)))
}

fn unanswered(path: &Path<'_>) -> Option<Finding> {
    let who = [path.to, path.from].into_iter().find(|m| !m.described)?;
    let text = format!(
        "{} has not answered: no SDP of its own was seen, so nothing is sent to it.",
        capital(path.name(who))
    );
    let asked = age(path.facts.now, Some(path.facts.last_signal));
    let evidence = format!("signalling was last heard {asked}; {}", heard(path));
    Some(finding(FindingKind::NotAnswered, text, evidence))
}

fn blocked(path: &Path<'_>) -> Option<Finding> {
    path.from.blocked.then(|| {
        let text = format!("Media from {} is blocked by command.", path.sender());
        finding(FindingKind::Blocked, text, heard(path))
    })
}

fn direction(path: &Path<'_>) -> Option<Finding> {
    let (from, to) = (path.from, path.to);
    let text = match () {
        () if !from.sends => format!(
            "Nothing is to be expected: the SDP of {} says {}.",
            path.sender(),
            from.direction
        ),
        () if to.null_address => format!(
            "{} is on hold: its SDP names the address 0.0.0.0.",
            capital(path.receiver())
        ),
        () if !to.receives => format!(
            "Nothing is to be expected: the SDP of {} says {}.",
            path.receiver(),
            to.direction
        ),
        () => return None,
    };
    Some(finding(FindingKind::NotExpected, text, heard(path)))
}

fn heard(path: &Path<'_>) -> String {
    format!(
        "from {}: {}",
        path.sender(),
        arrived(path.facts.now, &path.from.rtp)
    )
}
