//! From a dictionary to a [`Request`]: templates first, then the request's own keys; later wins or extends.

mod draft;
mod enums;
mod finish;
pub mod flags;
mod index;
pub mod keys;
mod name;
mod nested;
mod values;

use crate::rtpp_flags::{RawFlags, Word};
use crate::{CommandKind, Dict, NgError, Request, State, Templates, Text, Transport, Value, Warning};
use draft::Draft;
use index::{FLAGS, KEYS, prefix_of};
use keys::{Key, Set};

pub(crate) use draft::excerpt;
pub(crate) use name::Name;
pub(crate) use values::unescape;

/// Deepest reference from template to template.
const TEMPLATE_DEPTH_MAX: usize = 4;

impl CommandKind {
    /// The command that a request names.
    pub fn of(dict: &Dict<'_>) -> Result<Self, NgError> {
        let name = dict.get("command").and_then(Value::as_bytes);
        let name = Name::new(name.ok_or(NgError::NoCommand)?);
        let known = |kind: &&Self| name.is(kind.name());
        let kind = Self::ALL.iter().find(known);
        kind.copied().ok_or(NgError::UnrecognizedCommand)
    }
}

impl Request {
    /// Reads a request whose command is known (see [`CommandKind::of`]).
    pub fn parse(kind: CommandKind, dict: &Dict<'_>, templates: &Templates) -> Result<Self, NgError> {
        let mut reader = Reader {
            draft: Draft::default(),
            templates,
        };
        for template in templates.implicit(kind) {
            reader.words(template, 0);
        }
        reader.dict(dict);
        let mut draft = reader.draft;
        let warnings = std::mem::take(&mut draft.warnings);
        let common = std::mem::take(&mut draft.common);
        let command = draft.finish(kind)?;
        Ok(Self {
            command,
            common,
            warnings,
        })
    }
}

/// Applies keys and flags to a draft.
struct Reader<'t> {
    draft: Draft,
    templates: &'t Templates,
}

/// What can only be settled when a dictionary or flag string has been read to its end.
#[derive(Default)]
struct Layer {
    /// Keys of which the first counts and was seen.
    seen: Vec<&'static str>,
    /// Interfaces given one by one: the first is the originator's, the second the receiver's.
    directions: Vec<Text>,
    /// The tokens `RTP`, `SRTP`, `AVP`, `AVPF`, `DTLS`, summed up.
    transport: Option<u8>,
    /// Whether this is a flag string.
    raw: bool,
}

impl Reader<'_> {
    fn dict(&mut self, dict: &Dict<'_>) {
        let mut layer = Layer::default();
        for (key, value) in dict.iter() {
            self.pair(&mut layer, key, value, 0);
        }
        self.settle(layer);
    }

    fn words(&mut self, flags: &RawFlags<'_>, depth: usize) {
        let mut layer = Layer {
            raw: true,
            ..Layer::default()
        };
        for warning in &flags.warnings {
            self.draft.warn(warning.clone());
        }
        for word in &flags.words {
            match word {
                Word::Flag(flag) => self.flag(&mut layer, flag, depth),
                Word::Pair(key, value) => self.pair(&mut layer, key, value, depth),
            }
        }
        self.settle(layer);
    }

    fn settle(&mut self, layer: Layer) {
        let mut names = layer.directions.into_iter();
        let interfaces = &mut self.draft.settings.addressing.interfaces;
        interfaces.from = names.next().or(interfaces.from.take());
        interfaces.to = names.next().or(interfaces.to.take());
        if let Some(bits) = layer.transport {
            self.draft.settings.transport = Some(transport(bits));
        }
    }

    fn pair(&mut self, layer: &mut Layer, key: &[u8], value: &Value<'_>, depth: usize) {
        let name = Name::new(key);
        let Some(entry) = KEYS.get(name.as_bytes()) else {
            if !self.pair_as_flag(layer, key, value, depth) {
                self.draft.warn(Warning::UnknownKey(excerpt(key)));
            }
            return;
        };
        if layer.raw && self.raw_pair(layer, entry, value) {
            return;
        }
        if entry.state == State::Obsolete {
            self.draft.warn(Warning::Obsolete(entry.name.to_owned()));
        }
        match entry.set {
            Set::First(_) if layer.seen.contains(&entry.name) => {}
            Set::Whole(set) | Set::First(set) => {
                if matches!(entry.set, Set::First(_)) {
                    layer.seen.push(entry.name);
                }
                if !set(&mut self.draft, value) {
                    let text = values::text(value).unwrap_or_default();
                    self.draft.warn_value(entry.name, &text);
                }
            }
            Set::Each(set) => self.each(entry.name, set, value),
            Set::Elsewhere => self.message_key(layer, entry.name, value, depth),
        }
    }

    fn each(&mut self, name: &str, set: fn(&mut Draft, &[u8]) -> bool, value: &Value<'_>) {
        let draft = &mut self.draft;
        let readable = values::members(value, |item| {
            if !set(draft, item) {
                draft.warn_value(name, item);
            }
        });
        if !readable {
            draft.warn_value(name, b"");
        }
    }

    /// The keys that hold further keys and flags.
    fn message_key(&mut self, layer: &mut Layer, name: &str, value: &Value<'_>, depth: usize) {
        match (name, value) {
            ("flags", _) => {
                values::members(value, |flag| self.flag(layer, flag, depth));
            }
            ("rtpp-flags", Value::Bytes(text)) if depth == 0 => {
                self.words(&RawFlags::parse(text), 1);
            }
            ("template", Value::Bytes(template)) if depth < TEMPLATE_DEPTH_MAX => {
                match self.templates.named(template) {
                    Some(flags) => self.words(flags, depth + 1),
                    None => self.draft.warn(Warning::UnknownTemplate(excerpt(template))),
                }
            }
            ("command", _) => {}
            _ => self.draft.warn_value(name, b""),
        }
    }

    /// The keys that mean something else in a flag string.
    fn raw_pair(&mut self, layer: &mut Layer, entry: &Key, value: &Value<'_>) -> bool {
        match (entry.name, value) {
            ("direction", Value::Bytes(name)) => {
                layer.directions.push(Text::from(&**name));
                true
            }
            // COMPAT(rtpengine): naming a party means to mean this party.
            ("from-tag", _) => {
                self.draft.who.directional = true;
                false
            }
            // COMPAT(rtpengine): instructions to the proxy's module, which has sent the result beside the string.
            ("via-branch", Value::Bytes(how)) => matches!(
                &*Name::new(how),
                "1" | "2"
                    | "auto"
                    | "extra"
                    | "next"
                    | "auto-next"
                    | "next-auto"
                    | "auto-extra"
                    | "extra-auto"
                    | "none"
            ),
            _ => false,
        }
    }

    /// `codec-strip=X` and `codec-set-AMR/8000/1///mode-set=0` are no keys, but flags with a value. A text is not split
    /// at commas here: they may belong to the format parameters of one codec.
    fn pair_as_flag(&mut self, layer: &mut Layer, key: &[u8], value: &Value<'_>, depth: usize) -> bool {
        let separator: &[u8] = if prefix_of(key).is_some() { b"=" } else { b"-" };
        let mut known = false;
        for item in value.as_list().unwrap_or(std::slice::from_ref(value)) {
            let Some(text) = values::text(item) else {
                continue;
            };
            let flag = [key, separator, &text].concat();
            if prefix_of(&flag).is_some() {
                self.flag(layer, &flag, depth);
                known = true;
            }
        }
        known
    }

    fn flag(&mut self, layer: &mut Layer, flag: &[u8], depth: usize) {
        let name = Name::new(flag);
        if let Some(entry) = FLAGS.get(name.as_bytes()) {
            if entry.state == State::Obsolete {
                self.draft.warn(Warning::Obsolete(entry.name.to_owned()));
            }
            (entry.set)(&mut self.draft);
        } else if let Some((prefix, rest)) = prefix_of(flag) {
            if !(prefix.set)(&mut self.draft, rest) {
                self.draft.warn_value(&prefix.key, rest);
            }
        } else if !token(layer, &name) && !self.flag_as_pair(layer, flag, depth) {
            self.draft.warn(Warning::UnknownFlag(excerpt(flag)));
        }
    }

    /// `generate-RTCP=on` among the flags is a key with its value.
    fn flag_as_pair(&mut self, layer: &mut Layer, flag: &[u8], depth: usize) -> bool {
        let Some(at) = flag.iter().position(|&b| b == b'=') else {
            return false;
        };
        let (key, value) = flag.split_at(at);
        let known = KEYS.contains_key(Name::new(key).as_bytes());
        if known {
            self.pair(layer, key, &Value::from(value.get(1..).unwrap_or(&[])), depth);
        }
        known
    }
}

/// The tokens of rtpproxy's heritage.
fn token(layer: &mut Layer, name: &str) -> bool {
    const SRTP: u8 = 1;
    const AVPF: u8 = 2;
    const DTLS: u8 = 4;
    let bits = layer.transport.unwrap_or(0);
    let bits = match name {
        "internal" | "external" => {
            layer.directions.push(Text::from(name));
            return true;
        }
        "rtp" => bits & !SRTP,
        "srtp" => bits | SRTP,
        "avp" => bits & !AVPF,
        "avpf" => bits | AVPF,
        "dtls" => bits | DTLS,
        "rtp/avp" => 0,
        "rtp/savp" => SRTP,
        "rtp/avpf" => AVPF,
        "rtp/savpf" => SRTP | AVPF,
        "udp/tls/rtp/savp" => DTLS,
        "udp/tls/rtp/savpf" => DTLS | AVPF,
        _ => return false,
    };
    layer.transport = Some(bits);
    true
}

const fn transport(bits: u8) -> Transport {
    match bits {
        0 => Transport::RtpAvp,
        1 => Transport::RtpSavp,
        2 => Transport::RtpAvpf,
        3 => Transport::RtpSavpf,
        4 | 5 => Transport::UdpTlsRtpSavp,
        _ => Transport::UdpTlsRtpSavpf,
    }
}
