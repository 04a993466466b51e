//! One `m=` section.

use std::fmt;

use crate::{Attribute, Bandwidth, Connection, DroppedLine, Protocol, Text};

/// A media description (RFC 8866 §5.14) with the lines that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The whole value of `m=` as received.
    pub text: Text,
    /// First word.
    pub kind: MediaKind,
    /// The kind as written.
    pub kind_text: Text,
    /// Transport port; 0 = rejected (RFC 3264 §6) or, with `bundle-only`, bundled.
    pub port: u16,
    /// Number of consecutive ports (pairs for RTP), 1 unless written as `port/count`.
    pub port_count: u16,
    /// Transport protocol.
    pub protocol: Protocol,
    /// The protocol as written.
    pub protocol_text: Text,
    /// Format list, token by token: payload types for RTP profiles.
    pub formats: Vec<Text>,
    /// The format list as written.
    pub formats_text: Text,
    /// `i=` lines.
    pub info: Vec<Text>,
    /// `c=`.
    pub connection: Option<Connection>,
    /// `b=` lines.
    pub bandwidths: Vec<Bandwidth>,
    /// `k=`, `r=`, `z=` and other lines that have no place in a media section; the relay drops them.
    pub dropped: Vec<DroppedLine>,
    /// `a=` lines.
    pub attributes: Vec<Attribute>,
}

impl Media {
    /// Whether the port is 0: rejected, ended, or (with `bundle-only`) bundled.
    pub fn is_zero_port(&self) -> bool {
        self.port == 0
    }
}

/// Kinds of media.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `image` (T.38)
    Image,
    /// `message` (MSRP)
    Message,
    /// `text` (T.140)
    Text,
    /// `application`
    Application,
    /// Any other word.
    Other(Text),
}

impl MediaKind {
    /// By its word, letter case aside.
    pub fn from_text(text: &Text) -> Self {
        match text.to_ascii_lowercase().as_slice() {
            b"audio" => Self::Audio,
            b"video" => Self::Video,
            b"image" => Self::Image,
            b"message" => Self::Message,
            b"text" => Self::Text,
            b"application" => Self::Application,
            _ => Self::Other(text.clone()),
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Image => "image",
            Self::Message => "message",
            Self::Text => "text",
            Self::Application => "application",
            Self::Other(text) => return text.fmt(f),
        })
    }
}
