//! What is odd but carried all the same.

use plan::DropReason;

use super::path::{Path, finding};
use super::words::{age, capital, packets};
use super::{Finding, FindingKind};

/// Packets of RTCP on the wrong port that are more than one that was under way.
const STRAYS_MIN: u64 = 2;

/// All notes on a path. Those on drops are for a path that flows; where nothing does, they are the verdict.
pub(super) fn all(path: &Path<'_>, flows: bool) -> Vec<Finding> {
    let mut notes: Vec<Finding> = [moved, behind_nat, mux]
        .into_iter()
        .filter_map(|rule| rule(path))
        .collect();
    if flows {
        notes.extend(drops(path));
    }
    notes
}

fn moved(path: &Path<'_>) -> Option<Finding> {
    let moved = path.from.rtp.moved?;
    let (now_from, _) = path.from.rtp.learned?;
    let text = format!(
        "The source of {} has changed from {} to {now_from} (a NAT chose another address); media follows it.",
        path.sender(),
        moved.from
    );
    let evidence = age(path.facts.now, Some(moved.at));
    Some(finding(FindingKind::SourceMoved, text, evidence))
}

fn behind_nat(path: &Path<'_>) -> Option<Finding> {
    let (seen, _) = path.from.rtp.learned?;
    let signalled = path.from.rtp.signalled.filter(|s| s.ip() != seen.ip())?;
    if path.from.ice.is_some() {
        return None;
    }
    let text = format!(
        "{} is behind a NAT: it sends from {seen}, its SDP says {signalled}.",
        capital(path.sender())
    );
    Some(finding(FindingKind::BehindNat, text, String::new()))
}

fn mux(path: &Path<'_>) -> Option<Finding> {
    let (from, name) = (path.from, capital(path.sender()));
    let apart = from.rtcp.as_ref().map_or(0, |s| s.received.0);
    if from.mux && apart >= STRAYS_MIN {
        let text = format!("{name} sends RTCP to a port of its own although rtcp-mux was agreed.");
        return Some(finding(FindingKind::RtcpMuxMismatch, text, packets(apart)));
    }
    (!from.mux && from.rtp.stray_rtcp >= STRAYS_MIN).then(|| {
        let text = format!("{name} sends RTCP to the RTP port although rtcp-mux was not agreed.");
        finding(FindingKind::RtcpMuxMismatch, text, packets(from.rtp.stray_rtcp))
    })
}

fn drops(path: &Path<'_>) -> Option<Finding> {
    let rtp = &path.from.rtp;
    let told = |d: &super::Drop| d.reason == DropReason::Loop;
    let drop = path.recent_drops(rtp).into_iter().find(|d| !told(d))?;
    let by_source = matches!(
        drop.reason,
        DropReason::ForeignSource | DropReason::StrictSource | DropReason::Unproven
    );
    let from = rtp.refused.filter(|(reason, _)| *reason == drop.reason);
    let from = from.map_or_else(String::new, |(_, addr)| format!(" from {addr}"));
    let count = packets(drop.packets);
    let last = age(path.facts.now, Some(drop.last));
    Some(match by_source {
        true => finding(
            FindingKind::Strangers,
            format!(
                "Somebody else sends to the port of {}{from} and is ignored.",
                path.sender()
            ),
            format!("{count} dropped as {}, the last {last}", drop.reason.text()),
        ),
        false => finding(
            FindingKind::SomeDropped,
            format!(
                "Some packets for the port of {}{from} are dropped.",
                path.sender()
            ),
            format!("{count} dropped as {}, the last {last}", drop.reason.text()),
        ),
    })
}
