//! `rtcp:PORT [IN IP4 ADDRESS]` (RFC 3605).

use crate::{Address, Text, scan};

/// Where RTCP goes, if it is not the port after RTP's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtcp {
    /// Port.
    pub port: u16,
    /// Address, if it differs from `c=`.
    pub address: Option<Address>,
}

impl Rtcp {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let mut words = scan::words(value);
        let port = scan::port(words.next()?)?;
        let address = match (words.next(), words.next(), words.next()) {
            (Some(net), Some(kind), Some(host)) => Some(Address::parse(value, net, kind, host)),
            _ => None,
        };
        Some(Self { port, address })
    }
}
