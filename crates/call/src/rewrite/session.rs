//! The session level between `s=` and the first `m=`: copied from the sender.

use ng_protocol::IceHandling;
use sdp::Value;

use super::attributes::Attributes;
use super::{Line, push, push_bandwidths};
use crate::call::Call;
use crate::model::MediaId;
use crate::offer_answer::Exchange;

impl Call {
    /// Everything between `s=` and the first `m=`.
    pub(crate) fn print_session(&self, exchange: &Exchange<'_>, lines: &[Line<'_>], out: &mut Vec<u8>) {
        let (session, settings) = (exchange.session, exchange.settings);
        let copied = [
            ('i', &session.info),
            ('u', &session.uris),
            ('e', &session.emails),
            ('p', &session.phones),
        ];
        for (letter, values) in copied {
            for value in values {
                push(out, letter, value);
            }
        }
        push_bandwidths(out, &session.bandwidths);
        match session.timings.is_empty() {
            true => push(out, 't', b"0 0"),
            false => session.timings.iter().for_each(|t| push(out, 't', t)),
        }
        let mut attributes = Attributes::of_session(&settings.sdp.attributes);
        if settings.dialogue.loop_protect {
            attributes.generate(out, &["rtpengine:", &self.config.instance_id]);
        }
        if self.is_lite_towards(exchange.to) {
            attributes.generate(out, &["ice-lite"]);
        }
        if let Some(group) = self.group_to_print(exchange, lines) {
            attributes.generate(out, &[&group]);
        }
        let transparent = settings.ice.handling == IceHandling::ForceRelay;
        for attribute in &session.attributes {
            let kept = match attribute.parsed {
                Value::Direction(_) => settings.sdp.original_sendrecv,
                Value::Group(_) => transparent,
                Value::Marker(_) => false,
                _ => transparent || !attribute.is_consumed(),
            };
            if kept {
                attributes.copy(out, &attribute.text);
            }
        }
        attributes.add(out);
    }

    /// The bundle that the receiver is offered, or that its offer has led to.
    fn group_to_print(&self, exchange: &Exchange<'_>, lines: &[Line<'_>]) -> Option<String> {
        let bundling = &self.model.parties[exchange.to].bundling;
        let medias = match exchange.role.is_offer() {
            true => &bundling.offered,
            false => &bundling.members,
        };
        let printed = |m: &&MediaId| lines.iter().any(|l| l.media == **m && !l.deal.rejected);
        let mids = medias
            .iter()
            .filter(printed)
            .filter_map(|m| self.model.medias[*m].mid.as_ref());
        let mids: String = mids.map(|mid| format!(" {mid}")).collect();
        (!mids.is_empty()).then(|| format!("group:BUNDLE{mids}"))
    }
}
