//! The session level: `o=`, `s=` and what is copied from the sender.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use ng_protocol::IceHandling;
use sdp::{Text, Value};

use super::attributes::Attributes;
use super::{Line, push, push_bandwidths};
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
            attributes.generate(out, &format!("rtpengine:{}", self.config.instance_id));
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

    /// `v=`, `o=` and `s=`. They come last, because the version in `o=` may depend on all the rest.
    pub(crate) fn print_head(&mut self, exchange: &Exchange<'_>, lines: &[Line<'_>], body: &[u8]) -> Vec<u8> {
        let ours = self.our_address(exchange, lines);
        let replace = &exchange.settings.sdp.replace;
        let session = exchange.session;
        let printed = &mut self.model.parties[exchange.to].printed;
        let name = session.name.clone().unwrap_or_else(|| Text::from("-"));
        let name = match &printed.session_name {
            Some(first) if replace.session_name => first.clone(),
            _ => printed.session_name.insert(Text::new(&name)).clone(),
        };
        let origin = session.origin.as_ref();
        let field = |text: Option<&Text>, default| text.map_or_else(|| Text::from(default), Text::new);
        let mut username = field(origin.map(|o| &o.username), "-");
        let mut session_id = field(origin.map(|o| &o.session_id), "0");
        if let Some(first) = printed
            .username
            .as_ref()
            .filter(|_| replace.username || replace.origin_full)
        {
            username = first.clone();
        }
        if let Some(first) = printed.session_id.as_ref().filter(|_| replace.origin_full) {
            session_id = first.clone();
        }
        printed.username.get_or_insert_with(|| username.clone());
        printed.session_id.get_or_insert_with(|| session_id.clone());
        let address = match ours.filter(|_| replace.origin || replace.origin_full) {
            Some(ours) => *printed.address.get_or_insert(ours),
            None => origin
                .and_then(|o| o.address.ip)
                .unwrap_or(IpAddr::from([0, 0, 0, 0])),
        };
        let host = match origin {
            Some(o) if o.address.ip != Some(address) && !(replace.origin || replace.origin_full) => {
                format!(
                    "{} {} {}",
                    o.address.net_type, o.address.addr_type, o.address.host
                )
            }
            _ => format!("IN {} {address}", sdp::addr_type(address)),
        };
        let hash = hash_of(&[&username[..], &session_id, host.as_bytes(), &name, body]);
        let changed = printed.body_hash.replace(hash) != Some(hash);
        let received = origin.map_or_else(|| Text::from("0"), |o| o.version.clone());
        let version = match (received.parse::<u64>(), printed.version) {
            (Some(n), Some(last)) if replace.force_increment => n.max(last.saturating_add(1)),
            (Some(_), Some(last)) if replace.sdp_version || replace.origin_full => {
                last.saturating_add(u64::from(changed))
            }
            (Some(n), _) => n,
            (None, _) => 0,
        };
        let version = match received.parse::<u64>() {
            Some(_) => {
                printed.version = Some(version);
                version.to_string()
            }
            None => received.to_string(),
        };
        let mut head = Vec::with_capacity(128);
        push(&mut head, 'v', b"0");
        let origin = [
            &username[..],
            b" ",
            &session_id,
            b" ",
            version.as_bytes(),
            b" ",
            host.as_bytes(),
        ];
        push(&mut head, 'o', &origin.concat());
        push(&mut head, 's', &name);
        head
    }

    /// The address we advertise to the receiver: that of its first media.
    fn our_address(&self, exchange: &Exchange<'_>, lines: &[Line<'_>]) -> Option<IpAddr> {
        if let Some(told) = exchange.settings.addressing.media_address {
            return Some(told);
        }
        let set = lines.iter().find_map(|l| self.model.medias[l.media].current())?;
        self.config.interfaces.address(set.address).map(|a| a.advertised)
    }
}

fn hash_of(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}
