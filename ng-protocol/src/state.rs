//! How far a command, key or flag is implemented: a column of the tables, shown in docs/compatibility.md.

use std::fmt;

/// How far something is implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As in the reference.
    Yes,
    /// Understood and kept, without effect so far.
    Accepted,
    /// A command that answers an error so far.
    Missing,
    /// Implemented, but not as in the reference. Argument: the difference.
    Differs(&'static str),
    /// Without effect in the reference as well; a warning is logged.
    Obsolete,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::Accepted => f.write_str("accepted, not implemented"),
            Self::Missing => f.write_str("not implemented, answers an error"),
            Self::Differs(how) => write!(f, "differs: {how}"),
            Self::Obsolete => f.write_str("obsolete, no effect"),
        }
    }
}
