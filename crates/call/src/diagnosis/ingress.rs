//! From the sender to us: what arrives, why it is dropped, and why nothing comes.

use plan::DropReason;

use super::path::{Path, finding};
use super::words::{age, arrived, capital, codecs, packets, sent, span};
use super::{Drop, Finding, FindingKind};

/// Packets in a row that make a payload type more than a keepalive (RFC 6263 §4.6).
const RUN_MIN: u64 = 10;
/// Fewer packets than this that are no RTP are keepalives too.
const KEEPALIVES_MAX: u64 = 10;
/// Comfort noise (RFC 3389) needs no agreement.
const COMFORT_NOISE: [u8; 2] = [13, 19];

/// What arrives is not what the receiver has agreed to.
pub(super) fn wrong_codec(path: &Path<'_>) -> Option<Finding> {
    let latest = path.from.rtp.latest()?;
    let agreed = |pt: u8| path.to.codecs.iter().any(|(known, _)| *known == pt);
    let short = latest.run < RUN_MIN && latest.run < latest.packets;
    let pt = latest.payload_type;
    if path.to.codecs.is_empty() || agreed(pt) || short || COMFORT_NOISE.contains(&pt) {
        return None;
    }
    let own = path.from.codecs.iter().find(|(known, _)| *known == pt);
    let what = own.map_or_else(
        || format!("payload type {pt}"),
        |(_, name)| format!("{name} (payload type {pt})"),
    );
    let text = format!(
        "{} sends {what}, which {} has not agreed to: it goes on, but will probably not be understood.",
        capital(path.sender()),
        path.receiver()
    );
    let evidence = format!(
        "{} in a row; negotiated: {}",
        packets(latest.run),
        codecs(&path.to.codecs)
    );
    Some(finding(FindingKind::CodecMismatch, text, evidence))
}

/// What is sent on comes back. It may well flow all the same: in a circle.
pub(super) fn in_a_loop(path: &Path<'_>) -> Option<Finding> {
    path.recently(&path.from.rtp, DropReason::Loop)
        .and_then(|drop| dropped(path, drop))
}

/// The path is open and nothing passes.
pub(super) fn why_nothing_passes(path: &Path<'_>) -> Finding {
    let recent = path.recent_drops(&path.from.rtp);
    let keepalive = |d: &Drop| d.reason == DropReason::Malformed && d.packets < KEEPALIVES_MAX;
    if let Some(drop) = recent.into_iter().find(|d| !keepalive(d))
        && let Some(finding) = dropped(path, drop)
    {
        return finding;
    }
    if path.arrives() {
        let text = format!(
            "Media of {} arrives and is not sent on to {}.",
            path.sender(),
            path.receiver()
        );
        return finding(FindingKind::NotForwarded, text, evidence(path));
    }
    silence(path)
}

/// What a reason to drop says about the path.
fn dropped(path: &Path<'_>, drop: Drop) -> Option<Finding> {
    let (sender, receiver) = (path.sender(), path.receiver());
    let from = path.from.rtp.refused.filter(|(reason, _)| *reason == drop.reason);
    let from = from.map_or_else(|| "another address".to_owned(), |(_, addr)| addr.to_string());
    let settled = path
        .from
        .rtp
        .learned
        .map(|(addr, _)| addr)
        .or(path.from.rtp.signalled);
    let settled = settled.map_or_else(|| "another one".to_owned(), |addr| addr.to_string());
    let (kind, text) = match drop.reason {
        DropReason::SrtpAuth => (
            FindingKind::WrongKey,
            format!(
                "What {sender} sends cannot be decrypted: it was protected with another key, or not at all."
            ),
        ),
        DropReason::SrtpReplay | DropReason::Repeated => (
            FindingKind::Replayed,
            format!("Packets of {sender} arrive that have arrived before, or repeat their numbers."),
        ),
        DropReason::NoKeys => (
            FindingKind::NoKeys,
            format!("Packets of {sender} are dropped because SRTP keys are missing on one side."),
        ),
        DropReason::Unproven => (
            FindingKind::IceUnproven,
            format!(
                "{} sends from {from}, an address that ICE has not checked.",
                capital(sender)
            ),
        ),
        DropReason::StrictSource => (
            FindingKind::StrictSource,
            format!("Packets come from {from} instead of {settled}, and strict-source refuses them."),
        ),
        DropReason::ForeignSource => (
            FindingKind::ForeignSource,
            format!(
                "Packets come from {from} instead of {settled} and do not continue the stream of {sender}."
            ),
        ),
        DropReason::Malformed => (FindingKind::NotRtp, format!("What {sender} sends is not RTP.")),
        DropReason::Unexpected => (
            FindingKind::UnexpectedIce,
            format!(
                "{} speaks STUN or DTLS, which was not agreed with it.",
                capital(sender)
            ),
        ),
        DropReason::Loop => (
            FindingKind::Loop,
            format!(
                "Packets of {sender} come back to where they have been: the media runs in a loop, which is cut."
            ),
        ),
        DropReason::Blocked => (
            FindingKind::Blocked,
            format!("Media from {sender} is blocked by command."),
        ),
        DropReason::PayloadType => (
            FindingKind::PayloadFiltered,
            format!(
                "{} sends a payload type that may not pass to {receiver}.",
                capital(sender)
            ),
        ),
        DropReason::NoBundleMember => (
            FindingKind::NoBundleMember,
            format!("Packets of {sender} belong to none of the media that share this port."),
        ),
        DropReason::PuntFull => (
            FindingKind::Overload,
            "The relay cannot keep up with STUN and DTLS.".to_owned(),
        ),
        DropReason::ForbiddenPeer => (
            FindingKind::ForbiddenPeer,
            format!("Nothing is sent to {receiver}: its SDP names an address that is never sent to."),
        ),
        DropReason::NoPeer => (
            FindingKind::WaitsForPeer,
            format!("Where {receiver} is cannot be told yet, so packets for it are dropped."),
        ),
        DropReason::NoFlow
        | DropReason::NoSink
        | DropReason::Direction
        | DropReason::RtcpConsumed
        | DropReason::SendError => return None,
    };
    let last = age(path.facts.now, Some(drop.last));
    let evidence = format!(
        "{} dropped as {}, the last {last}",
        packets(drop.packets),
        drop.reason.text()
    );
    Some(finding(kind, text, evidence))
}

/// Nothing comes: since when, and what else does.
fn silence(path: &Path<'_>) -> Finding {
    let rtcp_reached = path.from.rtcp.as_ref().is_some_and(|s| s.was_reached());
    let sender = path.sender();
    match path.last_media() {
        None if path.is_early() => {
            let text = format!(
                "Nothing has arrived from {sender} yet; signalling was only {} ago.",
                span(path.settled_for())
            );
            finding(FindingKind::TooEarly, text, evidence(path))
        }
        None if path.from.rtp.was_reached() || rtcp_reached => {
            let text = format!(
                "{} can be heard but sends no media: {} has come so far.",
                capital(sender),
                what_came(path)
            );
            finding(FindingKind::NoRtp, text, evidence(path))
        }
        None => nothing_ever(path),
        Some(at)
            if path
                .from
                .rtp
                .latest()
                .is_some_and(|s| COMFORT_NOISE.contains(&s.payload_type)) =>
        {
            let text = format!(
                "{} has announced silence and sends nothing since.",
                capital(sender)
            );
            let evidence = format!(
                "comfort noise {}; {}",
                age(path.facts.now, Some(at)),
                evidence(path)
            );
            finding(FindingKind::SilenceSuppressed, text, evidence)
        }
        Some(at) if path.rtcp_is_alive() => {
            let text = format!(
                "{} has stopped sending media {} ago; its RTCP still arrives.",
                capital(sender),
                span(path.since(at))
            );
            finding(FindingKind::SenderStopped, text, evidence(path))
        }
        Some(at) => {
            let text = format!(
                "Nothing arrives from {sender} any more, for {}.",
                span(path.since(at))
            );
            finding(FindingKind::PartyGone, text, evidence(path))
        }
    }
}

fn nothing_ever(path: &Path<'_>) -> Finding {
    let sender = path.sender();
    let reached = |index: &usize| path.facts.medias.get(*index).is_some_and(|m| m.rtp.was_reached());
    let others = path.facts.links.iter().any(|(from, _)| reached(from));
    if others {
        let text = format!("Nothing has ever arrived from {sender}, although its SDP says that it sends.");
        return finding(FindingKind::NothingArrives, text, evidence(path));
    }
    let text = format!("Nothing has ever arrived, neither from {sender} nor from anybody else in this call.");
    finding(FindingKind::NothingArrivesAtAll, text, evidence(path))
}

/// What has come instead of media.
fn what_came(path: &Path<'_>) -> String {
    let rtp = &path.from.rtp;
    let rtcp = path.from.rtcp.as_ref().map_or(0, |s| s.received.0)
        + rtp.received.0.saturating_sub(rtp.rtp_packets());
    let parts = [
        (rtcp, "RTCP"),
        (rtp.stun, "STUN"),
        (rtp.dtls, "DTLS"),
        (rtp.dropped(), "what was dropped"),
    ];
    let parts: Vec<&str> = parts
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(_, name)| name)
        .collect();
    match parts.is_empty() {
        true => "nothing but RTCP that was dropped".to_owned(),
        false => format!("only {}", parts.join(", ")),
    }
}

fn evidence(path: &Path<'_>) -> String {
    let now = path.facts.now;
    let at = path.from.rtp.advertised.or(path.from.rtp.local);
    let at = at.map_or_else(String::new, |addr| format!("at our {addr}: "));
    format!(
        "{at}{}; {}",
        arrived(now, &path.from.rtp),
        sent(now, &path.from.rtp)
    )
}
