//! Base64 (RFC 4648 §4) as SDP has it for keys: often without padding, and wiped from memory with them.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

const BARE: GeneralPurpose = GeneralPurpose::new(&STANDARD, TOLERANT.with_encode_padding(false));
const PADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, TOLERANT);
const TOLERANT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Bytes of a text with or without padding. Bits left over are not looked at; anything else that does not belong there
/// makes the text unusable.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = BARE.decode_slice(text, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// The text of these bytes.
pub(crate) fn encode(bytes: &[u8], pad: bool) -> Zeroizing<String> {
    let engine = if pad { PADDED } else { BARE };
    Zeroizing::new(engine.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn there_and_back() {
        for (bytes, padded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let bare = padded.trim_end_matches('=');
            assert_eq!(*encode(bytes.as_bytes(), true), padded);
            assert_eq!(*encode(bytes.as_bytes(), false), bare);
            for text in [padded, bare] {
                let decoded = decode(text.as_bytes()).expect(text);
                assert_eq!(*decoded, bytes.as_bytes(), "{text}");
            }
        }
        let all: Vec<u8> = (0..=255).collect();
        let decoded = decode(encode(&all, false).as_bytes()).expect("every byte");
        assert_eq!(*decoded, all);
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["Z", "Zg=a", "Zm9vY", "Zm 9v", "Zm9v===", "Zm-v"] {
            assert!(decode(text.as_bytes()).is_none(), "{text}");
        }
    }
}
