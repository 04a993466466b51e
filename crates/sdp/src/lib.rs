//! SDP: bytes to a tree that keeps everything, and back.
//!
//! [`Sdp::parse`] is tolerant where the field is wrong and the meaning clear; what it keeps, it keeps as bytes
//! ([`Text`]). Attributes are held both as received and as what they mean ([`Value`]); which of them the relay
//! consumes is a table ([`Treatment`]). Deliberately absent: offer/answer rules and everything that needs a call.
#![forbid(unsafe_code)]

mod attribute;
mod error;
mod fragment;
pub mod limits;
mod media;
mod parse;
mod print;
mod protocol;
mod scan;
mod session;
mod text;
mod view;

pub use attribute::{
    Attribute, Candidate, CandidateType, Crypto, CryptoKey, Direction, Extmap, Fingerprint, Fmtp, Group, Mki,
    RemoteCandidate, Rtcp, RtcpFb, Rtpmap, Setup, Ssrc, T38, T38Field, Treatment, Value,
};
pub use error::Error;
pub use fragment::Fragment;
pub use media::{Media, MediaKind};
pub use parse::ParseOptions;
pub use print::{Edit, LineFilter, Writer};
pub use protocol::Protocol;
pub use session::{Address, Bandwidth, Connection, DroppedLine, Origin, Sdp, Session, addr_type};
pub use text::Text;
pub use view::{FormatView, MediaView};
