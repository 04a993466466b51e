//! rtcp-mux (RFC 5761): what is proposed to the receiver of an offer, and what the offerer is answered.

use ng_protocol::RtcpRules;

use crate::model::Mux;

/// The state of both sides after an offer. Returns whether the offer to the receiver has `a=rtcp-mux`.
pub(crate) fn offer(sender: &mut Mux, receiver: &mut Mux, said: bool, rules: &RtcpRules) -> bool {
    sender.offered = said;
    let hidden = rules.mux_demux || rules.mux_reject;
    receiver.proposed = said && !hidden || rules.mux_offer || rules.mux_require;
    receiver.accept = said && (rules.mux_demux || rules.mux_accept);
    receiver.reject = rules.mux_reject;
    if rules.mux_require {
        receiver.active = true;
    }
    receiver.proposed
}

/// The state of both sides after an answer. Returns whether the answer to the offerer has `a=rtcp-mux`.
pub(crate) fn answer(sender: &mut Mux, receiver: &mut Mux, said: bool, rules: &RtcpRules) -> bool {
    sender.active = said && sender.proposed;
    let agreed = sender.active || sender.accept || rules.mux_accept || rules.mux_demux;
    let refused = sender.reject || rules.mux_reject;
    receiver.active = receiver.offered && agreed && !refused;
    receiver.active
}
