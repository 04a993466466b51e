//! Interactive Connectivity Establishment (RFC 8445) without IO: STUN messages ([`stun`]) and an agent ([`Agent`]).
//!
//! An agent serves one media: one or two components, any number of local addresses within [`limits`]. It is given packets and
//! the time (`handle_*`) and asked for packets, events and the next deadline (`poll_*`); it opens no socket, reads no clock and
//! draws its random numbers from a seed. Whether an address may be sent to at all is asked of a [`Policy`].
//!
//! Deliberately absent: gathering of server-reflexive and relayed candidates (the daemon's advertised addresses take their
//! place), ICE-TCP, mDNS names, and SDP: `a=candidate` lines are read and printed by the `sdp` crate.
#![forbid(unsafe_code)]

mod agent;
mod candidate;
mod credentials;
pub mod limits;
mod policy;
pub mod stun;

pub use agent::{
    Agent, Component, Config, Counters, Dropped, Event, Handled, Liveness, Mode, PairView, Remote, Role,
    Route, Stage, State, Strangers, Transmit,
};
pub use candidate::{Foundation, Ignored, Kind, Local, LocalCandidate, RemoteCandidate, priority};
pub use credentials::Credentials;
pub use moment::Time;
pub use policy::{Policy, PublicInternet, is_special};
