//! How media relate: `group`, `ssrc`, `extmap`, and their direction.

use std::fmt;

use crate::{Text, scan};

/// `group:SEMANTICS MID…` (RFC 5888).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `BUNDLE`, `LS`, ...
    pub semantics: Text,
    /// Media ids.
    pub mids: Vec<Text>,
}

impl Group {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let (semantics, rest) = scan::word(value)?;
        let mids = scan::words(rest).map(|mid| value.share(mid)).collect();
        Some(Self {
            semantics: value.share(semantics),
            mids,
        })
    }

    /// Whether the medias share one transport (RFC 8843).
    pub fn is_bundle(&self) -> bool {
        self.semantics.is("BUNDLE")
    }
}

/// `ssrc:SSRC ATTRIBUTE` (RFC 5576).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssrc {
    /// The SSRC.
    pub ssrc: u32,
    /// `cname:…`, `msid:…`, ...
    pub attribute: Text,
}

/// `extmap:ID[/DIRECTION] URI [PARAMETERS]` (RFC 8285 §8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extmap {
    /// Local identifier: 1 to 14 for one-byte headers, to 255 for two-byte headers, 4096 and up while offered.
    pub id: u16,
    /// Direction, if given.
    pub direction: Option<Direction>,
    /// Which extension.
    pub uri: Text,
    /// Its parameters.
    pub parameters: Option<Text>,
}

impl Ssrc {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let (ssrc, attribute) = scan::word(value)?;
        let ssrc = scan::number(ssrc, u32::MAX.into())?.try_into().ok()?;
        Some(Self {
            ssrc,
            attribute: value.share(attribute),
        })
    }
}

impl Extmap {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let (id, rest) = scan::word(value)?;
        let (uri, parameters) = scan::word(rest)?;
        let (id, direction) = match scan::split_once(id, b'/') {
            Some((id, direction)) => (id, Some(Direction::of(direction)?)),
            None => (id, None),
        };
        Some(Self {
            id: scan::number(id, u16::MAX.into())?
                .try_into()
                .ok()
                .filter(|&id| id != 0)?,
            direction,
            uri: value.share(uri),
            parameters: Some(parameters).filter(|p| !p.is_empty()).map(|p| value.share(p)),
        })
    }
}

/// Direction of a media, seen by who writes it (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways: the default.
    #[default]
    SendRecv,
    /// The writer sends only.
    SendOnly,
    /// The writer receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// From its two halves.
    pub const fn new(send: bool, recv: bool) -> Self {
        match (send, recv) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The writer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// The writer receives.
    pub const fn recvs(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// Seen from the other end.
    pub const fn reversed(self) -> Self {
        Self::new(self.recvs(), self.sends())
    }

    /// The attribute's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// By its name.
    pub fn of(name: &[u8]) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|d| name == d.name().as_bytes())
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
