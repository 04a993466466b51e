//! DTLS while a call lives: handshakes begin with what is negotiated, are given packets and time, and their keys become
//! plans.
//!
//! Invariant: a packet counts only if it comes from where the party may be (with ICE: from a source that has passed a check),
//! and keys come into use only with the certificate that the party's description names.

mod host;

use std::sync::Arc;

use dtls::{Association, AssociationEvent as Event, Failure, Path, Role, Trust};
use plan::{Component, Datagram, FlowId, SocketId, Time};

pub use host::{DtlsCounters, DtlsHost};

use crate::Output;
use crate::call::Call;
use crate::model::{Dtls, Keys, Media, MediaId, Session, SocketSet};
use crate::negotiate::address;

impl Call {
    /// A DTLS packet that arrived at one of our sockets.
    pub(crate) fn handle_dtls(
        &mut self,
        now: Time,
        flow: FlowId,
        local: SocketId,
        from: std::net::SocketAddr,
        bytes: &[u8],
    ) {
        let Some(host) = self.config.dtls.clone() else {
            return;
        };
        let is_its = |m: &Media| m.rtp.flow == flow || m.rtcp.flow == flow;
        let mut ids = self
            .model
            .medias
            .iter()
            .filter(|(_, m)| is_its(m))
            .map(|(id, _)| id);
        let Some(id) = ids.next() else {
            return;
        };
        drop(ids);
        self.renew_sessions(now, id);
        let media = &mut self.model.medias[id];
        let trust = trust(media, local, from);
        let component = if media.rtp.flow == flow {
            Component::Rtp
        } else {
            Component::Rtcp
        };
        let session = media.keying.dtls.session_mut(component);
        let path = Path {
            local: local.0,
            remote: from,
        };
        let taken = session
            .association
            .as_mut()
            .zip(trust)
            .map(|(association, trust)| {
                association.handle_packet(now, path, trust, bytes, &mut host.gate(self.key))
            });
        if !matches!(taken, Some(Ok(()))) {
            session.refused += 1;
            DtlsCounters::add(&host.counters().refused);
        }
        self.drive_dtls(now);
    }

    /// Brings all handshakes in line with what was negotiated, gives them the time, sends what they have to say, and plans
    /// anew if there are keys.
    pub(crate) fn drive_dtls(&mut self, now: Time) {
        let Some(host) = self.config.dtls.clone() else {
            return;
        };
        let ids: Vec<MediaId> = self.model.medias.iter().map(|(id, _)| id).collect();
        let (mut news, mut due, mut datagrams) = (false, None, Vec::new());
        for id in ids {
            self.renew_sessions(now, id);
            let targets = [Component::Rtp, Component::Rtcp].map(|c| self.target(id, c));
            let dtls = &mut self.model.medias[id].keying.dtls;
            for (session, target) in [&mut dtls.rtp, &mut dtls.rtcp].into_iter().zip(targets) {
                let Some(association) = &mut session.association else {
                    continue;
                };
                if let Some(target) = target {
                    association.set_target(now, target);
                }
                if association.poll_timeout().is_some_and(|t| t <= now) {
                    association.handle_timeout(now, &mut host.gate(self.key));
                }
                while let Some((path, bytes)) = association.poll_transmit() {
                    datagrams.push(Datagram {
                        call: self.key,
                        socket: SocketId(path.local),
                        dest: path.remote,
                        bytes,
                    });
                }
                while let Some(event) = association.poll_event() {
                    news |= session_event(&mut session.keys, event, host.counters());
                }
                due = due.into_iter().chain(association.poll_timeout()).min();
            }
        }
        self.dtls_due = due.map(|t| t.max(now));
        if news {
            self.install(now);
        } else {
            self.schedule(now);
        }
        self.outputs.extend(datagrams.into_iter().map(Output::Send));
    }

    /// Makes, renews or drops the associations of one media as signalling has it.
    fn renew_sessions(&mut self, now: Time, id: MediaId) {
        let media = &mut self.model.medias[id];
        let here = media.transport.is_none() && !media.rejected && media.current().is_some();
        let apart = media.has_rtcp_socket() && !media.mux.active;
        let dtls = &mut media.keying.dtls;
        let wanted = dtls.is_expected() && here;
        dtls.renew_session(now, Component::Rtp, wanted);
        dtls.renew_session(now, Component::Rtcp, wanted && apart);
    }

    /// Where a client finds the party: the route of ICE, else what was learned, else what was signalled.
    fn target(&self, id: MediaId, component: Component) -> Option<Path> {
        let media = &self.model.medias[id];
        if media.keying.dtls.role != Some(Role::Client) {
            return None;
        }
        let set = media.current()?;
        let (stream, socket) = match component {
            Component::Rtcp => (&media.rtcp, set.sockets.get(1)?),
            Component::Rtp | Component::Mux => (&media.rtp, set.sockets.first()?),
        };
        if let Some(agent) = &media.ice.agent {
            let route = agent.route(match component {
                Component::Rtcp => ice::Component::Rtcp,
                Component::Rtp | Component::Mux => ice::Component::Rtp,
            })?;
            let mut sockets = media.sockets.iter().flat_map(SocketSet::all).flatten();
            let socket = sockets.find(|s| s.addr == route.local)?;
            return Some(Path {
                local: socket.id.0,
                remote: route.remote,
            });
        }
        let learned = stream.learned.map(|(peer, _)| peer);
        let remote = learned.or(media.remote.map(|r| r.at(component)))?;
        let reachable = !remote.ip().is_unspecified()
            && remote.port() != 0
            && !address::is_forbidden(&self.config, socket.addr.ip(), remote.ip());
        reachable.then_some(Path {
            local: socket.id.0,
            remote,
        })
    }
}

/// What is known of a source; `None` if nothing may come from there.
fn trust(media: &Media, local: SocketId, from: std::net::SocketAddr) -> Option<Trust> {
    let mut sockets = media.sockets.iter().flat_map(SocketSet::all).flatten();
    let local = sockets.find(|s| s.id == local)?.addr;
    match media.ice.agent.is_some() {
        true => media.ice.is_proven(local, from).then_some(Trust::Proven),
        false => Some(Trust::Unproven),
    }
}

/// Takes note of what has come of a handshake; whether there are new keys.
fn session_event(keys: &mut Option<Keys>, event: Event, counters: &DtlsCounters) -> bool {
    match event {
        Event::Connected(made) => {
            *keys = Some(Keys {
                recv: Arc::new(made.recv),
                send: Arc::new(made.send),
            });
            DtlsCounters::add(&counters.connected);
            true
        }
        Event::Failed(Failure::Fingerprint) => {
            DtlsCounters::add(&counters.wrong_fingerprint);
            false
        }
        Event::Failed(_) => {
            DtlsCounters::add(&counters.failed);
            false
        }
        Event::Closed => false,
    }
}

impl Dtls {
    fn session_mut(&mut self, component: Component) -> &mut Session {
        match component {
            Component::Rtp | Component::Mux => &mut self.rtp,
            Component::Rtcp => &mut self.rtcp,
        }
    }

    fn renew_session(&mut self, now: Time, component: Component, wanted: bool) {
        let role = self.role.unwrap_or(Role::Server);
        let (generation, expected) = (self.generation, self.expected().to_vec());
        let config = self.own.as_ref().map(|own| Arc::clone(&own.config));
        let session = self.session_mut(component);
        let Some(config) = config.filter(|_| wanted) else {
            session.association = None;
            return;
        };
        let fits = |a: &Association| a.role() == role && Arc::ptr_eq(a.config(), &config);
        match session.association.as_mut().filter(|a| fits(a)) {
            Some(association) if session.generation != generation => association.restart(now),
            Some(_) => {}
            None => session.association = Some(Box::new(Association::new(config, role))),
        }
        session.generation = generation;
        if let Some(association) = &mut session.association {
            association.expect(now, &expected);
        }
    }
}
