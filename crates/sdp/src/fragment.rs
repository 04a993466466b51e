//! Trickle ICE: candidates that come after their offer or answer (RFC 8840 §9, `application/trickle-ice-sdpfrag`).
//!
//! A fragment is a body without session lines: credentials at its head, then `m=` sections, or none at all if there
//! is only one media to speak of.

use crate::{Error, Session, limits, parse};

/// A fragment, in the shape of a session that has no lines but attributes and medias.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// The attributes before the first `m=` are the session's: credentials, candidates without `m=`.
    pub session: Session,
}

impl Fragment {
    /// Whether a body is a fragment rather than a session: it does not begin with `v=`.
    pub fn is_one(body: &[u8]) -> bool {
        matches!(body, [b'a' | b'm', b'=', ..])
    }

    /// Reads a fragment. Lines other than `a=`, `m=`, `c=` and `b=` are errors.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        if body.len() > limits::BODY_BYTES_MAX {
            return Err(Error::TooLong);
        }
        let body = parse::received(body);
        let mut session = Session::default();
        let mut any = false;
        for (line, text) in parse::lines(&body) {
            if text.is_empty() {
                break;
            }
            any = true;
            match parse::split_line(&body, text, line)? {
                (letter @ (b'a' | b'm' | b'c' | b'b'), value) => session.take(letter, value, line)?,
                (letter, _) => return Err(Error::UnknownLetter { line, letter }),
            }
        }
        match any {
            true => Ok(Self { session }),
            false => Err(Error::Empty),
        }
    }
}
