//! DTLS-SRTP (RFC 5764) without IO: a handshake over datagrams, the certificate we show in it, and the keys for SRTP
//! that come of it.
//!
//! An [`Endpoint`] is one handshake with one peer. An [`Association`] is what a component of a media needs: it takes
//! packets of any source, keeps strangers from doing harm (RFC 6347 §4.2.1, and no handshake of theirs ever takes the
//! place of the real one), and yields keys only once the peer's certificate has the fingerprint that signalling told.
//! Both are given packets and the time (`handle_*`) and asked for packets, events and the next deadline (`poll_*`).
//!
//! Deliberately absent: application data (it is discarded), resumption, renegotiation, and any trust in a
//! certificate beyond its fingerprint.
#![deny(unsafe_code)]

mod association;
mod backend;
mod budget;
mod config;
mod cookie;
mod endpoint;
mod fingerprint;
mod hello;
mod identity;
mod keys;
pub mod limits;

pub use association::{Association, Event as AssociationEvent, Gate, Path, Refused, State, Trust};
pub use budget::Budget;
#[cfg(feature = "dimpl")]
pub use config::Versions;
pub use config::{Config, ConfigError, Library, Settings};
pub use cookie::Cookies;
pub use endpoint::{Endpoint, Event, Failure, Role};
pub use fingerprint::{Certificate, Fingerprint, HashFunction};
pub use identity::{Digest, Identity, IdentityError, KeyKind, Request};
pub use keys::Keys;
pub use moment::Time;
