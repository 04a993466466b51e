//! Keys and roles: `setup`, `fingerprint`, `crypto`.

use std::fmt;

use crate::{Text, scan};

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
    /// The keys, one at least; several are told apart by their identifiers.
    pub keys: Vec<CryptoKey>,
    /// Session parameters, as written: `UNENCRYPTED_SRTP`, `KDR=…`.
    pub parameters: Vec<Text>,
}

/// One key of a [`Crypto`].
#[derive(Clone, PartialEq, Eq)]
pub struct CryptoKey {
    /// Key and salt, base64 as written (often without padding).
    pub key: Text,
    /// Lifetime, as written: `2^31`.
    pub lifetime: Option<Text>,
    /// Master key identifier.
    pub mki: Option<Mki>,
}

/// Without the key itself.
impl fmt::Debug for CryptoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptoKey")
            .field("lifetime", &self.lifetime)
            .field("mki", &self.mki)
            .finish_non_exhaustive()
    }
}

/// Master key identifier `VALUE:LENGTH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    /// Value.
    pub value: u128,
    /// Length on the wire in bytes, 1 to 128.
    pub length: u8,
}

impl Fingerprint {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let (hash, rest) = scan::word(value)?;
        let (hex, _) = scan::word(rest)?;
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some((hex_digit(*high)? << 4) | hex_digit(*low)?),
            _ => None,
        };
        let digest: Vec<u8> = hex.split(|&b| b == b':').map(byte).collect::<Option<_>>()?;
        (digest.len() <= DIGEST_BYTES_MAX).then(|| Self {
            hash: value.share(hash),
            digest,
        })
    }
}

/// The longest digest there is, SHA-512's.
const DIGEST_BYTES_MAX: usize = 64;

fn hex_digit(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

impl Mki {
    /// `VALUE:LENGTH`, the value in decimal (RFC 4568 §6.1).
    fn parse(text: &[u8]) -> Option<Self> {
        let (value, length) = scan::split_once(text, b':')?;
        let value = std::str::from_utf8(value).ok()?.parse().ok()?;
        let length = scan::number(length, 128)?
            .try_into()
            .ok()
            .filter(|&n: &u8| n != 0)?;
        Some(Self { value, length })
    }
}

impl Crypto {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let mut words = scan::words(value);
        let (tag, suite, keys) = (words.next()?, words.next()?, words.next()?);
        let keys = keys.split(|&b| b == b';').map(|key| CryptoKey::parse(value, key));
        Some(Self {
            tag: scan::number(tag, 999_999_999)?.try_into().ok()?,
            suite: value.share(suite),
            keys: keys.collect::<Option<_>>()?,
            parameters: words.map(|p| value.share(p)).collect(),
        })
    }

    /// Whether a session parameter is there, letter case aside.
    pub fn has_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|p| p.is(name))
    }
}

impl CryptoKey {
    /// `inline:KEY[|LIFETIME][|MKI:LENGTH]`
    fn parse(value: &Text, text: &[u8]) -> Option<Self> {
        let (method, info) = scan::split_once(text, b':')?;
        if !method.eq_ignore_ascii_case(b"inline") {
            return None;
        }
        let mut info = info.split(|&b| b == b'|');
        let mut key = Self {
            key: value.share(info.next().filter(|k| !k.is_empty())?),
            lifetime: None,
            mki: None,
        };
        for part in info {
            // Only the MKI has a colon; both parts are optional.
            match part.contains(&b':') {
                true => key.mki = Some(Mki::parse(part)?),
                false => key.lifetime = Some(value.share(part)),
            }
        }
        Some(key)
    }
}
