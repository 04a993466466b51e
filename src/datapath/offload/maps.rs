//! Loads the program and maps its tables into our memory.
//!
//! Invariant: whoever writes an element of `ports`, `entries` or `counts` is the only one to do so (a worker has a range of
//! entries, and the ports whose sockets it owns); `hops` and `xsks` are changed under a lock, for they change rarely.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use aya::maps::{DevMap, Map, MapData, XskMap};
use aya::programs::{Program, ProgramError, SchedClassifier, Xdp};
use aya::{Ebpf, EbpfError, EbpfLoader, VerifierLogLevel};
use plan::{Refusal, Time};
use thiserror::Error;

use super::here::Here;
use super::layout::{
    ADDRESS_SLOTS, Count, EntryCell, HOP_DEVICES, PORTS_PER_LINE, Ports, Reasons, RingDevices,
};
use crate::clock;
use crate::limits;
use crate::sys::bpf::Shared;

/// Puts the object where its tables of numbers can be read in place.
#[repr(align(8))]
struct Aligned<T: ?Sized>(T);

static OBJECT: &Aligned<[u8]> = &Aligned(*include_bytes!("../bpf/forward.o"));

/// The compiled program.
pub fn object() -> &'static [u8] {
    &OBJECT.0
}

/// Names of the programs in the object.
pub(super) const NATIVE: &str = "patchbay_native";
pub(super) const GENERIC: &str = "patchbay_generic";
pub(super) const TC: &str = "patchbay_tc";

/// Why nothing can be forwarded in the kernel.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// We may not: these capabilities are missing.
    #[error("{} missing", .0.join(" and "))]
    NoCapability(Vec<&'static str>),
    /// We may not, although we have the capabilities: a user namespace, or lockdown.
    #[error("not permitted here, in a user namespace or under lockdown")]
    NotPermitted,
    /// There is no `bpf` system call here.
    #[error("this kernel has no BPF")]
    NoBpf,
    /// More local addresses than the program's table holds.
    #[error("{0} local addresses are more than {max}", max = limits::KERNEL_ADDRESSES)]
    Addresses(usize),
    /// The kernel does not take the program or its tables.
    #[error("the kernel does not take the program: {0}")]
    Rejected(String),
}

impl From<io::Error> for Unavailable {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::NotPermitted,
            Some(libc::ENOSYS) => Self::NoBpf,
            _ => Self::Rejected(error.to_string()),
        }
    }
}

/// The system's own error, however deep it is wrapped; an error of the verifier is none.
fn refused(error: &(dyn std::error::Error + 'static)) -> Unavailable {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>()
            && matches!(io.raw_os_error(), Some(libc::EPERM | libc::ENOSYS))
        {
            return io::Error::from_raw_os_error(io.raw_os_error().unwrap_or_default()).into();
        }
        cause = inner.source();
    }
    // The first line says what failed; the verifier's log is for developers.
    let text = error.to_string();
    Unavailable::Rejected(text.lines().next().unwrap_or_default().to_owned())
}

impl From<EbpfError> for Unavailable {
    fn from(error: EbpfError) -> Self {
        refused(&error)
    }
}

impl From<ProgramError> for Unavailable {
    fn from(error: ProgramError) -> Self {
        match error {
            // The verifier, whose objections are this error; whether we may use it at all was asked before.
            ProgramError::LoadError { io_error, .. } if io_error.raw_os_error() == Some(libc::EACCES) => {
                Self::Rejected(io_error.to_string())
            }
            ProgramError::LoadError { io_error, .. } => io_error.into(),
            error => refused(&error),
        }
    }
}

/// Capabilities that loading and attaching take, and those that stand in for them; by number.
const CAPABILITIES: [(&str, &[u32]); 3] = [
    ("CAP_NET_ADMIN", &[12]),
    ("CAP_BPF", &[39, CAP_SYS_ADMIN]),
    // Without it programs may not compute with pointers into packets.
    ("CAP_PERFMON", &[38, CAP_SYS_ADMIN]),
];
const CAP_SYS_ADMIN: u32 = 21;

/// Those of them that this process lacks.
fn missing_capabilities() -> Vec<&'static str> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let Some(held) = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()) else {
        return Vec::new();
    };
    let has = |number: &u32| held >> number & 1 == 1;
    let missing = CAPABILITIES
        .iter()
        .filter(|(_, numbers)| !numbers.iter().any(has));
    missing.map(|(name, _)| *name).collect()
}

/// What the tables are made for.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Local addresses for media.
    pub addresses: Vec<IpAddr>,
    /// Workers, each with its own part of the entries.
    pub workers: usize,
    /// Entries in all.
    pub entries: usize,
}

/// The tables.
pub(super) struct Maps {
    pub(super) addresses: HashMap<IpAddr, u32>,
    /// By number of the address: how its device is served, see [`Served`].
    served: Box<[AtomicU8]>,
    pub(super) ports: Shared<Ports>,
    pub(super) entries: Shared<EntryCell>,
    pub(super) counts: Shared<Count>,
    pub(super) reasons: Shared<Reasons>,
    pub(super) ring_devices: Shared<RingDevices>,
    pub(super) processors: usize,
    /// Nothing of it is known while the program is only loaded.
    pub(super) here: OnceLock<Here>,
    hops: Mutex<Hops>,
    pub(super) xsks: Mutex<XskMap<MapData>>,
}

struct Hops {
    map: DevMap<MapData>,
    devices: Vec<HopDevice>,
}

/// A device that packets leave by.
struct HopDevice {
    device: u32,
    /// When the kernel was last told of it.
    told: Time,
}

/// Which program sees the packets of a local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Served {
    /// None.
    Not,
    /// XDP in the driver.
    Native,
    /// At tc.
    Tc,
    /// XDP of the stack.
    Generic,
}

impl Served {
    const ALL: [Self; 4] = [Self::Not, Self::Native, Self::Tc, Self::Generic];
}

impl Maps {
    /// The place of a port in `ports`.
    pub(super) fn word(&self, local: SocketAddr) -> Option<&AtomicU32> {
        let address = *self.addresses.get(&local.ip())? as usize;
        let port = usize::from(local.port());
        let line = self.ports.get((address << 16 | port) / PORTS_PER_LINE)?;
        line.word.get(port % PORTS_PER_LINE)
    }

    pub(super) fn served(&self, ip: IpAddr) -> Served {
        let served = self
            .addresses
            .get(&ip)
            .and_then(|&index| self.served.get(index as usize));
        let number = served.map_or(0, |served| served.load(Ordering::Acquire));
        Served::ALL
            .get(usize::from(number))
            .copied()
            .unwrap_or(Served::Not)
    }

    pub(super) fn set_served(&self, ip: IpAddr, served: Served) {
        let place = self
            .addresses
            .get(&ip)
            .and_then(|&index| self.served.get(index as usize));
        if let Some(place) = place {
            place.store(served as u8, Ordering::Release);
        }
    }

    /// The place of a device in `hops`.
    pub(super) fn hop(&self, device: u32) -> Result<u16, Refusal> {
        let mut hops = self.hops.lock().unwrap_or_else(PoisonError::into_inner);
        u16::try_from(hops.place(device)?).map_err(|_| Refusal::Device)
    }
}

impl Hops {
    /// Where a device is; it gets a place if it has none.
    fn place(&mut self, device: u32) -> Result<usize, Refusal> {
        let now = clock::now();
        let known = self.devices.iter().position(|hop| hop.device == device);
        if let Some(place) = known
            && now.since(self.devices[place].told) < limits::KERNEL_DEVICE_TOLD
        {
            return Ok(place);
        }
        let place = known.or_else(|| self.free()).ok_or(Refusal::Device)?;
        // Also for a known one: the kernel forgets it when the device goes.
        let index = u32::try_from(place).map_err(|_| Refusal::Device)?;
        self.map
            .set(index, device, None, 0)
            .map_err(|_| Refusal::Device)?;
        let hop = HopDevice { device, told: now };
        match self.devices.get_mut(place) {
            Some(known) => *known = hop,
            None => self.devices.push(hop),
        }
        Ok(place)
    }

    /// A place that nobody has, or whose device is gone.
    fn free(&self) -> Option<usize> {
        let len = self.devices.len();
        if len < HOP_DEVICES {
            return Some(len);
        }
        (0..self.map.len()).position(|index| self.map.get(index, 0).is_err())
    }
}

/// Loads the object with tables of these sizes. The programs are verified, and attached to nothing.
pub(super) fn load(setup: &Setup) -> Result<(Ebpf, Maps), Unavailable> {
    // What the kernel says of a missing capability depends on which one it is and where it is missed.
    load_all(setup).map_err(|error| match missing_capabilities() {
        missing if missing.is_empty() => error,
        missing => Unavailable::NoCapability(missing),
    })
}

fn load_all(setup: &Setup) -> Result<(Ebpf, Maps), Unavailable> {
    let count = setup.addresses.len();
    if count > limits::KERNEL_ADDRESSES {
        return Err(Unavailable::Addresses(count));
    }
    let processors = aya::util::nr_cpus().map_err(|(_, error)| error)?;
    let entries = setup.entries.clamp(1, limits::kernel_entries_max(processors));
    let lines = count.max(1) << 16 >> PORTS_PER_LINE.ilog2();
    let (seed, table) = address_table(&setup.addresses);

    let mut loader = EbpfLoader::new();
    let processors_word = number(processors);
    loader
        // Nothing of the running kernel's types is used.
        .btf(None)
        // Writing it takes longer than everything else here.
        .verifier_log_level(VerifierLogLevel::DISABLE)
        .override_global("address_seed", &seed, true)
        .override_global("addresses", table.as_slice(), true)
        .override_global("processors", &processors_word, true)
        .map_max_entries("ports", number(lines))
        .map_max_entries("entries", number(entries))
        .map_max_entries("counts", number(entries * processors))
        .map_max_entries("reasons", number(processors));
    let mut ebpf = loader.load(object())?;
    for (_, program) in ebpf.programs_mut() {
        match program {
            Program::Xdp(program) => program.load()?,
            Program::SchedClassifier(program) => program.load()?,
            _ => {}
        }
    }
    let addresses = (0..).zip(&setup.addresses).map(|(index, ip)| (*ip, index));
    let maps = Maps {
        addresses: addresses.collect(),
        served: (0..count).map(|_| AtomicU8::new(0)).collect(),
        ports: share(&mut ebpf, "ports", lines)?,
        entries: share(&mut ebpf, "entries", entries)?,
        counts: share(&mut ebpf, "counts", entries * processors)?,
        reasons: share(&mut ebpf, "reasons", processors)?,
        ring_devices: share(&mut ebpf, "ring_devices", 1)?,
        processors,
        here: OnceLock::new(),
        hops: Mutex::new(Hops {
            map: DevMap::try_from(take(&mut ebpf, "hops")?).map_err(|e| refused(&e))?,
            devices: Vec::new(),
        }),
        xsks: Mutex::new(XskMap::try_from(take(&mut ebpf, "xsks")?).map_err(|e| refused(&e))?),
    };
    Ok((ebpf, maps))
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map, Unavailable> {
    let map = ebpf.take_map(name);
    map.ok_or_else(|| Unavailable::Rejected(format!("the object has no map {name}")))
}

fn share<T: crate::sys::bpf::Shareable>(
    ebpf: &mut Ebpf,
    name: &str,
    len: usize,
) -> Result<Shared<T>, Unavailable> {
    match take(ebpf, name)? {
        Map::Array(data) => Ok(Shared::map(data.fd().as_fd(), len)?),
        _ => Err(Unavailable::Rejected(format!("{name} is not an array"))),
    }
}

/// The program of this name, if it is an XDP program.
pub(super) fn xdp<'a>(ebpf: &'a Ebpf, name: &str) -> Option<&'a Xdp> {
    match ebpf.program(name)? {
        Program::Xdp(program) => Some(program),
        _ => None,
    }
}

/// The program of this name, if it is one for tc.
pub(super) fn classifier<'a>(ebpf: &'a Ebpf, name: &str) -> Option<&'a SchedClassifier> {
    match ebpf.program(name)? {
        Program::SchedClassifier(program) => Some(program),
        _ => None,
    }
}

/// `struct address` of the program.
const ADDRESS_BYTES: usize = 24;

/// An address as the two words that the program compares.
fn words(ip: IpAddr) -> (u64, u64) {
    match ip {
        IpAddr::V4(ip) => (u64::MAX, u64::from(u32::from_ne_bytes(ip.octets()))),
        IpAddr::V6(ip) => {
            let [high, low] = [0, 8].map(|at| {
                let mut half = [0; 8];
                half.copy_from_slice(&ip.octets()[at..at + 8]);
                u64::from_ne_bytes(half)
            });
            (high, low)
        }
    }
}

/// The table of local addresses and the seed with which each has a place of its own.
fn address_table(addresses: &[IpAddr]) -> (u64, Vec<u8>) {
    let place = |ip: IpAddr, seed: u64| {
        let (high, low) = words(ip);
        let mixed = low.wrapping_add(high.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (mixed.wrapping_mul(seed) >> 56) as usize
    };
    let fits = |seed: &u64| {
        let mut taken = [false; ADDRESS_SLOTS];
        addresses
            .iter()
            .all(|ip| !std::mem::replace(&mut taken[place(*ip, *seed)], true))
    };
    // Odd numbers in no particular order; one in three thousand fits the most addresses that there may be.
    let mut seeds =
        (0..1_u64 << 22).map(|n| (n.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x2545_f491_4f6c_dd1d) | 1);
    let seed = seeds.find(fits).unwrap_or(1);

    // A free place is one of an address that has no part in `ports`.
    let free = u32::MAX >> 12;
    let mut table = Vec::with_capacity(ADDRESS_SLOTS * ADDRESS_BYTES);
    (0..ADDRESS_SLOTS).for_each(|_| table.extend(record((0, 0), free)));
    for (index, ip) in (0..).zip(addresses) {
        let at = place(*ip, seed) * ADDRESS_BYTES;
        table[at..at + ADDRESS_BYTES].copy_from_slice(&record(words(*ip), index));
    }
    (seed, table)
}

fn record((high, low): (u64, u64), index: u32) -> [u8; ADDRESS_BYTES] {
    let mut bytes = [0; ADDRESS_BYTES];
    bytes[..8].copy_from_slice(&high.to_ne_bytes());
    bytes[8..16].copy_from_slice(&low.to_ne_bytes());
    bytes[16..20].copy_from_slice(&index.to_ne_bytes());
    bytes
}
