//! Which local address a media uses, and which remote addresses nothing is ever sent to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ng_protocol::AddressFamily;

use crate::limits::ICE_ADDRESSES_MAX;
use crate::{AddressId, Config, Family, LogicalInterface};

/// The family towards a receiver: what is asked for, what the interface name stands for, what the receiver has shown,
/// what the sender has.
pub(crate) fn family(
    asked: Option<AddressFamily>,
    by_name: Option<Family>,
    known: Option<Family>,
    sender: Option<Family>,
) -> Family {
    let asked = asked.map(|f| match f {
        AddressFamily::Ip4 => Family::V4,
        AddressFamily::Ip6 => Family::V6,
    });
    asked.or(by_name).or(known).or(sender).unwrap_or(Family::V4)
}

/// COMPAT(rtpengine): `internal` and `external`, where no interface is called so, are IPv4 and IPv6.
pub(crate) fn family_by_name(config: &Config, name: Option<&[u8]>) -> Option<Family> {
    let name = name?;
    if interface(config, Some(name), None, 0).is_some_and(|(_, found)| found) {
        return None;
    }
    match name {
        b"internal" => Some(Family::V4),
        b"external" => Some(Family::V6),
        _ => None,
    }
}

/// The logical interface of a name, or the default one, and whether the name was found.
fn interface<'a>(
    config: &'a Config,
    name: Option<&[u8]>,
    family: Option<Family>,
    turn: u64,
) -> Option<(&'a LogicalInterface, bool)> {
    let table = &config.interfaces;
    let named = name
        .and_then(|n| std::str::from_utf8(n).ok())
        .and_then(|n| table.find(n, turn));
    let default = || {
        table
            .preferred(family, turn)
            .or_else(|| table.preferred(None, turn))
    };
    named.map(|l| (l, true)).or_else(|| default().map(|l| (l, false)))
}

/// The local address for a media; one of another family if the interface has none of the family wanted.
pub(crate) fn local(config: &Config, name: Option<&[u8]>, family: Family, turn: u64) -> Option<AddressId> {
    let (logical, _) = interface(config, name, Some(family), turn)?;
    let table = &config.interfaces;
    table
        .first_of(logical, family)
        .or_else(|| logical.addresses.first().copied())
}

/// The other addresses of the interface that `first` was taken from: those of its family, then the rest.
pub(crate) fn others(config: &Config, name: Option<&[u8]>, first: AddressId, turn: u64) -> Vec<AddressId> {
    let table = &config.interfaces;
    let family = |id: &AddressId| table.address(*id).map(|a| Family::of(a.ip));
    let Some((logical, _)) = interface(config, name, family(&first), turn) else {
        return Vec::new();
    };
    let rest = || logical.addresses.iter().copied().filter(|id| *id != first);
    let alike = rest().filter(|id| family(id) == family(&first));
    let other = rest().filter(|id| family(id) != family(&first));
    alike.chain(other).take(ICE_ADDRESSES_MAX - 1).collect()
}

/// Whether a name is one that is configured, or one with a meaning of its own.
pub(crate) fn is_known(config: &Config, name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|n| config.interfaces.find(n, 0).is_some())
        || matches!(name, b"internal" | b"external")
}

/// Whether nothing is ever sent there: loopback, link-local, multicast, reserved and 0.0.0.0/8, unless the operator
/// allows it or the interface it would leave from is itself such an address.
pub(crate) fn is_forbidden(config: &Config, local: IpAddr, remote: IpAddr) -> bool {
    let remote = remote.to_canonical();
    let allowed = config
        .media_policy
        .allow
        .iter()
        .any(|(net, bits)| contains(*net, *bits, remote));
    ice::is_special(remote) && !ice::is_special(local) && !allowed
}

/// Where connectivity checks may be sent: nowhere that media may not, and to no control port of ours.
pub(crate) struct Reachable {
    config: Arc<Config>,
    /// An address we send from, by family.
    from: [Option<IpAddr>; 2],
}

impl Reachable {
    /// From these local addresses.
    pub(crate) fn new(config: &Arc<Config>, locals: impl Iterator<Item = IpAddr> + Clone) -> Self {
        Self {
            config: Arc::clone(config),
            from: [
                locals.clone().find(IpAddr::is_ipv4),
                locals.clone().find(IpAddr::is_ipv6),
            ],
        }
    }
}

impl ice::Policy for Reachable {
    fn may_send(&self, to: SocketAddr) -> bool {
        let ip = to.ip().to_canonical();
        let Some(local) = self.from[usize::from(ip.is_ipv6())] else {
            return false;
        };
        let ours = self.config.media_policy.control.iter().any(|own| {
            let anywhere = own.ip().is_unspecified();
            own.port() == to.port() && (anywhere || own.ip().to_canonical() == ip)
        });
        !ours && !is_forbidden(&self.config, local, ip)
    }
}

/// Whether `ip` lies in `net/bits`.
fn contains(net: IpAddr, bits: u8, ip: IpAddr) -> bool {
    match (net, ip) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => {
            let host = 32u32.saturating_sub(bits.into());
            let cut = |ip: std::net::Ipv4Addr| u32::from(ip).checked_shr(host).unwrap_or(0);
            cut(net) == cut(ip)
        }
        (IpAddr::V6(net), IpAddr::V6(ip)) => {
            let host = 128u32.saturating_sub(bits.into());
            let cut = |ip: std::net::Ipv6Addr| u128::from(ip).checked_shr(host).unwrap_or(0);
            cut(net) == cut(ip)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_sent_to() {
        let mut config = Config::default();
        let ip = |s: &str| s.parse::<IpAddr>().unwrap();
        let public = ip("203.0.113.1");
        for bad in [
            "127.0.0.1",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "0.1.2.3",
            "::1",
            "fe80::1",
        ] {
            assert!(is_forbidden(&config, public, ip(bad)), "{bad}");
        }
        assert!(is_forbidden(&config, public, ip("::ffff:127.0.0.1")));
        for good in ["10.0.0.1", "192.168.1.1", "203.0.113.1", "2001:db8::1", "fd00::1"] {
            assert!(!is_forbidden(&config, public, ip(good)), "{good}");
        }
        assert!(!is_forbidden(&config, ip("127.0.0.1"), ip("127.0.0.2")));
        config.media_policy.allow = vec![(ip("169.254.0.0"), 16), (ip("::1"), 128)];
        assert!(!is_forbidden(&config, public, ip("169.254.169.254")));
        assert!(!is_forbidden(&config, public, ip("::1")));
        assert!(is_forbidden(&config, public, ip("127.0.0.1")));
    }
}
