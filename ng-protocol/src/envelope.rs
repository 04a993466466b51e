//! The envelope of a message: `COOKIE SP PAYLOAD`, where the payload is bencode or JSON.
//!
//! A reply repeats the cookie byte for byte and uses the encoding of the request.

use crate::limits::{COOKIE_BYTES_MAX, STREAM_MESSAGE_BYTES_MAX};
use crate::{Dict, NgError, Value, bencode, json};

/// A message taken apart, not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Any bytes but a space, never empty.
    pub cookie: &'a [u8],
    /// What follows the first space.
    pub payload: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Takes a datagram apart. `None` (no space, no cookie, an endless cookie) is to be dropped without an answer.
    pub fn split(message: &'a [u8]) -> Option<Self> {
        let head = message.get(..COOKIE_BYTES_MAX + 1).unwrap_or(message);
        let space = head.iter().position(|&b| b == b' ').filter(|&n| n > 0)?;
        Some(Self {
            cookie: message.get(..space)?,
            payload: message.get(space + 1..)?,
        })
    }
}

/// Encoding of a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Bencode, also for answers to what is neither.
    #[default]
    Bencode,
    /// JSON.
    Json,
}

impl Format {
    /// The encoding of `payload` by its first byte, and of the answer in any case.
    pub fn of(payload: &[u8]) -> Self {
        match payload.first() {
            Some(b'{') => Self::Json,
            _ => Self::Bencode,
        }
    }
}

/// Decodes a payload to the dictionary that it has to be.
pub fn decode(payload: &[u8]) -> Result<Dict<'_>, NgError> {
    match payload.first() {
        None => Err(NgError::NoPayload),
        Some(b'd') => match bencode::decode(payload) {
            Ok(Value::Dict(dict)) => Ok(dict),
            _ => Err(NgError::BadBencode),
        },
        Some(b'{') => match json::decode(payload) {
            Ok(Value::Dict(dict)) => Ok(dict),
            Ok(_) => Err(NgError::JsonNotDict),
            Err(_) => Err(NgError::BadJson),
        },
        Some(_) => Err(NgError::InvalidFormat),
    }
}

/// Encodes a payload without a cookie.
pub fn encode(format: Format, dict: &Dict<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    append(format, dict, &mut out);
    out
}

/// Encodes a complete message.
pub fn encode_message(cookie: &[u8], format: Format, dict: &Dict<'_>) -> Vec<u8> {
    // Holds what a call of two parties has to say at its end.
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(cookie);
    out.push(b' ');
    append(format, dict, &mut out);
    out
}

fn append(format: Format, dict: &Dict<'_>, out: &mut Vec<u8>) {
    match format {
        Format::Bencode => bencode::encode_dict(dict, out),
        Format::Json => json::encode_dict(dict, out),
    }
}

/// Why a stream is beyond repair and has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A cookie or a message longer than the limit.
    #[error("message too long")]
    TooLong,
    /// Neither bencode nor JSON: nobody knows where the next message begins.
    #[error("undecodable message")]
    Undecodable,
}

/// Cuts a TCP stream of messages, back to back, into messages.
///
/// Bencode ends by itself, JSON with its last brace (an extension of ours). White space between messages is
/// skipped. However small the pieces are, each byte is looked at once.
///
/// The owner must call [`StreamFramer::poll_message`] until it is empty after each [`StreamFramer::handle_bytes`];
/// then no more than one incomplete message and the last piece are ever held.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: Vec<u8>,
    /// Where the message at hand begins.
    start: usize,
    /// Where its payload begins, relative to `start`, and how far it was scanned.
    payload: Option<(usize, PayloadScanner)>,
    /// How much of the cookie was scanned, relative to `start`.
    cookie_scanned: usize,
}

#[derive(Debug)]
enum PayloadScanner {
    Bencode(bencode::Scanner),
    Json(json::Scanner),
}

impl StreamFramer {
    /// Takes the next piece of the stream.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete message, cookie included, fit for [`Envelope::split`]; `None` if more bytes are needed.
    pub fn poll_message(&mut self) -> Result<Option<&[u8]>, StreamError> {
        if self.payload.is_none() && !self.find_payload()? {
            return Ok(None);
        }
        let Some((offset, scanner)) = &mut self.payload else {
            return Ok(None);
        };
        let payload = self.buffer.get(self.start + *offset..).unwrap_or(&[]);
        let end = match scanner {
            PayloadScanner::Bencode(scanner) => {
                scanner.scan(payload).map_err(|_| StreamError::Undecodable)?
            }
            PayloadScanner::Json(scanner) => scanner.scan(payload),
        };
        let Some(length) = end.map(|end| *offset + end) else {
            let too_long = self.buffer.len() - self.start > STREAM_MESSAGE_BYTES_MAX;
            return if too_long {
                Err(StreamError::TooLong)
            } else {
                Ok(None)
            };
        };
        let message = self.start..self.start + length;
        self.start = message.end;
        self.payload = None;
        self.cookie_scanned = 0;
        Ok(self.buffer.get(message))
    }

    /// Bytes held for a message that is not complete.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Looks for the end of the cookie and the payload's first byte.
    fn find_payload(&mut self) -> Result<bool, StreamError> {
        if self.cookie_scanned == 0 {
            let white = |b: &&u8| b.is_ascii_whitespace();
            let rest = self.buffer.get(self.start..).unwrap_or(&[]);
            self.start += rest.iter().take_while(white).count();
        }
        let rest = self.buffer.get(self.start..).unwrap_or(&[]);
        let unseen = rest.get(self.cookie_scanned..).unwrap_or(&[]);
        let Some(space) = unseen.iter().position(|&b| b == b' ') else {
            self.cookie_scanned = rest.len();
            return if rest.len() > COOKIE_BYTES_MAX {
                Err(StreamError::TooLong)
            } else {
                Ok(false)
            };
        };
        let space = self.cookie_scanned + space;
        if space > COOKIE_BYTES_MAX {
            return Err(StreamError::TooLong);
        }
        let scanner = match rest.get(space + 1) {
            // The space will be found again, at once.
            None => {
                self.cookie_scanned = space;
                return Ok(false);
            }
            Some(b'd') => PayloadScanner::Bencode(bencode::Scanner::default()),
            Some(b'{') => PayloadScanner::Json(json::Scanner::default()),
            Some(_) => return Err(StreamError::Undecodable),
        };
        self.payload = Some((space + 1, scanner));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_split_off_untouched() {
        let uuid = b"6f1c0f7e-aaaa-bbbb-cccc-0123456789ab";
        for (message, expected) in [
            (
                &b"12_3405691582_7 d1:a0:e"[..],
                Some((&b"12_3405691582_7"[..], &b"d1:a0:e"[..])),
            ),
            (&[uuid, &b" {}"[..]].concat(), Some((uuid, b"{}"))),
            (b"c ", Some((b"c", b""))),
            (b"a  b", Some((b"a", b" b"))),
            (b"d7:command4:pinge", None),
            (b" d7:command4:pinge", None),
            (b"", None),
            (&b"x".repeat(2000), None),
        ] {
            let expected = expected.map(|(cookie, payload)| Envelope { cookie, payload });
            assert_eq!(Envelope::split(message), expected);
        }
    }

    #[test]
    fn refusals_have_the_reference_texts() {
        for (payload, text) in [
            (&b""[..], "Invalid data (no payload)"),
            (b"x", "Invalid NG data format"),
            (b"[1]", "Invalid NG data format"),
            (b"d1:a", "Could not decode bencode dictionary"),
            (b"{\"a\":", "Failed to parse JSON document"),
        ] {
            assert_eq!(decode(payload).map_err(|e| e.to_string()), Err(text.to_owned()));
        }
    }

    #[test]
    fn answers_use_the_format_of_the_question() {
        let pong = Value::dict().with("result", "pong");
        assert_eq!(
            encode_message(b"c", Format::of(b"d"), &pong),
            b"c d6:result4:ponge"
        );
        assert_eq!(
            encode_message(b"c", Format::of(b"{"), &pong),
            b"c {\"result\":\"pong\"}"
        );
        assert_eq!(encode(Format::of(b""), &pong), b"d6:result4:ponge");
    }

    fn drain(framer: &mut StreamFramer, into: &mut Vec<Vec<u8>>) -> Result<(), StreamError> {
        while let Some(message) = framer.poll_message()? {
            into.push(message.to_vec());
        }
        Ok(())
    }

    #[test]
    fn streams_are_cut_whatever_the_pieces() {
        let messages: [&[u8]; 4] = [
            b"c1 d7:command4:pinge",
            b"c2 {\"command\":\"p}ing\"}",
            b"c3 d3:sdp9:v=0\r\nd1:ee",
            b"c4 d7:command4:pinge",
        ];
        let stream = [messages[0], messages[1], b"\r\n", messages[2], b" ", messages[3]].concat();
        for piece in 1..stream.len() {
            let mut framer = StreamFramer::default();
            let mut got = Vec::new();
            for bytes in stream.chunks(piece) {
                framer.handle_bytes(bytes);
                drain(&mut framer, &mut got).expect("valid");
            }
            assert_eq!(got, messages, "{piece}");
            assert_eq!(framer.pending(), 0);
        }
    }

    #[test]
    fn streams_without_end_are_closed() {
        let endless_string = [b"c d3:sdp900000:".to_vec(), vec![b'x'; 2 << 20]].concat();
        for (stream, error) in [
            (b"x".repeat(600), StreamError::TooLong),
            (b"c x".to_vec(), StreamError::Undecodable),
            (b"c dx".to_vec(), StreamError::Undecodable),
            (b"c d9999999999999:".to_vec(), StreamError::Undecodable),
            (endless_string, StreamError::Undecodable),
            (
                [b"c {".to_vec(), vec![b' '; 2 << 20]].concat(),
                StreamError::TooLong,
            ),
            (
                [b"c d1:al".to_vec(), b"0:".repeat(1 << 20)].concat(),
                StreamError::TooLong,
            ),
        ] {
            let mut framer = StreamFramer::default();
            let mut result = Ok(());
            let mut held = 0;
            for piece in stream.chunks(4096) {
                framer.handle_bytes(piece);
                result = drain(&mut framer, &mut Vec::new());
                held = held.max(framer.pending());
                if result.is_err() {
                    break;
                }
            }
            assert_eq!(
                result,
                Err(error),
                "{}",
                stream[..8.min(stream.len())].escape_ascii()
            );
            assert!(held <= STREAM_MESSAGE_BYTES_MAX + 4096);
        }
    }

    #[test]
    fn a_large_message_in_small_pieces_is_not_quadratic() {
        // A scan from the start for each piece would look at 10^11 bytes: the test would not end.
        let body = b"x".repeat(900_000);
        let stream = [b"c d3:sdp900000:".to_vec(), body, b"e".to_vec()].concat();
        let mut framer = StreamFramer::default();
        let mut got = Vec::new();
        for piece in stream.chunks(3) {
            framer.handle_bytes(piece);
            drain(&mut framer, &mut got).expect("valid");
        }
        assert_eq!(got.len(), 1);
    }
}
