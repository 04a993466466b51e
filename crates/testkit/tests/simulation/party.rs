//! A simulated call: two parties behind or not behind a NAT, what they know, and what they may hear.

use std::net::{Ipv4Addr, SocketAddr};

use plan::Time;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Caller,
    Callee,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// One end of a call.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub(crate) tag: String,
    /// What its SDP says.
    pub(crate) private: SocketAddr,
    /// Where its packets come from; differs behind a NAT.
    pub(crate) public: SocketAddr,
    /// Where it was told to send.
    pub(crate) target: Option<SocketAddr>,
    /// When its first packet left: from then on a NATed party can be reached.
    pub(crate) heard_from: Option<Time>,
    pub(crate) seq: u16,
}

/// Addresses that belong to nobody else: from the number of the call and the side.
pub(crate) fn party(number: u32, side: Side, nat: bool) -> Party {
    let [_, b, c, d] = number.to_be_bytes();
    let base = if side == Side::Caller { 11 } else { 12 };
    let public = SocketAddr::new(Ipv4Addr::new(base, b, c, d).into(), 20_000);
    let private = if nat {
        SocketAddr::new(Ipv4Addr::new(10, b, c, d).into(), 4_000)
    } else {
        public
    };
    Party {
        tag: format!("{}-{number}", if side == Side::Caller { "a" } else { "b" }),
        private,
        public,
        target: None,
        heard_from: None,
        seq: 1,
    }
}

/// An RTP packet that says who sent it.
pub(crate) fn packet(number: u32, side: Side, seq: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, 0];
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(&(u32::from(seq) * 160).to_be_bytes());
    bytes.extend_from_slice(&(number * 2 + u32::from(side == Side::Callee) + 1).to_be_bytes());
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.push(u8::from(side == Side::Callee));
    bytes.resize(40, 0xd5);
    bytes
}

/// Number of the call and side of its sender, from a packet's payload.
pub(crate) fn origin(bytes: &[u8]) -> Option<(u32, Side)> {
    let number = bytes.get(12..16)?.try_into().ok().map(u32::from_be_bytes)?;
    let side = if *bytes.get(16)? == 0 {
        Side::Caller
    } else {
        Side::Callee
    };
    Some((number, side))
}
