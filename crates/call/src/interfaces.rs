//! The table of logical interfaces: names the controller may use, and the local addresses behind each.
//!
//! Plain data, filled once from the configuration. Which ports are free is the port pool's business.

use std::net::IpAddr;

/// Index of a [`LocalAddress`] in its [`Interfaces`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressId(pub u32);

/// Address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// As SDP writes it (`IP4`, `IP6`).
    pub fn sdp(self) -> &'static str {
        match self {
            Self::V4 => "IP4",
            Self::V6 => "IP6",
        }
    }
}

/// Local UDP ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// Lowest.
    pub min: u16,
    /// Highest.
    pub max: u16,
}

/// One address we bind for media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// Bound.
    pub ip: IpAddr,
    /// Told to peers; differs from `ip` behind a one-to-one NAT.
    pub advertised: IpAddr,
    /// Ports to use.
    pub ports: PortRange,
    /// Ports within the range that are not used.
    pub excluded: Vec<u16>,
}

/// A name for a list of local addresses; the first of a family is the preferred one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalInterface {
    /// The name controllers use. `BASE:SUFFIX` makes it a member of the round-robin group `BASE`.
    pub name: String,
    /// Its addresses, in configuration order.
    pub addresses: Vec<AddressId>,
}

/// All logical interfaces. The first one configured is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    addresses: Vec<LocalAddress>,
    logical: Vec<LogicalInterface>,
    aliases: Vec<(String, String)>,
}

impl Interfaces {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an address to the logical interface `name`, creating it if it is new.
    pub fn add(&mut self, name: &str, address: LocalAddress) -> AddressId {
        let id = AddressId(self.addresses.len() as u32);
        self.addresses.push(address);
        match self.logical.iter_mut().find(|l| l.name == name) {
            Some(logical) => logical.addresses.push(id),
            None => self.logical.push(LogicalInterface {
                name: name.to_owned(),
                addresses: vec![id],
            }),
        }
        id
    }

    /// Makes `alias` another name of `name`.
    pub fn alias(&mut self, alias: &str, name: &str) {
        self.aliases.push((alias.to_owned(), name.to_owned()));
    }

    /// One address.
    pub fn address(&self, id: AddressId) -> Option<&LocalAddress> {
        self.addresses.get(id.0 as usize)
    }

    /// Every address with its id.
    pub fn addresses(&self) -> impl Iterator<Item = (AddressId, &LocalAddress)> {
        self.addresses
            .iter()
            .enumerate()
            .map(|(i, a)| (AddressId(i as u32), a))
    }

    /// Every logical interface, in configuration order.
    pub fn logical(&self) -> &[LogicalInterface] {
        &self.logical
    }

    /// Every alias and what it stands for.
    pub fn aliases(&self) -> &[(String, String)] {
        &self.aliases
    }

    /// The logical interface `name` stands for: itself, an alias of it, or the next member of the round-robin group of
    /// that name, chosen by `turn`.
    pub fn find(&self, name: &str, turn: u64) -> Option<&LogicalInterface> {
        let name = self
            .aliases
            .iter()
            .find(|(alias, _)| alias == name)
            .map_or(name, |(_, real)| real);
        if let Some(exact) = self.logical.iter().find(|l| l.name == name) {
            return Some(exact);
        }
        let member = |l: &&LogicalInterface| l.name.split_once(':').is_some_and(|(base, _)| base == name);
        let count = self.logical.iter().filter(member).count();
        let turn = turn.checked_rem(count as u64)?;
        self.logical.iter().filter(member).nth(turn as usize)
    }

    /// The default: the first logical interface with an address of `family` (any family if `None`); a round-robin group
    /// in that place takes turns.
    pub fn preferred(&self, family: Option<Family>, turn: u64) -> Option<&LogicalInterface> {
        let first = self
            .logical
            .iter()
            .find(|l| family.is_none_or(|f| self.first_of(l, f).is_some()))?;
        match first.name.split_once(':') {
            Some((base, _)) => self.find(base, turn),
            None => Some(first),
        }
    }

    /// The preferred address of a family on a logical interface.
    pub fn first_of(&self, logical: &LogicalInterface, family: Family) -> Option<AddressId> {
        logical
            .addresses
            .iter()
            .copied()
            .find(|id| self.address(*id).is_some_and(|a| Family::of(a.ip) == family))
    }

    /// Whether an address is one of ours, as bound or as advertised.
    pub fn is_local(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|a| a.ip == ip || a.advertised == ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ip: &str) -> LocalAddress {
        let ip = ip.parse().unwrap();
        LocalAddress {
            ip,
            advertised: ip,
            ports: PortRange {
                min: 30000,
                max: 39999,
            },
            excluded: Vec::new(),
        }
    }

    #[test]
    fn names_aliases_and_groups() {
        let mut table = Interfaces::new();
        table.add("rr:a", address("192.0.2.1"));
        table.add("rr:b", address("192.0.2.2"));
        table.add("pub", address("2001:db8::1"));
        table.alias("out", "pub");
        assert_eq!(table.find("out", 0).unwrap().name, "pub");
        assert_eq!(table.find("rr", 0).unwrap().name, "rr:a");
        assert_eq!(table.find("rr", 5).unwrap().name, "rr:b");
        assert_eq!(table.find("rr:b", 0).unwrap().name, "rr:b");
        assert!(table.find("nothing", 3).is_none());
        assert_eq!(table.preferred(None, 1).unwrap().name, "rr:b");
        assert_eq!(table.preferred(Some(Family::V6), 0).unwrap().name, "pub");
        assert!(table.is_local("192.0.2.2".parse().unwrap()));
    }
}
