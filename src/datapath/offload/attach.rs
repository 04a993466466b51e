//! Which program goes to which device, and why not a better one.
//!
//! Invariant: every link is a descriptor of ours, so that nothing outlives the process, and a program of somebody else's
//! stays where it is.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;

use thiserror::Error;

use super::nexthop::{self, Device, DeviceKind, netdev};
use super::{Kernel, Served};

/// Why a device gets no program, or not a better one.
#[derive(Debug, Error)]
pub enum NoPath {
    /// No device has the address.
    #[error("no device has this address")]
    NoDevice,
    /// Packets to it come by other devices, or from this host.
    #[error("it is the loopback device")]
    Loopback,
    /// It is a bridge, or a port of one.
    #[error("it is a bridge, or a port of one")]
    Bridge,
    /// It is a bond or team, or a member of one.
    #[error("it is a bond or a team, or a member of one")]
    Bond,
    /// It is a tunnel.
    #[error("it is a tunnel")]
    Tunnel,
    /// It is of another kind that the program is not made for.
    #[error("it is of a kind that the program is not made for")]
    Kind,
    /// A program of somebody else's is there.
    #[error("a program of somebody else's is attached, and stays")]
    Foreign,
    /// The driver has no XDP.
    #[error("its driver has no XDP")]
    Driver,
    /// The MTU does not fit what the driver can do with XDP.
    #[error("its MTU is too large for XDP in its driver")]
    Mtu,
    /// Packets that the program sends would not leave by it.
    #[error("it cannot send from XDP (the other end of a veth needs an XDP program, or GRO)")]
    CannotSend,
    /// Whether they would is not known.
    #[error(
        "whether it can send from XDP this kernel does not say (6.3 does; --offload=native takes it on trust)"
    )]
    Unsaid,
    /// Tags stand beside the packet where that program cannot reach them.
    #[error("generic XDP does not see VLAN tags")]
    Tags,
    /// The kernel lacks what attaches there.
    #[error("this kernel cannot attach there (tc needs 6.6, XDP 5.9)")]
    Kernel,
    /// We may not.
    #[error("not permitted")]
    NoCapability,
    /// The system says something else.
    #[error("{0}")]
    System(io::Error),
}

/// A device with local addresses of ours, and what serves them.
#[derive(Debug)]
pub struct Site {
    /// Its name, or the address that no device has.
    pub name: String,
    /// Its index, if it may have a program.
    pub device: Option<u32>,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// Some of them are on VLAN devices on top of this one.
    pub tagged: bool,
    /// What serves them.
    pub served: Served,
    /// Why it is not something better.
    pub refused: Vec<(Option<Served>, NoPath)>,
}

impl Served {
    /// As messages name it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Not => "sockets",
            Self::Native => "native XDP",
            Self::Tc => "tc",
            Self::Generic => "generic XDP",
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if self.addresses.is_empty() {
            f.write_str(" (parties on this host")?;
        }
        for (n, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if n == 0 { " (" } else { ", " })?;
        }
        write!(f, "): {}", self.served.text())?;
        for (n, (mode, reason)) in self.refused.iter().enumerate() {
            f.write_str(if n == 0 { "; " } else { ", " })?;
            match mode {
                Some(mode) => write!(f, "not {}: {reason}", mode.text())?,
                None => write!(f, "{reason}")?,
            }
        }
        Ok(())
    }
}

/// The devices that the packets of these addresses arrive at.
pub fn sites(addresses: &[IpAddr]) -> io::Result<Vec<Site>> {
    let mut found: BTreeMap<String, Site> = BTreeMap::new();
    for address in addresses {
        let devices = nexthop::devices_of(*address)?;
        if devices.is_empty() {
            let site = Site::refused(address.to_string(), NoPath::NoDevice);
            found
                .entry(address.to_string())
                .or_insert(site)
                .addresses
                .push(*address);
        }
        for device in devices {
            let tagged = matches!(device.kind, DeviceKind::Vlan { .. });
            let (name, place) = carrier(device)?;
            let site = found.entry(name.clone()).or_insert_with(|| match place {
                Ok(index) => Site {
                    device: Some(index),
                    refused: Vec::new(),
                    ..Site::refused(name, NoPath::NoDevice)
                },
                Err(reason) => Site::refused(name, reason),
            });
            site.addresses.push(*address);
            site.tagged |= tagged;
        }
    }
    Ok(found.into_values().collect())
}

impl Site {
    fn refused(name: String, reason: NoPath) -> Self {
        Self {
            name,
            device: None,
            addresses: Vec::new(),
            tagged: false,
            served: Served::Not,
            refused: vec![(None, reason)],
        }
    }

    /// The loopback device, at which the packets of parties on this host arrive.
    pub(super) fn loopback(kernel: &mut Kernel, device: u32) -> Self {
        let mut site = Self {
            device: Some(device),
            refused: Vec::new(),
            ..Self::refused("lo".into(), NoPath::Loopback)
        };
        site.attach(kernel, &[Served::Tc], false);
        site
    }

    /// Attaches the first of these programs that the device takes, and notes why it does not take those before it.
    /// With `rings`, it is to steer packets to AF_XDP rings only, and forwards none.
    pub fn attach(&mut self, kernel: &mut Kernel, order: &[Served], rings: bool) {
        let Some(device) = self.device else { return };
        // Who names one way answers for what nobody can tell.
        let trust = rings || order.len() == 1;
        for mode in order {
            match try_attach(kernel, device, *mode, self, trust, rings) {
                Ok(()) => {
                    self.served = *mode;
                    return;
                }
                Err(reason) => self.refused.push((Some(*mode), reason)),
            }
        }
    }
}

fn try_attach(
    kernel: &mut Kernel,
    device: u32,
    mode: Served,
    site: &Site,
    trust: bool,
    rings: bool,
) -> Result<(), NoPath> {
    if mode == Served::Generic && site.tagged {
        return Err(NoPath::Tags);
    }
    let link = kernel.link(device, mode).map_err(|error| reason(error, mode))?;
    // Some drivers can send only while a program is attached, so this is known only now.
    if !rings && mode == Served::Native {
        can_send(netdev::takes_packets(device).ok().flatten(), trust)?;
    }
    kernel.keep(link, mode, if rings { &[] } else { &site.addresses });
    Ok(())
}

/// Whether what a program sends by a device will leave. If not, nothing says so: each packet would be lost in silence.
fn can_send(takes: Option<bool>, trust: bool) -> Result<(), NoPath> {
    match takes {
        Some(true) => Ok(()),
        Some(false) => Err(NoPath::CannotSend),
        None if trust => Ok(()),
        None => Err(NoPath::Unsaid),
    }
}

/// What the errors of attaching mean (`dev_xdp_attach`, `bpf_mprog_attach`).
fn reason(error: io::Error, mode: Served) -> NoPath {
    match (error.raw_os_error(), mode) {
        (Some(libc::EPERM | libc::EACCES), _) => NoPath::NoCapability,
        (Some(libc::EBUSY | libc::EEXIST), _) => NoPath::Foreign,
        (Some(libc::EOPNOTSUPP), Served::Native) => NoPath::Driver,
        (Some(libc::ERANGE | libc::EFBIG | libc::E2BIG), Served::Native) => NoPath::Mtu,
        (Some(libc::EINVAL), Served::Tc) => NoPath::Kernel,
        _ => NoPath::System(error),
    }
}

/// The device at which programs see the packets of this one: itself, or the one below its VLAN.
fn carrier(device: Device) -> io::Result<(String, Result<u32, NoPath>)> {
    let refused = |device: Device, reason| Ok((device.name, Err(reason)));
    if let Some(master) = device.master.map(nexthop::device).transpose()?.flatten() {
        let reason = match master.kind {
            DeviceKind::Bridge => NoPath::Bridge,
            DeviceKind::Bond => NoPath::Bond,
            _ => NoPath::Kind,
        };
        return refused(device, reason);
    }
    match device.kind {
        DeviceKind::Ethernet => Ok((device.name, Ok(device.index))),
        DeviceKind::Vlan { lower, .. } => match nexthop::device(lower)? {
            // One tag is what the program can see.
            Some(lower) if !matches!(lower.kind, DeviceKind::Vlan { .. }) => carrier(lower),
            _ => refused(device, NoPath::Kind),
        },
        DeviceKind::Loopback => refused(device, NoPath::Loopback),
        DeviceKind::Bridge => refused(device, NoPath::Bridge),
        DeviceKind::Bond => refused(device, NoPath::Bond),
        DeviceKind::Tunnel => refused(device, NoPath::Tunnel),
        DeviceKind::Other => refused(device, NoPath::Kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_says_nothing_is_not_believed_unless_asked_for() {
        assert!(can_send(Some(true), false).is_ok());
        for trust in [false, true] {
            assert!(matches!(can_send(Some(false), trust), Err(NoPath::CannotSend)));
        }
        assert!(matches!(can_send(None, false), Err(NoPath::Unsaid)));
        assert!(can_send(None, true).is_ok());
    }
}
