//! Neighbours: asking for one, having it looked up, reading what the kernel says about it.

use std::net::IpAddr;

use plan::Refusal;

use super::prefix::{family, ip, octets};
use super::wire::{Message, Request, attribute, u8_at, u16_at, u32_at};

/// `ndmsg`.
const NEIGHBOUR_BYTES: usize = 12;

/// Who is meant: an address on a device.
pub(super) type NeighbourKey = (u32, IpAddr);

/// What the kernel knows about a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neighbour {
    /// `NUD_*`.
    pub(super) state: u16,
    /// Its Ethernet address.
    pub(super) address: Option<[u8; 6]>,
}

/// One that nobody has asked for.
pub(super) const UNKNOWN: Neighbour = Neighbour {
    state: libc::NUD_NONE,
    address: None,
};

impl Neighbour {
    /// The Ethernet address, if packets may be sent there.
    pub(super) fn usable(&self) -> Result<[u8; 6], Refusal> {
        let valid = libc::NUD_PERMANENT
            | libc::NUD_NOARP
            | libc::NUD_REACHABLE
            | libc::NUD_STALE
            | libc::NUD_DELAY
            | libc::NUD_PROBE;
        if self.state & valid != 0 {
            return self.address.ok_or(Refusal::Device);
        }
        if self.state & libc::NUD_FAILED != 0 {
            return Err(Refusal::NoNeighbour);
        }
        Err(Refusal::Resolving)
    }

    /// Whether the kernel has to be told that it is in use. Not if it is set up by hand: that would undo it.
    pub(super) fn wants_use(&self) -> bool {
        self.state & (libc::NUD_PERMANENT | libc::NUD_NOARP) == 0
    }

    /// Whether the kernel would find out by itself that the neighbour has gone, if packets went there through it.
    pub(super) fn is_doubtful(&self) -> bool {
        self.state & libc::NUD_STALE != 0 || self.state == libc::NUD_NONE
    }
}

/// The request for what the kernel knows.
pub(super) fn request(key: NeighbourKey) -> Request {
    Request::new(libc::RTM_GETNEIGH, libc::NLM_F_ACK as u16, &header(key, 0))
        .with(libc::NDA_DST, &octets(key.1))
}

/// What a packet to it would do: looks it up if unknown, makes sure of it if that was long ago.
pub(super) fn use_request(key: NeighbourKey) -> Request {
    let flags = (libc::NLM_F_ACK | libc::NLM_F_CREATE) as u16;
    Request::new(libc::RTM_NEWNEIGH, flags, &header(key, libc::NTF_USE)).with(libc::NDA_DST, &octets(key.1))
}

fn header((device, address): NeighbourKey, flags: u8) -> [u8; NEIGHBOUR_BYTES] {
    let mut body = [0; NEIGHBOUR_BYTES];
    body[0] = family(address);
    body[4..8].copy_from_slice(&device.to_ne_bytes());
    body[10] = flags;
    body
}

/// Reads an answer or a notification.
pub(super) fn parse(message: &Message<'_>) -> Option<(NeighbourKey, Neighbour)> {
    let body = message.body;
    // Entries of bridges look the same.
    let wanted = [libc::AF_INET, libc::AF_INET6].contains(&i32::from(u8_at(body, 0)?));
    if !wanted {
        return None;
    }
    let device = u32_at(body, 4)?;
    let address = attribute(body, NEIGHBOUR_BYTES, libc::NDA_DST).and_then(ip)?;
    let neighbour = if message.kind == libc::RTM_DELNEIGH {
        UNKNOWN
    } else {
        Neighbour {
            state: u16_at(body, 8)?,
            address: attribute(body, NEIGHBOUR_BYTES, libc::NDA_LLADDR).and_then(|a| a.try_into().ok()),
        }
    };
    Some(((device, address), neighbour))
}
