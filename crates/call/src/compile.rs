//! The plan compiler: the only place where plans are made. It reads the model and decides nothing that signalling has
//! not decided already.

use std::sync::Arc;

use plan::{
    Component, Framing, Learning, MediaState, Plan, PlanSet, RtcpPolicy, RtcpReports, Security, Sink, Sinks,
    SourcePolicy, Tap, TapPoint, Time,
};
use smallvec::SmallVec;

use crate::Output;
use crate::call::Call;
use crate::carrier::{Sockets, is_shared};
use crate::model::{Armed, Echo, Media, MediaId, Way};
use crate::negotiate::{address, codec};

impl Call {
    /// Compiles the call and hands the plans out; to be called after every change of the model.
    pub(crate) fn install(&mut self, now: Time) {
        self.rearm();
        self.note_reach();
        self.generation += 1;
        let set = self.compile();
        self.outputs.push_back(Output::Install(set));
        self.schedule(now);
    }

    /// Counts the epoch of each media up whose addresses, sockets or rules have changed since the last plans, and of
    /// no other: an unchanged re-INVITE keeps the settled source.
    fn rearm(&mut self) {
        for (_, media) in self.model.medias.iter_mut() {
            let socket = media.current().and_then(|s| s.sockets.first()).map(|s| s.id);
            let armed = Armed {
                remote: media.remote,
                socket,
                learning: media.learning,
            };
            if media.epoch.1 != Some(armed) {
                media.epoch = (media.epoch.0.wrapping_add(1), Some(armed));
                media.rtp.learned = None;
                media.rtcp.learned = None;
            }
        }
    }

    fn compile(&self) -> PlanSet {
        let mut plans = Vec::with_capacity(self.model.medias.len() * 2);
        for (id, media) in self.model.medias.iter() {
            let [rtp, rtcp] = self.sockets(id);
            let carrier = self.carrier(media);
            if carrier.sockets.is_empty() {
                continue;
            }
            let has_rtcp = carrier.has_rtcp_socket();
            plans.push(self.rtp_plan(id, media, rtp, has_rtcp));
            if has_rtcp {
                plans.push(self.rtcp_plan(id, media, rtcp));
            }
        }
        PlanSet {
            call: self.key,
            generation: self.generation,
            plans,
        }
    }

    fn rtp_plan(&self, id: MediaId, media: &Media, sockets: Sockets, has_rtcp: bool) -> Plan {
        let shared = is_shared(self.carrier(media));
        let component = if shared { Component::Mux } else { Component::Rtp };
        let mut plan = self.base(media, component, sockets);
        plan.sinks = self.rtp_sinks(id);
        plan.rtcp_sinks = self.rtcp_sinks(id);
        plan.bundle = self.bundle(id, |m| &m.rtp);
        plan.transport = media.transport.map(|owner| self.model.medias[owner].rtp.flow);
        plan.rtcp_flow = has_rtcp.then_some(media.rtcp.flow);
        plan.reports = (self.generate_rtcp && media.protocol.is_rtp()).then(|| self.reports(media));
        plan.pierce_nat = media.learning.pierce;
        plan
    }

    fn rtcp_plan(&self, id: MediaId, media: &Media, sockets: Sockets) -> Plan {
        let mut plan = self.base(media, Component::Rtcp, sockets);
        plan.rtcp_sinks = self.rtcp_sinks(id);
        plan.bundle = self.bundle(id, |m| &m.rtcp);
        plan.transport = media.transport.map(|owner| self.model.medias[owner].rtcp.flow);
        plan
    }

    fn base(&self, media: &Media, component: Component, sockets: Sockets) -> Plan {
        let learning = &media.learning;
        let stream = match component {
            Component::Rtp | Component::Mux => &media.rtp,
            Component::Rtcp => &media.rtcp,
        };
        let local = sockets.first().map(|s| s.addr.ip());
        let carrier = self.carrier(media);
        let framing = self.framing(media);
        let (recv, send) = match framing {
            Framing::Rtp => carrier.security(component),
            _ => (Security::Plain, Security::Plain),
        };
        let peer = match component {
            // With rtcp-mux nothing is sent from here, but what arrives all the same is not lost.
            Component::Rtcp if is_shared(carrier) => None,
            _ => carrier.remote.map(|r| r.at(component)),
        };
        let peer = peer.filter(|p| !p.ip().is_unspecified() && p.port() != 0);
        let way = carrier.ice.planned.as_ref().map(|reach| reach.of(component));
        let sockets = prefer(sockets, way);
        let (peer, proven) = match way {
            Some(way) => (way.peer(peer), way.proven(peer)),
            None => (peer, SmallVec::new()),
        };
        let follow = way.filter(|_| carrier.learning.follows());
        let follow = follow.and_then(|way| way.follow(&sockets));
        Plan {
            flow: stream.flow,
            peer,
            peer_forbidden: peer
                .zip(local)
                .is_some_and(|(peer, local)| address::is_forbidden(&self.config, local, peer.ip())),
            sockets,
            framing,
            component,
            source: SourcePolicy {
                // Before its party has been told of a socket, whoever sends there is a stranger.
                learning: if learning.public {
                    learning.mode
                } else {
                    Learning::Off
                },
                strict: learning.strict,
                handover: learning.handover,
                asymmetric: learning.asymmetric,
                epoch: media.epoch.0,
            },
            media: MediaState {
                recv: media.sends() && learning.public,
                send: media.receives() && carrier.remote.is_some(),
                blocked: self.drop_traffic || media.echo == Some(Echo::Swallowed),
            },
            sinks: Sinks::new(),
            rtcp_sinks: Sinks::new(),
            rtcp_flow: None,
            reports: None,
            taps: self.taps(),
            punt_stun: way.is_some(),
            punt_dtls: media.keying.dtls.is_expected(),
            proven,
            follow,
            recv,
            send,
            transport: None,
            bundle: None,
            friends: self.friends(media, component),
            pierce_nat: false,
            nat_wait: learning.wait,
            tos: self.tos.unwrap_or(self.config.tos),
            clock_rates: codec::clock_rates(&media.codecs).collect(),
            stats: Arc::clone(&stream.stats),
        }
    }

    fn rtp_sinks(&self, source: MediaId) -> Sinks {
        let media = &self.model.medias[source];
        match media.echo {
            Some(Echo::Swallowed) => Sinks::new(),
            Some(Echo::Back) => SmallVec::from([Sink {
                to: media.rtp.flow,
                process: plan::Process::default(),
                rtcp: RtcpPolicy::Consume,
            }]),
            None => self.sinks(source, |sink| sink.rtp.flow, |sink| self.keeps_rtp(media, sink)),
        }
    }

    fn rtcp_sinks(&self, source: MediaId) -> Sinks {
        let media = &self.model.medias[source];
        match media.echo {
            // Reports about what its party sends itself would mean nothing to it.
            Some(_) => Sinks::new(),
            None => {
                let keeps = |sink: &Media| self.keeps_rtcp(media, sink);
                self.sinks(source, |sink| self.rtcp_flow(sink), keeps)
            }
        }
    }

    fn sinks(
        &self,
        source: MediaId,
        to: impl Fn(&Media) -> plan::FlowId,
        keeps: impl Fn(&Media) -> bool,
    ) -> Sinks {
        let from = &self.model.medias[source];
        let heard = self.model.subscriptions.iter().filter(|s| s.source == source);
        let sinks = heard
            .map(|s| (s.sink, &self.model.medias[s.sink]))
            .filter(|(_, m)| m.has_transport());
        sinks
            .map(|(id, sink)| Sink {
                to: to(sink),
                process: plan::Process {
                    ext_map: self.ext_map(from, sink, self.model.is_bundled(id)),
                    payload_types: Vec::new(),
                    keep_protection: keeps(sink),
                },
                rtcp: self.rtcp_policy(from, sink),
            })
            .collect()
    }

    fn reports(&self, media: &Media) -> RtcpReports {
        RtcpReports {
            interval: self.config.rtcp_interval,
            cname: self.config.instance_id.as_str().into(),
            clock_rates: codec::clock_rates(&media.codecs).collect(),
            mid: media.mid.as_ref().map(|m| m.to_string().into()),
        }
    }

    pub(crate) fn taps(&self) -> Vec<Tap> {
        let Some(id) = self.active_tap() else {
            return Vec::new();
        };
        let recording = &self.config.recording;
        let ingress = !recording.egress || recording.both;
        let egress = recording.egress || recording.both;
        let points = [(ingress, TapPoint::Ingress), (egress, TapPoint::Egress)];
        points
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, point)| Tap { id, point })
            .collect()
    }
}

/// The socket that packets leave by stands first.
fn prefer(mut sockets: Sockets, way: Option<&Way>) -> Sockets {
    let local = way.and_then(|way| way.route).map(|route| route.local);
    if let Some(at) = sockets.iter().position(|s| Some(s.addr) == local) {
        sockets[..=at].rotate_right(1);
    }
    sockets
}
