//! What can be wrong with a configuration, in the operator's words.

use thiserror::Error;

/// Why the daemon can't start with this configuration.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// An option that does not exist.
    #[error("{origin}: there is no option `{name}`; did you mean `{nearest}`?")]
    Unknown {
        /// Where it was given.
        origin: String,
        /// As given.
        name: String,
        /// The one most likely meant.
        nearest: String,
    },
    /// An argument that is not an option, or an option without its value.
    #[error("command line: {0}")]
    CommandLine(String),
    /// A value that makes no sense.
    #[error("{origin}: `{value}` is not right for {name}: {why}")]
    Value {
        /// Where it was given.
        origin: String,
        /// The option.
        name: String,
        /// As given.
        value: String,
        /// What would be right.
        why: String,
    },
    /// Something that has to be given.
    #[error("nothing is configured for {0}")]
    Missing(String),
    /// A file that can't be read.
    #[error("{path}: {what}")]
    File {
        /// Which.
        path: String,
        /// Why.
        what: String,
    },
    /// A line that is not in the syntax.
    #[error("{path}, line {line}: {what}")]
    Syntax {
        /// Which file.
        path: String,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// An address that can't be bound.
    #[error("{0}")]
    Bind(String),
}
