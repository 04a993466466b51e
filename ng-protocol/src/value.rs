//! The one tree that bencode and JSON both decode to and encode from.

use std::borrow::Cow;
use std::fmt;

use crate::Text;

/// A node of an ng message. Strings borrow from the datagram where that is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A signed 64-bit integer.
    Int(i64),
    /// A byte string.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value<'a>>),
    /// A dictionary.
    Dict(Dict<'a>),
}

/// A dictionary that keeps the order of its keys and its duplicates; look-ups find the first.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Dict<'a>(Vec<(Cow<'a, [u8]>, Value<'a>)>);

impl<'a> Value<'a> {
    /// An empty dictionary to build a message with: `Value::dict().with("result", "ok")`.
    pub fn dict() -> Dict<'a> {
        Dict::new()
    }

    /// An empty list.
    pub fn list() -> Self {
        Self::List(Vec::new())
    }

    /// The byte string, if it is one.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The byte string as text, if it is one and valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        self.as_bytes().and_then(|b| std::str::from_utf8(b).ok())
    }

    /// The integer, also one written as a decimal string.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Bytes(_) => self.as_str()?.trim().parse().ok(),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The dictionary, if it is one.
    pub fn as_dict(&self) -> Option<&Dict<'a>> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The value under `key`, if this is a dictionary that has it.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.as_dict()?.get(key)
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Int(n) => Value::Int(n),
            Self::Bytes(b) => Value::Bytes(Cow::Owned(b.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Self::Dict(dict) => Value::Dict(dict.into_owned()),
        }
    }
}

impl<'a> Dict<'a> {
    /// An empty dictionary.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty dictionary with room for so many pairs.
    pub fn with_capacity(pairs: usize) -> Self {
        Self(Vec::with_capacity(pairs))
    }

    /// The first value under exactly this key.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        let key = key.as_bytes();
        self.0.iter().find(|(k, _)| **k == *key).map(|(_, v)| v)
    }

    /// Adds a pair at the end. An earlier pair of the same key stays and wins look-ups.
    pub fn push(&mut self, key: impl IntoKey<'a>, value: impl Into<Value<'a>>) {
        self.0.push((key.into_key(), value.into()));
    }

    /// [`Dict::push`] for building in one expression.
    #[must_use]
    pub fn with(mut self, key: impl IntoKey<'a>, value: impl Into<Value<'a>>) -> Self {
        self.push(key, value);
        self
    }

    /// [`Dict::with`] for a value that may be missing.
    #[must_use]
    pub fn with_some(self, key: impl IntoKey<'a>, value: Option<impl Into<Value<'a>>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The pairs in order, duplicates included.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Value<'a>)> {
        self.0.iter().map(|(k, v)| (&**k, v))
    }

    /// Number of pairs, duplicates included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Dict<'static> {
        let own = |(k, v): (Cow<'a, [u8]>, Value<'a>)| (Cow::Owned(k.into_owned()), v.into_owned());
        Dict(self.0.into_iter().map(own).collect())
    }
}

impl fmt::Debug for Dict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.0.iter().map(|(k, v)| (String::from_utf8_lossy(k), v));
        f.debug_map().entries(pairs).finish()
    }
}

/// What can be a dictionary's key: text or bytes, borrowed or owned.
pub trait IntoKey<'a> {
    /// The key's bytes.
    fn into_key(self) -> Cow<'a, [u8]>;
}

impl<'a> IntoKey<'a> for &'a str {
    fn into_key(self) -> Cow<'a, [u8]> {
        Cow::Borrowed(self.as_bytes())
    }
}

impl<'a> IntoKey<'a> for String {
    fn into_key(self) -> Cow<'a, [u8]> {
        Cow::Owned(self.into_bytes())
    }
}

impl<'a> IntoKey<'a> for Cow<'a, [u8]> {
    fn into_key(self) -> Cow<'a, [u8]> {
        self
    }
}

impl<'a> IntoKey<'a> for &'a Text {
    fn into_key(self) -> Cow<'a, [u8]> {
        Cow::Borrowed(self.as_bytes())
    }
}

impl<'a> IntoKey<'a> for Text {
    fn into_key(self) -> Cow<'a, [u8]> {
        Cow::Owned(self.as_bytes().to_vec())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(Cow::Borrowed(text.as_bytes()))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Bytes(Cow::Owned(text.into_bytes()))
    }
}

impl<'a> From<&'a Text> for Value<'a> {
    fn from(text: &'a Text) -> Self {
        Self::Bytes(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<Text> for Value<'_> {
    fn from(text: Text) -> Self {
        Self::Bytes(Cow::Owned(text.as_bytes().to_vec()))
    }
}

/// Bytes, not a list of integers.
impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(bytes))
    }
}

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(items: Vec<Value<'a>>) -> Self {
        Self::List(items)
    }
}

impl<'a> From<Dict<'a>> for Value<'a> {
    fn from(dict: Dict<'a>) -> Self {
        Self::Dict(dict)
    }
}

/// A list of whatever converts to a value.
impl<'a, V: Into<Value<'a>>> FromIterator<V> for Value<'a> {
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

macro_rules! from_int {
    ($($int:ty),*) => { $(
        impl From<$int> for Value<'_> {
            fn from(n: $int) -> Self {
                Self::Int(i64::from(n))
            }
        }
    )* };
}
from_int!(i64, i32, u32, u16, u8);

/// Counters beyond `i64::MAX` are written as `i64::MAX`.
impl From<u64> for Value<'_> {
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

/// Counters beyond `i64::MAX` are written as `i64::MAX`.
impl From<usize> for Value<'_> {
    fn from(n: usize) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_duplicate_keys_wins() {
        let dict = Value::dict().with("a", 1).with("b", "x").with("a", 2);
        assert_eq!(dict.get("a"), Some(&Value::Int(1)));
        assert_eq!(dict.len(), 3);
    }

    #[test]
    fn integers_may_be_strings() {
        for (value, expected) in [
            (Value::from("250"), Some(250)),
            (Value::from(" -1"), Some(-1)),
            (Value::Int(7), Some(7)),
            (Value::from("99999999999999999999"), None),
            (Value::from("1x"), None),
            (Value::list(), None),
        ] {
            assert_eq!(value.as_int(), expected, "{value:?}");
        }
    }
}
