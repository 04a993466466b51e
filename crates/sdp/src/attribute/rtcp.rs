//! `rtcp:PORT [IN IP4 ADDRESS]` (RFC 3605).

use crate::Address;

/// Where RTCP goes, if it is not the port after RTP's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtcp {
    /// Port.
    pub port: u16,
    /// Address, if it differs from `c=`.
    pub address: Option<Address>,
}
