//! Reading: a checked view of a datagram.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::integrity::fingerprint;
use super::{
    BINDING, COOKIE, Class, FINGERPRINT_LEN, HEADER_LEN, INTEGRITY_LEN, Key, TransactionId, attr, method,
    u16_at,
};

/// Why bytes are no STUN message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than a header.
    Short,
    /// Another first two bits or cookie: some other protocol.
    NotStun,
    /// The length in the header is not that of the datagram, or not a multiple of four.
    Length,
    /// An attribute reaches over the end.
    Attribute,
}

/// A well-formed message: its header is right and its attributes fill it exactly.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    message_type: u16,
    /// Where MESSAGE-INTEGRITY begins.
    integrity: Option<usize>,
    /// Where FINGERPRINT begins, if it is the last attribute.
    fingerprint: Option<usize>,
}

impl<'a> Message<'a> {
    /// A view of one datagram.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let message_type = u16_at(bytes, 0).ok_or(Malformed::Short)?;
        let length = usize::from(u16_at(bytes, 2).ok_or(Malformed::Short)?);
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Short);
        }
        // RFC 8489 §5: the first two bits are 0, the cookie stands behind the length.
        if message_type & 0xc000 != 0 || bytes.get(4..8) != Some(&COOKIE) {
            return Err(Malformed::NotStun);
        }
        if length % 4 != 0 || length + HEADER_LEN != bytes.len() {
            return Err(Malformed::Length);
        }
        let mut message = Self {
            bytes,
            message_type,
            integrity: None,
            fingerprint: None,
        };
        let mut at = HEADER_LEN;
        while at < bytes.len() {
            let (kind, value, end) = attribute(bytes, at).ok_or(Malformed::Attribute)?;
            match kind {
                attr::MESSAGE_INTEGRITY if value.len() + 4 == INTEGRITY_LEN => {
                    message.integrity = message.integrity.or(Some(at));
                }
                attr::FINGERPRINT if end == bytes.len() && value.len() + 4 == FINGERPRINT_LEN => {
                    message.fingerprint = Some(at);
                }
                _ => {}
            }
            at = end;
        }
        Ok(message)
    }

    /// Request, indication or which of the answers.
    #[must_use]
    pub const fn class(&self) -> Class {
        Class::of(self.message_type)
    }

    /// Whether the method is Binding.
    #[must_use]
    pub const fn is_binding(&self) -> bool {
        method(self.message_type) == BINDING
    }

    /// Pairs a response with its request.
    #[must_use]
    pub fn transaction(&self) -> TransactionId {
        let id = self.bytes.get(8..).and_then(|b| b.first_chunk());
        TransactionId(id.copied().unwrap_or_default())
    }

    /// All bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes before MESSAGE-INTEGRITY: what comes behind it is nobody's word (RFC 8489 §14.5).
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        let end = self.integrity.or(self.fingerprint).unwrap_or(self.bytes.len());
        Attributes {
            bytes: self.bytes.get(..end).unwrap_or_default(),
            at: HEADER_LEN,
        }
    }

    /// The first attribute of a type (RFC 8489 §14: only the first counts).
    fn first(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes()
            .find(|(k, _)| *k == kind)
            .map(|(_, value)| value)
    }

    /// USERNAME.
    #[must_use]
    pub fn username(&self) -> Option<&'a [u8]> {
        self.first(attr::USERNAME)
    }

    /// SOFTWARE.
    #[must_use]
    pub fn software(&self) -> Option<&'a [u8]> {
        self.first(attr::SOFTWARE)
    }

    /// PRIORITY.
    #[must_use]
    pub fn priority(&self) -> Option<u32> {
        self.first(attr::PRIORITY)?
            .try_into()
            .ok()
            .map(u32::from_be_bytes)
    }

    /// Whether USE-CANDIDATE is there.
    #[must_use]
    pub fn use_candidate(&self) -> bool {
        self.first(attr::USE_CANDIDATE).is_some()
    }

    /// ICE-CONTROLLING, the tie-breaker.
    #[must_use]
    pub fn controlling(&self) -> Option<u64> {
        self.first(attr::ICE_CONTROLLING)?
            .try_into()
            .ok()
            .map(u64::from_be_bytes)
    }

    /// ICE-CONTROLLED, the tie-breaker.
    #[must_use]
    pub fn controlled(&self) -> Option<u64> {
        self.first(attr::ICE_CONTROLLED)?
            .try_into()
            .ok()
            .map(u64::from_be_bytes)
    }

    /// NOMINATION: 24 bits, the last nomination has the highest.
    #[must_use]
    pub fn nomination(&self) -> Option<u32> {
        let value = self.first(attr::NOMINATION)?;
        value.try_into().ok().map(|v| u32::from_be_bytes(v) & 0x00ff_ffff)
    }

    /// ERROR-CODE, the number (RFC 8489 §14.8).
    #[must_use]
    pub fn error_code(&self) -> Option<u16> {
        let &[_, _, class, number, ..] = self.first(attr::ERROR_CODE)? else {
            return None;
        };
        let class = u16::from(class & 7);
        ((3..=6).contains(&class) && number < 100).then(|| class * 100 + u16::from(number))
    }

    /// XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
    #[must_use]
    pub fn xor_mapped_address(&self) -> Option<SocketAddr> {
        let (&[_, family, p0, p1], address) = self.first(attr::XOR_MAPPED_ADDRESS)?.split_first_chunk()?;
        let port = u16::from_be_bytes([p0 ^ COOKIE[0], p1 ^ COOKIE[1]]);
        let mask = xor_mask(self.transaction());
        let ip = match family {
            1 => {
                let v4: [u8; 4] = address.try_into().ok()?;
                IpAddr::V4(Ipv4Addr::from_bits(
                    Ipv4Addr::from(v4).to_bits() ^ u32::from_be_bytes(COOKIE),
                ))
            }
            2 => {
                let v6: [u8; 16] = address.try_into().ok()?;
                IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(v6) ^ mask))
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// Types below 0x8000 that we do not know; a request with one is to be refused with 420 (RFC 8489 §6.3.1).
    pub fn unknown_required(&self) -> impl Iterator<Item = u16> + use<'a> {
        let kinds = self.attributes().map(|(kind, _)| kind);
        kinds.filter(|&k| attr::is_required(k) && !attr::KNOWN_REQUIRED.contains(&k))
    }

    /// Whether a MESSAGE-INTEGRITY is there.
    #[must_use]
    pub const fn has_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    /// Whether MESSAGE-INTEGRITY is there and right. The header's length is taken as if the message ended with it
    /// (RFC 8489 §14.5).
    #[must_use]
    pub fn verify_integrity(&self, key: &Key) -> bool {
        let Some(at) = self.integrity else { return false };
        let Some((covered, tag)) = self.bytes.split_at_checked(at) else {
            return false;
        };
        let (Some(tag), Some(rest)) = (tag.get(4..INTEGRITY_LEN), covered.get(4..)) else {
            return false;
        };
        let length = u16::try_from(at + INTEGRITY_LEN - HEADER_LEN).unwrap_or(u16::MAX);
        key.verify([&self.bytes[..2], &length.to_be_bytes(), rest], tag)
    }

    /// Whether FINGERPRINT is the last attribute and right.
    #[must_use]
    pub fn verify_fingerprint(&self) -> bool {
        let Some((covered, value)) = self.fingerprint.and_then(|at| self.bytes.split_at_checked(at)) else {
            return false;
        };
        value.get(4..) == Some(&fingerprint([covered, &[], &[]]).to_be_bytes())
    }
}

/// The 128 bits that an IPv6 address is xored with; its first 32 serve IPv4.
pub(super) fn xor_mask(id: TransactionId) -> u128 {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE);
    mask[4..].copy_from_slice(&id.0);
    u128::from_be_bytes(mask)
}

/// Type, value and the end (padding included) of the attribute at `at`.
fn attribute(bytes: &[u8], at: usize) -> Option<(u16, &[u8], usize)> {
    let kind = u16_at(bytes, at)?;
    let length = usize::from(u16_at(bytes, at + 2)?);
    let value = bytes.get(at + 4..at + 4 + length)?;
    let end = at + 4 + length.next_multiple_of(4);
    (end <= bytes.len()).then_some((kind, value, end))
}

/// Types and values, in order.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, value, end) = attribute(self.bytes, self.at)?;
        self.at = end;
        Some((kind, value))
    }
}
