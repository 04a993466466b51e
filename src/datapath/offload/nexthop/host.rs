//! What the kernel says about this host and about single ways, each time it is asked.

use std::fs;
use std::io;

use plan::Refusal;

use super::kernel::Kernel;
use super::links::{IFINFO_BYTES, Links};
use super::neighbour::{self, Neighbour, NeighbourKey};
use super::netdev::{Netdev, Takers};
use super::policy::{Policies, RULE_BYTES};
use super::route::{self, Route, Way};
use super::wire::Request;

const XFRM_MSG_GETPOLICY: u16 = 0x15;
const XFRM_MSG_GETDEFAULT: u16 = 0x28;
/// `xfrm_userpolicy_id`.
const POLICY_ID_BYTES: usize = 64;
const DEFAULT_TTL: &str = "/proc/sys/net/ipv4/ip_default_ttl";
/// Of IPv4, where the file does not say it.
const TTL: u8 = 64;

/// This host's network, as the thread that made it sees it.
pub(super) struct Host {
    kernel: Kernel,
    pub(super) links: Links,
    pub(super) policies: Policies,
    pub(super) takers: Takers,
    /// Time to live of IPv4 packets whose route says none.
    pub(super) ttl: u8,
}

impl Host {
    /// Looks at devices, addresses, rules and policies.
    pub(super) fn read() -> io::Result<Self> {
        let mut kernel = Kernel::open(libc::NETLINK_ROUTE)?;
        let links = read_links(&mut kernel)?;
        let mut policies = kernel.dump(
            || dump(libc::RTM_GETRULE, &[0; RULE_BYTES]),
            Policies::default,
            |policies, message| policies.add_rule(message),
        )?;
        read_ipsec(&mut policies)?;
        let takers = Netdev::open()?.map(|mut netdev| netdev.takers()).transpose()?;
        let ttl = fs::read_to_string(DEFAULT_TTL)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        Ok(Self {
            kernel,
            links,
            policies,
            takers: takers.unwrap_or_default(),
            ttl: ttl.unwrap_or(TTL),
        })
    }

    /// The route of a way.
    pub(super) fn route(&mut self, way: &Way) -> io::Result<Result<Route, Refusal>> {
        let mut found = Err(Refusal::NoRoute);
        let asked = self.kernel.ask(route::request(way), |message| {
            found = route::parse(way, message);
        });
        match asked.as_ref().map_err(route::refusal) {
            Ok(()) => Ok(found),
            Err(Some(refusal)) => Ok(Err(refusal)),
            Err(None) => asked.map(|()| found),
        }
    }

    /// What is known of a neighbour.
    pub(super) fn neighbour(&mut self, key: NeighbourKey) -> io::Result<Neighbour> {
        let mut found = neighbour::UNKNOWN;
        let asked = self.kernel.ask(neighbour::request(key), |message| {
            if let Some((_, neighbour)) = neighbour::parse(message) {
                found = neighbour;
            }
        });
        match asked {
            Err(error) if error.raw_os_error() != Some(libc::ENOENT) => Err(error),
            _ => Ok(found),
        }
    }

    /// Tells the kernel that a neighbour is in use.
    pub(super) fn use_neighbour(&mut self, key: NeighbourKey) -> io::Result<()> {
        self.kernel.ask(neighbour::use_request(key), |_| {})
    }
}

/// Devices and their addresses.
pub(super) fn read_links(kernel: &mut Kernel) -> io::Result<Links> {
    let mut links = kernel.dump(
        || dump(libc::RTM_GETLINK, &[0; IFINFO_BYTES]),
        Links::default,
        |links, message| {
            links.handle_link(message);
        },
    )?;
    let addresses = kernel.dump(
        || dump(libc::RTM_GETADDR, &[0; 8]),
        Links::default,
        |links, message| {
            links.handle_address(message);
        },
    )?;
    links.take_addresses(addresses);
    Ok(links)
}

fn read_ipsec(policies: &mut Policies) -> io::Result<()> {
    let mut kernel = match Kernel::open(libc::NETLINK_XFRM) {
        Ok(kernel) => kernel,
        // A kernel that has no IPsec.
        Err(error) if error.raw_os_error() == Some(libc::EPROTONOSUPPORT) => return Ok(()),
        Err(error) => return Err(error),
    };
    kernel.ask(dump(XFRM_MSG_GETPOLICY, &[0; POLICY_ID_BYTES]), |message| {
        policies.add_ipsec(message);
    })?;
    let request = Request::new(XFRM_MSG_GETDEFAULT, libc::NLM_F_ACK as u16, &[0; 4]);
    // Older kernels let everything pass that no policy is about, and do not know the question.
    let _ = kernel.ask(request, |message| policies.set_ipsec_default(message));
    Ok(())
}

fn dump(kind: u16, body: &[u8]) -> Request {
    Request::new(kind, libc::NLM_F_DUMP as u16, body)
}
