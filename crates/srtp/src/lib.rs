//! SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714): packets are protected and unprotected in place, one at a time or in
//! batches.
//!
//! A [`Sender`] or a [`Receiver`] is made from [`Params`] (suite, keys, session parameters) and holds what one
//! direction of one peer needs: session keys, a rollover counter and a replay window for each SSRC. After it was made
//! nothing is allocated, but once, for the third SSRC and all others. Keys are wiped when dropped and never printed.
//! What is refused is left as it was and answered with a [`Reject`].
//!
//! Deliberately absent: where keys come from (SDES, DTLS) and which suite is chosen, a key derivation rate other than
//! zero, encrypted header extensions (RFC 6904), and counting packets against a lifetime from SDP.
#![deny(unsafe_code)]

mod batch;
mod block;
mod frame;
mod gcm;
mod hmac;
mod kdf;
pub mod limits;
mod params;
mod receiver;
mod replay;
mod sender;
mod session;
#[allow(unsafe_code, reason = "instructions that not every machine has; see there")]
mod simd;
mod state;
mod streams;
mod suite;
mod transform;
#[cfg(test)]
mod vectors;

pub use batch::{Contexts, Job, Kind, Seal, protect_batch, seal_batch, unprotect_batch};
pub use params::{MasterKey, Params, ParamsError, Protection};
pub use receiver::Receiver;
pub use sender::{Sender, Ticket};
pub use simd::Backend;
pub use state::{State, StateError};
pub use suite::{Cipher, DtlsProfile, Spec, Suite};

/// Why a packet was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reject {
    /// Not a whole RTP or RTCP header, or too short for what protection adds.
    #[error("malformed packet")]
    Malformed,
    /// Longer than [`limits::PACKET_LEN_MAX`].
    #[error("packet too long")]
    TooLong,
    /// The buffer has no room for what protection adds.
    #[error("no room for the authentication tag")]
    NoRoom,
    /// Says it was made with a key that we do not have.
    #[error("unknown master key identifier")]
    UnknownKey,
    /// Forged, damaged, or made with another key.
    #[error("authentication failed")]
    Unauthentic,
    /// Its index was seen before.
    #[error("replayed")]
    Replayed,
    /// So late that nobody knows whether it was seen before.
    #[error("too old")]
    TooOld,
    /// The key has protected as many packets as it may.
    #[error("master key exhausted")]
    KeyExhausted,
    /// A batch names a context that does not exist.
    #[error("no such context")]
    NoContext,
}
