//! Byte strings as they stood on the wire.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A byte string from the wire: a tag, a call-id, a label, a file name.
///
/// Tags and call-ids are bytes, usually but not always UTF-8; equality, order and hash are those of the bytes, so
/// nothing is lost. Cloning is cheap (shared). `Display` is fit for logs: invalid UTF-8 is replaced and control
/// characters are escaped, so that a call-id can't forge a log line. Use [`Text::as_bytes`] for anything sent.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<[u8]>);

/// Identity of a call on the wire.
pub type CallId = Text;

/// SIP tag: identity of a monologue within a call.
pub type Tag = Text;

impl Text {
    /// The exact bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text for reading; invalid UTF-8 is replaced. Not for sending, not for comparing.
    pub fn to_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl Deref for Text {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Arc::from(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Arc::from(text.into_bytes()))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::from(bytes))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == other.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.to_str().chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_and_logs_are_safe() {
        let text = Text::from(&b"a\xff\r\nb"[..]);
        assert_eq!(text.as_bytes(), b"a\xff\r\nb");
        assert_eq!(text.to_string(), "a\u{fffd}\\r\\nb");
        assert_ne!(text, Text::from(&b"a\xfe\r\nb"[..]));
        assert_eq!(Text::from("x"), "x");
    }
}
