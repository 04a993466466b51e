//! Bencode: decoder, writer, and a scanner that finds the end of a message in a stream.
//!
//! Tolerant where the wire is: keys unsorted, repeated, in any spelling; leading zeros; bytes after the message.
//! Strict where it is dangerous: depth and number of values are bounded, and a string's length is compared with
//! what is there before anything is allocated. Strings borrow from the input.

use std::borrow::Cow;

use thiserror::Error;

use crate::limits::{DEPTH_MAX, NODES_MAX, STREAM_MESSAGE_BYTES_MAX};
use crate::{Dict, Value};

/// Why bytes are not bencode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BencodeError {
    /// The input ends within a value.
    #[error("input ends within a value")]
    Truncated,
    /// A byte that can't stand where it does. Argument: its offset.
    #[error("unexpected byte at offset {0}")]
    Unexpected(usize),
    /// An integer or length out of range. Argument: its offset.
    #[error("number out of range at offset {0}")]
    Range(usize),
    /// More than [`DEPTH_MAX`] levels.
    #[error("nested too deeply")]
    TooDeep,
    /// More than [`NODES_MAX`] values.
    #[error("too many values")]
    TooMany,
}

/// Decodes the value at the start of `input`. What follows it is ignored, as the reference does.
pub fn decode(input: &[u8]) -> Result<Value<'_>, BencodeError> {
    let mut decoder = Decoder {
        input,
        pos: 0,
        nodes: 0,
    };
    decoder.value(0)
}

struct Decoder<'a> {
    input: &'a [u8],
    pos: usize,
    nodes: usize,
}

impl<'a> Decoder<'a> {
    fn peek(&self) -> Result<u8, BencodeError> {
        self.input.get(self.pos).copied().ok_or(BencodeError::Truncated)
    }

    /// Whether the container that is open ends here; consumes its `e`.
    fn at_end(&mut self) -> Result<bool, BencodeError> {
        let end = self.peek()? == b'e';
        self.pos += usize::from(end);
        Ok(end)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, BencodeError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(BencodeError::TooMany);
        }
        if depth > DEPTH_MAX {
            return Err(BencodeError::TooDeep);
        }
        match self.peek()? {
            b'0'..=b'9' => Ok(Value::Bytes(Cow::Borrowed(self.string()?))),
            b'i' => self.integer().map(Value::Int),
            b'l' => {
                self.pos += 1;
                let mut items = Vec::new();
                while !self.at_end()? {
                    items.push(self.value(depth + 1)?);
                }
                Ok(Value::List(items))
            }
            b'd' => {
                self.pos += 1;
                // Few requests have more keys than this.
                let mut dict = Dict::with_capacity(8);
                while !self.at_end()? {
                    let key = self.string()?;
                    dict.push(Cow::Borrowed(key), self.value(depth + 1)?);
                }
                Ok(Value::Dict(dict))
            }
            _ => Err(BencodeError::Unexpected(self.pos)),
        }
    }

    fn string(&mut self) -> Result<&'a [u8], BencodeError> {
        let start = self.pos;
        let mut length = 0usize;
        loop {
            match self.peek()? {
                digit @ b'0'..=b'9' => {
                    length = length
                        .checked_mul(10)
                        .and_then(|n| n.checked_add(usize::from(digit - b'0')))
                        .ok_or(BencodeError::Range(start))?;
                }
                b':' if self.pos > start => break,
                _ => return Err(BencodeError::Unexpected(self.pos)),
            }
            self.pos += 1;
        }
        let rest = self.input.get(self.pos + 1..).ok_or(BencodeError::Truncated)?;
        let bytes = rest.get(..length).ok_or(BencodeError::Truncated)?;
        self.pos += 1 + length;
        Ok(bytes)
    }

    fn integer(&mut self) -> Result<i64, BencodeError> {
        let start = self.pos;
        self.pos += 1;
        let negative = self.peek()? == b'-';
        self.pos += usize::from(negative);
        let first = self.pos;
        let mut number = 0i64;
        loop {
            match self.peek()? {
                digit @ b'0'..=b'9' => {
                    let digit = i64::from(digit - b'0');
                    let step = if negative { -digit } else { digit };
                    number = number
                        .checked_mul(10)
                        .and_then(|n| n.checked_add(step))
                        .ok_or(BencodeError::Range(start))?;
                }
                b'e' if self.pos > first => break,
                _ => return Err(BencodeError::Unexpected(self.pos)),
            }
            self.pos += 1;
        }
        self.pos += 1;
        Ok(number)
    }
}

/// Appends `value` to `out`, keeping the order of keys.
pub fn encode(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Int(n) => {
            out.push(b'i');
            number(*n, out);
            out.push(b'e');
        }
        Value::Bytes(bytes) => string(bytes, out),
        Value::List(items) => {
            out.push(b'l');
            items.iter().for_each(|item| encode(item, out));
            out.push(b'e');
        }
        Value::Dict(dict) => encode_dict(dict, out),
    }
}

/// [`encode`] for a dictionary.
pub fn encode_dict(dict: &Dict<'_>, out: &mut Vec<u8>) {
    out.push(b'd');
    for (key, value) in dict.iter() {
        string(key, out);
        encode(value, out);
    }
    out.push(b'e');
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    number(bytes.len(), out);
    out.push(b':');
    out.extend_from_slice(bytes);
}

fn number(n: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Finds the end of a bencode value that arrives in pieces, looking at each byte once.
///
/// It checks structure only as far as the end depends on it; [`decode`] has the last word.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    /// Where to go on; everything before it is understood.
    pos: usize,
    depth: usize,
    token: Token,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Token {
    /// A value, a key or an `e` begins here.
    #[default]
    Start,
    /// Within `i…e`.
    Integer,
    /// Within the digits before a colon.
    Length(usize),
}

impl Scanner {
    /// Looks at `buffer`, which begins with the same bytes as at the last call and may have grown since.
    ///
    /// `Ok(Some(length))` once the value is complete, `Ok(None)` if more bytes are needed.
    pub fn scan(&mut self, buffer: &[u8]) -> Result<Option<usize>, BencodeError> {
        while !self.at_end() {
            let Some(&byte) = buffer.get(self.pos) else {
                return Ok(None);
            };
            match (self.token, byte) {
                (Token::Start, b'l' | b'd') => {
                    self.depth += 1;
                    if self.depth > DEPTH_MAX + 1 {
                        return Err(BencodeError::TooDeep);
                    }
                }
                (Token::Start, b'e') if self.depth > 0 => {
                    self.depth -= 1;
                }
                (Token::Start, b'i') => self.token = Token::Integer,
                (Token::Start, b'0'..=b'9') => self.token = Token::Length(usize::from(byte - b'0')),
                (Token::Length(n), b'0'..=b'9') => {
                    let n = n * 10 + usize::from(byte - b'0');
                    // The bound keeps the arithmetic safe as well as the memory.
                    if n > STREAM_MESSAGE_BYTES_MAX {
                        return Err(BencodeError::Range(self.pos));
                    }
                    self.token = Token::Length(n);
                }
                (Token::Length(n), b':') => {
                    self.token = Token::Start;
                    // May point beyond what is there: then the string is still arriving.
                    self.pos += n;
                }
                (Token::Integer, b'e') => {
                    self.token = Token::Start;
                }
                (Token::Integer, b'-' | b'0'..=b'9') => {}
                _ => return Err(BencodeError::Unexpected(self.pos)),
            }
            self.pos += 1;
        }
        // A string at the end may still be arriving: then `pos` points beyond what is there.
        Ok((self.pos <= buffer.len()).then_some(self.pos))
    }

    /// Whether a complete value lies before `pos`.
    fn at_end(&self) -> bool {
        self.depth == 0 && self.token == Token::Start && self.pos > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], expected: Result<Value<'_>, BencodeError>) {
        assert_eq!(decode(input), expected, "{}", input.escape_ascii());
    }

    #[test]
    fn values() {
        check(b"i0e", Ok(Value::Int(0)));
        check(b"i-12e", Ok(Value::Int(-12)));
        check(b"i-9223372036854775808e", Ok(Value::Int(i64::MIN)));
        check(b"i007e", Ok(Value::Int(7)));
        check(b"0:", Ok(Value::from("")));
        check(b"003:abc", Ok(Value::from("abc")));
        check(b"3:a\xff\0", Ok(Value::from(&b"a\xff\0"[..])));
        check(b"le", Ok(Value::list()));
        check(b"i1etrailing", Ok(Value::Int(1)));
        let dict = Value::dict().with("b", 1).with("a", 2).with("b", 3);
        check(b"d1:bi1e1:ai2e1:bi3ee", Ok(dict.into()));
    }

    #[test]
    fn hostile() {
        check(b"", Err(BencodeError::Truncated));
        check(b"99999999999:a", Err(BencodeError::Truncated));
        check(b"99999999999999999999999:a", Err(BencodeError::Range(0)));
        check(b"18446744073709551615:a", Err(BencodeError::Truncated));
        check(b"i9223372036854775808e", Err(BencodeError::Range(0)));
        check(b"ie", Err(BencodeError::Unexpected(1)));
        check(b"i-e", Err(BencodeError::Unexpected(2)));
        check(b"i1", Err(BencodeError::Truncated));
        check(b"x", Err(BencodeError::Unexpected(0)));
        check(b"-1:a", Err(BencodeError::Unexpected(0)));
        check(b"di1ei2ee", Err(BencodeError::Unexpected(1)));
        check(b"d1:ae", Err(BencodeError::Unexpected(4)));
        check(&vec![b'l'; 30_000], Err(BencodeError::TooDeep));
        check(&b"d1:a".repeat(30_000), Err(BencodeError::TooDeep));
        let many = [&b"l"[..], &b"0:".repeat(NODES_MAX), b"e"].concat();
        check(&many, Err(BencodeError::TooMany));
    }

    #[test]
    fn depth_limit_is_the_same_for_both() {
        for depth in [DEPTH_MAX, DEPTH_MAX + 1, DEPTH_MAX + 2] {
            let input = [b"l".repeat(depth), b"e".repeat(depth)].concat();
            assert_eq!(
                decode(&input).is_ok(),
                Scanner::default().scan(&input).is_ok(),
                "{depth}"
            );
        }
    }

    const SAMPLE: &[u8] = b"d8:supportsl10:load limite3:sdp4:v=0\n6:numberi-17e5:emptyle1:dd1:x0:ee";

    #[test]
    fn every_truncation_is_an_error() {
        for end in 0..SAMPLE.len() {
            assert_eq!(decode(&SAMPLE[..end]), Err(BencodeError::Truncated), "{end}");
        }
        let value = decode(SAMPLE).expect("complete");
        let mut out = Vec::new();
        encode(&value, &mut out);
        assert_eq!(out, SAMPLE);
    }

    #[test]
    fn scanner_finds_the_end_at_any_split() {
        let stream = [SAMPLE, b"next"].concat();
        for split in 0..=stream.len() {
            let mut scanner = Scanner::default();
            let first = scanner.scan(&stream[..split]).expect("valid");
            assert_eq!(first, (split >= SAMPLE.len()).then_some(SAMPLE.len()));
            assert_eq!(scanner.scan(&stream), Ok(Some(SAMPLE.len())));
        }
        let mut scanner = Scanner::default();
        for end in 0..SAMPLE.len() {
            assert_eq!(scanner.scan(&SAMPLE[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn scanner_refuses_early() {
        for bad in [&b"d99999999999:"[..], b"x", b"e", b"dz", b"i1x", b"3x"] {
            assert!(Scanner::default().scan(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
