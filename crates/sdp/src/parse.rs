//! Bytes to tree, in one pass.
//!
//! Tolerant like the reference: bare LF, any order of lines within a section, missing `o=`, `s=` and `t=`. Strict like
//! it, too: unknown letters, second `o=` or `c=` of a session, and `o=`, `c=`, `m=` lines that can't be read are errors.

use crate::{
    Attribute, Bandwidth, Connection, DroppedLine, Error, Media, Origin, Sdp, Session, Text, limits, scan,
};

/// What parsing may be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParseOptions {
    /// A blank line is an error (`reject-invalid-sdp`); by default it ends the body, whatever follows.
    pub reject_blank_line: bool,
}

impl Sdp {
    /// Reads a body with default options.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        Self::parse_with(body, ParseOptions::default())
    }

    /// Reads a body.
    pub fn parse_with(body: &[u8], options: ParseOptions) -> Result<Self, Error> {
        if body.len() > limits::BODY_BYTES_MAX {
            return Err(Error::TooLong);
        }
        let body = received(body);
        let mut sessions: Vec<Session> = Vec::with_capacity(1);
        for (line, text) in lines(&body) {
            if text.is_empty() {
                match options.reject_blank_line {
                    true => return Err(Error::BlankLine { line }),
                    false => break,
                }
            }
            let (letter, value) = split_line(&body, text, line)?;
            if letter == b'v' {
                sessions.push(begin_session(&value, line, sessions.len())?);
                continue;
            }
            let session = sessions.last_mut().ok_or(Error::NoVersion { line })?;
            session.take(letter, value, line)?;
        }
        match sessions.is_empty() {
            true => Err(Error::Empty),
            false => Ok(Self { sessions }),
        }
    }
}

/// A body with every CR that does not end a line turned into a blank. Some endpoints take a lone CR for a line end: what
/// stands behind it must not reach them as a line that the relay has not read.
pub(crate) fn received(body: &[u8]) -> Text {
    if !memchr::memchr_iter(b'\r', body).any(|at| body.get(at + 1) != Some(&b'\n')) {
        return Text::new(body);
    }
    let mut body = body.to_vec();
    let mut ends = true;
    for byte in body.iter_mut().rev() {
        match *byte {
            b'\r' if !ends => *byte = b' ',
            b'\r' => {}
            other => ends = other == b'\n',
        }
    }
    Text::new(body)
}

/// The lines of `body` with their numbers, without line ends. One stray byte behind the last line end is not a line:
/// some stacks count the terminating NUL of their buffer.
pub(crate) fn lines(body: &Text) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = body.as_bytes();
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.len() < 2 && rest != b"\n" {
            return None;
        }
        let (line, after) = scan::split_once(rest, b'\n').unwrap_or((rest, b""));
        rest = after;
        number += 1;
        let end = line.iter().rposition(|&b| b != b'\r').map_or(0, |last| last + 1);
        Some((number, line.get(..end).unwrap_or_default()))
    })
}

/// `LETTER=VALUE`
pub(crate) fn split_line(body: &Text, text: &[u8], line: usize) -> Result<(u8, Text), Error> {
    if line > limits::LINES_MAX {
        return Err(Error::TooManyLines);
    }
    match text {
        [letter, b'=', value @ ..] => Ok((*letter, body.share(value))),
        _ => Err(Error::NoEquals { line }),
    }
}

fn begin_session(version: &Text, line: usize, sessions: usize) -> Result<Session, Error> {
    if sessions == limits::SESSIONS_MAX {
        return Err(Error::TooManySessions);
    }
    match scan::trim_end(version) {
        b"0" => Ok(Session::default()),
        _ => Err(Error::BadVersion { line }),
    }
}

impl Session {
    /// One line of this session, whichever section it is in.
    pub(crate) fn take(&mut self, letter: u8, value: Text, line: usize) -> Result<(), Error> {
        if letter == b'm' {
            if self.medias.len() == limits::MEDIAS_MAX {
                return Err(Error::TooManyMedias);
            }
            if self.medias.is_empty() {
                // Audio, perhaps video: most bodies have no more, and each is large.
                self.medias.reserve_exact(2);
            }
            self.medias.push(Media::parse(&value, line)?);
            return Ok(());
        }
        match self.medias.last_mut() {
            Some(media) => media.take(letter, value, line),
            None => self.take_own(letter, value, line),
        }
    }

    fn take_own(&mut self, letter: u8, value: Text, line: usize) -> Result<(), Error> {
        let bad = Error::BadLine { line, letter };
        match letter {
            b'o' if self.origin.is_some() => return Err(Error::Repeated { line, letter }),
            b'c' if self.connection.is_some() => return Err(Error::Repeated { line, letter }),
            b'o' => self.origin = Some(Origin::parse(&value).ok_or(bad)?),
            b'c' => self.connection = Some(Connection::parse(&value).ok_or(bad)?),
            b's' => self.name = Some(value),
            b'i' => self.info.push(value),
            b'u' => self.uris.push(value),
            b'e' => self.emails.push(value),
            b'p' => self.phones.push(value),
            b'b' => self.bandwidths.push(Bandwidth::parse(&value)),
            b't' => self.timings.push(value),
            b'a' => self.attributes.push(Attribute::parse(value)),
            b'k' | b'r' | b'z' => self.dropped.push(DroppedLine { letter, value }),
            _ => return Err(Error::UnknownLetter { line, letter }),
        }
        Ok(())
    }
}

impl Media {
    fn take(&mut self, letter: u8, value: Text, line: usize) -> Result<(), Error> {
        match letter {
            b'a' => self.attributes.push(Attribute::parse(value)),
            b'i' => self.info.push(value),
            b'b' => self.bandwidths.push(Bandwidth::parse(&value)),
            b'c' if self.connection.is_none() => {
                let bad = Error::BadLine { line, letter };
                self.connection = Some(Connection::parse(&value).ok_or(bad)?);
            }
            // Several c= lines per media are legal for layered multicast (RFC 8866 §5.7); the first one counts.
            b'c' | b'k' | b'r' | b'z' | b't' | b'u' | b'e' | b'p' => {
                self.dropped.push(DroppedLine { letter, value });
            }
            b'o' | b's' => return Err(Error::Repeated { line, letter }),
            _ => return Err(Error::UnknownLetter { line, letter }),
        }
        Ok(())
    }
}
