//! `v=`, `o=` and `s=`: copied from the sender, or kept as the receiver has seen them (`replace`).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use ng_protocol::ReplaceRules;
use sdp::{Origin, Text};

use super::{Line, push};
use crate::call::Call;
use crate::model::Printed;
use crate::offer_answer::Exchange;

impl Call {
    /// The first three lines. They come last, because the version in `o=` may depend on all the rest.
    pub(crate) fn print_head(&mut self, exchange: &Exchange<'_>, lines: &[Line<'_>], body: &[u8]) -> Vec<u8> {
        let ours = self.our_address(exchange, lines);
        let replace = &exchange.settings.sdp.replace;
        let printed = &mut self.model.parties[exchange.to].printed;
        let name = exchange
            .session
            .name
            .as_ref()
            .map_or_else(|| Text::from("-"), Text::new);
        let name = keep_first(&mut printed.session_name, name, replace.session_name);
        let origin = exchange.session.origin.as_ref();
        let identity = identity(printed, origin, replace, ours);
        let hash = hash_of(&[&identity, &name, body]);
        let changed = printed.body_hash.replace(hash) != Some(hash);
        let version = version(printed, origin, replace, changed);
        let [user_and_id, host] = split_identity(&identity);
        let mut head = Vec::with_capacity(128);
        push(&mut head, 'v', b"0");
        push(
            &mut head,
            'o',
            &[user_and_id, b" ", &version, b" ", host].concat(),
        );
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

/// Separates what stands before and after the version in `o=`; not a byte of SDP.
const SEPARATOR: u8 = b'\n';

/// `o=` without its version: user name and session id, separator, address.
fn identity(
    printed: &mut Printed,
    origin: Option<&Origin>,
    replace: &ReplaceRules,
    ours: Option<IpAddr>,
) -> Vec<u8> {
    let field = |text: Option<&Text>, default| text.map_or_else(|| Text::from(default), Text::new);
    let username = field(origin.map(|o| &o.username), "-");
    let username = keep_first(
        &mut printed.username,
        username,
        replace.username || replace.origin_full,
    );
    let session_id = field(origin.map(|o| &o.session_id), "0");
    let session_id = keep_first(&mut printed.session_id, session_id, replace.origin_full);
    let ours = ours.filter(|_| replace.origin || replace.origin_full);
    let host = match (ours, origin) {
        (Some(ours), _) => {
            let ours = *printed.address.get_or_insert(ours);
            format!("IN {} {ours}", sdp::addr_type(ours))
        }
        (None, Some(o)) => {
            format!(
                "{} {} {}",
                o.address.net_type, o.address.addr_type, o.address.host
            )
        }
        (None, None) => "IN IP4 0.0.0.0".to_owned(),
    };
    [&username[..], b" ", &session_id, &[SEPARATOR], host.as_bytes()].concat()
}

fn split_identity(identity: &[u8]) -> [&[u8]; 2] {
    let at = identity
        .iter()
        .position(|b| *b == SEPARATOR)
        .unwrap_or(identity.len());
    let (before, after) = identity.split_at(at);
    [before, after.get(1..).unwrap_or_default()]
}

/// The version: as received, or counted by us. One that is no number passes as it is.
fn version(printed: &mut Printed, origin: Option<&Origin>, replace: &ReplaceRules, changed: bool) -> Vec<u8> {
    let received = origin.map_or_else(|| Text::from("0"), |o| o.version.clone());
    let Some(number) = received.parse::<u64>() else {
        return received.to_vec();
    };
    let version = match printed.version {
        Some(last) if replace.force_increment => number.max(last.saturating_add(1)),
        Some(last) if replace.sdp_version || replace.origin_full => last.saturating_add(changed.into()),
        _ => number,
    };
    printed.version = Some(version);
    version.to_string().into_bytes()
}

/// The first value that was ever printed if it is to be kept, else the current one.
fn keep_first(first: &mut Option<Text>, current: Text, keep: bool) -> Text {
    let first = first.get_or_insert_with(|| current.clone());
    if keep { first.clone() } else { current }
}

fn hash_of(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}
