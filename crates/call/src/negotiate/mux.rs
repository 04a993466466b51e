//! rtcp-mux (RFC 5761): what is proposed to the receiver of an offer, and what the offerer is answered.

use ng_protocol::RtcpRules;

use crate::model::Mux;

/// What a section says about rtcp-mux.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MuxSaid {
    /// `a=rtcp-mux`, or `a=rtcp-mux-only` in an offer.
    pub(crate) mux: bool,
    /// `a=rtcp-mux-only` (RFC 8858): there is no port for RTCP.
    pub(crate) only: bool,
}

/// The state of both sides after an offer. Returns whether the offer to the receiver has `a=rtcp-mux`.
pub(crate) fn offer(sender: &mut Mux, receiver: &mut Mux, said: MuxSaid, rules: &RtcpRules) -> bool {
    let MuxSaid { mux: said, only } = said;
    sender.offered = said;
    sender.known |= said;
    // COMPAT(rtpengine): a party that has multiplexed once is offered on as one that does, and one that is multiplexed
    // towards us is offered it again.
    let known = sender.known && !rules.mux_demux || receiver.active;
    receiver.proposed = known || rules.mux_offer || rules.mux_require;
    // RFC 8858 §4: whoever can't do without it is not answered without it.
    receiver.accept = said && (rules.mux_demux || rules.mux_accept || only);
    receiver.reject = rules.mux_reject;
    if rules.mux_require {
        receiver.active = true;
    }
    receiver.proposed
}

/// The state of both sides after an answer. Returns whether the answer to the offerer has `a=rtcp-mux`.
pub(crate) fn answer(sender: &mut Mux, receiver: &mut Mux, said: bool) -> bool {
    sender.known |= said;
    sender.active = said && sender.proposed;
    // COMPAT(rtpengine): `demux`, `accept` and `reject` are instructions of the offer's. Scripts send `reject` with the
    // answer to a `demux` offer, and expect the offerer to be multiplexed all the same.
    let agreed = sender.active || sender.accept;
    receiver.active = receiver.offered && agreed && !sender.reject;
    receiver.active
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules, offered by the caller, accepted by the callee; then: offered on, accepted back.
    #[test]
    fn what_is_offered_and_accepted() {
        let no = RtcpRules::default();
        let offer_it = RtcpRules {
            mux_offer: true,
            ..no.clone()
        };
        let require = RtcpRules {
            mux_require: true,
            ..no.clone()
        };
        let demux = RtcpRules {
            mux_demux: true,
            ..no.clone()
        };
        let accept = RtcpRules {
            mux_accept: true,
            ..no.clone()
        };
        let reject = RtcpRules {
            mux_reject: true,
            ..no.clone()
        };
        let said = |mux| MuxSaid { mux, only: false };
        for (rules, caller, callee, offered, accepted) in [
            (&no, false, false, false, false),
            (&no, false, true, false, false),
            (&no, true, false, true, false),
            (&no, true, true, true, true),
            (&offer_it, false, true, true, false),
            (&offer_it, true, true, true, true),
            (&require, false, true, true, false),
            (&demux, true, false, false, true),
            (&demux, false, false, false, false),
            (&accept, true, false, true, true),
            (&reject, true, true, true, false),
        ] {
            let (mut a, mut b) = (Mux::default(), Mux::default());
            assert_eq!(
                offer(&mut a, &mut b, said(caller), rules),
                offered,
                "{rules:?} {caller}"
            );
            assert_eq!(
                answer(&mut b, &mut a, callee),
                accepted,
                "{rules:?} {caller} {callee}"
            );
        }
    }

    #[test]
    fn who_only_multiplexes_is_not_answered_without() {
        let (mut a, mut b) = (Mux::default(), Mux::default());
        let said = MuxSaid {
            mux: true,
            only: true,
        };
        assert!(offer(&mut a, &mut b, said, &RtcpRules::default()));
        assert!(answer(&mut b, &mut a, false));
        assert!(a.active && !b.active);
    }
}
