//! Keys and roles: `setup`, `fingerprint`, `crypto`.

use std::fmt;

use crate::Text;

/// `setup:ROLE` (RFC 4145 §4): who starts the DTLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setup {
    /// Either.
    Actpass,
    /// The writer starts.
    Active,
    /// The writer waits.
    Passive,
    /// Not now.
    Holdconn,
}

impl Setup {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Actpass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Holdconn => "holdconn",
        }
    }

    /// By its word, letter case aside.
    pub fn of(name: &[u8]) -> Option<Self> {
        [Self::Actpass, Self::Active, Self::Passive, Self::Holdconn]
            .into_iter()
            .find(|s| name.eq_ignore_ascii_case(s.name().as_bytes()))
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `fingerprint:HASH DIGEST` (RFC 8122 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hash function, as written: `sha-256`.
    pub hash: Text,
    /// The digest's bytes.
    pub digest: Vec<u8>,
}

/// `crypto:TAG SUITE inline:KEY[|LIFETIME][|MKI:LENGTH][;inline:…] [PARAMETER…]` (RFC 4568 §9.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Tag.
    pub tag: u32,
    /// Suite, as written.
    pub suite: Text,
    /// Key and salt of the first key, base64 as written (often without padding).
    pub key: Text,
    /// Lifetime of the first key, as written: `2^31`.
    pub lifetime: Option<Text>,
    /// Master key identifier of the first key.
    pub mki: Option<Mki>,
    /// Keys after the first one, as written.
    pub more_keys: Vec<Text>,
    /// Session parameters, as written: `UNENCRYPTED_SRTP`, `KDR=…`.
    pub parameters: Vec<Text>,
}

/// Master key identifier `VALUE:LENGTH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    /// Value.
    pub value: u128,
    /// Length on the wire in bytes, 1 to 128.
    pub length: u8,
}

impl Crypto {
    /// Whether a session parameter is there, letter case aside.
    pub fn has_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|p| p.is(name))
    }
}
