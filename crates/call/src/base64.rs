//! Base64 (RFC 4648 §4) as SDP has it for keys: often without padding.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes of a text with or without padding. Bits left over are not looked at; anything else that does not belong there
/// makes the text unusable.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let padding = text.iter().rev().take_while(|&&b| b == b'=').count();
    let digits = text.get(..text.len() - padding)?;
    if padding > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() * 3 / 4));
    let (mut bits, mut count) = (0u32, 0u32);
    for digit in digits {
        bits = bits << 6 | value(*digit)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

/// The text of these bytes.
pub(crate) fn encode(bytes: &[u8], pad: bool) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            if digit <= chunk.len() {
                let index = (bits >> (18 - 6 * digit) & 0x3f) as usize;
                text.push(char::from(ALPHABET[index]));
            } else if pad {
                text.push('=');
            }
        }
    }
    text
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
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
