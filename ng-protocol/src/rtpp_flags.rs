//! The raw flag string: `rtpp-flags`, and the value of a configured template.
//!
//! Words are separated by white space. A word is a flag, or `key=value`, where a value may be `[…]`: a list of
//! words, or a dictionary if its words are pairs themselves. Inside brackets, where `=` and space mean something,
//! `--` stands for `=` and `..` for a space. What is malformed is skipped and reported, never fatal.

use std::borrow::Cow;

use crate::parse::{excerpt, unescape};
use crate::{Dict, Value, Warning};

/// Deepest nesting of brackets.
const DEPTH_MAX: usize = 8;

/// One word of the string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// A flag.
    Flag(Cow<'a, [u8]>),
    /// A key with its value.
    Pair(Cow<'a, [u8]>, Value<'a>),
}

impl Word<'_> {
    fn into_owned(self) -> Word<'static> {
        match self {
            Self::Flag(flag) => Word::Flag(Cow::Owned(flag.into_owned())),
            Self::Pair(key, value) => Word::Pair(Cow::Owned(key.into_owned()), value.into_owned()),
        }
    }
}

/// A parsed flag string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawFlags<'a> {
    /// The words in order.
    pub words: Vec<Word<'a>>,
    /// What was skipped.
    pub warnings: Vec<Warning>,
}

impl<'a> RawFlags<'a> {
    /// Parses a string; whatever can be read is.
    pub fn parse(text: &'a [u8]) -> Self {
        let mut flags = Self::default();
        for token in Tokens(text) {
            flags.token(token);
        }
        flags
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> RawFlags<'static> {
        RawFlags {
            words: self.words.into_iter().map(Word::into_owned).collect(),
            warnings: self.warnings,
        }
    }

    fn token(&mut self, token: &'a [u8]) {
        match pair(token) {
            // A bracket without a key: nobody knows what it belongs to.
            None if token.starts_with(b"[") => self.warn(token),
            None => self.words.push(Word::Flag(Cow::Borrowed(token))),
            Some((b"", _)) => self.warn(token),
            Some((key, value)) => {
                let value = match value.first() {
                    Some(b'[') => self.bracket(value, 0),
                    _ => Value::from(value),
                };
                self.words.push(Word::Pair(Cow::Borrowed(key), value));
            }
        }
    }

    /// A value in brackets, the opening one included.
    fn bracket(&mut self, token: &'a [u8], depth: usize) -> Value<'a> {
        let inner = token.get(1..).unwrap_or(&[]);
        let inner = match closing(inner) {
            Some(end) => {
                if end + 1 != inner.len() {
                    self.warn(token);
                }
                inner.get(..end).unwrap_or(&[])
            }
            None => {
                self.warn(token);
                inner
            }
        };
        if depth >= DEPTH_MAX {
            self.warn(token);
            return Value::list();
        }
        if Tokens(inner).any(|token| pair(token).is_some()) {
            Value::Dict(self.dict(inner, depth))
        } else {
            let items = Tokens(inner).map(|token| self.value(token, depth));
            Value::List(items.collect())
        }
    }

    fn dict(&mut self, inner: &'a [u8], depth: usize) -> Dict<'a> {
        let mut dict = Dict::new();
        for token in Tokens(inner) {
            match pair(token) {
                None | Some((b"", _)) => self.warn(token),
                Some((key, value)) => dict.push(Cow::Borrowed(key), self.value(value, depth)),
            }
        }
        dict
    }

    fn value(&mut self, token: &'a [u8], depth: usize) -> Value<'a> {
        match token.first() {
            Some(b'[') => self.bracket(token, depth + 1),
            _ => Value::Bytes(unescape(token)),
        }
    }

    fn warn(&mut self, token: &[u8]) {
        if self.warnings.len() < crate::limits::WARNINGS_MAX {
            self.warnings.push(Warning::Syntax(excerpt(token)));
        }
    }
}

/// `key=value`, if there is a `=` before any bracket.
fn pair(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = token.iter().position(|&b| b == b'=' || b == b'[')?;
    match token.split_at_checked(at)? {
        (key, [b'=', value @ ..]) => Some((key, value)),
        _ => None,
    }
}

/// Where the bracket that is already open closes.
fn closing(inner: &[u8]) -> Option<usize> {
    let mut open = 1usize;
    inner.iter().position(|&b| {
        match b {
            b'[' => open += 1,
            b']' => open -= 1,
            _ => {}
        }
        open == 0
    })
}

/// Splits at white space outside brackets.
struct Tokens<'a>(&'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.trim_ascii_start();
        let mut open = 0usize;
        let end = rest.iter().position(|&b| {
            match b {
                b'[' => open += 1,
                b']' => open = open.saturating_sub(1),
                _ => {}
            }
            open == 0 && b.is_ascii_whitespace()
        });
        let (token, tail) = rest.split_at(end.unwrap_or(rest.len()));
        self.0 = tail;
        (!token.is_empty()).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[Word<'_>], warnings: usize) {
        let flags = RawFlags::parse(text.as_bytes());
        assert_eq!(flags.words, expected, "{text}");
        assert_eq!(flags.warnings.len(), warnings, "{text}: {:?}", flags.warnings);
    }

    fn flag(text: &str) -> Word<'_> {
        Word::Flag(Cow::Borrowed(text.as_bytes()))
    }

    fn pair<'a>(key: &'a str, value: impl Into<Value<'a>>) -> Word<'a> {
        Word::Pair(Cow::Borrowed(key.as_bytes()), value.into())
    }

    fn list<'a>(items: &[&'a str]) -> Value<'a> {
        items.iter().copied().collect()
    }

    #[test]
    fn words() {
        check("", &[], 0);
        check("  \t ", &[], 0);
        check(" a  b=c ", &[flag("a"), pair("b", "c")], 0);
        check("a= b", &[pair("a", ""), flag("b")], 0);
        check("a=b=c", &[pair("a", "b=c")], 0);
        check("a--b..c=d--e", &[pair("a--b..c", "d--e")], 0);
    }

    #[test]
    fn brackets() {
        check(
            "mux=[offer require]",
            &[pair("mux", list(&["offer", "require"]))],
            0,
        );
        check("r=[ origin ]", &[pair("r", list(&["origin"]))], 0);
        check("r=[]", &[pair("r", Value::list())], 0);
        check("c=[a--1 b..2]", &[pair("c", list(&["a=1", "b 2"]))], 0);
        let inner = Value::dict()
            .with("remove", list(&["x"]))
            .with("add", list(&["y", "z"]));
        check(
            "sdp-attr=[audio=[remove=[x] add=[y z]]] next",
            &[pair("sdp-attr", Value::dict().with("audio", inner)), flag("next")],
            0,
        );
        check(
            "s=[[a b] [c d]]",
            &[pair("s", vec![list(&["a", "b"]), list(&["c", "d"])])],
            0,
        );
    }

    #[test]
    fn malformed() {
        check("=x a", &[flag("a")], 1);
        check("k=[a b", &[pair("k", list(&["a", "b"]))], 1);
        check("k=[a]b c", &[pair("k", list(&["a"])), flag("c")], 1);
        check("a] b", &[flag("a]"), flag("b")], 0);
        check("k=[a=b c]", &[pair("k", Value::dict().with("a", "b"))], 1);
        // The value is cut off by the space, and what follows belongs to nothing.
        check(
            "attr=  [audio=[ remove = [ x ] ]] mux=[offer]",
            &[pair("attr", ""), pair("mux", list(&["offer"]))],
            1,
        );
    }

    #[test]
    fn deep_nesting_is_bounded() {
        for text in [
            "k=".to_owned() + &"[".repeat(60_000),
            "k=".to_owned() + &"[a=".repeat(20_000),
        ] {
            assert_eq!(RawFlags::parse(text.as_bytes()).words.len(), 1);
        }
    }
}
