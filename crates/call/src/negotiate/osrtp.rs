//! OSRTP (RFC 8643): SRTP if both sides can, under a protocol that does not promise it.

use ng_protocol::{Settings, Transport};
use sdp::Protocol;

use super::Role;
use super::said::Said;
use crate::model::Media;

/// Who may be spoken SRTP with although its protocol is AVP or AVPF. To be called when both protocols are known.
pub(crate) fn negotiate(
    role: Role,
    settings: &Settings,
    said: &Said<'_>,
    (sender, receiver): (&mut Media, &mut Media),
    is_new: bool,
) {
    let can = said.keyed && said.media.protocol.is_rtp() && !said.media.protocol.is_srtp();
    match role {
        Role::Offer => {
            sender.keying.opportunistic = can;
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
