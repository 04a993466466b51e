//! STUN messages (RFC 8489) as far as ICE needs them: read without copying, written into a caller's buffer.
//!
//! Nothing here panics on any bytes. Getters see what MESSAGE-INTEGRITY covers and nothing behind it. Deliberately absent:
//! other methods than Binding, long-term credentials, SHA-256 integrity, the RFC 3489 form without a cookie.

mod integrity;
mod message;
mod writer;

#[cfg(test)]
mod vectors;

pub use integrity::Key;
pub use message::{Attributes, Malformed, Message};
pub use writer::Writer;

/// Bytes of the header.
pub const HEADER_LEN: usize = 20;

/// RFC 8489 §5.
pub const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// The only method of ICE.
const BINDING: u16 = 0x001;

/// Bytes of MESSAGE-INTEGRITY with its header.
const INTEGRITY_LEN: usize = 24;

/// Bytes of FINGERPRINT with its header.
const FINGERPRINT_LEN: usize = 8;

/// Pairs a response with its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionId(pub [u8; 12]);

/// RFC 8489 §5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// The good answer.
    Success,
    /// The other one.
    Error,
}

impl Class {
    /// The two class bits, C1 and C0, where they stand in the message type.
    const fn bits(self) -> u16 {
        match self {
            Self::Request => 0x000,
            Self::Indication => 0x010,
            Self::Success => 0x100,
            Self::Error => 0x110,
        }
    }

    const fn of(message_type: u16) -> Self {
        match message_type & 0x110 {
            0x000 => Self::Request,
            0x010 => Self::Indication,
            0x100 => Self::Success,
            _ => Self::Error,
        }
    }
}

/// The twelve method bits, the class bits taken out.
const fn method(message_type: u16) -> u16 {
    (message_type & 0x000f) | ((message_type & 0x00e0) >> 1) | ((message_type & 0x3e00) >> 2)
}

/// Attribute types: RFC 8489 §18.3, RFC 8445 §16.1, and NOMINATION as browsers send it
/// (draft-thatcher-ice-renomination).
pub mod attr {
    #![allow(missing_docs)]
    pub const MAPPED_ADDRESS: u16 = 0x0001;
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const PRIORITY: u16 = 0x0024;
    pub const USE_CANDIDATE: u16 = 0x0025;
    pub const SOFTWARE: u16 = 0x8022;
    pub const FINGERPRINT: u16 = 0x8028;
    pub const ICE_CONTROLLED: u16 = 0x8029;
    pub const ICE_CONTROLLING: u16 = 0x802a;
    pub const NOMINATION: u16 = 0xc001;

    /// Whether one that we do not know must be complained about.
    pub(super) const fn is_required(kind: u16) -> bool {
        kind < 0x8000
    }

    pub(super) const KNOWN_REQUIRED: [u16; 10] = [
        MAPPED_ADDRESS,
        USERNAME,
        MESSAGE_INTEGRITY,
        ERROR_CODE,
        UNKNOWN_ATTRIBUTES,
        REALM,
        NONCE,
        XOR_MAPPED_ADDRESS,
        PRIORITY,
        USE_CANDIDATE,
    ];
}

/// Error codes that an agent sends or understands (RFC 8489 §14.8, RFC 8445 §7.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 400.
    BadRequest,
    /// 401.
    Unauthenticated,
    /// 420.
    UnknownAttribute,
    /// 487.
    RoleConflict,
}

impl ErrorCode {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::UnknownAttribute => 420,
            Self::RoleConflict => 487,
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad Request",
            Self::Unauthenticated => "Unauthorized",
            Self::UnknownAttribute => "Unknown Attribute",
            Self::RoleConflict => "Role Conflict",
        }
    }
}

/// Big-endian number at `at`.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|c| u16::from_be_bytes(*c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_method_share_the_type() {
        for (message_type, class, number) in [
            (0x0001, Class::Request, 1),
            (0x0011, Class::Indication, 1),
            (0x0101, Class::Success, 1),
            (0x0111, Class::Error, 1),
            (0x0003, Class::Request, 3),
            (0x3eef, Class::Request, 0xfff),
        ] {
            assert_eq!((Class::of(message_type), method(message_type)), (class, number));
        }
        for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
            assert_eq!(Class::of(BINDING | class.bits()), class);
        }
    }
}
