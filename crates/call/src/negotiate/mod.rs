//! Offer and answer, one concern per file: each takes what was said and what is known, and decides one thing.

pub(crate) mod address;
pub(crate) mod bundle;
pub(crate) mod codec;
pub(crate) mod crypto;
pub(crate) mod dtls;
pub(crate) mod extmap;
pub(crate) mod ice;
pub(crate) mod learning;
pub(crate) mod mux;
pub(crate) mod osrtp;
pub(crate) mod ports;
pub(crate) mod said;
pub(crate) mod sdes;
pub(crate) mod transport;

/// Which half of an exchange a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The sender offers.
    Offer,
    /// The sender answers.
    Answer,
}

impl Role {
    pub(crate) fn is_offer(self) -> bool {
        self == Self::Offer
    }
}
