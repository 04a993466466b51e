//! Which protocol each side speaks.

use ng_protocol::Transport;
use sdp::{Protocol, Text};

use crate::model::Media;

use super::Role;
use super::said::Said;

/// Sets the sender's protocol to what it said and the receiver's to what it is told: the same in a first offer, what
/// `transport-protocol` asks for, or what the receiver has spoken itself.
pub(crate) fn negotiate(
    sender: &mut Media,
    receiver: &mut Media,
    said: &Said<'_>,
    asked: Option<Transport>,
    role: Role,
    is_new: bool,
) {
    sender.set_protocol(said.media.protocol, &said.media.protocol_text);
    let asked = asked.filter(|_| said.media.protocol.is_rtp());
    match (role, asked) {
        (Role::Offer, Some(Transport::Accept)) | (_, None) => {}
        (Role::Answer, Some(Transport::Accept)) => {
            receiver.set_protocol(said.media.protocol, &said.media.protocol_text);
        }
        // COMPAT(rtpengine): also in an answer, where the offerer expects the protocol it offered; scripts that say so
        // know why.
        (_, Some(transport)) => {
            let name = Text::from(transport.name());
            receiver.set_protocol(Protocol::of(&name), &name);
        }
    }
    let asked_for_offer = role.is_offer() && asked.is_some_and(|t| t != Transport::Accept);
    if is_new && !asked_for_offer || receiver.protocol.is_rtp() != said.media.protocol.is_rtp() {
        receiver.set_protocol(said.media.protocol, &said.media.protocol_text);
    }
}
