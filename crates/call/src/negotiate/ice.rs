//! ICE in offer and answer (RFC 8839): who is told candidates of ours, and what a section says about its sender.

use ice::{Credentials, RemoteCandidate};
use ng_protocol::{IceHandling, IceLite, IceRules};
use sdp::{Candidate, MediaView, Text, Value};

use super::Role;
use crate::limits::CANDIDATES_MAX;
use crate::model::{Description, Ice, Passing};

/// What a section says of ICE; `None` without credentials, or if its writer has given ICE up (RFC 8839 §4.2.5).
pub(crate) fn describe(view: &MediaView<'_>) -> Option<Box<Description>> {
    let mismatch = view.first(|v| (*v == Value::IceMismatch).then_some(()));
    let credentials = credentials(view.ice_ufrag(), view.ice_pwd()).filter(|_| mismatch.is_none())?;
    let options = view.ice_options();
    let trickle = options.iter().any(|o| o.is("trickle"));
    Some(Box::new(Description {
        credentials,
        lite: view.session.is_ice_lite() || view.media.attributes.iter().any(|a| a.parsed == Value::IceLite),
        trickle,
        renomination: options.iter().any(|o| o.is("renomination")),
        candidates: view
            .candidates()
            .filter_map(usable)
            .take(CANDIDATES_MAX)
            .collect(),
        complete: !trickle || view.is_end_of_candidates(),
    }))
}

pub(crate) fn credentials(ufrag: Option<&Text>, pwd: Option<&Text>) -> Option<Credentials> {
    Credentials::new(&ufrag?.to_utf8(), &pwd?.to_utf8())
}

/// A candidate that can be tried: UDP, and no name (RFC 8839 §5.1). The rest is for others, or learned as it comes.
pub(crate) fn usable(candidate: &Candidate) -> Option<RemoteCandidate> {
    RemoteCandidate::from_fields(
        &candidate.foundation.to_utf8(),
        candidate.component.into(),
        &candidate.transport.to_utf8(),
        candidate.priority,
        (&candidate.host.to_utf8(), candidate.port),
        candidate.kind.name(),
    )
    .ok()
}

/// What an exchange means for both sides, and whether the section passes with its sender's addresses.
pub(crate) fn negotiate(
    role: Role,
    rules: &IceRules,
    is_new: bool,
    (sender, receiver): (&mut Ice, &mut Ice),
    came_beside: bool,
) -> Passing {
    note_lite(rules.lite, sender, receiver);
    let offered = sender.said.is_some();
    if role.is_offer() {
        // COMPAT(rtpengine): the flags count in offers only; a party that trickles is told that we do in any body.
        receiver.trickle |= rules.trickle;
        sender.welcome = offered && !rules.reject;
    }
    if let Some(said) = &sender.said {
        sender.trickle |= said.trickle;
    }
    let passing = match rules.handling {
        IceHandling::ForceRelay => Passing::Relay,
        IceHandling::Optional if offered || came_beside && !role.is_offer() => Passing::Beside,
        _ => Passing::No,
    };
    receiver.active = match (role, rules.handling) {
        _ if passing.is_on() => false,
        (_, IceHandling::Remove) => false,
        // Nobody is answered with ICE who has not offered it.
        (Role::Answer, _) => receiver.welcome,
        (Role::Offer, IceHandling::Force | IceHandling::Optional) => true,
        // Whoever has shown whether it does ICE is offered what it has shown.
        (Role::Offer, _) if is_new => offered,
        (Role::Offer, _) => receiver.active,
    };
    passing
}

/// `ICE-lite`, which stays until it is said otherwise.
fn note_lite(rule: Option<IceLite>, sender: &mut Ice, receiver: &mut Ice) {
    let Some(rule) = rule else { return };
    (sender.lite, receiver.lite) = match rule {
        IceLite::Off => (false, false),
        IceLite::Forward => (sender.lite, true),
        IceLite::Backward => (true, receiver.lite),
        IceLite::Both => (true, true),
    };
}

/// Priorities of our candidates beside those of a sender that keeps its own: type and local preference of the first.
///
/// COMPAT(rtpengine): they are meant to be just below the sender's of the same type, and come out as the reference
/// computes them: one step of the local preference above the sender's lowest, or where there is none, at the bottom of
/// the next lower type preference.
pub(crate) fn preference_beside(priorities: impl Iterator<Item = u32>, type_preference: u32) -> (u32, u32) {
    let value = |(kind, local): (u32, u32)| kind << 24 | local << 8 | 0xff;
    let mut ours = (type_preference, 0xffff);
    for theirs in priorities {
        if theirs <= value(ours) {
            let (kind, local) = (theirs >> 24, theirs >> 8 & 0xffff);
            ours = match local {
                0xffff => (kind.saturating_sub(1), 0),
                local => (kind, local + 1),
            };
        }
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_beside_a_senders() {
        for (theirs, kind, ours) in [
            (&[][..], 126, (126, 65535)),
            (&[2_130_706_431, 2_130_706_175], 126, (125, 0)),
            (&[2_130_706_175], 126, (126, 65535)),
            (&[2_130_705_919], 126, (126, 65534)),
            (&[100], 126, (0, 1)),
            (&[2_113_929_471], 126, (126, 1)),
            (&[1_694_498_815], 126, (99, 0)),
            (&[16_777_215], 0, (0, 0)),
        ] {
            assert_eq!(
                preference_beside(theirs.iter().copied(), kind),
                ours,
                "{theirs:?}"
            );
        }
    }
}
