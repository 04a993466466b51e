//! Asking for a route, and reading the answer.

use std::io;
use std::net::IpAddr;

use plan::Refusal;

use super::prefix::{family, ip, octets};
use super::wire::{Message, Request, attribute, attributes, u8_at, u16_at, u32_at};

/// `rtmsg`.
const ROUTE_BYTES: usize = 12;

const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_METRICS: u16 = 8;
const RTA_MULTIPATH: u16 = 9;
const RTA_CACHEINFO: u16 = 12;
const RTA_VIA: u16 = 18;
const RTA_ENCAP_TYPE: u16 = 21;
const RTA_ENCAP: u16 = 22;
const RTA_IP_PROTO: u16 = 27;
const RTAX_MTU: u16 = 2;
const RTAX_HOPLIMIT: u16 = 10;

/// From where to where, and by which device if the address alone does not say it (IPv6 link-local ones).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) scope: u32,
}

/// What the routing table says about a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The device.
    pub(super) device: u32,
    /// Gateway, or the peer itself.
    pub(super) neighbour: IpAddr,
    /// If the route or what was learned of the path says one.
    pub(super) mtu: Option<u32>,
    /// The same of the time to live.
    pub(super) hop_limit: Option<u8>,
}

/// The request for one.
pub(super) fn request(way: &Way) -> Request {
    let bits = if way.to.is_ipv6() { 128 } else { 32 };
    let mut body = [0; ROUTE_BYTES];
    (body[0], body[1], body[2]) = (family(way.to), bits, bits);
    let mut request = Request::new(libc::RTM_GETROUTE, libc::NLM_F_ACK as u16, &body)
        .with(RTA_DST, &octets(way.to))
        .with(RTA_SRC, &octets(way.from))
        .with(RTA_IP_PROTO, &[libc::IPPROTO_UDP as u8]);
    if way.scope != 0 {
        request = request.with(RTA_OIF, &way.scope.to_ne_bytes());
    }
    request
}

/// Reads the answer.
pub(super) fn parse(way: &Way, message: &Message<'_>) -> Result<Route, Refusal> {
    let body = message.body;
    let find = |kind| attribute(body, ROUTE_BYTES, kind);
    match u8_at(body, 7) {
        Some(libc::RTN_UNICAST) => {}
        Some(libc::RTN_LOCAL) => return Err(Refusal::LocalPeer),
        Some(libc::RTN_BROADCAST | libc::RTN_MULTICAST | libc::RTN_ANYCAST) => {
            return Err(Refusal::Unsupported);
        }
        _ => return Err(Refusal::NoRoute),
    }
    // `rta_cacheinfo`: users, last use, expiry, error.
    if find(RTA_CACHEINFO).and_then(|info| u32_at(info, 12)).unwrap_or(0) != 0 {
        return Err(Refusal::NoRoute);
    }
    if find(RTA_ENCAP).is_some() || find(RTA_ENCAP_TYPE).is_some_and(|kind| u16_at(kind, 0) != Some(0)) {
        return Err(Refusal::Tunnel);
    }
    // The kernel answers with the one of several next hops that it would take.
    if find(RTA_MULTIPATH).is_some() {
        return Err(Refusal::PolicyRoute);
    }
    let gateway = find(RTA_GATEWAY).and_then(ip);
    // An IPv4 route by way of an IPv6 neighbour: a family, then the address.
    let via = find(RTA_VIA).and_then(|via| ip(via.get(2..)?));
    let metrics = find(RTA_METRICS).unwrap_or_default();
    let metric = |kind| {
        let value = attributes(metrics, 0).find(|(k, _)| *k == kind);
        value.and_then(|(_, v)| u32_at(v, 0)).filter(|v| *v != 0)
    };
    Ok(Route {
        device: find(RTA_OIF)
            .and_then(|oif| u32_at(oif, 0))
            .ok_or(Refusal::NoRoute)?,
        neighbour: gateway
            .or(via)
            .filter(|ip| !ip.is_unspecified())
            .unwrap_or(way.to),
        mtu: metric(RTAX_MTU),
        hop_limit: metric(RTAX_HOPLIMIT).and_then(|limit| u8::try_from(limit).ok()),
    })
}

/// What an error instead of an answer means; `None` = nothing about the route.
pub(super) fn refusal(error: &io::Error) -> Option<Refusal> {
    match error.raw_os_error()? {
        // Unreachable, prohibited, blackhole, and a local address that is not (any more).
        libc::ENETUNREACH
        | libc::EHOSTUNREACH
        | libc::EACCES
        | libc::EINVAL
        | libc::ENETDOWN
        | libc::ENODEV
        | libc::ESRCH
        | libc::EADDRNOTAVAIL => Some(Refusal::NoRoute),
        _ => None,
    }
}

/// Which destinations a changed route (`RTM_NEWROUTE`, `RTM_DELROUTE`) is about.
pub(super) fn destinations(message: &Message<'_>) -> Option<super::prefix::Prefix> {
    let body = message.body;
    let v6 = match i32::from(u8_at(body, 0)?) {
        libc::AF_INET => false,
        libc::AF_INET6 => true,
        _ => return None,
    };
    let dst = attribute(body, ROUTE_BYTES, RTA_DST).unwrap_or_default();
    Some(super::prefix::Prefix::new(dst, u8_at(body, 1)?, v6))
}
