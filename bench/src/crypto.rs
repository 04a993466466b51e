//! Keys of a party in its SDP (RFC 4568), and what its packets are protected with.
//!
//! Deliberately not read with the relay's code, like all SDP here. Keys are made from a number: they protect nothing.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use srtp::{MasterKey, Params, Protection, Suite};

/// With padding as RFC 4568 §6.1 has it; read without it too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One `a=crypto` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crypto {
    pub(crate) tag: u32,
    pub(crate) suite: Suite,
    /// Master key and salt.
    key: Vec<u8>,
}

impl Crypto {
    /// A key that no other number gives.
    pub(crate) fn new(tag: u32, suite: Suite, number: u64) -> Self {
        let spec = suite.spec();
        let mut state = number;
        let key = (0..spec.key_len + spec.salt_len)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        Self { tag, suite, key }
    }

    /// The value of the attribute.
    pub(crate) fn attribute(&self) -> String {
        let name = self.suite.spec().name;
        format!("{} {name} inline:{}", self.tag, BASE64.encode(&self.key))
    }

    /// The line of a body that offers or takes a suite, if it has one that can be used.
    pub(crate) fn find(body: &str, suite: Suite) -> Option<Self> {
        let values = body.lines().filter_map(|line| line.strip_prefix("a=crypto:"));
        values
            .filter_map(Self::parse)
            .find(|crypto| crypto.suite == suite)
    }

    /// What packets are protected with.
    pub(crate) fn params(&self) -> Option<Params> {
        let key = MasterKey::joined(self.suite, &self.key).ok()?;
        Params::new(vec![key], Protection::default()).ok()
    }

    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let suite = suite(words.next()?)?;
        let mut parts = words.next()?.strip_prefix("inline:")?.split('|');
        let key = BASE64.decode(parts.next()?).ok()?;
        // A lifetime may follow. A key identifier (with a colon) or session parameters are nothing we offered.
        let plain = parts.all(|part| !part.contains(':')) && words.next().is_none();
        plain.then_some(Self { tag, suite, key })
    }
}

/// The suite of that name.
pub(crate) fn suite(name: &str) -> Option<Suite> {
    Suite::all().find(|suite| suite.spec().name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_and_read() {
        for suite in Suite::all() {
            let crypto = Crypto::new(3, suite, 7);
            let body = format!(
                "a=crypto:1 X inline:abc\r\na=crypto:{}|2^31\r\n",
                crypto.attribute()
            );
            assert_eq!(Crypto::find(&body, suite), Some(crypto.clone()), "{body}");
            assert!(crypto.params().is_some());
            assert_ne!(Crypto::new(3, suite, 8), crypto);
        }
    }

    #[test]
    fn what_was_not_offered_is_not_used() {
        let suite = Suite::AesCm128HmacSha1_80;
        let line = Crypto::new(1, suite, 7).attribute();
        for behind in ["|1:1", " UNENCRYPTED_SRTP"] {
            assert_eq!(Crypto::find(&format!("a=crypto:{line}{behind}"), suite), None);
        }
        assert_eq!(
            Crypto::find(&format!("a=crypto:{line}"), Suite::AeadAes128Gcm),
            None
        );
    }
}
