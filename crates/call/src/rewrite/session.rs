//! The session level between `s=` and the first `m=`: copied from the sender.

use ng_protocol::IceHandling;
use sdp::Value;

use super::attributes::Attributes;
use super::{push, push_bandwidths};
use crate::call::Call;
use crate::offer_answer::Exchange;

impl Call {
    /// Everything between `s=` and the first `m=`.
    pub(crate) fn print_session(&self, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
        let (session, settings) = (exchange.session, exchange.settings);
        let lines = [
            ('i', &session.info),
            ('u', &session.uris),
            ('e', &session.emails),
            ('p', &session.phones),
        ];
        for (letter, values) in lines {
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
}
