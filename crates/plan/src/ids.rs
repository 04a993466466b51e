//! Names of things that cross between control and packets.

/// One call for as long as it lives, whatever call-ids name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub u64);

/// One packet stream (RTP or RTCP) of one media of one party; stable over every re-plan of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// One bound local UDP socket. Handed out by the port pool; an index small enough for a table, used again
/// only after the worker has released the socket that had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// One packet worker. An attribute of the call: all its flows live on the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u16);
