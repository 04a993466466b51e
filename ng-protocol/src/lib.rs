//! The ng control wire: envelope, bencode, JSON, cookie cache, commands, flags, replies and errors.
//!
//! Bytes come in, a [`Request`] with a typed [`Command`] goes out; a [`Dict`] goes in, reply bytes come out.
//! Nothing here knows a call: whether a tag exists, a port is free or a key has an effect is decided elsewhere.
//! Deliberately absent: sockets, clocks (time is passed in as microseconds), logging (warnings are returned).
#![forbid(unsafe_code)]

mod args;
pub mod bencode;
mod command;
pub mod cookie;
pub mod envelope;
mod error;
pub mod json;
pub mod limits;
mod parse;
pub mod reply;
pub mod rtpp_flags;
mod settings;
mod state;
mod templates;
mod text;
mod value;

pub use args::*;
pub use command::{Command, CommandKind, Common, Request};
pub use error::{NgError, Warning};
pub use parse::{flags, keys};
pub use settings::*;
pub use state::State;
pub use templates::Templates;
pub use text::{CallId, Tag, Text};
pub use value::{Dict, IntoKey, Value};
