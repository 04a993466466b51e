//! Spellings: `SIP-source-address`, `SIP source address` and `sip_source_address` are one name.

use std::ops::Deref;

/// A name in canonical spelling: lower case, hyphens for spaces and underscores.
///
/// Held on the stack. Names longer than any known one are cut, and so match nothing.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; Self::LENGTH_MAX],
    length: usize,
}

impl Name {
    /// Longer than any name in the tables.
    const LENGTH_MAX: usize = 48;

    pub(crate) fn new(spelling: &[u8]) -> Self {
        let mut bytes = [0; Self::LENGTH_MAX];
        let spelling = spelling.trim_ascii();
        let length = spelling.len().min(Self::LENGTH_MAX);
        for (to, &from) in bytes.iter_mut().zip(spelling) {
            *to = canonical(from);
        }
        Self { bytes, length }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }

    /// Whether `spelling`, which has no blanks around it, is a spelling of this name.
    pub(crate) fn is(&self, spelling: &str) -> bool {
        let spelling = spelling.bytes().map(canonical);
        self.as_bytes().iter().copied().eq(spelling)
    }

    pub(crate) fn into_string(self) -> String {
        str::to_owned(&self)
    }
}

impl Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        // All bytes are ASCII, see `canonical`.
        std::str::from_utf8(self.as_bytes()).unwrap_or("")
    }
}

const fn canonical(byte: u8) -> u8 {
    match byte {
        b' ' | b'_' => b'-',
        // A name is ASCII; anything else must not match, nor split a character.
        0x80.. => b'?',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (spelling, name) in [
            ("SIP-source-address", "sip-source-address"),
            ("SIP source_address", "sip-source-address"),
            (" T.38 ", "t.38"),
            ("é", "??"),
            ("", ""),
        ] {
            assert_eq!(&*Name::new(spelling.as_bytes()), name);
            assert!(Name::new(spelling.as_bytes()).is(spelling.trim()), "{spelling}");
        }
        assert_eq!(Name::new(&[b'x'; 100]).len(), Name::LENGTH_MAX);
    }
}
