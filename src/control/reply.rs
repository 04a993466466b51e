//! Where the reply to a request goes.
//!
//! Invariant: a reply repeats the request's cookie and format, and is one datagram or one write. Duplicates of a
//! datagram that came while it was in work get the same bytes.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};

use ng_protocol::cookie::{Arrival, CookieCache};
use ng_protocol::envelope::{self, Format};
use ng_protocol::limits::UDP_REPLY_BYTES_MAX;
use ng_protocol::{Dict, reply};
use plan::Time;
use socket2::Socket;
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::limits::REPLIES_PER_SEND;
use crate::sys::pktinfo::{self, Datagram, LocalEnd};

/// The way back to whoever sent a request.
#[derive(Debug)]
pub struct Replier {
    cookie: Box<[u8]>,
    format: Format,
    route: Route,
}

#[derive(Debug)]
enum Route {
    Udp(Box<UdpPeer>, Arc<Cookies>),
    /// A connection that carries many requests, with room kept for this one's reply.
    Stream(mpsc::OwnedPermit<Vec<u8>>),
    /// One request, one reply, no cookie.
    Once(oneshot::Sender<Vec<u8>>),
}

/// Who asked over UDP, and at which of our addresses.
#[derive(Clone, Debug)]
pub struct UdpPeer {
    /// The socket it came in by.
    pub socket: Arc<Socket>,
    /// The client.
    pub addr: SocketAddr,
    /// The address that was asked.
    pub local: LocalEnd,
}

/// The cookie cache of all UDP listeners.
#[derive(Debug)]
pub struct Cookies(Mutex<CookieCache<UdpPeer>>);

impl Cookies {
    /// An empty cache.
    pub fn new() -> Self {
        Self(Mutex::new(CookieCache::new(clock::now().as_micros())))
    }

    /// A datagram has arrived: true if it is to be executed. A known one has been answered, or will be.
    pub fn begin(&self, peer: &UdpPeer, cookie: &[u8]) -> bool {
        let now_us = clock::now().as_micros();
        let arrival = self.lock().begin(peer.addr, cookie, peer.clone(), now_us);
        if let Arrival::Done(reply) = &arrival {
            send(&[(peer.clone(), Arc::clone(reply))]);
        }
        arrival == Arrival::New
    }

    /// When there is something to forget.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.lock().poll_timeout().map(Time)
    }

    /// Forgets what is old enough.
    pub fn handle_timeout(&self, now: Time) {
        self.lock().handle_timeout(now.as_micros());
    }

    fn finish(&self, peer: &UdpPeer, cookie: &[u8], reply: Arc<[u8]>) -> Vec<UdpPeer> {
        self.lock().finish(peer.addr, cookie, reply)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, CookieCache<UdpPeer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Cookies {
    fn default() -> Self {
        Self::new()
    }
}

/// Replies over UDP that leave together: fewer system calls here, and fewer wake-ups over there.
///
/// Whoever has one flushes it before it waits for anything.
#[derive(Debug, Default)]
pub struct Replies(Vec<(UdpPeer, Arc<[u8]>)>);

impl Replies {
    fn push(&mut self, peer: UdpPeer, bytes: Arc<[u8]>) {
        self.0.push((peer, bytes));
        if self.0.len() >= REPLIES_PER_SEND {
            self.flush();
        }
    }

    /// Sends what is there.
    pub fn flush(&mut self) {
        for run in self
            .0
            .chunk_by(|(a, _), (b, _)| Arc::ptr_eq(&a.socket, &b.socket))
        {
            send(run);
        }
        self.0.clear();
    }
}

/// Sends replies that leave by the same socket.
fn send(mut replies: &[(UdpPeer, Arc<[u8]>)]) {
    while let Some((first, _)) = replies.first() {
        let datagrams = replies.iter().map(|(peer, bytes)| Datagram {
            bytes,
            to: peer.addr,
            local: peer.local,
        });
        let taken = pktinfo::send(first.socket.as_raw_fd(), datagrams).unwrap_or_else(|error| {
            // The client will ask again, and the cookie cache has the answer.
            tracing::warn!(%error, client = %first.addr, "a reply could not be sent");
            1
        });
        replies = replies.get(taken.max(1)..).unwrap_or_default();
    }
}

impl Replier {
    /// For a datagram that [`Cookies::begin`] found new.
    pub fn udp(peer: UdpPeer, cookies: Arc<Cookies>, cookie: &[u8], payload: &[u8]) -> Self {
        let route = Route::Udp(Box::new(peer), cookies);
        Self {
            cookie: cookie.into(),
            format: Format::of(payload),
            route,
        }
    }

    /// For a request on a connection; `room` is where its reply will be queued.
    pub fn stream(room: mpsc::OwnedPermit<Vec<u8>>, cookie: &[u8], payload: &[u8]) -> Self {
        Self {
            cookie: cookie.into(),
            format: Format::of(payload),
            route: Route::Stream(room),
        }
    }

    /// For a single request; without a cookie if that is empty.
    pub fn once(reply: oneshot::Sender<Vec<u8>>, cookie: &[u8], payload: &[u8]) -> Self {
        Self {
            cookie: cookie.into(),
            format: Format::of(payload),
            route: Route::Once(reply),
        }
    }

    /// Sends the reply.
    pub fn send(self, dict: &Dict<'_>) {
        self.queue(dict, &mut Replies::default()).flush();
    }

    /// Queues the reply; those that are no datagrams leave at once.
    pub fn queue<'a>(self, dict: &Dict<'_>, replies: &'a mut Replies) -> &'a mut Replies {
        let mut bytes = encode(self.format, &self.cookie, dict);
        match self.route {
            Route::Udp(peer, cookies) => {
                if bytes.len() > UDP_REPLY_BYTES_MAX {
                    bytes = encode(
                        self.format,
                        &self.cookie,
                        &reply::warning("Reply is too long for a datagram"),
                    );
                }
                let bytes: Arc<[u8]> = bytes.into();
                for waiter in cookies.finish(&peer, &self.cookie, Arc::clone(&bytes)) {
                    replies.push(waiter, Arc::clone(&bytes));
                }
                replies.push(*peer, bytes);
            }
            Route::Stream(room) => drop(room.send(bytes)),
            // A client that went away needs no reply.
            Route::Once(reply) => drop(reply.send(bytes)),
        }
        replies
    }
}

fn encode(format: Format, cookie: &[u8], dict: &Dict<'_>) -> Vec<u8> {
    if cookie.is_empty() {
        envelope::encode(format, dict)
    } else {
        envelope::encode_message(cookie, format, dict)
    }
}
