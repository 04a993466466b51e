//! Candidates, their priorities and foundations.

use std::net::{IpAddr, SocketAddr};

use arrayvec::ArrayString;
use rand::RngCore;

use crate::agent::Component;
use crate::credentials::random_text;

/// What kind of address a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Through a TURN server.
    Relay,
    /// As a STUN server has seen it.
    ServerReflexive,
    /// As the peer has seen it.
    PeerReflexive,
    /// An interface's own.
    Host,
}

impl Kind {
    /// RFC 8445 §5.1.2.2, the recommended values.
    const fn preference(self) -> u32 {
        match self {
            Self::Host => 126,
            Self::PeerReflexive => 110,
            Self::ServerReflexive => 100,
            Self::Relay => 0,
        }
    }
}

/// RFC 8445 §5.1.2.1. `index` is the position of the local address among those of its component: each has its own local
/// preference, 65535 and downwards.
#[must_use]
pub const fn priority(kind: Kind, index: u16, component: Component) -> u32 {
    let local_preference = (u16::MAX - index) as u32;
    (kind.preference() << 24) + (local_preference << 8) + (256 - component.id() as u32)
}

/// Candidates of one kind and base share it; pairs of equal foundations are likely to fare alike (RFC 8445 §5.1.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Foundation(ArrayString<32>);

impl Foundation {
    /// From a description: 1 to 32 characters (RFC 8839 §5.1).
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        ArrayString::from(text).ok().filter(|t| !t.is_empty()).map(Self)
    }

    /// 16 letters and digits. The daemon keeps one for each of its addresses as long as it runs.
    #[must_use]
    pub fn random(rng: &mut impl RngCore) -> Self {
        Self(ArrayString::from(&random_text(rng, 16)).unwrap_or_default())
    }

    /// As in `a=candidate`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One socket of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Which component its packets belong to.
    pub component: Component,
    /// Position of the address among those of its component; no two of a component share it.
    pub index: u16,
    /// What the socket is bound to; names it in every call to the agent.
    pub bound: SocketAddr,
    /// What the peer is told; differs from `bound` behind a one-to-one NAT.
    pub advertised: SocketAddr,
    /// Foundation of the address.
    pub foundation: Foundation,
}

/// What goes into a description of ours, `typ host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCandidate {
    /// Foundation of the address.
    pub foundation: Foundation,
    /// 1 or 2.
    pub component: Component,
    /// As a host candidate's.
    pub priority: u32,
    /// The advertised address.
    pub address: SocketAddr,
}

impl From<&Local> for LocalCandidate {
    fn from(local: &Local) -> Self {
        Self {
            foundation: local.foundation,
            component: local.component,
            priority: priority(Kind::Host, local.index, local.component),
            address: local.advertised,
        }
    }
}

/// One candidate of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteCandidate {
    /// The peer's text.
    pub foundation: Foundation,
    /// 1 or 2.
    pub component: Component,
    /// What the peer says it is worth.
    pub priority: u32,
    /// Where to.
    pub address: SocketAddr,
    /// What kind of address the peer says it is.
    pub kind: Kind,
}

/// Why a candidate of a description is of no use to us. None of these is an error of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// Not UDP.
    Transport,
    /// Neither 1 nor 2.
    Component,
    /// An mDNS name; who has it is learned as peer-reflexive from their checks (RFC 8828 and its drafts).
    Mdns,
    /// Another name, or no address at all. We ask no name server on a stranger's behalf.
    Name,
    /// `typ` is not one of the four.
    Kind,
    /// Empty, or longer than 32 characters.
    Foundation,
    /// 0 or above 2³¹-1 (RFC 8445 §5.1.2).
    Priority,
}

impl RemoteCandidate {
    /// From the fields of an `a=candidate` line (RFC 8839 §5.1).
    pub fn from_fields(
        foundation: &str,
        component: u32,
        transport: &str,
        priority: u32,
        (address, port): (&str, u16),
        kind: &str,
    ) -> Result<Self, Ignored> {
        if !transport.eq_ignore_ascii_case("udp") {
            return Err(Ignored::Transport);
        }
        if priority == 0 || priority > i32::MAX as u32 {
            return Err(Ignored::Priority);
        }
        let ip: IpAddr = address.parse().map_err(|_| {
            let is_mdns = address.to_ascii_lowercase().ends_with(".local");
            if is_mdns { Ignored::Mdns } else { Ignored::Name }
        })?;
        Ok(Self {
            foundation: Foundation::new(foundation).ok_or(Ignored::Foundation)?,
            component: Component::from_id(component).ok_or(Ignored::Component)?,
            priority,
            address: SocketAddr::new(ip.to_canonical(), port),
            kind: match kind {
                "host" => Kind::Host,
                "srflx" => Kind::ServerReflexive,
                "prflx" => Kind::PeerReflexive,
                "relay" => Kind::Relay,
                _ => return Err(Ignored::Kind),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities() {
        use Component::{Rtcp, Rtp};
        for (kind, index, component, expect) in [
            (Kind::Host, 0, Rtp, 2_130_706_431),
            (Kind::Host, 0, Rtcp, 2_130_706_430),
            (Kind::Host, 1, Rtp, 2_130_706_175),
            (Kind::Host, 1, Rtcp, 2_130_706_174),
            (Kind::PeerReflexive, 0, Rtp, 0x6eff_ffff),
            (Kind::ServerReflexive, 0, Rtp, 1_694_498_815),
            (Kind::Relay, 0, Rtp, 16_777_215),
            (Kind::Relay, 65535, Rtcp, 254),
        ] {
            assert_eq!(
                priority(kind, index, component),
                expect,
                "{kind:?} {index} {component:?}"
            );
        }
    }

    #[test]
    fn candidates_of_no_use() {
        let from = |component, transport, prio, address, kind| {
            RemoteCandidate::from_fields("f", component, transport, prio, (address, 4000), kind)
        };
        assert!(from(1, "UDP", 1, "203.0.113.9", "host").is_ok());
        assert!(from(2, "udp", i32::MAX as u32, "2001:db8::1", "srflx").is_ok());
        for (result, why) in [
            (from(1, "tcp", 1, "203.0.113.9", "host"), Ignored::Transport),
            (from(3, "udp", 1, "203.0.113.9", "host"), Ignored::Component),
            (from(0, "udp", 1, "203.0.113.9", "host"), Ignored::Component),
            (from(1, "udp", 0, "203.0.113.9", "host"), Ignored::Priority),
            (from(1, "udp", u32::MAX, "203.0.113.9", "host"), Ignored::Priority),
            (from(1, "udp", 1, "8d9f1c5e.LOCAL", "host"), Ignored::Mdns),
            (from(1, "udp", 1, "example.com", "host"), Ignored::Name),
            (from(1, "udp", 1, "fe80::1%eth0", "host"), Ignored::Name),
            (from(1, "udp", 1, "203.0.113.9", "hosts"), Ignored::Kind),
        ] {
            assert_eq!(result, Err(why));
        }
        let long = "f".repeat(33);
        let result = RemoteCandidate::from_fields(&long, 1, "udp", 1, ("203.0.113.9", 1), "host");
        assert_eq!(result, Err(Ignored::Foundation));
    }

    #[test]
    fn mapped_addresses_become_what_they_are() {
        let c = RemoteCandidate::from_fields("f", 1, "udp", 1, ("::ffff:127.0.0.1", 5), "host").unwrap();
        assert_eq!(c.address, "127.0.0.1:5".parse().unwrap());
    }
}
