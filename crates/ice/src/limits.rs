//! Every bound of an agent, with its unit. What an SDP says never makes an agent exceed them.

use std::time::Duration;

/// Local addresses times components.
pub const LOCALS_MAX: usize = 32;

/// Candidates taken from the peer's descriptions between two restarts; more are ignored and counted.
pub const REMOTES_MAX: usize = 100;

/// Peer-reflexive candidates beyond those, so that a full list does not keep the peer's real address out.
pub const REFLEXIVES_MAX: usize = 20;

/// Candidate pairs; of more the lowest in priority are dropped.
pub const PAIRS_MAX: usize = 200;

/// Packets to addresses that have not answered, between two restarts. An answer gives back what it has cost.
pub const UNPROVEN_PACKETS_MAX: u32 = 200;

/// Those among them that only a check of the peer's can cause, so that dead candidates do not use up everything.
pub const TRIGGERED_RESERVE: u32 = 50;

/// Requests that came before the peer's credentials and wait for them.
pub const EARLY_MAX: usize = 16;

/// Packets waiting to be polled; more are dropped and counted.
pub const TRANSMITS_MAX: usize = 64;

/// Events waiting to be polled; the oldest is dropped and counted.
pub const EVENTS_MAX: usize = 64;

/// Consent checks of a selected pair that may yet be answered.
pub const CONSENT_OUTSTANDING_MAX: usize = 8;

/// Answers in a second to those who do not know our password, if there are to be any.
pub const STRANGER_ANSWERS_PER_SECOND: u32 = 10;

/// Bytes of the longest message that an agent sends.
pub const MESSAGE_BYTES_MAX: usize = 576;

/// Bytes of SOFTWARE that are sent; RFC 8489 §14.14 allows 763.
pub const SOFTWARE_BYTES_MAX: usize = 96;

/// Bytes of a ufrag (RFC 8839 §5.4).
pub const UFRAG_BYTES_MAX: usize = 256;

/// Bytes of a password (RFC 8839 §5.4).
pub const PWD_BYTES_MAX: usize = 256;

/// Time between two new checks, Ta (RFC 8445 §14.2).
pub const PACE: Duration = Duration::from_millis(20);

/// Time until the first retransmission; doubles with each.
pub const RTO: Duration = Duration::from_millis(100);

/// Transmissions of one check: the first and seven more.
pub const SENDS_MAX: u32 = 8;

/// How long the controlling agent waits for a better pair once it has a valid one of each component.
pub const NOMINATION_DELAY: Duration = Duration::from_millis(100);

/// A peer-nominated pair of lower priority than the selected one is taken no sooner than this after the last selection.
pub const SWITCH_GUARD: Duration = Duration::from_secs(3);

/// Time without a valid pair until the agent has failed (RFC 8863 §4).
pub const PATIENCE: Duration = Duration::from_millis(39_500);

/// Mean time between consent checks (RFC 7675 §5.1), which is randomised by ±20 %.
pub const CONSENT_INTERVAL: Duration = Duration::from_secs(5);

/// Consent ends this long after the last answer (RFC 7675 §5.1).
pub const CONSENT_EXPIRY: Duration = Duration::from_secs(30);

/// How long a selected pair may owe an answer before another, live pair takes its place.
pub const SUSPICION: Duration = Duration::from_millis(1500);

/// Time between keepalives of a pair whose consent is not checked, Tr (RFC 8445 §11).
pub const KEEPALIVE: Duration = Duration::from_secs(15);
