//! `a=` lines: each as received, and what it means.
//!
//! A known attribute whose value can't be understood is [`Value::Malformed`], never an error: the rest of the body
//! is still worth relaying.

mod codec;
mod grouping;
mod ice;
mod rtcp;
mod security;
mod t38;

pub use codec::{Fmtp, RtcpFb, Rtpmap};
pub use grouping::{Direction, Extmap, Group, Ssrc};
pub use ice::{Candidate, CandidateType, RemoteCandidate};
pub use rtcp::Rtcp;
pub use security::{Crypto, CryptoKey, Fingerprint, Mki, Setup};
pub use t38::{T38, T38Field};

use crate::{Text, scan};

/// One `a=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Everything after `a=`, as received.
    pub text: Text,
    /// Before the first colon.
    pub name: Text,
    /// After the first colon.
    pub value: Option<Text>,
    /// What it means.
    pub parsed: Value,
}

/// Meaning of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `rtpmap:PT NAME/CLOCK[/CHANNELS]`
    Rtpmap(Rtpmap),
    /// `fmtp:FORMAT PARAMETERS`
    Fmtp(Fmtp),
    /// `rtcp-fb:PT|* VALUE` (RFC 4585 §4.2)
    RtcpFb(RtcpFb),
    /// `rtcp:PORT [IN IP4 ADDRESS]` (RFC 3605)
    Rtcp(Rtcp),
    /// `rtcp-mux` (RFC 5761)
    RtcpMux,
    /// `mid:ID` (RFC 5888)
    Mid(Text),
    /// `group:SEMANTICS MID…` (RFC 5888)
    Group(Group),
    /// `setup:ROLE` (RFC 4145)
    Setup(Setup),
    /// `fingerprint:HASH DIGEST` (RFC 8122)
    Fingerprint(Fingerprint),
    /// `tls-id:ID` (RFC 8842)
    TlsId(Text),
    /// `crypto:TAG SUITE KEY… [PARAMETER…]` (RFC 4568)
    Crypto(Crypto),
    /// `ptime:MS`
    Ptime(u32),
    /// `maxptime:MS`
    Maxptime(u32),
    /// `extmap:ID[/DIRECTION] URI [PARAMETERS]` (RFC 8285)
    Extmap(Extmap),
    /// `extmap-allow-mixed` (RFC 8285)
    ExtmapAllowMixed,
    /// `ice-ufrag:UFRAG` (RFC 8839)
    IceUfrag(Text),
    /// `ice-pwd:PWD`
    IcePwd(Text),
    /// `ice-options:TOKEN…`
    IceOptions(Vec<Text>),
    /// `ice-lite`
    IceLite,
    /// `ice-mismatch`
    IceMismatch,
    /// `candidate:…`
    Candidate(Box<Candidate>),
    /// `remote-candidates:COMPONENT ADDRESS PORT …`
    RemoteCandidates(Vec<RemoteCandidate>),
    /// `end-of-candidates` (RFC 8840)
    EndOfCandidates,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`
    Direction(Direction),
    /// `label:LABEL` (RFC 4574)
    Label(Text),
    /// `rtpengine:ID`: loop-protect marker
    Marker(Text),
    /// `T38…`
    T38(T38),
    /// `bundle-only` (RFC 8843)
    BundleOnly,
    /// `ssrc:SSRC ATTRIBUTE` (RFC 5576)
    Ssrc(Ssrc),
    /// A known name with a value that can't be understood.
    Malformed,
    /// Any other attribute.
    Other,
}

/// What becomes of an attribute on its way through the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Understood and generated anew, never copied.
    Consumed,
    /// Copied from the source to the receiver, in the original order.
    PassedThrough,
    /// Fax parameters: copied between two fax endpoints, generated anew where a T.38 gateway stands between them.
    Fax,
}

/// Names that are consumed, by inventory of the reference. Names beginning with `T38` are [`Treatment::Fax`].
const CONSUMED: [&str; 30] = [
    "mid",
    "rtcp",
    "fmtp",
    "rtpmap",
    "rtcp-fb",
    "group",
    "setup",
    "fingerprint",
    "tls-id",
    "crypto",
    "ptime",
    "maxptime",
    "extmap",
    "extmap-allow-mixed",
    "ice-ufrag",
    "ice-pwd",
    "ice-lite",
    "ice-options",
    "ice-mismatch",
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "inactive",
    "sendrecv",
    "sendonly",
    "recvonly",
    "rtcp-mux",
    "rtpengine",
    "label",
    "bundle-only",
];

impl Attribute {
    /// From everything that stands after `a=`.
    pub fn parse(text: Text) -> Self {
        let (name, value) = match scan::split_once(&text, b':') {
            Some((name, value)) => (name, Some(text.share(value))),
            None => (text.as_bytes(), None),
        };
        let name = text.share(scan::trim_end(name));
        let parsed = meaning(&name, value.as_ref());
        Self {
            text,
            name,
            value,
            parsed,
        }
    }

    /// What becomes of it. Goes by the name alone, so that a malformed attribute is not copied into a body whose
    /// other lines mean something else.
    pub fn treatment(&self) -> Treatment {
        match &self.parsed {
            // COMPAT(rtpengine): feedback for all payload types is copied, whatever the profiles.
            Value::RtcpFb(fb) if fb.payload_type.is_none() => Treatment::PassedThrough,
            Value::T38(_) => Treatment::Fax,
            _ if CONSUMED.iter().any(|name| self.name == *name) => Treatment::Consumed,
            _ => Treatment::PassedThrough,
        }
    }

    /// Whether it is generated anew instead of being copied, fax gateways aside.
    pub fn is_consumed(&self) -> bool {
        self.treatment() == Treatment::Consumed
    }
}

/// Reads a value that its attribute can't do without.
fn required<T>(value: Option<&Text>, read: impl FnOnce(&Text) -> Option<T>, wrap: fn(T) -> Value) -> Value {
    value.and_then(read).map_or(Value::Malformed, wrap)
}

fn token(value: &Text) -> Option<Text> {
    scan::words(value).next().map(|word| value.share(word))
}

fn milliseconds(value: &Text) -> Option<u32> {
    scan::milliseconds(value)
}

fn meaning(name: &Text, value: Option<&Text>) -> Value {
    // Attribute names are case-sensitive (RFC 8866 §5.13).
    match name.as_bytes() {
        b"rtpmap" => required(value, Rtpmap::parse, Value::Rtpmap),
        b"fmtp" => required(value, Fmtp::parse, Value::Fmtp),
        b"rtcp-fb" => required(value, RtcpFb::parse, Value::RtcpFb),
        b"rtcp" => required(value, Rtcp::parse, Value::Rtcp),
        b"rtcp-mux" => Value::RtcpMux,
        b"mid" => required(value, token, Value::Mid),
        b"group" => required(value, Group::parse, Value::Group),
        b"setup" => required(value, |v| Setup::of(&token(v)?), Value::Setup),
        b"fingerprint" => required(value, Fingerprint::parse, Value::Fingerprint),
        b"tls-id" => required(value, token, Value::TlsId),
        b"crypto" => required(value, Crypto::parse, Value::Crypto),
        b"ptime" => required(value, milliseconds, Value::Ptime),
        b"maxptime" => required(value, milliseconds, Value::Maxptime),
        b"extmap" => required(value, Extmap::parse, Value::Extmap),
        b"extmap-allow-mixed" => Value::ExtmapAllowMixed,
        b"label" => required(value, token, Value::Label),
        b"rtpengine" => required(value, token, Value::Marker),
        b"bundle-only" => Value::BundleOnly,
        b"ssrc" => required(value, Ssrc::parse, Value::Ssrc),
        _ => connectivity(name, value),
    }
}

/// ICE, directions and fax.
fn connectivity(name: &Text, value: Option<&Text>) -> Value {
    match name.as_bytes() {
        b"ice-ufrag" => required(value, token, Value::IceUfrag),
        b"ice-pwd" => required(value, token, Value::IcePwd),
        b"ice-options" => required(value, ice_options, Value::IceOptions),
        b"ice-lite" => Value::IceLite,
        b"ice-mismatch" => Value::IceMismatch,
        b"candidate" => required(value, |v| Candidate::parse(v).map(Box::new), Value::Candidate),
        b"remote-candidates" => required(value, RemoteCandidate::parse_list, Value::RemoteCandidates),
        b"end-of-candidates" => Value::EndOfCandidates,
        other => match (Direction::of(other), T38Field::of(other)) {
            (Some(direction), _) => Value::Direction(direction),
            (_, Some(field)) => Value::T38(T38 {
                field,
                value: value.cloned(),
            }),
            _ => Value::Other,
        },
    }
}

fn ice_options(value: &Text) -> Option<Vec<Text>> {
    let options: Vec<Text> = scan::words(value).map(|word| value.share(word)).collect();
    (!options.is_empty()).then_some(options)
}
