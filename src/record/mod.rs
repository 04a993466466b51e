//! Recording to pcap files: commands from the control side and tapped packets from the workers go through one bounded
//! ring to one writer thread.
//!
//! Invariant: nothing that happens to a disk reaches a forwarded packet. A slow disk fills the ring, a full one fails
//! the write; either way recorded packets are lost and counted. Mixing, decoding and audio formats are not here.

mod metadata;
mod pcap;
mod recording;
mod ring;
mod writer;

pub use ring::{Counters, Recordings};
pub use writer::Recorder;
