//! Devices of kinds that not every kernel has, from messages as the kernel writes them.

use super::super::wire::{Request, messages};
use super::*;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const UP: libc::c_int = libc::IFF_UP | libc::IFF_RUNNING;
const ETHER: u16 = ARPHRD_ETHER;

fn attr(kind: u16, value: &[u8]) -> Vec<u8> {
    // The attributes behind a header of 16 bytes and no fixed part.
    Request::new(0, 0, &[]).with(kind, value).finish(0).split_off(16)
}

/// Everything about a device that a test may want to be different.
struct Make {
    index: u32,
    kind: &'static str,
    hardware: u16,
    flags: libc::c_int,
    master: Option<u32>,
    more: Vec<(u16, Vec<u8>)>,
    data: Vec<u8>,
}

impl Make {
    fn new(index: u32, kind: &'static str) -> Self {
        Self {
            index,
            kind,
            hardware: ETHER,
            flags: UP,
            master: None,
            more: Vec::new(),
            data: Vec::new(),
        }
    }

    fn vlan(index: u32, lower: u32, id: u16, protocol: [u8; 2]) -> Self {
        let data = [attr(1, &id.to_ne_bytes()), attr(5, &protocol)].concat();
        let more = vec![(libc::IFLA_LINK, lower.to_ne_bytes().to_vec())];
        Self {
            data,
            more,
            ..Self::new(index, "vlan")
        }
    }

    fn add(self, links: &mut Links) {
        let mut body = [0; IFINFO_BYTES];
        body[2..4].copy_from_slice(&self.hardware.to_ne_bytes());
        body[4..8].copy_from_slice(&self.index.to_ne_bytes());
        body[8..12].copy_from_slice(&self.flags.to_ne_bytes());
        let mut request = Request::new(libc::RTM_NEWLINK, 0, &body)
            .with(libc::IFLA_IFNAME, b"some\0")
            .with(libc::IFLA_MTU, &1500_u32.to_ne_bytes());
        if self.hardware == ETHER {
            request = request.with(libc::IFLA_ADDRESS, &MAC);
        }
        if !self.kind.is_empty() {
            let kind = attr(libc::IFLA_INFO_KIND, self.kind.as_bytes());
            let data = attr(libc::IFLA_INFO_DATA, &self.data);
            request = request.with(libc::IFLA_LINKINFO, &[kind, data].concat());
        }
        if let Some(master) = self.master {
            request = request.with(libc::IFLA_MASTER, &master.to_ne_bytes());
        }
        for (kind, value) in &self.more {
            request = request.with(*kind, value);
        }
        let bytes = request.finish(0);
        let message = messages(&bytes).next().unwrap();
        assert!(links.handle_link(&message), "news");
        assert!(!links.handle_link(&message), "the same again");
    }
}

fn exit(makes: Vec<Make>) -> Result<Exit, Refusal> {
    let mut links = Links::default();
    let asked = makes[0].index;
    makes.into_iter().for_each(|make| make.add(&mut links));
    links.exit(asked)
}

#[test]
fn each_kind_has_its_answer() {
    for (kind, hardware, refusal) in [
        ("", ETHER, None),
        ("veth", ETHER, None),
        ("tun", ETHER, None),
        ("macvlan", ETHER, None),
        ("tun", 0xfffe, Some(Refusal::Tunnel)),
        ("", libc::ARPHRD_PPP, Some(Refusal::Tunnel)),
        ("", libc::ARPHRD_INFINIBAND, Some(Refusal::Device)),
        ("ipip", libc::ARPHRD_TUNNEL, Some(Refusal::Tunnel)),
        ("sit", libc::ARPHRD_SIT, Some(Refusal::Tunnel)),
        ("gre", libc::ARPHRD_IPGRE, Some(Refusal::Tunnel)),
        ("gretap", ETHER, Some(Refusal::Tunnel)),
        ("vti", libc::ARPHRD_TUNNEL, Some(Refusal::Tunnel)),
        ("xfrm", 0xfffe, Some(Refusal::Tunnel)),
        ("wireguard", 0xfffe, Some(Refusal::Tunnel)),
        ("vxlan", ETHER, Some(Refusal::Tunnel)),
        ("geneve", ETHER, Some(Refusal::Tunnel)),
        ("macsec", ETHER, Some(Refusal::Tunnel)),
        ("bridge", ETHER, Some(Refusal::Bridge)),
        ("openvswitch", ETHER, Some(Refusal::Bridge)),
        ("bond", ETHER, Some(Refusal::Bond)),
        ("team", ETHER, Some(Refusal::Bond)),
        ("vrf", ETHER, Some(Refusal::Device)),
        ("ipvlan", ETHER, Some(Refusal::Device)),
        ("something new", ETHER, Some(Refusal::Device)),
    ] {
        let got = exit(vec![Make {
            hardware,
            ..Make::new(7, kind)
        }]);
        assert_eq!(got.err(), refusal, "{kind} {hardware}");
    }
}

#[test]
fn ports_and_members_are_refused() {
    for (master, refusal) in [
        ("bridge", Refusal::Bridge),
        ("openvswitch", Refusal::Bridge),
        ("bond", Refusal::Bond),
        ("team", Refusal::Bond),
        ("vrf", Refusal::PolicyRoute),
        ("something new", Refusal::Device),
    ] {
        let port = Make {
            master: Some(9),
            ..Make::new(7, "")
        };
        assert_eq!(exit(vec![port, Make::new(9, master)]), Err(refusal), "{master}");
    }
}

#[test]
fn devices_that_nothing_leaves_by_are_refused() {
    for (flags, refusal) in [
        (0, Refusal::Device),
        (libc::IFF_UP, Refusal::Device),
        (UP | libc::IFF_NOARP, Refusal::Device),
        (UP | libc::IFF_LOOPBACK, Refusal::LocalPeer),
    ] {
        let got = exit(vec![Make {
            flags,
            ..Make::new(7, "")
        }]);
        assert_eq!(got, Err(refusal), "{flags:x}");
    }
    assert_eq!(Links::default().exit(7), Err(Refusal::Device));
}

#[test]
fn a_vlan_is_a_tag_on_the_device_below() {
    let got = exit(vec![Make::vlan(7, 3, 42, [0x81, 0]), Make::new(3, "")]);
    let want = Exit {
        device: 3,
        source: MAC,
        vlan: Some(42),
        mtu: 1500,
        hop_limit: 64,
    };
    assert_eq!(got, Ok(want));

    let plain = || Make::vlan(7, 3, 42, [0x81, 0]);
    let service = Make::vlan(7, 3, 42, [0x88, 0xa8]);
    assert_eq!(exit(vec![service, Make::new(3, "")]), Err(Refusal::Unsupported));
    let twice = vec![plain(), Make::vlan(3, 2, 5, [0x81, 0]), Make::new(2, "")];
    assert_eq!(exit(twice), Err(Refusal::Unsupported));
    assert_eq!(exit(vec![plain(), Make::new(3, "bond")]), Err(Refusal::Bond));
    assert_eq!(exit(vec![plain(), Make::new(3, "bridge")]), Err(Refusal::Bridge));
    let mut prioritised = plain();
    let map = attr(1, &[0, 0, 0, 0, 3, 0, 0, 0]);
    prioritised.data.extend(attr(3, &map));
    assert_eq!(
        exit(vec![prioritised, Make::new(3, "")]),
        Err(Refusal::Unsupported)
    );
    let mut moved = plain();
    moved.more.push((libc::IFLA_LINK_NETNSID, vec![0; 4]));
    assert_eq!(exit(vec![moved, Make::new(3, "")]), Err(Refusal::Unsupported));
    let port = Make {
        master: Some(9),
        ..plain()
    };
    let bridged = vec![port, Make::new(3, ""), Make::new(9, "bridge")];
    assert_eq!(exit(bridged), Err(Refusal::Bridge));
}

#[test]
fn the_hop_limit_is_the_devices() {
    let conf = [0_u32.to_ne_bytes(), 77_u32.to_ne_bytes()].concat();
    let inet6 = attr(libc::AF_INET6 as u16, &attr(2, &conf));
    let make = Make {
        more: vec![(libc::IFLA_AF_SPEC, inet6)],
        ..Make::new(7, "")
    };
    assert_eq!(exit(vec![make]).map(|exit| exit.hop_limit), Ok(77));
}
