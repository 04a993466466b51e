//! ICE while a call lives: agents begin and end with what is negotiated, are given packets and time, and what they find
//! out becomes plans.
//!
//! Invariant: after each input every agent's packets stand in the outputs, behind the plans that name their sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use ice::{Agent, Component, Foundation, Liveness, Local, Mode, Remote, Role, Strangers};
use plan::{Datagram, FlowId, SocketId, Time};

use crate::call::Call;
use crate::model::{Description, Ice, Media, MediaId, PartyId};
use crate::negotiate::address::Reachable;
use crate::offer_answer::Exchange;
use crate::{AddressId, Config, Env, Output};

impl Call {
    /// Brings the agents of both sides in line with what was negotiated. The receiver's candidates are printed next.
    pub(crate) fn settle_ice(&mut self, env: &mut dyn Env, exchange: &Exchange<'_>) {
        for media in self.model.parties[exchange.to].medias.clone() {
            self.settle_receiver(env, exchange, media);
        }
        if !exchange.role.is_offer() {
            for media in self.model.parties[exchange.from].medias.clone() {
                self.settle_answerer(exchange.now, media);
            }
        }
        let parties = [exchange.from, exchange.to];
        parties
            .into_iter()
            .for_each(|party| self.apply_held(exchange.now, party));
    }

    fn settle_receiver(&mut self, env: &mut dyn Env, exchange: &Exchange<'_>, id: MediaId) {
        let config = Arc::clone(&self.config);
        let media = &mut self.model.medias[id];
        if !media.ice.active || !has_transport(media) {
            media.ice.agent = None;
            return;
        }
        let role = if exchange.role.is_offer() {
            Role::Controlling
        } else {
            Role::Controlled
        };
        start(&config, env, media, role);
        let Ice { agent, said, .. } = &mut media.ice;
        // An offerer is asked once it has our credentials.
        if let (Some(agent), Some(said), false) = (agent, said, exchange.role.is_offer()) {
            agent.set_remote(exchange.now, remote(said));
            tell(agent, said);
        }
    }

    fn settle_answerer(&mut self, now: Time, id: MediaId) {
        let media = &mut self.model.medias[id];
        if !has_transport(media) {
            // Bundled now, or ended; what its party can do it still can.
            media.ice.agent = None;
            return;
        }
        if media.ice.said.is_none() {
            return media.ice.stop();
        }
        let shared = media.mux.active;
        let Ice { agent, said, .. } = &mut media.ice;
        if let (Some(agent), Some(said)) = (agent, said) {
            if shared {
                agent.remove_component(Component::Rtcp);
            }
            agent.set_remote_of_answer(now, remote(said));
            tell(agent, said);
        }
    }

    /// A STUN packet that arrived at one of our sockets.
    pub(crate) fn handle_stun(
        &mut self,
        now: Time,
        flow: FlowId,
        local: SocketId,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        let Some(id) = self.media_of_flow(flow) else {
            return;
        };
        let media = &mut self.model.medias[id];
        let bound = media.bound(local);
        if let (Some(bound), Some(agent)) = (bound, &mut media.ice.agent) {
            agent.handle_packet(now, bound, from, bytes);
            self.drive_ice(now);
        }
    }

    /// Media of a party with ICE comes from there. Whether it has ICE: then nothing is learned, but where that is a way
    /// that was checked, media to the party may follow it.
    ///
    /// COMPAT(rtpengine): a party that has moved without nominating its new way is followed.
    pub(crate) fn follow_media(
        &mut self,
        now: Time,
        flow: FlowId,
        local: SocketId,
        from: SocketAddr,
    ) -> bool {
        let Some(id) = self.media_of_flow(flow) else {
            return false;
        };
        let id = self.model.medias[id].transport.unwrap_or(id);
        let media = &mut self.model.medias[id];
        let bound = media.bound(local);
        let follows = media.learning.follows();
        let Some(agent) = &mut media.ice.agent else {
            return false;
        };
        if let Some(bound) = bound.filter(|_| follows)
            && agent.follow_media(now, bound, from)
        {
            self.drive_ice(now);
        }
        true
    }

    /// Gives every agent the time, sends what they have to say, and plans anew if their findings ask for it.
    pub(crate) fn drive_ice(&mut self, now: Time) {
        let (mut changed, mut due) = (false, None);
        let key = self.key;
        for (_, media) in self.model.medias.iter_mut() {
            let Some(agent) = &mut media.ice.agent else {
                continue;
            };
            // Twice at most in a turn: what is due now, and what that has made due.
            for _ in 0..2 {
                if agent.poll_timeout().is_some_and(|t| t <= now) {
                    agent.handle_timeout(now);
                }
            }
            while agent.poll_event().is_some() {}
            due = due.into_iter().chain(agent.poll_timeout()).min();
            changed |= media.ice.reach().as_ref() != media.ice.planned.as_deref();
        }
        if changed {
            self.install(now);
        }
        for (_, media) in self.model.medias.iter_mut() {
            let Some(agent) = &mut media.ice.agent else {
                continue;
            };
            while let Some(transmit) = agent.poll_transmit() {
                let mut sockets = media.sockets.iter().flat_map(|set| set.all()).flatten();
                let Some(socket) = sockets.find(|s| s.addr == transmit.local).map(|s| s.id) else {
                    continue;
                };
                self.outputs.push_back(Output::Send(Datagram {
                    call: key,
                    socket,
                    dest: transmit.to,
                    bytes: transmit.bytes.as_slice().into(),
                }));
            }
        }
        self.ice_due = due.map(|t| t.max(now));
        if changed {
            // A handshake begins where there is a way.
            self.drive_dtls(now);
        }
    }

    /// Notes what the plans that are about to be made are made from.
    pub(crate) fn note_reach(&mut self) {
        for (_, media) in self.model.medias.iter_mut() {
            media.ice.planned = media.ice.reach().map(Box::new);
        }
    }

    pub(crate) fn media_of_flow(&self, flow: FlowId) -> Option<MediaId> {
        let mut medias = self.model.medias.iter();
        medias
            .find(|(_, m)| m.rtp.flow == flow || m.rtcp.flow == flow)
            .map(|(id, _)| id)
    }

    /// Whether anybody of a party does ICE.
    pub(crate) fn is_lite_towards(&self, party: PartyId) -> bool {
        let medias = self.model.parties[party].medias.iter();
        medias
            .map(|m| &self.model.medias[*m].ice)
            .any(|ice| ice.active && ice.lite)
    }
}

fn has_transport(media: &Media) -> bool {
    media.transport.is_none() && !media.rejected && media.current().is_some()
}

fn remote(said: &Description) -> Remote {
    Remote {
        credentials: said.credentials.clone(),
        lite: said.lite,
    }
}

/// Hands over what a description says beyond credentials.
fn tell(agent: &mut Agent, said: &Description) {
    agent.set_renomination(said.renomination);
    for candidate in &said.candidates {
        agent.add_remote(*candidate, None);
    }
    if said.complete {
        agent.end_of_candidates();
    }
}

/// Begins an agent at the sockets that the party is told, or moves the one there is to them.
fn start(config: &Arc<Config>, env: &mut dyn Env, media: &mut Media, role: Role) {
    let locals = locals(config, media);
    let mode = if media.ice.lite { Mode::Lite } else { Mode::Full };
    if media.ice.agent.as_ref().is_some_and(|a| a.mode() != mode) {
        media.ice.agent = None;
    }
    let agent = media.ice.agent.get_or_insert_with(|| {
        let mut seed = [0; 32];
        env.rng().fill_bytes(&mut seed);
        Box::new(Agent::new(ice::Config {
            mode,
            role,
            software: config.software_id.clone(),
            liveness: Liveness::Consent,
            strangers: Strangers::Silence,
            renomination: false,
            policy: Arc::new(Reachable::new(config, locals.iter().map(|l| l.bound.ip()))),
            seed,
        }))
    });
    let stays = |l: &Local| locals.iter().any(|new| new.bound == l.bound) || l.component == Component::Rtcp;
    if !agent.locals().iter().all(stays) {
        agent.replace_locals(locals);
        return;
    }
    if !locals.iter().any(|l| l.component == Component::Rtcp) {
        agent.remove_component(Component::Rtcp);
    }
    for local in locals {
        agent.add_local(local);
    }
}

/// The sockets that a media's party is told, as candidates: each address is one, RTP and RTCP.
fn locals(config: &Config, media: &Media) -> Vec<Local> {
    let mut locals = Vec::new();
    let Some(set) = media.current() else { return locals };
    let components = if media.mux.active { 1 } else { 2 };
    for (index, (address, sockets)) in (0..).zip(set.addresses()) {
        let (Some(known), Some(foundation)) =
            (config.interfaces.address(address), foundation(config, address))
        else {
            continue;
        };
        for (component, socket) in Component::ALL.into_iter().take(components).zip(sockets) {
            locals.push(Local {
                component,
                index,
                bound: socket.addr,
                advertised: SocketAddr::new(known.advertised, socket.addr.port()),
                foundation,
            });
        }
    }
    locals
}

/// The same for an address as long as the daemon runs: letters and digits of its instance, and the address.
pub(crate) fn foundation(config: &Config, AddressId(address): AddressId) -> Option<Foundation> {
    let instance = config.instance_id.chars().filter(char::is_ascii_alphanumeric);
    let text: String = instance.chain("000000000000".chars()).take(12).collect();
    Foundation::new(&format!("{text}{:04}", address % 10_000))
}
