//! Addresses of listeners: `[HOST:]PORT`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Listener, Machine};

/// Resolves one `[HOST:]PORT`. Without a host it is every address of both families.
pub(super) fn parse(text: &str, machine: &dyn Machine) -> Result<Listener, String> {
    let usage = || "[HOST:]PORT, with an IPv6 address in brackets".to_owned();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (Some(host), port),
        None => (None, text),
    };
    // Port 0 is one of the system's choice; the log says which.
    let port: u16 = port.trim().parse().map_err(|_| usage())?;
    let ips = match host.map(str::trim) {
        None | Some("" | "*") => vec![
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ],
        // Without brackets the port could as well be the last group of the address.
        Some(host) if host.contains(':') && !host.starts_with('[') => return Err(usage()),
        Some(host) => match parse_ip(host) {
            Some(ip) => vec![ip],
            None => match machine.resolve(host) {
                Ok(ips) if !ips.is_empty() => ips,
                Ok(_) => return Err(format!("the host name {host} has no address")),
                Err(e) => return Err(format!("the host name {host} does not resolve: {e}")),
            },
        },
    };
    Ok(Listener {
        spec: text.to_owned(),
        addrs: ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect(),
    })
}

/// An address, an IPv6 one with or without brackets.
pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// Whether strangers may reach a listener on this address.
pub(super) fn is_open(addr: &SocketAddr) -> bool {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local()),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
    }
}
