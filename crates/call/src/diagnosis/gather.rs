//! Takes the facts of one call from its model and its counters.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use plan::{Component, DropReason, FlowStats, Framing, Learning, Security, Time};
use sdp::MediaKind;

use super::{
    CallFacts, Drop, Explanation, MediaFacts, PartyFacts, Protection, ReportFacts, SsrcFacts, StreamFacts,
    diagnose, secure,
};
use crate::call::Call;
use crate::model::{Media, MediaId, PartyId, Stream};
use crate::negotiate::address;
use crate::view::{ssrc_of, used_slots};

impl Call {
    /// What can be said about its media and why it does or does not flow. Looks at this call only.
    pub fn explain(&self, now: Time) -> Explanation {
        let facts = self.facts(now);
        let paths = diagnose(&facts);
        Explanation { facts, paths }
    }

    fn facts(&self, now: Time) -> CallFacts {
        let place = |id: MediaId| self.model.medias.iter().position(|(m, _)| m == id);
        let link = |s: &crate::model::Subscription| Some((place(s.source)?, place(s.sink)?));
        CallFacts {
            now,
            call_id: self.call_id().to_string(),
            created: self.created(),
            last_signal: self.last_signal,
            answered: self.answered,
            parties: self.party_facts(),
            medias: self
                .model
                .medias
                .iter()
                .map(|(_, m)| self.media_facts(m))
                .collect(),
            links: self.model.subscriptions.iter().filter_map(link).collect(),
        }
    }

    fn party_facts(&self) -> Vec<PartyFacts> {
        let count = self.model.parties.len();
        let name = |at: usize| match (at, count) {
            (0, _) => "the caller".to_owned(),
            (1, 2) => "the callee".to_owned(),
            (n, _) => format!("party {}", n + 1),
        };
        let parties = self.model.parties.iter().enumerate();
        parties
            .map(|(at, (_, party))| PartyFacts {
                name: name(at),
                tag: party.tag.as_ref().map(|t| t.to_str().into_owned()),
                label: party.label.as_ref().map(|l| l.to_str().into_owned()),
                ending: party.ends.is_some(),
            })
            .collect()
    }

    fn media_facts(&self, media: &Media) -> MediaFacts {
        let place = |id: PartyId| self.model.parties.iter().position(|(p, _)| p == id);
        let carrier = self.carrier(media);
        let mux = crate::carrier::is_shared(carrier);
        let component = if mux { Component::Mux } else { Component::Rtp };
        let (recv, send) = match self.framing(media) {
            Framing::Rtp => carrier.security(component),
            // The parties' own business.
            _ => (Security::Plain, Security::Plain),
        };
        let reports = [media.rtp.report, media.rtcp.report];
        MediaFacts {
            party: place(media.party).unwrap_or(usize::MAX),
            index: media.index + 1,
            kind: media.kind.to_string(),
            protocol: media.protocol_name().into_owned(),
            continuous: media.protocol.is_rtp()
                && !media.opaque
                && matches!(media.kind, MediaKind::Audio | MediaKind::Video),
            direction: media.direction.name(),
            sends: media.sends(),
            receives: media.receives(),
            rejected: media.rejected,
            described: self.model.parties[media.party].spoken,
            null_address: media.has_null_address(),
            blocked: self.drop_traffic,
            mux: media.mux.active,
            strict: media.learning.strict,
            waits: media.learning.wait,
            codecs: codecs(media),
            recv: protection(&recv),
            send: protection(&send),
            ice: secure::ice(carrier, self.last_signal),
            dtls: secure::dtls(carrier, component, self.last_signal),
            rtp: self.stream_facts(media, Component::Rtp).unwrap_or_default(),
            rtcp: self.stream_facts(media, Component::Rtcp),
            report: reports.into_iter().flatten().max_by_key(|r: &ReportFacts| r.at),
        }
    }

    fn stream_facts(&self, media: &Media, component: Component) -> Option<StreamFacts> {
        let carrier = self.carrier(media);
        let rtcp = component == Component::Rtcp;
        let of = |m: &'_ Media| -> (SocketAddr, Option<SocketAddr>) {
            let set = m.current();
            let local = set.and_then(|s| s.sockets.get(usize::from(rtcp))).map(|s| s.addr);
            let told = set
                .and_then(|s| self.config.interfaces.address(s.address))
                .map(|a| a.advertised);
            let unbound = SocketAddr::from(([0, 0, 0, 0], 0));
            let local = local.unwrap_or(unbound);
            let told = told
                .map(|ip| SocketAddr::new(ip, local.port()))
                .filter(|told| *told != local);
            (local, told)
        };
        let (local, advertised) = of(carrier);
        let local = (local.port() != 0).then_some(local);
        if rtcp && local.is_none() {
            return None;
        }
        let stream = |m| if rtcp { rtcp_of(m) } else { rtp_of(m) };
        let (own, transport) = (stream(media), stream(carrier));
        let shared = rtcp && carrier.mux.active;
        let signalled = carrier.remote.map(|r| r.at(component)).filter(|_| !shared);
        let uses_learned = carrier.learning.mode != Learning::Off && !carrier.learning.asymmetric;
        let way = carrier.ice.planned.as_ref().map(|reach| reach.of(component));
        let destination = match way {
            Some(way) => way.peer(signalled),
            None => {
                let learned = transport.learned.map(|(addr, _)| addr);
                signalled.map(|s| learned.filter(|_| uses_learned).unwrap_or(s))
            }
        };
        let forbidden =
            |peer: SocketAddr| local.is_some_and(|l| address::is_forbidden(&self.config, l.ip(), peer.ip()));
        // With ICE nothing is learned from packets: they come from where the checks came from.
        let heard = way.and_then(|way| way.route).map(|route| (route.remote, true));
        let heard = heard.filter(|_| own.stats.packets.load(Relaxed) > 0);
        Some(StreamFacts {
            local,
            advertised,
            signalled,
            learned: transport.learned.or(heard),
            moved: transport.moved,
            destination,
            forbidden: signalled.is_some_and(forbidden),
            // What is refused or handed up is counted where the sockets are.
            stun: transport.stats.stun.load(Relaxed),
            dtls: transport.stats.dtls.load(Relaxed),
            refused: transport.stats.refused.read(),
            way: Some((own.stats.path(), own.stats.refusal())),
            drops: drops(&own.stats, &transport.stats),
            ..counted(&own.stats)
        })
    }
}

fn rtp_of(media: &Media) -> &Stream {
    &media.rtp
}

fn rtcp_of(media: &Media) -> &Stream {
    &media.rtcp
}

fn codecs(media: &Media) -> Vec<(u8, String)> {
    let name = |f: &codecs::Format| format!("{}/{}", f.spec.name, f.spec.clock_rate);
    media.codecs.iter().map(|f| (f.payload_type, name(f))).collect()
}

fn protection(security: &Security) -> Protection {
    match security {
        Security::Plain => Protection::Plain,
        Security::Pending => Protection::Pending,
        Security::Srtp(params) => {
            let suite = params.keys().first().map(|key| key.suite());
            suite.map_or(Protection::Pending, |s| Protection::Srtp(s.spec().name))
        }
    }
}

/// What the worker has counted.
fn counted(stats: &FlowStats) -> StreamFacts {
    let time = |us: u64| (us != 0).then_some(Time(us));
    StreamFacts {
        received: (stats.packets.load(Relaxed), stats.bytes.load(Relaxed)),
        sent: (stats.packets_out.load(Relaxed), stats.bytes_out.load(Relaxed)),
        last_in: time(stats.last_packet_us.load(Relaxed)),
        last_out: time(stats.last_sent_us.load(Relaxed)),
        payload_types: stats.payload_types().collect(),
        ssrcs: used_slots(stats).map(ssrc).collect(),
        stray_rtcp: stats.stray_rtcp.load(Relaxed),
        ..StreamFacts::default()
    }
}

/// Packets dropped. What is dropped before it is known whose it is is counted at the transport.
fn drops(own: &FlowStats, transport: &FlowStats) -> Vec<Drop> {
    let shared = !std::ptr::eq(own, transport);
    let reasons = DropReason::ALL.iter().enumerate();
    let drops = reasons.map(|(at, reason)| {
        let early =
            reason.blames_source() || matches!(reason, DropReason::NoKeys | DropReason::NoBundleMember);
        let of = |stats: &FlowStats| (stats.drops[at].load(Relaxed), stats.last_drop_s[at].load(Relaxed));
        let ((packets, last), (more, later)) = (of(own), of(if shared && early { transport } else { own }));
        Drop {
            reason: *reason,
            packets: if shared && early { packets + more } else { packets },
            last: Time::from_secs(last.max(later).into()),
        }
    });
    drops.filter(|d| d.packets > 0).collect()
}

fn ssrc(slot: &plan::SsrcStats) -> SsrcFacts {
    let packets = slot.packets.load(Relaxed);
    SsrcFacts {
        ssrc: ssrc_of(slot),
        packets,
        lost: slot.lost.load(Relaxed).into(),
        payload_type: u8::try_from(slot.payload_type.load(Relaxed)).unwrap_or(u8::MAX),
        run: packets.saturating_sub(slot.payload_since.load(Relaxed)),
        last: Time(slot.last_us.load(Relaxed)),
    }
}
