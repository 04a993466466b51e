//! Codecs: PCM in, PCM out. So far the registry (names, clock rates, static payload types, fmtp comparison) and G.711.
//!
//! Deliberately absent: RTP, timing, and the choice of a codec, which is `call`'s.
#![forbid(unsafe_code)]

mod fmtp;
pub mod g711;
mod registry;
mod spec;

pub use fmtp::{FmtpMatch, compare_fmtp, parameter, parameters};
pub use registry::{CODECS, CodecDef, FmtpRule, Kind, lookup, static_payload_type, static_payload_type_of};
pub use spec::{CodecSpec, Format};
