//! Packets that arrived at another worker's queue, on their way to the worker that has their socket.
//!
//! Each worker has a box of parcels: a bounded ring of full ones, which others fill and it empties, and one of empty
//! ones. Memory is made once and goes round. No empty parcel means that the packet is dropped and counted by whoever
//! had it; nobody waits.

use std::net::{Ipv4Addr, SocketAddr};

use crossbeam::queue::ArrayQueue;
use plan::SocketId;

use crate::sys::epoll::Waker;

/// A datagram for another worker.
struct Parcel {
    socket: SocketId,
    source: SocketAddr,
    len: usize,
    bytes: Box<[u8]>,
}

/// One worker's box.
pub struct Mailbox {
    full: ArrayQueue<Parcel>,
    empty: ArrayQueue<Parcel>,
    waker: Waker,
}

impl Mailbox {
    /// A box of so many parcels of so many bytes; its owner is woken by `waker`.
    pub fn new(parcels: usize, bytes: usize, waker: Waker) -> Self {
        let empty = ArrayQueue::new(parcels.max(1));
        for _ in 0..parcels.max(1) {
            let parcel = Parcel {
                socket: SocketId(0),
                source: (Ipv4Addr::UNSPECIFIED, 0).into(),
                len: 0,
                bytes: vec![0; bytes].into(),
            };
            // As many as it has places.
            let _ = empty.push(parcel);
        }
        Self {
            full: ArrayQueue::new(parcels.max(1)),
            empty,
            waker,
        }
    }

    /// Puts a datagram in; false if there is no room. Whoever has put some in calls [`wake`](Self::wake).
    pub(super) fn put(&self, socket: SocketId, source: SocketAddr, payload: &[u8]) -> bool {
        let Some(mut parcel) = self.empty.pop() else {
            return false;
        };
        let room = parcel.bytes.get_mut(..payload.len());
        let fits = room.is_some();
        if let Some(room) = room {
            room.copy_from_slice(payload);
            (parcel.socket, parcel.source, parcel.len) = (socket, source, payload.len());
        }
        let to = if fits { &self.full } else { &self.empty };
        // There are no more parcels than places.
        let _ = to.push(parcel);
        fits
    }

    /// Wakes its owner.
    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// Something is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.full.is_empty()
    }

    /// Hands at most `most` datagrams to `take`; how many.
    pub(super) fn empty(&self, most: usize, mut take: impl FnMut(SocketId, SocketAddr, &[u8])) -> usize {
        for count in 0..most {
            let Some(parcel) = self.full.pop() else {
                return count;
            };
            let bytes = parcel.bytes.get(..parcel.len).unwrap_or_default();
            take(parcel.socket, parcel.source, bytes);
            let _ = self.empty.push(parcel);
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parcels_go_round_and_a_full_box_refuses() {
        let mailbox = Mailbox::new(2, 4, Waker::new().expect("eventfd"));
        let source: SocketAddr = "192.0.2.1:5".parse().expect("address");
        for round in 0..5_u8 {
            assert!(!mailbox.put(SocketId(0), source, b"longer"), "than a parcel");
            assert!(mailbox.put(SocketId(1), source, &[round]));
            assert!(mailbox.put(SocketId(2), source, &[round, 1, 2, 3]));
            assert!(!mailbox.put(SocketId(3), source, b""), "no parcel is left");
            let mut seen = Vec::new();
            let count = mailbox.empty(9, |socket, from, bytes| {
                assert_eq!(from, source);
                seen.push((socket.0, bytes.to_vec()));
            });
            assert_eq!(count, 2);
            assert_eq!(seen, [(1, vec![round]), (2, vec![round, 1, 2, 3])]);
            assert!(mailbox.is_empty());
        }
    }

    #[test]
    fn many_writers_lose_nothing_that_was_taken() {
        let mailbox = Mailbox::new(8, 8, Waker::new().expect("eventfd"));
        let source: SocketAddr = "192.0.2.1:5".parse().expect("address");
        let (writers, each) = (4_u32, 5000_u32);
        let taken = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..writers)
                .map(|writer| {
                    let mailbox = &mailbox;
                    scope.spawn(move || {
                        let put = |n: &u32| mailbox.put(SocketId(writer), source, &n.to_be_bytes());
                        (0..each).filter(put).count()
                    })
                })
                .collect();
            let mut last = vec![None; writers as usize];
            let mut got = 0;
            let mut take = |mailbox: &Mailbox| {
                mailbox.empty(8, |socket, _, bytes| {
                    let n = u32::from_be_bytes(bytes.try_into().expect("four bytes"));
                    let last = &mut last[socket.0 as usize];
                    assert!(last.is_none_or(|l| l < n), "in order");
                    *last = Some(n);
                    got += 1;
                });
            };
            while threads.iter().any(|t| !t.is_finished()) || !mailbox.is_empty() {
                take(&mailbox);
            }
            let put: usize = threads.into_iter().map(|t| t.join().expect("writer")).sum();
            (put, got)
        });
        assert_eq!(taken.0, taken.1);
        assert!(taken.1 > 0);
    }
}
