//! The tree: bodies, sessions and their lines other than attributes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Attribute, Media, Text, scan};

/// One body: usually one session, more if `v=` is repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sdp {
    /// At least one.
    pub sessions: Vec<Session>,
}

/// One session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// `o=`.
    pub origin: Option<Origin>,
    /// `s=`.
    pub name: Option<Text>,
    /// `i=` lines.
    pub info: Vec<Text>,
    /// `u=` lines.
    pub uris: Vec<Text>,
    /// `e=` lines.
    pub emails: Vec<Text>,
    /// `p=` lines.
    pub phones: Vec<Text>,
    /// `b=` lines.
    pub bandwidths: Vec<Bandwidth>,
    /// Values of the `t=` lines.
    pub timings: Vec<Text>,
    /// `c=`.
    pub connection: Option<Connection>,
    /// `k=`, `r=` and `z=` lines, which the relay drops.
    pub dropped: Vec<DroppedLine>,
    /// `a=` lines before the first media.
    pub attributes: Vec<Attribute>,
    /// `m=` sections.
    pub medias: Vec<Media>,
}

/// `o=` (RFC 8866 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The whole value as received.
    pub text: Text,
    /// User name, `-` if there is none.
    pub username: Text,
    /// Session id; a number, but not everybody knows that.
    pub session_id: Text,
    /// Session version; a number, as above.
    pub version: Text,
    /// Address of the originator.
    pub address: Address,
}

/// `IN IP4 192.0.2.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Network type: `IN`.
    pub net_type: Text,
    /// Address type: `IP4` or `IP6`.
    pub addr_type: Text,
    /// The address as written, without TTL or count; may be a host name.
    pub host: Text,
    /// The address as a number; `None` for host names and unknown address types.
    pub ip: Option<IpAddr>,
}

impl Address {
    /// `IN IP4 …` or `IN IP6 …`, by the kind of `ip`.
    pub fn new(ip: IpAddr) -> Self {
        Self {
            net_type: Text::from("IN"),
            addr_type: Text::from(addr_type(ip)),
            host: Text::from(ip.to_string()),
            ip: Some(ip),
        }
    }

    /// From its three words. The address counts only if it is of the family that `addr_type` names.
    pub(crate) fn parse(of: &Text, net_type: &[u8], addr_type: &[u8], host: &[u8]) -> Self {
        // COMPAT(rtpengine): some phones write IPv6 in brackets; it is read all the same.
        let bare = host
            .strip_prefix(b"[")
            .and_then(|h| h.strip_suffix(b"]"))
            .unwrap_or(host);
        let ip = scan::ip(bare).filter(|ip| addr_type.eq_ignore_ascii_case(self::addr_type(*ip).as_bytes()));
        Self {
            net_type: of.share(net_type),
            addr_type: of.share(addr_type),
            host: of.share(host),
            ip: ip.filter(|_| net_type.eq_ignore_ascii_case(b"IN")),
        }
    }

    /// 0.0.0.0 or `::`: hold in the old form (RFC 3264 §8.4), or an address still to come (trickle ICE).
    pub fn is_unspecified(&self) -> bool {
        self.ip.is_some_and(|ip| ip.is_unspecified())
    }

    /// The unspecified address of the same family.
    pub fn unspecified_like(ip: IpAddr) -> IpAddr {
        match ip {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}

/// `IP4` or `IP6`.
pub fn addr_type(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    }
}

/// `c=` (RFC 8866 §5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The whole value as received.
    pub text: Text,
    /// The address.
    pub address: Address,
    /// TTL and number of addresses of a multicast address, without the first slash.
    pub suffix: Option<Text>,
}

/// `b=` (RFC 8866 §5.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// The whole value as received.
    pub text: Text,
    /// Type: `AS`, `CT`, `TIAS`, `RS`, `RR`, ...
    pub kind: Text,
    /// Value in the type's unit (AS, CT: kbit/s; TIAS, RS, RR: bit/s); `None` if it is no number.
    pub value: Option<u64>,
}

/// A line that is kept for the record only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedLine {
    /// `k`, `r` or `z`.
    pub letter: u8,
    /// What follows `=`.
    pub value: Text,
}

impl Origin {
    /// `USER ID VERSION NETTYPE ADDRTYPE HOST`. User names with blanks are found by the `IN` behind the version.
    pub(crate) fn parse(value: &Text) -> Option<Self> {
        let mut all: Vec<&[u8]> = Vec::with_capacity(8);
        all.extend(value.split(|&b| b == b' '));
        let net = all
            .iter()
            .skip(3)
            .position(|w| w.eq_ignore_ascii_case(b"IN"))
            .map_or(3, |at| at + 3);
        // Everything before the session id is the user name: `all` was split from `value`, one blank between.
        let user_words = all.get(..net.checked_sub(2)?)?;
        let user_len = user_words
            .iter()
            .map(|w| w.len() + 1)
            .sum::<usize>()
            .checked_sub(1)?;
        let user = scan::trim_end(value.get(..user_len)?);
        let &[id, version, net_type, addr_type, host] = all.get(net - 2..net + 3)? else {
            return None;
        };
        Some(Self {
            text: value.clone(),
            username: value.share(user),
            session_id: value.share(id),
            version: value.share(version),
            address: Address::parse(value, net_type, addr_type, host),
        })
    }
}

impl Connection {
    /// `NETTYPE ADDRTYPE HOST[/TTL[/COUNT]]`
    pub(crate) fn parse(value: &Text) -> Option<Self> {
        let mut words = scan::words(value);
        let (net_type, addr_type, host) = (words.next()?, words.next()?, words.next()?);
        let (host, suffix) = match scan::split_once(host, b'/') {
            Some((host, suffix)) => (host, Some(value.share(suffix))),
            None => (host, None),
        };
        Some(Self {
            text: value.clone(),
            address: Address::parse(value, net_type, addr_type, host),
            suffix,
        })
    }
}

impl Bandwidth {
    /// `TYPE:VALUE`
    pub(crate) fn parse(value: &Text) -> Self {
        let (kind, number) = scan::split_once(value, b':').unwrap_or((value, b""));
        Self {
            text: value.clone(),
            kind: value.share(kind),
            value: scan::number(scan::trim_end(number), u64::MAX),
        }
    }
}
