//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Bytes of the longest datagram that is looked at.
pub const DATAGRAM_BYTES_MAX: usize = 4096;

/// Smallest MTU that can be configured, in bytes.
pub const MTU_BYTES_MIN: usize = 576;

/// Datagrams of one endpoint waiting to be polled; more are dropped, as a network would.
pub const TRANSMITS_MAX: usize = 32;

/// Time until a flight is sent again; doubles with each.
pub const RETRANSMIT_FIRST: Duration = Duration::from_millis(100);

/// Longest time between two transmissions of a flight.
pub const RETRANSMIT_MAX: Duration = Duration::from_millis(3000);

/// How long one handshake may take.
pub const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(30);

/// Handshakes side by side in one association, each with a source of its own.
pub const PARALLEL_MAX: usize = 4;

/// A handshake that nothing has come from for so long gives way to another.
pub const STALE_AFTER: Duration = Duration::from_secs(3);

/// Handshakes that we begin as client until signalling says something new.
pub const CLIENT_ATTEMPTS_MAX: u32 = 8;

/// Time between the failure of a handshake of ours and the next; doubles with each.
pub const CLIENT_RETRY_FIRST: Duration = Duration::from_millis(200);

/// How long a session is kept once it is done, in case our last flight was lost (RFC 6347 §4.2.4).
pub const LINGER: Duration = Duration::from_secs(20);

/// Fingerprints that are taken from one description.
pub const FINGERPRINTS_MAX: usize = 8;

/// Handshakes that one [`Budget`](crate::Budget) allows in a second.
pub const HANDSHAKES_PER_SECOND: u32 = 300;

/// Handshakes that a [`Budget`](crate::Budget) allows at once after a quiet time.
pub const HANDSHAKES_BURST: u32 = 300;

/// How long a cookie is good for; at most twice as long.
pub const COOKIE_LIFETIME: Duration = Duration::from_secs(30);

/// Certificates in the peer's chain.
pub const CHAIN_DEPTH_MAX: u32 = 4;
