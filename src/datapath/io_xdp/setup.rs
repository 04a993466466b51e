//! Opens the rings of all devices and deals them out to the workers.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::{Directory, Fabric, Mailbox, Ring};
use crate::datapath::offload::Rings;
use crate::limits;
use crate::sys::epoll::Waker;
use crate::sys::xsk::{Xsk, mtu_of};

/// Ethernet with two tags.
const LINK_BYTES: usize = 14 + 8;

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

/// Opens rings on every queue of these devices. A device that has none is said and left to the sockets; an error means
/// that none has any.
pub fn open(
    devices: &[RingDevice],
    ports: impl IntoIterator<Item = (IpAddr, RangeInclusive<u16>)>,
    program: Rings,
    wakers: &[Waker],
) -> io::Result<RingSet> {
    let mut of_worker: Vec<Vec<Ring>> = wakers.iter().map(|_| Vec::new()).collect();
    let mut memory = limits::RING_BYTES;
    let mut longest = 0;
    let mut error = io::Error::from(io::ErrorKind::NotFound);
    for device in devices {
        match open_device(device, &program, &mut memory) {
            Ok(rings) => {
                let first = rings.first().map(|ring| &ring.xsk);
                longest = longest.max(first.map_or(0, |xsk| xsk.sizes().packet()));
                tracing::info!(
                    "AF_XDP on {}: {} queues, {}",
                    device.name,
                    rings.len(),
                    if first.is_some_and(Xsk::is_zero_copy) {
                        "zero-copy"
                    } else {
                        "copy mode"
                    }
                );
                for (queue, ring) in rings.into_iter().enumerate() {
                    if let Some(rings) = of_worker.get_mut(queue % wakers.len().max(1)) {
                        rings.push(ring);
                    }
                }
            }
            Err(e) => {
                tracing::warn!("no AF_XDP on {}: {e}", device.name);
                error = e;
            }
        }
    }
    if of_worker.iter().all(Vec::is_empty) {
        return Err(error);
    }
    // A worker alone gets no packets of others.
    let parcels = if wakers.len() > 1 { limits::RING_PARCELS } else { 0 };
    let mailboxes = wakers
        .iter()
        .map(|waker| Mailbox::new(parcels, longest, waker.clone()));
    Ok(RingSet {
        fabric: Arc::new(Fabric {
            directory: Directory::new(ports),
            mailboxes: mailboxes.collect(),
            program,
        }),
        of_worker,
    })
}

fn open_device(device: &RingDevice, program: &Rings, memory: &mut usize) -> io::Result<Vec<Ring>> {
    let longest = mtu_of(&device.name)? + LINK_BYTES;
    let frame = [2048, 4096]
        .into_iter()
        .find(|&frame| limits::RING_SIZES.with_frame(frame).packet() >= longest);
    let Some(frame) = frame else {
        return Err(io::Error::other(format!(
            "packets of {longest} bytes are longer than a frame"
        )));
    };
    let mut rings = Vec::new();
    for queue in 0..limits::RING_QUEUES as u32 {
        let mut sizes = limits::RING_SIZES.with_frame(frame);
        while sizes.bytes() > *memory && sizes.halved() != sizes {
            sizes = sizes.halved();
        }
        let xsk = match Xsk::open(device.index, queue, sizes) {
            Ok(xsk) => xsk,
            // It has no such queue.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) && queue > 0 => break,
            Err(e) => return Err(e),
        };
        *memory = memory.saturating_sub(xsk.sizes().bytes());
        program.register(device.index, queue, &xsk.as_fd())?;
        rings.push(Ring {
            xsk,
            device: device.index,
        });
    }
    Ok(rings)
}
