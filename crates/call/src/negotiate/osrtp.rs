//! OSRTP (RFC 8643): SRTP if both sides can, under a protocol that does not promise it; and the older form of the same,
//! where a media stands in two sections, one with SRTP and one without.

use ng_protocol::{Settings, Transport};
use sdp::Protocol;

use super::Role;
use super::said::Said;
use crate::model::{Legacy, Media};

/// Makes one of two sections that describe the same media, where the request (`OSRTP-accept-legacy`) or what was
/// `known` of the media at that position says that they do.
pub(crate) fn collapse<'a>(
    said: Vec<Said<'a>>,
    settings: &Settings,
    known: impl Fn(usize) -> Option<Legacy>,
) -> Vec<Said<'a>> {
    let mut out: Vec<Said<'a>> = Vec::with_capacity(said.len());
    let mut rest = said.into_iter().peekable();
    while let Some(first) = rest.next() {
        let looked_for = settings.osrtp.accept_legacy || known(out.len()).is_some();
        let pair = rest.peek().filter(|_| looked_for).and_then(|s| legacy(&first, s));
        out.push(match (pair, pair.and_then(|_| rest.next())) {
            (Some(legacy), Some(second)) => chosen(first, second, legacy),
            _ => first,
        });
    }
    out
}

/// Two sections are of one media if they are alike but for SRTP.
fn legacy(first: &Said<'_>, second: &Said<'_>) -> Option<Legacy> {
    let [one, two] = [first.media, second.media];
    let alike = one.kind == two.kind && one.protocol.is_rtp() && two.protocol.is_rtp();
    match (one.protocol.is_srtp(), two.protocol.is_srtp()) {
        (false, true) if alike => Some(Legacy {
            plain_first: true,
            secure: two.protocol,
        }),
        (true, false) if alike => Some(Legacy {
            plain_first: false,
            secure: one.protocol,
        }),
        _ => None,
    }
}

/// The section with SRTP, unless only the other one is in use.
fn chosen<'a>(first: Said<'a>, second: Said<'a>, legacy: Legacy) -> Said<'a> {
    let (plain, secure) = match legacy.plain_first {
        true => (first, second),
        false => (second, first),
    };
    let one = match secure.rejected && !plain.rejected {
        true => plain,
        false => secure,
    };
    Said {
        legacy: Some(legacy),
        ..one
    }
}

/// Who may be spoken SRTP with although its protocol is AVP or AVPF. To be called when both protocols are known. Returns
/// whether the receiver is offered the media twice.
pub(crate) fn negotiate(
    role: Role,
    settings: &Settings,
    said: &Said<'_>,
    (sender, receiver): (&mut Media, &mut Media),
    is_new: bool,
) -> bool {
    let can = said.keyed && said.media.protocol.is_rtp() && !said.media.protocol.is_srtp();
    match role {
        Role::Offer => {
            sender.keying.opportunistic = can;
            sender.keying.legacy = said.legacy;
            if settings.osrtp.offer_legacy && receiver.protocol.is_srtp() {
                receiver.keying.legacy = Some(Legacy {
                    plain_first: true,
                    secure: receiver.protocol,
                });
                return true;
            }
            if settings.osrtp.offer && receiver.protocol.is_rtp() {
                offer(receiver);
            } else if settings.transport.is_some_and(|t| t != Transport::Accept) {
                receiver.keying.opportunistic = false;
            } else if is_new {
                receiver.keying.opportunistic = can;
            }
        }
        Role::Answer => {
            // Keys that nobody asked for are none.
            sender.keying.opportunistic &= can;
            // Our half of it could be protected all the same; it is the offerer's script that decides.
            receiver.keying.opportunistic &= sender.is_secure() || settings.osrtp.accept;
        }
    }
    false
}

/// Offers SRTP to a party in the unprotected profile.
fn offer(receiver: &mut Media) {
    if let Some(plain) = Protocol::rtp(false, receiver.protocol.is_feedback(), false)
        && receiver.protocol != plain
    {
        receiver.protocol = plain;
        receiver.protocol_text = None;
    }
    receiver.keying.opportunistic = true;
}
