//! The keys whose values are dictionaries: `codec`, `extmap`, `sdp-attr`, `moh`, `medias`, `tags`.

use super::draft::{Draft, excerpt};
use super::name::Name;
use super::{enums, values};
use crate::{
    AttrAction, AttrRule, AttrScope, CodecList, CodecRules, Conversion, MediaSpec, Moh, MohMode, PayloadSpec,
    PlaySource, State, Tag, Text, Value, Warning,
};

/// A word of `codec`, also used as a `codec-WORD-` prefix of flags.
pub(crate) struct CodecField {
    pub(crate) word: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) state: State,
    /// The list it stands for.
    pub(crate) list: fn(&mut CodecRules) -> &mut CodecList,
}

const fn field(
    word: &'static str,
    state: State,
    doc: &'static str,
    list: fn(&mut CodecRules) -> &mut CodecList,
) -> CodecField {
    CodecField {
        word,
        doc,
        state,
        list,
    }
}

use State::{Accepted, Differs, Yes};

#[rustfmt::skip]
pub(crate) const CODEC_FIELDS: &[CodecField] = &[
    field("strip", Yes, "Remove from the outgoing SDP; `all`, `full`.", |c| &mut c.strip),
    field("except", Yes, "What `strip` or `mask` of `all` leaves in.", |c| &mut c.except),
    field("offer", Yes, "Like `except`, and in this order.", |c| &mut c.offer),
    field("mask", Differs("like `strip`: nothing is transcoded"),
        "Remove from the outgoing SDP, but accept and transcode; `all`, `full`.", |c| &mut c.mask),
    field("transcode", Differs("restores what `strip` or `mask` removed, adds nothing"),
        "Offer it too, and transcode if it is taken.", |c| &mut c.transcode),
    field("accept", Accepted, "Accept it ourselves if the remote does not; `any`, `all` in publish.", |c| &mut c.accept),
    field("consume", Differs("like `strip`: nothing is transcoded"), "Mask and transcode always.", |c| &mut c.consume),
    field("ignore", Accepted, "Behave as if it was never offered, but pass it on.", |c| &mut c.ignore),
    field("set", Accepted, "Parameters for codecs accepted implicitly.", |c| &mut c.set),
];

/// Adds one codec or pseudo-codec to a list.
pub(crate) fn codec_item(list: &mut CodecList, item: &[u8]) -> bool {
    match &*Name::new(item) {
        "" => return false,
        "all" => list.all = true,
        "full" => list.full = true,
        "any" => (list.any, list.all) = (true, true),
        _ if list.specs.len() >= crate::limits::LIST_ENTRIES_MAX => return false,
        _ => list.specs.push(values::codec(item)),
    }
    true
}

/// `codec: {strip: […], …}`.
pub(crate) fn codec(d: &mut Draft, value: &Value<'_>) -> bool {
    let Some(dict) = value.as_dict() else {
        return false;
    };
    for (key, value) in dict.iter() {
        let name = Name::new(key);
        let Some(field) = CODEC_FIELDS.iter().find(|f| f.word == &*name) else {
            d.warn(Warning::UnknownKey(format!("codec/{}", excerpt(key))));
            continue;
        };
        let list = (field.list)(&mut d.settings.codec);
        let mut good = true;
        good &= values::members(value, |item| good &= codec_item(list, item));
        if !good {
            d.warn_value("codec", key);
        }
    }
    true
}

/// `extmap: {strip: […], mask: […]}`.
pub(crate) fn extmap(d: &mut Draft, value: &Value<'_>) -> bool {
    let Some(dict) = value.as_dict() else {
        return false;
    };
    for (key, value) in dict.iter() {
        let each = match &*Name::new(key) {
            "strip" => enums::EXTMAP_STRIP,
            "mask" => enums::EXTMAP_MASK,
            _ => {
                d.warn(Warning::UnknownKey(format!("extmap/{}", excerpt(key))));
                continue;
            }
        };
        values::members(value, |uri| {
            each(d, uri);
        });
    }
    true
}

/// `sdp-attr: {audio: {add: […], remove: […], substitute: [[from, to], …]}, …}`.
pub(crate) fn sdp_attr(d: &mut Draft, value: &Value<'_>) -> bool {
    let Some(scopes) = value.as_dict() else {
        return false;
    };
    for (scope, actions) in scopes.iter() {
        let Some(actions) = actions.as_dict() else {
            d.warn_value("sdp-attr", scope);
            continue;
        };
        for (action, value) in actions.iter() {
            // The pairs of `substitute` are lists themselves.
            let items = value.as_list().unwrap_or(std::slice::from_ref(value));
            let mut done = true;
            for item in items {
                done &= attr_item(d, action, scope, item);
            }
            if !done {
                d.warn_value("sdp-attr", action);
            }
        }
    }
    true
}

/// One text, or one `[from, to]`.
fn attr_item(d: &mut Draft, action: &[u8], scope: &[u8], item: &Value<'_>) -> bool {
    match item {
        Value::List(pair) => match pair.as_slice() {
            [from, to] => match (values::text(from), values::text(to)) {
                (Some(from), Some(to)) if &*Name::new(action) == "substitute" => {
                    substitute(d, scope, &from, &to)
                }
                _ => false,
            },
            _ => false,
        },
        _ => values::text(item).is_some_and(|text| attr_rule(d, action, scope, &text)),
    }
}

/// The rest of a flag `sdp-attr-ACTION-SCOPE-TEXT`.
pub(crate) fn sdp_attr_flag(d: &mut Draft, rest: &[u8]) -> bool {
    let mut parts = rest.splitn(3, |&b| b == b'-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(action), Some(scope), Some(text)) => attr_rule(d, action, scope, &values::unescape(text)),
        _ => false,
    }
}

fn attr_rule(d: &mut Draft, action: &[u8], scope: &[u8], text: &[u8]) -> bool {
    let action = match &*Name::new(action) {
        "add" => AttrAction::Add(text.into()),
        "remove" => AttrAction::Remove(text.into()),
        "substitute" => {
            let mut parts = text.splitn(2, |&b| b == b'>');
            return match (parts.next(), parts.next()) {
                (Some(from), Some(to)) => substitute(d, scope, from, to),
                _ => false,
            };
        }
        _ => return false,
    };
    push_rule(d, scope, action)
}

fn substitute(d: &mut Draft, scope: &[u8], from: &[u8], to: &[u8]) -> bool {
    let action = AttrAction::Substitute {
        from: from.into(),
        to: to.into(),
    };
    push_rule(d, scope, action)
}

fn push_rule(d: &mut Draft, scope: &[u8], action: AttrAction) -> bool {
    let scope = match &*Name::new(scope) {
        "none" | "global" | "session" => AttrScope::Session,
        kind => AttrScope::Media(kind.into()),
    };
    let rule = AttrRule { scope, action };
    d.push(|d| &mut d.settings.sdp.attributes, "sdp-attr", rule);
    true
}

/// `moh: {file | blob | blob64 | db-id, mode, connection}`.
pub(crate) fn moh(d: &mut Draft, value: &Value<'_>) -> bool {
    let Some(dict) = value.as_dict() else {
        return false;
    };
    let mut moh = Moh::default();
    for (key, value) in dict.iter() {
        let text = values::text(value);
        let word = Name::new(text.as_deref().unwrap_or(&[]));
        let known = match &*Name::new(key) {
            "mode" => match &*word {
                "sendonly" => set(&mut moh.mode, MohMode::SendOnly),
                "sendrecv" => set(&mut moh.mode, MohMode::SendRecv),
                "reflect" => set(&mut moh.mode, MohMode::Reflect),
                _ => false,
            },
            "connection" => *word == *"zero" && set(&mut moh.zero_connection, true),
            source => match play_source(source, value) {
                Some(source) => set(&mut moh.source, Some(source)),
                None => false,
            },
        };
        if !known {
            d.warn_value("moh", key);
        }
    }
    d.settings.moh = Some(moh);
    true
}

fn set<T>(place: &mut T, content: T) -> bool {
    *place = content;
    true
}

/// The source that a key in canonical spelling names.
pub(crate) fn play_source(key: &str, value: &Value<'_>) -> Option<PlaySource> {
    match key {
        "file" => values::owned(value).map(PlaySource::File),
        "blob" => value.as_bytes().map(|b| PlaySource::Blob(b.to_vec())),
        "blob64" => values::base64(value.as_bytes()?).map(PlaySource::Blob),
        "db-id" | "dbid" => values::int(value).map(PlaySource::Db),
        _ => None,
    }
}

/// `medias: [{type, codecs, …}, …]`, of `create` and `transform`.
pub(crate) fn medias(d: &mut Draft, value: &Value<'_>) -> bool {
    let Some(items) = value.as_list() else {
        return false;
    };
    for item in items {
        let media = media(d, item);
        d.push(|d| &mut d.media.medias, "medias", media);
    }
    true
}

fn media(d: &mut Draft, value: &Value<'_>) -> MediaSpec {
    let mut media = MediaSpec::default();
    let Some(dict) = value.as_dict() else {
        // A media type alone.
        media.kind = values::owned(value).unwrap_or_default();
        return media;
    };
    for (key, value) in dict.iter() {
        match &*Name::new(key) {
            "id" => media.id = values::owned(value),
            "type" => media.kind = values::owned(value).unwrap_or_default(),
            "codec" | "codecs" => {
                let conversions = value.as_list().unwrap_or(&[]).iter().filter_map(conversion);
                media.conversions.extend(conversions);
                if media.conversions.is_empty() {
                    values::members(value, |item| {
                        codec_item(&mut media.codecs, item);
                    });
                }
            }
            "destination" => media.destination = values::destination(value),
            _ => d.warn(Warning::UnknownKey(format!("medias/{}", excerpt(key)))),
        }
    }
    media
}

fn conversion(value: &Value<'_>) -> Option<Conversion> {
    value.as_dict()?;
    Some(Conversion {
        input: payload(value.get("input")),
        output: payload(value.get("output")),
    })
}

fn payload(value: Option<&Value<'_>>) -> PayloadSpec {
    let mut payload = PayloadSpec::default();
    for (key, value) in value.and_then(Value::as_dict).iter().flat_map(|d| d.iter()) {
        let codec = &mut payload.codec;
        match &*Name::new(key) {
            "payload-type" => payload.payload_type = values::int(value),
            "codec" => codec.name = values::owned(value).unwrap_or_default(),
            "clock-rate" => codec.clock = values::int(value),
            "channels" => codec.channels = values::int(value),
            "bitrate" => codec.bitrate = values::int(value),
            "ptime" => codec.ptime = values::int(value),
            "format" => codec.fmtp = values::owned(value).unwrap_or_default(),
            "options" => codec.options = values::owned(value).unwrap_or_default(),
            _ => {}
        }
    }
    payload
}

/// `tags: [{from, to: […]}, …]`, of `mesh`.
pub(crate) fn mesh_tags(d: &mut Draft, value: &Value<'_>) -> bool {
    let Some(items) = value.as_list() else {
        return false;
    };
    for item in items {
        let from: Option<Tag> = item.get("from").and_then(values::owned);
        let Some(from) = from else {
            d.warn_value("tags", b"");
            continue;
        };
        let to: Vec<Text> = item.get("to").map(values::texts).unwrap_or_default();
        d.push(|d| &mut d.multi.tags, "tags", (from, to));
    }
    true
}
