//! Where an agent may send to. A description is a stranger's text; it must not aim our packets at third parties of ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Asked before every packet, answers included.
pub trait Policy: Send + Sync {
    /// Whether a STUN packet may go to this address.
    fn may_send(&self, to: SocketAddr) -> bool;
}

impl<F: Fn(SocketAddr) -> bool + Send + Sync> Policy for F {
    fn may_send(&self, to: SocketAddr) -> bool {
        self(to)
    }
}

/// Everything but special addresses and a list of one's own.
#[derive(Debug, Clone, Default)]
pub struct PublicInternet {
    /// Our own control sockets; an unspecified address stands for every address with that port.
    pub refused: Vec<SocketAddr>,
    /// For machines that talk to themselves: tests and demonstrations.
    pub loopback: bool,
}

impl Policy for PublicInternet {
    fn may_send(&self, to: SocketAddr) -> bool {
        let ip = to.ip().to_canonical();
        if to.port() == 0 || (is_special(ip) && !(self.loopback && ip.is_loopback())) {
            return false;
        }
        !self.refused.iter().any(|own| {
            let same_address = own.ip().is_unspecified() || own.ip().to_canonical() == ip;
            own.port() == to.port() && same_address
        })
    }
}

/// Loopback, multicast, link-local, broadcast, unspecified and reserved addresses: no peer of a call lives there.
#[must_use]
pub fn is_special(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => is_special_v4(v4),
        IpAddr::V6(v6) => is_special_v6(v6),
    }
}

fn is_special_v4(ip: Ipv4Addr) -> bool {
    // 0/8 is "this network", 240/4 is reserved and ends with the broadcast address (RFC 6890).
    let first = ip.octets()[0];
    ip.is_loopback() || ip.is_multicast() || ip.is_link_local() || first == 0 || first >= 240
}

fn is_special_v6(ip: Ipv6Addr) -> bool {
    // The obsolete IPv4-compatible form (RFC 4291 §2.5.5.1) would smuggle an IPv4 address past the rules above.
    let compatible = ip.segments()[..6] == [0; 6];
    ip.is_multicast() || ip.is_unicast_link_local() || compatible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses() {
        for (address, special) in [
            ("127.0.0.1", true),
            ("127.255.0.1", true),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("169.254.169.254", true),
            ("224.0.0.1", true),
            ("239.1.1.1", true),
            ("240.0.0.1", true),
            ("255.255.255.255", true),
            ("10.0.0.1", false),
            ("192.168.1.1", false),
            ("203.0.113.1", false),
            ("::", true),
            ("::1", true),
            ("fe80::1", true),
            ("ff02::1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:203.0.113.1", false),
            ("::7f00:1", true),
            ("2001:db8::1", false),
            ("fd00::1", false),
        ] {
            assert_eq!(is_special(address.parse().unwrap()), special, "{address}");
        }
    }

    #[test]
    fn own_ports_are_refused() {
        let policy = PublicInternet {
            refused: ["203.0.113.1:2223", "0.0.0.0:9900"]
                .map(|a| a.parse().unwrap())
                .into(),
            loopback: false,
        };
        for (to, may) in [
            ("203.0.113.1:2223", false),
            ("[::ffff:203.0.113.1]:2223", false),
            ("203.0.113.1:2224", true),
            ("203.0.113.2:2223", true),
            ("203.0.113.7:9900", false),
            ("203.0.113.7:0", false),
            ("127.0.0.1:4000", false),
        ] {
            assert_eq!(policy.may_send(to.parse().unwrap()), may, "{to}");
        }
        let test_bench = PublicInternet {
            loopback: true,
            ..policy
        };
        assert!(test_bench.may_send("127.0.0.1:4000".parse().unwrap()));
        assert!(!test_bench.may_send("127.0.0.1:9900".parse().unwrap()));
    }
}
