//! The way that packets of each socket leave, remembered from the last one.
//!
//! A socket sends to one destination nearly always, so one place for each is enough. What is remembered holds until the
//! next hops say that something has changed; a refusal is remembered in the same way.

use std::net::SocketAddr;

use plan::{LocalSocket, SocketId};

use super::Ring;
use super::build::Headers;
use crate::datapath::offload::NextHops;

/// The ways of one worker's sockets.
pub(super) struct Routes {
    hops: Box<dyn NextHops>,
    /// Of the next hops, when they were last asked for it.
    generation: u64,
    sockets: Vec<Option<Open>>,
}

struct Open {
    local: SocketAddr,
    last: Option<Route>,
}

struct Route {
    dest: SocketAddr,
    generation: u64,
    /// The ring, and what is written in front of a payload; `None` = by the socket.
    way: Option<(usize, Headers)>,
}

impl Routes {
    pub(super) fn new(hops: Box<dyn NextHops>) -> Self {
        Self {
            generation: hops.generation(),
            hops,
            sockets: Vec::new(),
        }
    }

    pub(super) fn open(&mut self, local: LocalSocket) {
        let index = local.id.0 as usize;
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        let open = Open {
            local: local.addr,
            last: None,
        };
        self.sockets[index] = Some(open);
    }

    /// Forgets a socket; where it was bound.
    pub(super) fn close(&mut self, id: SocketId) -> Option<SocketAddr> {
        let open = self.sockets.get_mut(id.0 as usize)?.take()?;
        Some(open.local)
    }

    /// Looks whether something has changed.
    pub(super) fn refresh(&mut self) {
        self.generation = self.hops.generation();
    }

    /// The ring by which packets of a socket to `dest` leave, and their headers.
    #[inline]
    pub(super) fn find(
        &mut self,
        socket: SocketId,
        dest: SocketAddr,
        rings: &[Ring],
    ) -> Option<(usize, &Headers)> {
        let open = self.sockets.get_mut(socket.0 as usize)?.as_mut()?;
        let current = |route: &Route| route.dest == dest && route.generation == self.generation;
        if !open.last.as_ref().is_some_and(current) {
            let hop = self.hops.next_hop(open.local, dest).ok();
            let way = hop.and_then(|hop| {
                let ring = rings.iter().position(|ring| ring.device == hop.device)?;
                Some((ring, Headers::new(&hop, open.local, dest)?))
            });
            open.last = Some(Route {
                dest,
                generation: self.generation,
                way,
            });
        }
        let (ring, headers) = open.last.as_ref()?.way.as_ref()?;
        Some((*ring, headers))
    }
}
