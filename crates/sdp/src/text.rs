//! A shared slice of the bytes that were received.
//!
//! SDP is UTF-8 by RFC 8866 §5 and Latin-1 in the field, so text is kept as bytes and printed as it came. All pieces
//! of one body share one buffer: parsing allocates it once, and clones count references. The price is that a piece
//! keeps its whole body alive; bodies are bounded (`limits::BODY_BYTES_MAX`).

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::str::FromStr;
use std::sync::Arc;

/// Immutable bytes that are mostly ASCII. Compares, orders and hashes by content; cheap to clone.
#[derive(Clone, Default)]
pub struct Text {
    buf: Arc<[u8]>,
    start: u32,
    end: u32,
}

impl Text {
    /// A text of its own that holds a copy of `bytes`, cut at 4 GiB.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        let buf: Arc<[u8]> = Arc::from(bytes.as_ref());
        Self {
            end: u32::try_from(buf.len()).unwrap_or(u32::MAX),
            start: 0,
            buf,
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.buf
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// The text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The text for reading: what is not UTF-8 is read as Latin-1.
    pub fn to_utf8(&self) -> Cow<'_, str> {
        match self.as_str() {
            Some(text) => Cow::Borrowed(text),
            None => self.iter().map(|&b| char::from(b)).collect(),
        }
    }

    /// Whether this is `other`, letter case aside.
    pub fn is(&self, other: &str) -> bool {
        self.as_bytes().eq_ignore_ascii_case(other.as_bytes())
    }

    /// Reads a number or another thing with a `FromStr`; `None` if it is not exactly one.
    pub fn parse<T: FromStr>(&self) -> Option<T> {
        self.as_str()?.parse().ok()
    }

    /// The part at `range` of this text; empty if it reaches beyond the end.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let (Ok(start), Ok(end)) = (u32::try_from(range.start), u32::try_from(range.end)) else {
            return Self::default();
        };
        if start > end || end > self.end - self.start {
            return Self::default();
        }
        Self {
            buf: self.buf.clone(),
            start: self.start + start,
            end: self.start + end,
        }
    }
}

impl Text {
    /// `part` as a text that shares this one's buffer. `part` must be a slice of this text's bytes; if it is not,
    /// the result is a copy.
    pub(crate) fn share(&self, part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(self.as_ptr() as usize);
        match start.checked_add(part.len()) {
            Some(end) if end <= self.len() => self.slice(start..end),
            _ => Self::new(part),
        }
    }
}

impl Deref for Text {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// What is not UTF-8 is read as Latin-1. To keep such text as it is, use the bytes.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_utf8())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl From<&str> for Text {
    fn from(s: &str) -> Self {
        Self::new(s)
    }
}

impl From<String> for Text {
    fn from(s: String) -> Self {
        Self::new(s)
    }
}

impl From<&[u8]> for Text {
    fn from(b: &[u8]) -> Self {
        Self::new(b)
    }
}
