//! A prefix of addresses, as selectors of rules, policies and routes have them.

use std::net::IpAddr;

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    addr: u128,
    bits: u8,
    v6: bool,
}

impl Prefix {
    /// All of them that have this family.
    pub(super) fn all(v6: bool) -> Self {
        let (addr, bits) = (0, 0);
        Self { addr, bits, v6 }
    }

    /// The first `bits` of `addr`, which may have been cut short or filled up with anything.
    pub(super) fn new(addr: &[u8], bits: u8, v6: bool) -> Self {
        let mut full = [0; 16];
        let len = addr.len().min(if v6 { 16 } else { 4 });
        full[..len].copy_from_slice(&addr[..len]);
        let addr = u128::from_be_bytes(full);
        Self { addr, bits, v6 }
    }

    /// Whether an address is one of them.
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        let (value, v6) = match ip {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)) << 96, false),
            IpAddr::V6(ip) => (u128::from(ip), true),
        };
        let differ = (value ^ self.addr).leading_zeros();
        v6 == self.v6 && differ >= u32::from(self.bits)
    }
}

/// An address of 4 or 16 bytes.
pub(super) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(octets));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// The bytes of an address.
pub(super) fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The number of an address's family.
pub(super) fn family(ip: IpAddr) -> u8 {
    let family = if ip.is_ipv6() {
        libc::AF_INET6
    } else {
        libc::AF_INET
    };
    family as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_what_begins_alike() {
        for (addr, bits, ip, has) in [
            ("10.1.2.3", 8, "10.255.0.0", true),
            ("10.1.2.3", 8, "11.1.2.3", false),
            ("10.1.2.3", 32, "10.1.2.3", true),
            ("10.1.2.3", 32, "10.1.2.2", false),
            ("0.0.0.0", 0, "255.1.2.2", true),
            ("0.0.0.0", 0, "::", false),
            ("2001:db8::", 32, "2001:db8:ffff::1", true),
            ("2001:db8::1", 128, "2001:db8::1", true),
            ("2001:db8::1", 128, "2001:db8::2", false),
            ("::", 0, "0.0.0.0", false),
        ] {
            let addr: IpAddr = addr.parse().unwrap();
            let prefix = Prefix::new(&octets(addr), bits, addr.is_ipv6());
            assert_eq!(prefix.has(ip.parse().unwrap()), has, "{addr}/{bits} {ip}");
        }
    }
}
