//! One set of packet fixtures for every way that media takes: sockets, rings, and the program in the kernel.
//!
//! A [`Fixture`] is the frames that arrive at the relay, and what has to come of them: forwarded by the program or up the
//! stack, and then to the other party or not. What arrives there is the same whichever way it went; the few things that
//! may differ are said in [`leaving`].

mod fixtures;
mod frame;

pub use fixtures::{Ends, Fate, Fixture, Kind, Program, Way, fixtures, leaving};
pub use frame::{Frame, Sum, rtp};
