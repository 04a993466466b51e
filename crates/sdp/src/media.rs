//! One `m=` section.

use std::borrow::Cow;
use std::fmt;

use crate::{Attribute, Bandwidth, Connection, DroppedLine, Error, Protocol, Text, limits, scan};

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
    /// `k=`, `r=`, `z=`, and `t=`, `u=`, `e=`, `p=`, which have no place in a media section; the relay drops them.
    pub dropped: Vec<DroppedLine>,
    /// `a=` lines.
    pub attributes: Vec<Attribute>,
}

impl Media {
    /// `KIND PORT[/COUNT] PROTOCOL [FORMAT…]`. The format list may be empty: some endpoints write `m=application 0 *`
    /// for media they reject.
    pub(crate) fn parse(value: &Text, line: usize) -> Result<Self, Error> {
        let bad = || Error::BadLine { line, letter: b'm' };
        let (kind, rest) = scan::word(value).ok_or_else(bad)?;
        let (port, rest) = scan::word(rest).ok_or_else(bad)?;
        let (protocol, formats_text) = scan::word(rest).ok_or_else(bad)?;
        let (port, count) = scan::split_once(port, b'/').unwrap_or((port, b"1"));
        let port = scan::port(port).ok_or_else(bad)?;
        let port_count = scan::port(count)
            .filter(|&n| n > 0 && n <= limits::PORT_COUNT_MAX)
            .ok_or_else(bad)?;
        let formats: Vec<Text> = scan::words(formats_text)
            .take(limits::FORMATS_MAX + 1)
            .map(|f| value.share(f))
            .collect();
        if formats.len() > limits::FORMATS_MAX {
            return Err(Error::TooManyFormats { line });
        }
        let (kind_text, protocol_text) = (value.share(kind), value.share(protocol));
        Ok(Self {
            text: value.clone(),
            kind: MediaKind::from_text(&kind_text),
            kind_text,
            port,
            port_count,
            protocol: Protocol::of(&protocol_text),
            protocol_text,
            formats,
            formats_text: value.share(scan::trim_end(formats_text)),
            info: Vec::new(),
            connection: None,
            bandwidths: Vec::new(),
            dropped: Vec::new(),
            attributes: Vec::with_capacity(8),
        })
    }

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
        static KNOWN: [MediaKind; 6] = [
            MediaKind::Audio,
            MediaKind::Video,
            MediaKind::Image,
            MediaKind::Message,
            MediaKind::Text,
            MediaKind::Application,
        ];
        let known = KNOWN.iter().find(|kind| text.is(&kind.name()));
        known.map_or_else(|| Self::Other(text.clone()), Self::clone)
    }

    /// Its word.
    pub fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Image => "image",
            Self::Message => "message",
            Self::Text => "text",
            Self::Application => "application",
            Self::Other(text) => return text.to_utf8(),
        })
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
