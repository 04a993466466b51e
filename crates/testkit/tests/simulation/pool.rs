//! Local ports that are numbers only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use call::{LocalSockets, PortError, PortRequest, Ports};
use plan::{LocalSocket, SocketId};

/// A pool over one address: even and odd port together, freed pairs to the back of the line.
pub(crate) struct Pool {
    ip: IpAddr,
    free: VecDeque<u16>,
    /// Ports of a pair that are out, by its even port.
    out: BTreeMap<u16, BTreeSet<SocketId>>,
    ids: BTreeMap<SocketId, u16>,
    free_ids: Vec<u32>,
    next_id: u32,
    pairs: usize,
}

impl Pool {
    pub(crate) fn new(ip: IpAddr, min: u16, max: u16) -> Self {
        let free: VecDeque<u16> = (min..=max).step_by(2).collect();
        Self {
            ip,
            pairs: free.len(),
            free,
            out: BTreeMap::new(),
            ids: BTreeMap::new(),
            free_ids: Vec::new(),
            next_id: 0,
        }
    }

    /// The socket went: by the worker, or given back unused.
    pub(crate) fn closed(&mut self, id: SocketId) {
        let even = self
            .ids
            .remove(&id)
            .expect("a socket is closed once and was handed out before");
        self.free_ids.push(id.0);
        let pair = self.out.get_mut(&even).expect("its pair is out");
        pair.remove(&id);
        if pair.is_empty() {
            self.out.remove(&even);
            self.free.push_back(even);
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.free.len() == self.pairs && self.ids.is_empty()
    }

    fn id(&mut self) -> SocketId {
        SocketId(self.free_ids.pop().unwrap_or_else(|| {
            self.next_id += 1;
            self.next_id - 1
        }))
    }
}

impl Ports for Pool {
    fn allocate(&mut self, request: &PortRequest) -> Result<LocalSockets, PortError> {
        let even = self.free.pop_front().ok_or(PortError::Exhausted)?;
        assert!(!self.out.contains_key(&even), "port {even} is handed out twice");
        let mut sockets = LocalSockets::new();
        for offset in 0..u16::from(request.count) {
            let id = self.id();
            self.ids.insert(id, even);
            self.out.entry(even).or_default().insert(id);
            sockets.push(LocalSocket {
                id,
                addr: SocketAddr::new(self.ip, even + offset),
            });
        }
        Ok(sockets)
    }

    fn release(&mut self, sockets: &[SocketId]) {
        for id in sockets {
            self.closed(*id);
        }
    }
}
