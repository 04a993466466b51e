//! ng over UDP: datagrams in, jobs out.
//!
//! One thread reads all sockets; with one control shard it is the shard's own, so that a request costs no wake-up of
//! another thread. Datagrams without a cookie are dropped: there is nothing to answer to.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use ng_protocol::envelope::Envelope;
use plan::Time;
use socket2::Socket;

use super::reply::{Cookies, Replier, UdpPeer};
use super::request::handle_payload;
use crate::limits;
use crate::registry::Control;
use crate::report::throttle::REFUSALS;
use crate::sys::epoll::Epoll;
use crate::sys::pktinfo::Inbox;

/// All UDP sockets for ng.
pub struct Front {
    sockets: Vec<Arc<Socket>>,
    cookies: Arc<Cookies>,
    inbox: Inbox,
}

impl Front {
    /// Over bound sockets.
    pub fn new(sockets: Vec<Arc<Socket>>) -> Self {
        Self {
            sockets,
            cookies: Arc::new(Cookies::new()),
            inbox: Inbox::new(limits::DATAGRAMS_PER_TURN, limits::DATAGRAM_BYTES),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.cookies.poll_timeout()
    }

    /// Forgets old replies.
    pub fn handle_timeout(&self, now: Time) {
        self.cookies.handle_timeout(now);
    }

    /// Watches the sockets; the token of each is its index.
    pub fn watch(&self, epoll: &Epoll) -> io::Result<()> {
        (0..)
            .zip(&self.sockets)
            .try_for_each(|(token, s)| epoll.add(s.as_raw_fd(), token))
    }

    /// Reads datagrams from one socket, at most `limits::DATAGRAMS_PER_TURN`.
    pub fn read(&mut self, token: u64, control: &Control) {
        let Some(socket) = usize::try_from(token).ok().and_then(|t| self.sockets.get(t)) else {
            return;
        };
        // An error is what an earlier reply met on its way; it is gone now, and the next datagram is reported again.
        let count = self.inbox.receive(socket.as_raw_fd()).unwrap_or(0);
        for (datagram, addr, local) in (0..count).filter_map(|index| self.inbox.datagram(index)) {
            let peer = UdpPeer {
                socket: Arc::clone(socket),
                addr,
                local,
            };
            handle_datagram(control, &self.cookies, datagram, peer);
        }
    }
}

fn handle_datagram(control: &Control, cookies: &Arc<Cookies>, datagram: &[u8], peer: UdpPeer) {
    let Some(Envelope { cookie, payload }) = Envelope::split(datagram) else {
        REFUSALS.log(|| tracing::warn!(client = %peer.addr, "datagram without a cookie ignored"));
        return;
    };
    if cookies.begin(&peer, cookie) {
        let client = peer.addr;
        let replier = Replier::udp(peer, Arc::clone(cookies), cookie, payload);
        handle_payload(control, payload, client, replier);
    }
}
