//! Why a body was refused.

use crate::limits;

/// What is wrong with a body. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing in it.
    #[error("empty SDP body")]
    Empty,
    /// Longer than [`limits::BODY_BYTES_MAX`].
    #[error("SDP body longer than {} bytes", limits::BODY_BYTES_MAX)]
    TooLong,
    /// More than [`limits::LINES_MAX`] lines.
    #[error("SDP body with more than {} lines", limits::LINES_MAX)]
    TooManyLines,
    /// More than [`limits::SESSIONS_MAX`] `v=` lines.
    #[error("SDP body with more than {} sessions", limits::SESSIONS_MAX)]
    TooManySessions,
    /// More than [`limits::MEDIAS_MAX`] `m=` lines.
    #[error("SDP body with more than {} media descriptions", limits::MEDIAS_MAX)]
    TooManyMedias,
    /// More than [`limits::FORMATS_MAX`] formats in one `m=` line.
    #[error("line {line}: m= with more than {} formats", limits::FORMATS_MAX)]
    TooManyFormats {
        /// Which line.
        line: usize,
    },
    /// Not `letter=value`.
    #[error("line {line}: missing '='")]
    NoEquals {
        /// Which line.
        line: usize,
    },
    /// A letter that SDP does not have.
    #[error("line {line}: unknown line type '{}'", letter.escape_ascii())]
    UnknownLetter {
        /// Which line.
        line: usize,
        /// The letter.
        letter: u8,
    },
    /// A line before the first `v=`.
    #[error("line {line}: no v= line before it")]
    NoVersion {
        /// Which line.
        line: usize,
    },
    /// `v=` with another version than 0.
    #[error("line {line}: SDP version is not 0")]
    BadVersion {
        /// Which line.
        line: usize,
    },
    /// An `o=`, `c=` or `m=` line that can't be understood.
    #[error("line {line}: error parsing {}= line", char::from(*letter))]
    BadLine {
        /// Which line.
        line: usize,
        /// `o`, `c` or `m`.
        letter: u8,
    },
    /// A line that may stand only once.
    #[error("line {line}: second {}= line", char::from(*letter))]
    Repeated {
        /// Which line.
        line: usize,
        /// Its letter.
        letter: u8,
    },
    /// Something follows the blank line that ends a body, and the caller does not tolerate that.
    #[error("line {line}: blank line within the SDP body")]
    BlankLine {
        /// Which line.
        line: usize,
    },
}
