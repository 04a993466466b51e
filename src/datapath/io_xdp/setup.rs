//! Opens the rings of all devices and deals them out to the workers.
//!
//! Every queue gets the same share of the memory there is for rings, since a card spreads its packets evenly; what is less
//! than the least there is a use for is no share, and then the last queues have no rings. Packets of a queue without a
//! ring go up the stack.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::{Directory, Fabric, Mailbox, Ring};
use crate::datapath::offload::Rings;
use crate::limits;
use crate::sys::epoll::Waker;
use crate::sys::process::locked_memory_limit;
use crate::sys::xsk::{Sizes, Xsk, mtu_of, queues_of};

/// Ethernet with two tags.
const LINK_BYTES: usize = 14 + 8;

/// The limit of the whole process, not of a ring.
const LOCKED: &str = "the limit of locked memory (ulimit -l) is too low";

/// A device whose packets a program of ours sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingDevice {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
}

/// The rings, dealt out.
pub struct RingSet {
    /// What all workers share.
    pub fabric: Arc<Fabric>,
    /// Those of each worker. Those of the queue `q` belong to worker `q` modulo their number.
    pub of_worker: Vec<Vec<Ring>>,
}

/// What became of one device.
#[derive(Debug, Default)]
pub struct RingSite {
    /// Its name.
    pub name: String,
    /// How many of its queues have rings.
    pub rings: usize,
    /// How many queues it has, as far as that is known.
    pub queues: usize,
    /// Its driver shares our memory.
    pub zero_copy: bool,
    /// Bytes of frames.
    pub bytes: usize,
    /// Why not all of its queues have rings.
    pub why: Option<String>,
}

impl fmt::Display for RingSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, rings, .. } = self;
        if *rings == 0 {
            write!(f, "no AF_XDP on {name}")?;
        } else {
            let mode = if self.zero_copy { "zero-copy" } else { "copy mode" };
            write!(
                f,
                "AF_XDP on {name}: {rings} queues, {mode}, {} KiB",
                self.bytes >> 10
            )?;
        }
        match &self.why {
            Some(why) if *rings > 0 => {
                write!(f, "; none on its other queues ({}): {why}", self.queues - rings)
            }
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

/// Opens rings on the queues of these devices; `None` if none has any. What became of each device is said beside.
pub fn open(
    devices: &[RingDevice],
    ports: impl IntoIterator<Item = (IpAddr, RangeInclusive<u16>)>,
    program: Rings,
    wakers: &[Waker],
) -> (Option<RingSet>, Vec<RingSite>) {
    let queues: Vec<Option<usize>> = devices
        .iter()
        .map(|device| queues_of(&device.name).ok())
        .collect();
    let at_least = queues
        .iter()
        .map(|known| known.unwrap_or(1).clamp(1, limits::RING_QUEUES));
    let mut budget = Budget::new(at_least.sum());
    let mut of_worker: Vec<Vec<Ring>> = wakers.iter().map(|_| Vec::new()).collect();
    let mut longest = 0;
    let mut sites = Vec::new();
    for (device, queues) in devices.iter().zip(queues) {
        let (rings, site) = open_device(device, queues, &program, &mut budget);
        sites.push(site);
        for (queue, ring) in rings {
            longest = longest.max(ring.xsk.sizes().packet());
            if let Some(rings) = of_worker.get_mut(queue as usize % wakers.len().max(1)) {
                rings.push(ring);
            }
        }
    }
    if of_worker.iter().all(Vec::is_empty) {
        return (None, sites);
    }
    let parcels = parcels(wakers.len(), longest);
    let mailboxes = wakers
        .iter()
        .map(|waker| Mailbox::new(parcels, longest, waker.clone()));
    let set = RingSet {
        fabric: Arc::new(Fabric {
            directory: Directory::new(ports),
            mailboxes: mailboxes.collect(),
            program,
        }),
        of_worker,
    };
    (Some(set), sites)
}

/// How many parcels of so many bytes each worker's box has.
fn parcels(workers: usize, bytes: usize) -> usize {
    if workers < 2 {
        // A worker alone gets no packets of others.
        return 0;
    }
    limits::RING_PARCELS.min(limits::RING_PARCEL_BYTES / (workers * bytes.max(1)))
}

/// Memory for rings.
struct Budget {
    share: usize,
    left: usize,
    /// It is the system that allows no more.
    locked: bool,
}

impl Budget {
    fn new(queues: usize) -> Self {
        let locked = locked_memory_limit().filter(|limit| *limit < limits::RING_BYTES);
        let left = locked.unwrap_or(limits::RING_BYTES);
        Self {
            share: left / queues.max(1),
            left,
            locked: locked.is_some(),
        }
    }

    /// What the next queue may have; `None` if that is too little.
    fn sizes(&self, frame: u32) -> Option<Sizes> {
        let halves = std::iter::successors(Some(limits::RING_SIZES.with_frame(frame)), |sizes| {
            Some(sizes.halved()).filter(|half| half != sizes)
        });
        let fits = |sizes: &Sizes| sizes.bytes() <= self.left;
        // A share below the least is rounded up, and then does not last for all.
        halves
            .clone()
            .find(|sizes| sizes.bytes() <= self.share)
            .or(halves.last())
            .filter(fits)
    }
}

fn open_device(
    device: &RingDevice,
    known: Option<usize>,
    program: &Rings,
    budget: &mut Budget,
) -> (Vec<(u32, Ring)>, RingSite) {
    let mut rings = Vec::new();
    let mut site = RingSite {
        name: device.name.clone(),
        queues: known.unwrap_or(1),
        ..RingSite::default()
    };
    let frame = match frame_of(device) {
        Ok(frame) => frame,
        Err(why) => {
            site.why = Some(why);
            return (rings, site);
        }
    };
    let queues = known.unwrap_or(usize::MAX).min(limits::RING_QUEUES);
    for queue in 0..queues as u32 {
        match open_queue(device, queue, frame, program, budget) {
            Ok(ring) => {
                site.bytes += ring.xsk.sizes().bytes();
                site.zero_copy |= ring.xsk.is_zero_copy();
                rings.push((queue, ring));
            }
            // It was not known how many there are.
            Err(_) if known.is_none() && queue > 0 => break,
            Err(error) => {
                site.why = Some(reason(&error, budget.locked));
                // Somebody else may have one queue of many.
                if error.raw_os_error() != Some(libc::EBUSY) {
                    break;
                }
            }
        }
    }
    site.rings = rings.len();
    site.queues = site.queues.max(site.rings);
    (rings, site)
}

fn open_queue(
    device: &RingDevice,
    queue: u32,
    frame: u32,
    program: &Rings,
    budget: &mut Budget,
) -> io::Result<Ring> {
    let sizes = budget.sizes(frame).ok_or(io::ErrorKind::OutOfMemory)?;
    let xsk = Xsk::open(device.index, queue, sizes)?;
    program.register(device.index, queue, &xsk.as_fd())?;
    budget.left = budget.left.saturating_sub(xsk.sizes().bytes());
    Ok(Ring {
        xsk,
        device: device.index,
    })
}

/// Bytes of a frame that takes the longest packet of a device.
fn frame_of(device: &RingDevice) -> Result<u32, String> {
    let longest = mtu_of(&device.name).map_err(|e| e.to_string())? + LINK_BYTES;
    let fits = |frame: &u32| limits::RING_SIZES.with_frame(*frame).packet() >= longest;
    let frame = [2048, 4096].into_iter().find(fits);
    frame.ok_or_else(|| format!("packets of {longest} bytes are longer than a frame"))
}

/// What the errors of opening mean (`xsk_create`, `xsk_bind`, `xdp_umem_reg`).
fn reason(error: &io::Error, locked: bool) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => "CAP_NET_RAW missing, or not permitted here".into(),
        Some(libc::EAFNOSUPPORT) => "this kernel has no AF_XDP".into(),
        Some(libc::ENOBUFS) => LOCKED.into(),
        Some(libc::EBUSY) => "somebody else has its AF_XDP sockets there".into(),
        None if error.kind() == io::ErrorKind::OutOfMemory && locked => LOCKED.into(),
        None if error.kind() == io::ErrorKind::OutOfMemory => "it would be too much memory".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of each queue's frames and how many queues have any.
    fn dealt(queues: usize, left: usize, frame: u32) -> (Option<usize>, usize) {
        let share = left / queues;
        let mut budget = Budget {
            share,
            left,
            locked: false,
        };
        let mut count = 0;
        let first = budget.sizes(frame).map(Sizes::bytes);
        while let Some(sizes) = budget.sizes(frame).filter(|_| count < queues) {
            assert_eq!(Some(sizes.bytes()), first, "all have the same");
            budget.left -= sizes.bytes();
            count += 1;
        }
        (first, count)
    }

    #[test]
    fn queues_share_the_memory_evenly() {
        const MIB: usize = 1 << 20;
        assert_eq!(dealt(1, 256 * MIB, 2048), (Some(10 * MIB), 1));
        assert_eq!(dealt(25, 256 * MIB, 2048), (Some(10 * MIB), 25));
        assert_eq!(dealt(26, 256 * MIB, 2048), (Some(5 * MIB), 26));
        assert_eq!(dealt(64, 256 * MIB, 4096), (Some(5 * MIB / 2), 64));
        assert_eq!(dealt(1024, 256 * MIB, 2048).1, 204, "not all have any");
        assert_eq!(dealt(2, 8 * MIB, 2048), (Some(5 * MIB / 2), 2));
        assert_eq!(dealt(1, MIB, 2048), (None, 0));
    }

    #[test]
    fn boxes_of_many_workers_are_smaller() {
        assert_eq!(parcels(1, 1792), 0);
        assert_eq!(parcels(2, 1792), limits::RING_PARCELS);
        assert_eq!(parcels(64, 1792), 585);
        assert!(parcels(1024, 3840) > 0);
    }

    #[test]
    fn a_device_says_what_it_has() {
        let site = |rings, why: Option<&str>| RingSite {
            name: "eth0".into(),
            rings,
            queues: 64,
            zero_copy: false,
            bytes: rings * (10 << 20),
            why: why.map(Into::into),
        };
        let texts = [
            (site(64, None), "AF_XDP on eth0: 64 queues, copy mode, 655360 KiB"),
            (
                site(12, Some("enough")),
                "AF_XDP on eth0: 12 queues, copy mode, 122880 KiB; none on its other queues (52): enough",
            ),
            (site(0, Some("not here")), "no AF_XDP on eth0: not here"),
        ];
        for (site, text) in texts {
            assert_eq!(site.to_string(), text);
        }
    }
}
