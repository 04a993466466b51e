//! From us to the receiver: whether we may send, and whether what we send is likely to arrive.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use plan::DropReason;

use super::path::{Path, finding};
use super::words::{age, capital, packets, sent, span};
use super::{Finding, FindingKind};

/// A report about reception that is older says nothing about now.
const REPORT_AGE: Duration = Duration::from_secs(15);
/// Fraction lost in 1/256 that is as good as everything.
const ALL_LOST: u8 = 250;

/// Why nothing is sent to the receiver, if that is so.
pub(super) fn cannot_send(path: &Path<'_>) -> Vec<Finding> {
    let to = &path.to.rtp;
    let now = path.facts.now;
    let mut findings = Vec::new();
    if to.forbidden && to.learned.is_none() {
        let addr = to.signalled.map_or_else(String::new, |a| a.to_string());
        let text = format!(
            "Nothing is sent to {}: {addr} is an address that is never sent to.",
            path.receiver()
        );
        findings.push(finding(FindingKind::ForbiddenPeer, text, sent(now, to)));
    } else if path.to.waits && !to.was_reached() {
        let text = format!(
            "Packets for {} are held back until its first packet has come, and none has.",
            path.receiver()
        );
        findings.push(finding(FindingKind::WaitsForPeer, text, sent(now, to)));
    }
    findings
}

/// We send, and there are reasons to think that it does not arrive.
pub(super) fn out_of_reach(path: &Path<'_>) -> Vec<Finding> {
    let rules = [refused, elsewhere, private, reported];
    rules.into_iter().filter_map(|rule| rule(path)).collect()
}

fn refused(path: &Path<'_>) -> Option<Finding> {
    let drop = path.recently(&path.to.rtp, DropReason::SendError)?;
    let to = path
        .to
        .rtp
        .destination
        .map_or_else(|| path.receiver().to_owned(), |a| a.to_string());
    let text = format!(
        "The kernel refuses to send to {to}, where {} is.",
        path.receiver()
    );
    let last = age(path.facts.now, Some(drop.last));
    let evidence = format!("{} refused, the last {last}", packets(drop.packets));
    Some(finding(FindingKind::SendRefused, text, evidence))
}

fn elsewhere(path: &Path<'_>) -> Option<Finding> {
    let to = &path.to.rtp;
    let (heard, _) = to.learned.filter(|_| path.to.ice.is_none())?;
    let destination = to.destination.filter(|d| d.ip() != heard.ip())?;
    let text = format!(
        "{} sends from {heard}, but we send to {destination} as its SDP says.",
        capital(path.receiver())
    );
    Some(finding(
        FindingKind::SentElsewhere,
        text,
        sent(path.facts.now, to),
    ))
}

fn private(path: &Path<'_>) -> Option<Finding> {
    let to = &path.to.rtp;
    let destination = to.destination.filter(|d| is_private(*d))?;
    let ours = to.advertised.or(to.local)?;
    if is_private(ours) || ours.ip().is_loopback() || to.learned.is_some() || path.to.ice.is_some() {
        return None;
    }
    let text = format!(
        "We send to {destination}, a private address, because {} has not sent anything itself: it will hardly arrive.",
        path.receiver()
    );
    Some(finding(
        FindingKind::PrivateAddress,
        text,
        sent(path.facts.now, to),
    ))
}

fn reported(path: &Path<'_>) -> Option<Finding> {
    let report = path.to.report?;
    let fresh = path.since(report.at) < REPORT_AGE;
    (fresh && report.fraction_lost >= ALL_LOST).then(|| {
        let text = format!(
            "{} reports that nothing of what we send arrives.",
            capital(path.receiver())
        );
        let evidence = format!(
            "RTCP {} ago; {}",
            span(path.since(report.at)),
            sent(path.facts.now, &path.to.rtp)
        );
        finding(FindingKind::ReceiverLosesAll, text, evidence)
    })
}

/// An address that means something else in every network (RFC 1918, RFC 6598, RFC 4193).
pub(super) fn is_private(addr: SocketAddr) -> bool {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || a == 100 && b & 0xc0 == 64
        }
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses() {
        let of = |text: &str| is_private(SocketAddr::new(text.parse().unwrap(), 1));
        for yes in [
            "10.0.0.1",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.1.1",
            "fd00::1",
            "::ffff:10.1.1.1",
        ] {
            assert!(of(yes), "{yes}");
        }
        for no in [
            "11.0.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "203.0.113.1",
            "2001:db8::1",
        ] {
            assert!(!of(no), "{no}");
        }
    }
}
