//! Candidates of ICE (RFC 8839).

use std::fmt;
use std::net::IpAddr;

use crate::{Text, scan};

/// `candidate:FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT typ TYPE [raddr A] [rport P] [NAME VALUE …]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Foundation.
    pub foundation: Text,
    /// Component: 1 = RTP, 2 = RTCP.
    pub component: u16,
    /// Transport as written: `UDP`, `TCP`, ...
    pub transport: Text,
    /// Priority.
    pub priority: u32,
    /// Address as written; may be a host name (`….local`, RFC 8839 §5.1).
    pub host: Text,
    /// Address as a number.
    pub ip: Option<IpAddr>,
    /// Port.
    pub port: u16,
    /// Type.
    pub kind: CandidateType,
    /// Related address.
    pub related_ip: Option<IpAddr>,
    /// Related port.
    pub related_port: Option<u16>,
    /// What follows that, `NAME VALUE` by `NAME VALUE`: `generation 0 ufrag EsAw`.
    pub extensions: Vec<(Text, Text)>,
}

impl Candidate {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let mut words = scan::words(value);
        let (foundation, component, transport) = (words.next()?, words.next()?, words.next()?);
        let (priority, host, port) = (words.next()?, words.next()?, words.next()?);
        if !words.next()?.eq_ignore_ascii_case(b"typ") {
            return None;
        }
        let kind = CandidateType::of(words.next()?)?;
        let mut candidate = Self {
            foundation: value.share(foundation),
            component: scan::number(component, 256)?
                .try_into()
                .ok()
                .filter(|&c| c != 0)?,
            transport: value.share(transport),
            priority: scan::number(priority, u32::MAX.into())?.try_into().ok()?,
            host: value.share(host),
            ip: scan::ip(host),
            port: scan::port(port)?,
            kind,
            related_ip: None,
            related_port: None,
            extensions: Vec::new(),
        };
        while let (Some(name), Some(content)) = (words.next(), words.next()) {
            match name {
                b"raddr" => candidate.related_ip = scan::ip(content),
                b"rport" => candidate.related_port = scan::port(content),
                _ => candidate
                    .extensions
                    .push((value.share(name), value.share(content))),
            }
        }
        Some(candidate)
    }

    /// Runs over UDP.
    pub fn is_udp(&self) -> bool {
        self.transport.is("UDP")
    }

    /// `ufrag` extension: the generation this candidate belongs to (trickle).
    pub fn ufrag(&self) -> Option<&Text> {
        self.extensions
            .iter()
            .find(|(name, _)| name.is("ufrag"))
            .map(|(_, value)| value)
    }
}

/// Types of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidateType {
    /// `host`
    Host,
    /// `srflx`
    ServerReflexive,
    /// `prflx`
    PeerReflexive,
    /// `relay`
    Relay,
}

impl CandidateType {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relay => "relay",
        }
    }

    /// By its word, letter case aside.
    pub fn of(name: &[u8]) -> Option<Self> {
        [
            Self::Host,
            Self::ServerReflexive,
            Self::PeerReflexive,
            Self::Relay,
        ]
        .into_iter()
        .find(|t| name.eq_ignore_ascii_case(t.name().as_bytes()))
    }
}

impl fmt::Display for CandidateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One entry of `remote-candidates:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCandidate {
    /// Component.
    pub component: u16,
    /// Address as written.
    pub host: Text,
    /// Address as a number.
    pub ip: Option<IpAddr>,
    /// Port.
    pub port: u16,
}

impl RemoteCandidate {
    /// All entries of one `remote-candidates` value.
    pub(super) fn parse_list(value: &Text) -> Option<Vec<Self>> {
        let mut words = scan::words(value);
        let mut list = Vec::new();
        while let Some(component) = words.next() {
            let (host, port) = (words.next()?, words.next()?);
            list.push(Self {
                component: scan::number(component, 256)?.try_into().ok()?,
                host: value.share(host),
                ip: scan::ip(host),
                port: scan::port(port)?,
            });
        }
        (!list.is_empty()).then_some(list)
    }
}
