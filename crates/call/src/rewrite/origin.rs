//! `v=`, `o=` and `s=`: copied from the sender, or kept as the receiver has seen them (`replace`).

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use ng_protocol::ReplaceRules;
use sdp::{Origin, Text};

use super::{Line, push, push_parts};
use crate::call::Call;
use crate::model::Printed;
use crate::offer_answer::Exchange;
use crate::text;

impl Call {
    /// The first three lines, appended to all the rest: the version in `o=` may depend on that.
    pub(crate) fn print_head(&mut self, exchange: &Exchange<'_>, lines: &[Line<'_>], out: &mut Vec<u8>) {
        let ours = self.our_address(exchange, lines);
        let (session, replace) = (exchange.session, &exchange.settings.sdp.replace);
        let (origin, printed) = (
            session.origin.as_ref(),
            &mut self.model.parties[exchange.to].printed,
        );
        let host = host(printed, origin, replace, ours);
        let name = session.name.as_deref().unwrap_or(b"-");
        let name = keep_first(&mut printed.session_name, name, replace.session_name);
        let username = origin.map_or(&b"-"[..], |o| &o.username);
        let keep = replace.username || replace.origin_full;
        let username = keep_first(&mut printed.username, username, keep);
        let session_id = origin.map_or(&b"0"[..], |o| &o.session_id);
        let session_id = keep_first(&mut printed.session_id, session_id, replace.origin_full);
        let hash = hash_of(&[username, session_id, host.as_bytes(), name, out]);
        let changed = printed.body_hash.replace(hash) != Some(hash);
        let version = version(&mut printed.version, origin, replace, changed);
        push(out, 'v', b"0");
        let parts = [username, b" ", session_id, b" ", &version, b" ", host.as_bytes()];
        push_parts(out, 'o', &parts);
        push(out, 's', name);
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

/// Network type, address type and address.
fn host(
    printed: &mut Printed,
    origin: Option<&Origin>,
    replace: &ReplaceRules,
    ours: Option<IpAddr>,
) -> String {
    let ours = ours.filter(|_| replace.origin || replace.origin_full);
    match (ours, origin) {
        (Some(ours), _) => {
            let ours = *printed.address.get_or_insert(ours);
            ["IN ", sdp::addr_type(ours), " ", &text::address(ours)].concat()
        }
        (None, Some(o)) => {
            format!(
                "{} {} {}",
                o.address.net_type, o.address.addr_type, o.address.host
            )
        }
        (None, None) => "IN IP4 0.0.0.0".to_owned(),
    }
}

/// The version: as received, or counted by us. One that is no number passes as it is.
fn version<'a>(
    last: &mut Option<u64>,
    origin: Option<&'a Origin>,
    replace: &ReplaceRules,
    changed: bool,
) -> Cow<'a, [u8]> {
    let number = match origin.map(|o| (&o.version, o.version.parse::<u64>())) {
        None => 0,
        Some((_, Some(number))) => number,
        Some((received, None)) => return Cow::Borrowed(received),
    };
    let version = match *last {
        Some(last) if replace.force_increment => number.max(last.saturating_add(1)),
        Some(last) if replace.sdp_version || replace.origin_full => last.saturating_add(changed.into()),
        _ => number,
    };
    *last = Some(version);
    Cow::Owned(version.to_string().into_bytes())
}

/// The first value that was ever printed if it is to be kept, else the current one.
fn keep_first<'a>(first: &'a mut Option<Text>, current: &'a [u8], keep: bool) -> &'a [u8] {
    let first = first.get_or_insert_with(|| Text::new(current));
    if keep { first } else { current }
}

fn hash_of(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}
