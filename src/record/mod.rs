//! Recording: tapped packets leave the packet side through a bounded ring, and a thread of its own writes them.

mod ring;

pub use ring::{TapRing, TappedPacket};
