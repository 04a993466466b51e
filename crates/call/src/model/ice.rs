//! ICE of one media with its party: the agent, if there is one, and what was said about it.
//!
//! The agent belongs to the media that owns the transport; a media that is bundled into another one has none.

use std::net::SocketAddr;

/// ICE of one media.
#[allow(dead_code, reason = "filled when ICE is negotiated")]
#[derive(Debug, Default)]
pub(crate) struct Ice {
    /// Runs while ICE is in use with the party.
    pub(crate) agent: Option<Box<ice::Agent>>,
}

#[allow(dead_code, reason = "asked where ICE is negotiated")]
impl Ice {
    /// Whether packets from there are the party's: true without ICE, where every source may be.
    pub(crate) fn is_proven(&self, local: SocketAddr, from: SocketAddr) -> bool {
        self.agent.as_ref().is_none_or(|a| a.is_proven(local, from))
    }
}
