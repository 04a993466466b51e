//! Network devices, and what may be sent through them without the network stack.
//!
//! Which kinds may is a list of those known to be right; any other kind is refused.

use std::collections::BTreeMap;
use std::net::IpAddr;

use plan::Refusal;

use super::prefix;
use super::wire::{Message, attribute, attributes, text, u8_at, u16_at, u32_at};

/// `ifinfomsg`: family, type, index, flags, change.
pub(super) const IFINFO_BYTES: usize = 16;
const IFADDR_BYTES: usize = 8;

const ARPHRD_ETHER: u16 = libc::ARPHRD_ETHER;
/// Point-to-point links, tunnels of all sorts, devices without link layer.
const ARPHRD_TUNNELS: &[u16] = &[
    libc::ARPHRD_PPP,
    libc::ARPHRD_TUNNEL,
    libc::ARPHRD_TUNNEL6,
    libc::ARPHRD_SIT,
    libc::ARPHRD_IPGRE,
    823,    // ARPHRD_IP6GRE
    0xfffe, // ARPHRD_NONE
];
const ETH_P_8021Q: [u8; 2] = [0x81, 0x00];
/// Position of the hop limit among the values of `IFLA_INET6_CONF`.
const DEVCONF_HOPLIMIT: usize = 1;

/// What a device is, seen by one who wants to send or receive past the network stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A plain Ethernet device: hardware, virtio, veth, tap, macvlan.
    Ethernet,
    /// The loopback device.
    Loopback,
    /// A VLAN on top of another device of this namespace.
    Vlan {
        /// Index of that device; programs see the packets there.
        lower: u32,
        /// The tag.
        id: u16,
    },
    /// A bridge.
    Bridge,
    /// A bond or team.
    Bond,
    /// A tunnel, with or without Ethernet frames in it.
    Tunnel,
    /// Anything else.
    Other,
}

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The device that this one is a port or member of.
    pub master: Option<u32>,
    /// Administratively up.
    pub up: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    name: String,
    kind: String,
    master: Option<u32>,
    lower: Option<u32>,
    lower_elsewhere: bool,
    vlan: Option<u16>,
    vlan_plain: bool,
    hardware: u16,
    address: Option<[u8; 6]>,
    flags: u32,
    mtu: u32,
    hop_limit: u8,
}

/// The way out through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exit {
    pub(super) device: u32,
    pub(super) source: [u8; 6],
    pub(super) vlan: Option<u16>,
    pub(super) mtu: u32,
    /// Of IPv6; that of IPv4 is none of the device's business.
    pub(super) hop_limit: u8,
}

impl Link {
    /// From `RTM_NEWLINK`.
    pub(super) fn parse(message: &Message<'_>) -> Option<(u32, Self)> {
        let body = message.body;
        let index = u32_at(body, 4)?;
        let mut link = Self {
            name: String::new(),
            kind: String::new(),
            master: None,
            lower: None,
            lower_elsewhere: false,
            vlan: None,
            vlan_plain: true,
            hardware: u16_at(body, 2)?,
            address: None,
            flags: u32_at(body, 8)?,
            mtu: 0,
            hop_limit: 64,
        };
        for (kind, value) in attributes(body, IFINFO_BYTES) {
            match kind {
                libc::IFLA_IFNAME => link.name = text(value),
                libc::IFLA_MASTER => link.master = u32_at(value, 0),
                libc::IFLA_LINK => link.lower = u32_at(value, 0).filter(|lower| *lower != index),
                libc::IFLA_LINK_NETNSID => link.lower_elsewhere = true,
                libc::IFLA_ADDRESS => link.address = value.try_into().ok(),
                libc::IFLA_MTU => link.mtu = u32_at(value, 0)?,
                libc::IFLA_LINKINFO => link.parse_info(value),
                libc::IFLA_AF_SPEC => {
                    if let Some(limit) = hop_limit(value) {
                        link.hop_limit = limit;
                    }
                }
                _ => {}
            }
        }
        Some((index, link))
    }

    fn parse_info(&mut self, info: &[u8]) {
        self.kind = attribute(info, 0, libc::IFLA_INFO_KIND)
            .map(text)
            .unwrap_or_default();
        let data = attribute(info, 0, libc::IFLA_INFO_DATA).unwrap_or_default();
        if self.kind != "vlan" {
            return;
        }
        for (kind, value) in attributes(data, 0) {
            match kind {
                1 => self.vlan = u16_at(value, 0), // IFLA_VLAN_ID
                // IFLA_VLAN_EGRESS_QOS: priorities in the tag, made of what a packet's socket says.
                3 => self.vlan_plain &= value.is_empty(),
                // IFLA_VLAN_PROTOCOL, in network order; the other one is 802.1ad.
                5 => self.vlan_plain &= value == ETH_P_8021Q,
                _ => {}
            }
        }
    }

    fn is_up(&self) -> bool {
        let both = (libc::IFF_UP | libc::IFF_RUNNING) as u32;
        self.flags & both == both
    }

    fn has_flag(&self, flag: libc::c_int) -> bool {
        self.flags & flag as u32 != 0
    }

    fn device_kind(&self) -> DeviceKind {
        match self.kind.as_str() {
            _ if self.has_flag(libc::IFF_LOOPBACK) => DeviceKind::Loopback,
            "bridge" | "openvswitch" => DeviceKind::Bridge,
            "bond" | "team" => DeviceKind::Bond,
            "gre" | "gretap" | "erspan" | "ip6gre" | "ip6gretap" | "ip6erspan" | "ipip" | "ip6tnl"
            | "sit" | "vti" | "vti6" | "xfrm" | "wireguard" | "vxlan" | "geneve" | "gtp" | "bareudp"
            | "ppp" | "macsec" | "ovpn" | "amt" | "batadv" | "hsr" => DeviceKind::Tunnel,
            _ if ARPHRD_TUNNELS.contains(&self.hardware) => DeviceKind::Tunnel,
            "vlan" => match (self.lower, self.vlan) {
                (Some(lower), Some(id)) if !self.lower_elsewhere => DeviceKind::Vlan { lower, id },
                _ => DeviceKind::Other,
            },
            // A macvlan reaches its siblings by itself, which a frame put on the device below would not: so it is taken
            // as a device of its own.
            "" | "veth" | "tun" | "macvlan" if self.hardware == ARPHRD_ETHER => DeviceKind::Ethernet,
            _ => DeviceKind::Other,
        }
    }
}

/// From `IFLA_AF_SPEC`: by family, attributes of the family, of which one is an array of numbers.
fn hop_limit(spec: &[u8]) -> Option<u8> {
    let inet6 = attribute(spec, 0, libc::AF_INET6 as u16)?;
    let conf = attribute(inet6, 0, 2)?; // IFLA_INET6_CONF
    u32_at(conf, DEVCONF_HOPLIMIT * 4).and_then(|limit| u8::try_from(limit).ok())
}

/// The devices and addresses of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    links: BTreeMap<u32, Link>,
    addresses: Vec<(IpAddr, u32)>,
}

impl Links {
    /// Learns from a message about a device; true if anything we know of it changed.
    pub(super) fn handle_link(&mut self, message: &Message<'_>) -> bool {
        // Bridges tell about their ports in messages that look the same, but have other attributes.
        if u8_at(message.body, 0) != Some(libc::AF_UNSPEC as u8) {
            return false;
        }
        let Some((index, link)) = Link::parse(message) else {
            return false;
        };
        if message.kind == libc::RTM_DELLINK {
            self.addresses.retain(|(_, device)| *device != index);
            return self.links.remove(&index).is_some();
        }
        self.links.insert(index, link.clone()) != Some(link)
    }

    /// Learns from a message about an address; true if that is news.
    pub(super) fn handle_address(&mut self, message: &Message<'_>) -> bool {
        let Some(index) = u32_at(message.body, 4) else {
            return false;
        };
        // On a link with two ends the one is the peer's, the other ours.
        let find = |kind| attribute(message.body, IFADDR_BYTES, kind).and_then(prefix::ip);
        let Some(address) = find(libc::IFA_LOCAL).or_else(|| find(libc::IFA_ADDRESS)) else {
            return false;
        };
        let entry = (address, index);
        let known = self.addresses.contains(&entry);
        if message.kind == libc::RTM_DELADDR {
            self.addresses.retain(|known| *known != entry);
            return known;
        }
        if !known {
            self.addresses.push(entry);
        }
        !known
    }

    /// Takes over the addresses of another list.
    pub(super) fn take_addresses(&mut self, other: Self) {
        self.addresses = other.addresses;
    }

    /// The devices that have a local address.
    pub(super) fn devices_of(&self, address: IpAddr) -> Vec<Device> {
        let with_it = self.addresses.iter().filter(|(ip, _)| *ip == address);
        with_it.filter_map(|(_, index)| self.device(*index)).collect()
    }

    /// A device by its index.
    pub(super) fn device(&self, index: u32) -> Option<Device> {
        let link = self.links.get(&index)?;
        Some(Device {
            index,
            name: link.name.clone(),
            kind: link.device_kind(),
            master: link.master,
            up: link.has_flag(libc::IFF_UP),
        })
    }

    /// How packets leave by a device, if they may without the network stack.
    pub(super) fn exit(&self, index: u32) -> Result<Exit, Refusal> {
        let link = self.links.get(&index).ok_or(Refusal::Device)?;
        match link.device_kind() {
            DeviceKind::Vlan { lower, id } => {
                self.port_of(link)?;
                let lower_link = self.links.get(&lower).ok_or(Refusal::Device)?;
                if lower_link.device_kind() == DeviceKind::Ethernet && !link.vlan_plain
                    || matches!(lower_link.device_kind(), DeviceKind::Vlan { .. })
                {
                    return Err(Refusal::Unsupported);
                }
                let below = self.plain_exit(lower, lower_link)?;
                let own = self.plain_exit(index, link)?;
                Ok(Exit {
                    device: lower,
                    vlan: Some(id),
                    mtu: own.mtu.min(below.mtu),
                    ..own
                })
            }
            _ => self.plain_exit(index, link),
        }
    }

    fn plain_exit(&self, index: u32, link: &Link) -> Result<Exit, Refusal> {
        self.port_of(link)?;
        match link.device_kind() {
            DeviceKind::Ethernet | DeviceKind::Vlan { .. } => {}
            DeviceKind::Loopback => return Err(Refusal::LocalPeer),
            DeviceKind::Bridge => return Err(Refusal::Bridge),
            DeviceKind::Bond => return Err(Refusal::Bond),
            DeviceKind::Tunnel => return Err(Refusal::Tunnel),
            // The device below is in another namespace.
            DeviceKind::Other if link.kind == "vlan" => return Err(Refusal::Unsupported),
            DeviceKind::Other => return Err(Refusal::Device),
        }
        if link.has_flag(libc::IFF_NOARP) || !link.is_up() {
            return Err(Refusal::Device);
        }
        Ok(Exit {
            device: index,
            source: link.address.ok_or(Refusal::Device)?,
            vlan: None,
            mtu: link.mtu,
            hop_limit: link.hop_limit,
        })
    }

    /// Refuses ports of what decides by itself about packets.
    fn port_of(&self, link: &Link) -> Result<(), Refusal> {
        let Some(master) = link.master else { return Ok(()) };
        let kind = self
            .links
            .get(&master)
            .map(|m| (m.device_kind(), m.kind.as_str()));
        match kind {
            Some((DeviceKind::Bridge, _)) => Err(Refusal::Bridge),
            Some((DeviceKind::Bond, _)) => Err(Refusal::Bond),
            Some((_, "vrf")) => Err(Refusal::PolicyRoute),
            _ => Err(Refusal::Device),
        }
    }
}

#[cfg(test)]
mod tests;
