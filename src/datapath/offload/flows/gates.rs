//! Which sockets belong to flows whose gates are closed. Looked up for each packet while there are any.

use plan::SocketId;

/// No flow.
const NONE: u32 = u32::MAX;

/// Flows with closed gates, by the socket that their packets arrive at.
#[derive(Debug, Default)]
pub(super) struct Gates {
    /// Socket ids are small.
    by_socket: Vec<u32>,
    closed: usize,
}

impl Gates {
    pub(super) const fn all_open(&self) -> bool {
        self.closed == 0
    }

    /// The flow whose gate at this socket is closed.
    #[inline]
    pub(super) fn closed(&self, socket: SocketId) -> Option<usize> {
        let key = *self.by_socket.get(socket.0 as usize)?;
        (key != NONE).then_some(key as usize)
    }

    pub(super) fn close(&mut self, socket: SocketId, key: usize) {
        let index = socket.0 as usize;
        if self.by_socket.len() <= index {
            self.by_socket.resize(index + 1, NONE);
        }
        let key = u32::try_from(key).unwrap_or(NONE);
        if let Some(slot) = self.by_socket.get_mut(index) {
            self.closed += usize::from(*slot == NONE && key != NONE);
            *slot = key;
        }
    }

    pub(super) fn forget(&mut self, socket: SocketId) {
        if let Some(slot) = self.by_socket.get_mut(socket.0 as usize) {
            self.closed -= usize::from(*slot != NONE);
            *slot = NONE;
        }
    }
}
