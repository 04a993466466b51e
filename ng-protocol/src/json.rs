//! JSON to and from the same [`Value`] as bencode.
//!
//! JSON has more types than ng: `true` and `false` become 1 and 0, `null` is left out, whole numbers written as
//! floats become integers, other floats their text. Repeated keys are kept, the first wins. Recursion and the
//! number of values are bounded. Outgoing strings that are not UTF-8 are written with each byte as U+0000–U+00FF.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::io::Write as _;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::limits::{DEPTH_MAX, NODES_MAX};
use crate::{Dict, Value};

/// Decodes a JSON document. Nothing but white space may follow it.
pub fn decode(input: &[u8]) -> Result<Value<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(input);
    let nodes = Cell::new(0);
    let seed = Node {
        depth: 0,
        nodes: &nodes,
    };
    Ok(seed.deserialize(&mut deserializer)?.unwrap_or_else(Value::list))
}

/// Reads one value; `None` is `null`.
#[derive(Clone, Copy)]
struct Node<'c> {
    depth: usize,
    nodes: &'c Cell<usize>,
}

impl Node<'_> {
    /// The seed for what stands inside this value.
    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom("nested too deeply"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Option<Value<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > NODES_MAX {
            return Err(D::Error::custom("too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Option<Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::Int(i64::from(b))))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Some(Value::Int(n)))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Some(match i64::try_from(n) {
            Ok(n) => Value::Int(n),
            Err(_) => Value::from(n.to_string()),
        }))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Self::Value, E> {
        // 2^53: up to there a float is a whole number without doubt.
        Ok(Some(if x.fract() == 0.0 && x.abs() <= 9_007_199_254_740_992.0 {
            Value::Int(x as i64)
        } else {
            Value::from(x.to_string())
        }))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Value::from(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Value::from(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        let inner = self.inner()?;
        while let Some(item) = seq.next_element_seed(inner)? {
            items.extend(item);
        }
        Ok(Some(Value::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut dict = Dict::new();
        let inner = self.inner()?;
        while let Some(key) = map.next_key_seed(Key)? {
            if let Some(value) = map.next_value_seed(inner)? {
                dict.push(key, value);
            }
        }
        Ok(Some(Value::Dict(dict)))
    }
}

/// A key, borrowed if it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, [u8]>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text.as_bytes()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.as_bytes().to_vec()))
    }
}

/// Appends `value` to `out`, keeping the order of keys.
pub fn encode(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Int(n) => {
            let _ = write!(out, "{n}");
        }
        Value::Bytes(bytes) => string(bytes, out),
        Value::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                encode(item, out);
            }
            out.push(b']');
        }
        Value::Dict(dict) => encode_dict(dict, out),
    }
}

/// [`encode`] for a dictionary.
pub fn encode_dict(dict: &Dict<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, (key, value)) in dict.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(key, out);
        out.push(b':');
        encode(value, out);
    }
    out.push(b'}');
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => escaped(text.chars(), out),
        Err(_) => escaped(bytes.iter().map(|&b| char::from(b)), out),
    }
}

fn escaped(chars: impl Iterator<Item = char>, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in chars {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Finds the end of a JSON object that arrives in pieces by its braces, looking at each byte once.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    pos: usize,
    depth: usize,
    in_string: bool,
    escape: bool,
}

impl Scanner {
    /// Looks at `buffer`, which begins with the same bytes as at the last call and may have grown since.
    ///
    /// `Some(length)` once the object is complete, `None` if more bytes are needed.
    pub fn scan(&mut self, buffer: &[u8]) -> Option<usize> {
        while let Some(&byte) = buffer.get(self.pos) {
            self.pos += 1;
            if self.escape {
                self.escape = false;
                continue;
            }
            match byte {
                b'\\' if self.in_string => self.escape = true,
                b'"' => self.in_string = !self.in_string,
                b'{' if !self.in_string => self.depth += 1,
                b'}' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.pos);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_ng_lacks() {
        let input = br#"{"t":true,"f":false,"n":null,"l":[null,1],"w":2.0,"x":2.5,"big":18446744073709551615,"k":"a\u0000\n","k":2}"#;
        let expected = Value::dict()
            .with("t", 1)
            .with("f", 0)
            .with("l", vec![Value::Int(1)])
            .with("w", 2)
            .with("x", "2.5")
            .with("big", "18446744073709551615")
            .with("k", "a\0\n")
            .with("k", 2);
        assert_eq!(decode(input).expect("valid"), Value::from(expected));
    }

    #[test]
    fn written_and_read_again() {
        let dict = Value::dict()
            .with("text", "a\"\\\r\n\t\u{1}ü")
            .with("list", vec![Value::Int(-3), Value::list()])
            .with("empty", Value::dict());
        let mut out = Vec::new();
        encode_dict(&dict, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"text":"a\"\\\r\n\t\u0001ü","list":[-3,[]],"empty":{}}"#
        );
        assert_eq!(decode(&out).expect("own output"), Value::from(dict));
    }

    #[test]
    fn bytes_that_are_not_text() {
        let mut out = Vec::new();
        encode(&Value::from(&b"\xff\x00a"[..]), &mut out);
        assert_eq!(out, "\"\u{ff}\\u0000a\"".as_bytes());
    }

    #[test]
    fn hostile() {
        for bad in [
            &b""[..],
            b"{",
            b"{\"a\"",
            b"{\"a\":",
            b"{a:1}",
            b"{\"a\":1",
            b"{\"\xff\":1}",
            b"nul",
        ] {
            assert!(decode(bad).is_err(), "{}", bad.escape_ascii());
        }
        assert!(decode(&b"[".repeat(30_000)).is_err());
        assert!(decode(&b"{\"a\":".repeat(30_000)).is_err());
        let many = format!("[{}0]", "0,".repeat(NODES_MAX));
        assert!(decode(many.as_bytes()).is_err());
    }

    #[test]
    fn scanner_finds_the_end_at_any_split() {
        let object = br#"{"a":"}\"{","b":{"c":[{}]}}"#;
        let stream = [&object[..], b" x"].concat();
        for split in 0..=stream.len() {
            let mut scanner = Scanner::default();
            let first = scanner.scan(&stream[..split]);
            assert_eq!(first, (split >= object.len()).then_some(object.len()), "{split}");
            if first.is_none() {
                assert_eq!(scanner.scan(&stream), Some(object.len()), "{split}");
            }
        }
    }
}
