//! Bounds of one call. What exceeds them is refused with an error reply; nothing grows with traffic.

use std::time::Duration;

/// Parties of a call, branches and merged calls included.
pub const PARTIES_MAX: usize = 128;

/// Media of one party, over all its SDP bodies.
pub const MEDIAS_MAX: usize = 64;

/// Sets of local sockets that one media keeps for peers it had before, the current one included.
pub const SOCKET_SETS_MAX: usize = 4;

/// Other tags by which a party is known.
pub const ALIASES_MAX: usize = 32;

/// Codecs of one media; the payload type is a 7-bit number.
pub const CODECS_MAX: usize = 128;

/// SSRCs of one media that its description may name: what a browser with simulcast and retransmission has, and more.
pub const SSRCS_MAX: usize = 32;

/// `a=crypto` lines of one media that are looked at; twelve suites are known.
pub const CRYPTO_LINES_MAX: usize = 32;

/// Streams that reception reports are kept for.
pub const REPORTED_SSRCS_MAX: usize = 64;

/// Points of an opinion score's progression.
pub const PROGRESSION_MAX: usize = 10;

/// Bytes of an SDP body or of metadata that is kept for a recording's metadata file.
pub const RECORDED_TEXT_BYTES_MAX: usize = 256 * 1024;

/// Local addresses at which ICE opens sockets for one media.
pub const ICE_ADDRESSES_MAX: usize = 16;

/// Candidates read from one section or fragment; an agent takes fewer.
pub const CANDIDATES_MAX: usize = 128;

/// Sources of one flow that have passed a connectivity check.
pub const PROVEN_SOURCES_MAX: usize = 32;

/// Trickled fragments that wait for the offer or answer they belong to.
pub const FRAGMENTS_MAX: usize = 16;

/// How long they wait.
pub const FRAGMENT_PATIENCE: Duration = Duration::from_secs(30);
