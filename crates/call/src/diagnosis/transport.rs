//! ICE, DTLS and keys: what has to be ready before a packet may pass.

use super::path::{Path, SETUP, finding};
use super::words::{capital, packets, span};
use super::{DtlsFacts, DtlsState, Finding, FindingKind, IceFacts, IceState, MediaFacts, Protection};

/// What is not ready on either side; ICE explains DTLS, and both explain missing keys.
pub(super) fn not_ready(path: &Path<'_>) -> Vec<Finding> {
    let sides = [path.from, path.to];
    sides
        .into_iter()
        .filter_map(|side| {
            ice(path, side)
                .or_else(|| dtls(path, side))
                .or_else(|| keys(path, side))
        })
        .collect()
}

fn ice(path: &Path<'_>, side: &MediaFacts) -> Option<Finding> {
    let ice = side.ice.as_ref()?;
    let lasted = path.since(ice.since);
    let name = path.name(side);
    let (kind, text) = match ice.state {
        IceState::Connected => return None,
        IceState::Failed => (
            FindingKind::IceFailed,
            format!("ICE with {name} has failed: no pair of addresses works."),
        ),
        IceState::Disconnected => (
            FindingKind::IceLost,
            format!(
                "{} has stopped answering on the pair that ICE had selected.",
                capital(name)
            ),
        ),
        IceState::New | IceState::Checking if lasted < SETUP => (
            FindingKind::TooEarly,
            format!("ICE with {name} is at work for {}.", span(lasted)),
        ),
        IceState::New | IceState::Checking => (
            FindingKind::IceNotConnected,
            format!("ICE with {name} finds no pair that works, for {}.", span(lasted)),
        ),
    };
    Some(finding(kind, text, ice_evidence(ice, side)))
}

fn ice_evidence(ice: &IceFacts, side: &MediaFacts) -> String {
    let stun = match side.rtp.stun {
        0 => "no STUN has arrived".to_owned(),
        n => format!("{} of STUN have arrived", packets(n)),
    };
    let candidates = match ice.candidates {
        0 => "no usable candidate was signalled".to_owned(),
        1 => "1 candidate was signalled".to_owned(),
        n => format!("{n} candidates were signalled"),
    };
    format!("{}; {candidates}; {stun}", ice.state.text())
}

fn dtls(path: &Path<'_>, side: &MediaFacts) -> Option<Finding> {
    let dtls = side.dtls.as_ref()?;
    let lasted = path.since(dtls.since);
    let name = path.name(side);
    let (kind, text) = match &dtls.state {
        DtlsState::Connected | DtlsState::Closed => return None,
        DtlsState::WrongFingerprint => (
            FindingKind::WrongFingerprint,
            format!("The certificate of {name} is not the one that its SDP has announced: it was refused."),
        ),
        DtlsState::Unverified => (
            FindingKind::DtlsUnverified,
            format!("The DTLS handshake with {name} is done, but its SDP has not told any fingerprint."),
        ),
        DtlsState::New | DtlsState::Handshaking if lasted < SETUP => (
            FindingKind::TooEarly,
            format!("The DTLS handshake with {name} has {} behind it.", span(lasted)),
        ),
        _ if side.rtp.dtls == 0 => (FindingKind::DtlsNotStarted, silent(name, dtls)),
        DtlsState::Failed(why) => (
            FindingKind::DtlsFailed,
            format!("The DTLS handshake with {name} has failed: {why}."),
        ),
        DtlsState::New | DtlsState::Handshaking => (
            FindingKind::DtlsStuck,
            format!(
                "The DTLS handshake with {name} does not come to an end, for {}.",
                span(lasted)
            ),
        ),
    };
    let role = if dtls.active {
        "we begin (active)"
    } else {
        "the party begins (we are passive)"
    };
    let evidence = format!("{role}; {} of DTLS have arrived", packets(side.rtp.dtls));
    Some(finding(kind, text, evidence))
}

fn silent(name: &str, dtls: &DtlsFacts) -> String {
    match dtls.active {
        true if dtls.state == DtlsState::New => {
            format!("We are to begin the DTLS handshake with {name} and do not know where it is yet.")
        }
        true => format!(
            "{} does not answer our DTLS handshake: no DTLS packet has arrived.",
            capital(name)
        ),
        false => format!(
            "{} has not begun the DTLS handshake: no ClientHello has arrived.",
            capital(name)
        ),
    }
}

fn keys(path: &Path<'_>, side: &MediaFacts) -> Option<Finding> {
    let pending = side.recv == Protection::Pending || side.send == Protection::Pending;
    (pending && side.dtls.is_none()).then(|| {
        let text = format!(
            "SRTP was agreed with {}, but there is no key for it.",
            path.name(side)
        );
        finding(FindingKind::NoKeys, text, format!("protocol {}", side.protocol))
    })
}
