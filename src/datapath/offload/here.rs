//! Parties on this host: which of their flows the kernel may forward, and how.
//!
//! What a program on this host sends arrives at the loopback device, with the checksum left open and its route known: a
//! program of ours at tc there forwards it to the wire, or changes it and lets it go on to the socket of another party.
//! What arrives from the wire and goes to a program on this host is changed and goes up the stack. The stack believes that
//! of IPv6. An IPv4 packet from the wire whose source is an address of this host is a martian to it, unless
//! `accept_local` of the device is on and `rp_filter` not strict. We ask, and set neither.
//!
//! What goes to a port of ours (a call that crosses the relay twice) does not go up at all, see `follow` in forward.c.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::{Mutex, PoisonError};

use plan::{Refusal, Time};

use super::attach::Site;
use super::layout::{FLAG_CHAIN, FLAG_LOCAL, FLAG_XDP, WORD_RINGS};
use super::maps::{Maps, Served};
use super::start::order;
use super::{Entry, FastPaths, nexthop};
use crate::clock;
use crate::config::Config;
use crate::limits;

/// The loopback device has this index in every network namespace.
const LOOPBACK: u32 = 1;

/// What is known of this host.
#[derive(Debug)]
pub(super) struct Here {
    /// What serves packets that programs on this host send.
    pub(super) loopback: Served,
    /// Ports that are ours.
    ports: Vec<(IpAddr, RangeInclusive<u16>)>,
    /// The devices that packets to an address arrive by.
    devices: HashMap<IpAddr, Vec<String>>,
    /// Whether a device takes IPv4 packets with a source of this host, and when that was looked up.
    accepting: Mutex<HashMap<IpAddr, (Time, bool)>>,
}

impl Here {
    pub(super) fn new(loopback: Served, ports: Vec<(IpAddr, RangeInclusive<u16>)>) -> Self {
        let names = |ip: IpAddr| nexthop::devices_of(ip).unwrap_or_default().into_iter();
        let devices = ports
            .iter()
            .map(|(ip, _)| (*ip, names(*ip).map(|device| device.name).collect()));
        Self {
            loopback,
            devices: devices.collect(),
            ports,
            accepting: Mutex::default(),
        }
    }

    /// The flags of an entry whose packets go to this host.
    pub(super) fn flags(&self, maps: &Maps, entry: &Entry, served: Served) -> Result<u16, Refusal> {
        let (local, dest) = (entry.flow.local.addr, entry.flow.dest);
        let ours =
            |(ip, ports): &(IpAddr, RangeInclusive<u16>)| *ip == dest.ip() && ports.contains(&dest.port());
        if self.ports.iter().any(ours) {
            return chain(maps, dest, served).map(|()| FLAG_CHAIN);
        }
        // The program of the stack's own XDP does not know what the device has summed up.
        let unsound = served == Served::Generic || local.is_ipv6() != dest.is_ipv6();
        let only_inside = |ip: IpAddr| ip.is_loopback() || is_link_local(ip);
        if unsound || (!entry.from_here && (only_inside(dest.ip()) || only_inside(entry.flow.out.addr.ip())))
        {
            return Err(Refusal::LocalPeer);
        }
        if may_be_martian(entry) && !self.accepts(local.ip()) {
            return Err(Refusal::AcceptLocal);
        }
        Ok(FLAG_LOCAL)
    }

    /// Whether the devices that packets to this IPv4 address arrive by take those with a source of this host.
    pub(super) fn accepts(&self, ip: IpAddr) -> bool {
        let now = clock::now();
        let mut known = self.accepting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, accepts)) = known.get(&ip)
            && now.since(*since) < limits::SYSCTL_TRUSTED
        {
            return *accepts;
        }
        let devices = self.devices.get(&ip).map_or(&[][..], Vec::as_slice);
        let accepts = !devices.is_empty() && devices.iter().all(|device| takes_own(device));
        known.insert(ip, (now, accepts));
        accepts
    }
}

/// Whether its packets reach the stack from the wire as IPv4 ones that say they are of this host.
pub(super) fn may_be_martian(entry: &Entry) -> bool {
    entry.hop.is_here() && !entry.from_here && entry.flow.out.addr.is_ipv4()
}

const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether the entry at a port of ours may go on at once with packets that another one sends there.
fn chain(maps: &Maps, port: SocketAddr, served: Served) -> Result<(), Refusal> {
    let word = maps.word(port).map_or(0, |word| word.load(Acquire)) & !WORD_RINGS;
    let next = word
        .checked_sub(1)
        .and_then(|number| maps.entries.get(number as usize));
    let next = next.filter(|next| next.gate.load(Acquire) == super::Mark::OPEN.0);
    match next.map(|next| next.flags.load(Relaxed)) {
        Some(flags) if flags & (FLAG_CHAIN | FLAG_LOCAL) == 0 => {
            if served == Served::Native && flags & FLAG_XDP == 0 {
                return Err(Refusal::Device);
            }
            Ok(())
        }
        _ => Err(Refusal::LocalPeer),
    }
}

/// What `fib_validate_source` of the kernel asks.
fn takes_own(device: &str) -> bool {
    let read = |of: &str, name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{of}/{name}"));
        text.ok()
            .and_then(|text| text.trim().parse::<u32>().ok())
            .unwrap_or(0)
    };
    let either = |name| read("all", name).max(read(device, name));
    either("accept_local") != 0 && either("rp_filter") != 1
}

impl FastPaths {
    /// Sees to it that flows of parties on this host are forwarded, too, as far as the choice of programs allows.
    pub(super) fn serve_here(&mut self, config: &Config) {
        let Some(kernel) = &mut self.kernel else { return };
        let mut loopback = Served::Not;
        if order(config.offload).contains(&Served::Tc) {
            let site = Site::loopback(kernel, LOOPBACK);
            loopback = site.served;
            self.sites.push(site);
        }
        let addresses = config.call.interfaces.addresses();
        let ports = addresses.map(|(_, address)| (address.ip, address.ports.min..=address.ports.max));
        kernel.serve_here(Here::new(loopback, ports.collect()));
    }
}
