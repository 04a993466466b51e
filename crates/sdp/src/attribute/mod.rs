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
pub use security::{Crypto, Fingerprint, Mki, Setup};
pub use t38::{T38, T38Field};

use crate::Text;

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
    Candidate(Candidate),
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
}
