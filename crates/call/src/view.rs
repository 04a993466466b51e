//! The call as `query` and `delete` show it.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use ng_protocol::{Dict, NgError, QueryArgs, Value};
use plan::{Component, FlowStats, Path, Security, SsrcStats, Time};
use smallvec::SmallVec;

use crate::call::Call;
use crate::diagnosis;
use crate::model::{Media, MediaId, Party, PartyId, Stream};
use crate::negotiate::address;
use crate::poll::last_packet;
use crate::{Family, SsrcReporting, text};

/// How much a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What the reference says.
    Counters,
    /// That, and what is wrong as of now.
    Explained(Time),
}

impl Call {
    pub(crate) fn run_query(&self, now: Time, args: &QueryArgs) -> Result<Dict<'static>, NgError> {
        let limits = [args.from_tag.as_ref(), args.to_tag.as_ref()];
        let wanted: Vec<_> = limits.into_iter().flatten().collect();
        if wanted.is_empty() {
            return Ok(self.view(None, Detail::Explained(now)));
        }
        let parties: Vec<PartyId> = wanted.iter().filter_map(|t| self.model.party_by_tag(t)).collect();
        Ok(self.view(Some(&parties), Detail::Explained(now)))
    }

    /// The whole reply, limited to some parties if asked for.
    pub(crate) fn view(&self, only: Option<&[PartyId]>, detail: Detail) -> Dict<'static> {
        let created = self.created();
        let mut tags = Dict::with_capacity(self.model.parties.len());
        for (id, party) in self
            .model
            .parties
            .iter()
            .filter(|(id, _)| only.is_none_or(|o| o.contains(id)))
        {
            let key = match &party.tag {
                Some(tag) => tag.to_str().into_owned(),
                None => format!("<untagged {}>", id.number()),
            };
            tags.push(key, self.view_party(id, party, detail));
        }
        let mut top = Dict::with_capacity(10)
            .with("created", created.as_secs())
            .with("created_us", created.as_micros() % 1_000_000)
            .with("created_ts", created.as_micros())
            .with("last signal", self.last_signal.as_secs())
            .with("last redis update", 0)
            .with_some("metadata", self.metadata.clone())
            .with("tags", tags);
        if matches!(
            self.config.ssrc_reporting,
            SsrcReporting::Full | SsrcReporting::Global
        ) {
            top.push("SSRC", self.view_all_ssrcs());
        }
        if self.is_recording() {
            top.push(
                "recording",
                Dict::new().with("call recording", 1).with("forwarding", 0),
            );
        }
        if let Detail::Explained(now) = detail {
            top.push("diagnosis", self.view_diagnosis(now));
        }
        top.with("totals", self.view_totals())
    }

    fn view_party(&self, id: PartyId, party: &Party, detail: Detail) -> Dict<'static> {
        let medias: Value<'static> = party
            .medias
            .iter()
            .map(|m| self.view_media(*m, &self.model.medias[*m], detail))
            .collect();
        let aliases =
            (!party.aliases.is_empty()).then(|| party.aliases.iter().cloned().collect::<Value<'static>>());
        Dict::with_capacity(10)
            .with_some("tag", party.tag.clone())
            .with_some("via-branch", party.branch.clone())
            .with_some("tag-aliases", aliases)
            .with_some("label", party.label.clone())
            .with("created", party.created.as_secs())
            .with_some("metadata", party.metadata.clone())
            .with("subscriptions", self.view_links(id, true))
            .with("subscribers", self.view_links(id, false))
            .with("medias", medias)
            .with("VSC", Value::list())
    }

    /// Parties this one hears (or that hear it), each once.
    fn view_links(&self, id: PartyId, hears: bool) -> Value<'static> {
        let owner = |m: MediaId| self.model.medias[m].party;
        let mut seen: SmallVec<[(PartyId, &'static str); 4]> = SmallVec::new();
        for s in &self.model.subscriptions {
            let (own, other) = if hears {
                (s.sink, s.source)
            } else {
                (s.source, s.sink)
            };
            let link = (owner(other), s.kind.text());
            if owner(own) == id && !seen.contains(&link) {
                seen.push(link);
            }
        }
        let describe = |(party, kind): &(PartyId, &'static str)| {
            let tag = self.model.parties[*party].tag.clone().unwrap_or_default();
            Dict::with_capacity(2).with("tag", tag).with("type", *kind)
        };
        seen.iter().map(describe).collect()
    }

    fn view_media(&self, id: MediaId, media: &Media, detail: Detail) -> Dict<'static> {
        let inline = matches!(
            self.config.ssrc_reporting,
            SsrcReporting::Full | SsrcReporting::Inline
        );
        let heard = self
            .model
            .subscriptions
            .iter()
            .filter(|s| s.sink == id)
            .map(|s| s.source);
        let ssrcs = |of: &Media| if inline { self.view_ssrcs(of) } else { Vec::new() };
        let egress: Value<'static> = heard.flat_map(|m| ssrcs(&self.model.medias[m])).collect();
        let ingress: Value<'static> = ssrcs(media).into_iter().collect();
        let streams: Value<'static> = [(&media.rtp, false), (&media.rtcp, true)]
            .into_iter()
            .filter_map(|(stream, rtcp)| self.view_stream(media, stream, rtcp, detail))
            .collect();
        Dict::with_capacity(9)
            .with("index", media.index + 1)
            .with("type", media.kind.to_string())
            .with("protocol", media.protocol_name())
            .with_some("codec", codec_in_use(media))
            .with("flags", self.media_flags(media))
            .with("streams", streams)
            .with("ingress SSRCs", ingress)
            .with("egress SSRCs", egress)
    }

    fn media_flags(&self, media: &Media) -> Value<'static> {
        let ours = media
            .signalled()
            .is_some_and(|ip| self.config.interfaces.is_local(ip));
        let carrier = self.carrier(media);
        let (keying, ice) = (&carrier.keying, &carrier.ice);
        let (dtls, said) = (&keying.dtls, ice.said.as_ref().filter(|_| ice.agent.is_some()));
        let dtls_role = dtls.role.filter(|_| dtls.is_expected());
        flags_that_are_on([
            (true, "initialized"),
            (media.learning.asymmetric, "asymmetric"),
            (media.receives(), "send"),
            (media.sends(), "recv"),
            (carrier.mux.active, "rtcp-mux"),
            (dtls.is_expected(), "DTLS-SRTP"),
            (dtls_role == Some(dtls::Role::Client), "DTLS role active"),
            (dtls_role == Some(dtls::Role::Server), "DTLS role passive"),
            (!dtls.is_agreed() && keying.sdes.keys.is_some(), "SDES"),
            (media.passing.is_on(), "passthrough"),
            (ice.agent.is_some(), "ICE"),
            (ice.agent.is_some() && ice.trickle, "trickle ICE"),
            (media.controlling, "ICE controlling"),
            (said.is_some_and(|said| said.lite), "ICE-lite peer"),
            (ice.lite, "ICE-lite self"),
            (media.learning.unidirectional, "unidirectional"),
            (ours, "loop check"),
            (media.feedback, "RTCP feedback"),
            (self.generate_rtcp, "RTCP generator"),
        ])
    }

    fn view_stream(
        &self,
        media: &Media,
        stream: &Stream,
        rtcp: bool,
        detail: Detail,
    ) -> Option<Dict<'static>> {
        // The guest of a bundle is at its carrier's addresses.
        let carrier = self.carrier(media);
        let local = carrier.current()?.sockets.get(usize::from(rtcp))?.addr;
        let component = if rtcp { Component::Rtcp } else { Component::Rtp };
        let signalled = carrier.remote.map(|r| r.at(component));
        let way = carrier.ice.planned.as_ref().map(|reach| reach.of(component));
        let route = way.and_then(|way| way.route).map(|route| route.remote);
        let transport = if rtcp { &carrier.rtcp } else { &carrier.rtp };
        let learned = route.or(transport.learned.map(|(peer, _)| peer));
        let peer = learned.or(signalled);
        let flags = self.stream_flags(carrier, transport, local, component);
        let last = last_packet(stream).as_secs();
        let stats = &stream.stats;
        let (ssrc, in_kernel) = (latest_ssrc(stats), stats.path() == Path::Kernel);
        let mut view = Dict::with_capacity(16)
            .with("local port", local.port())
            .with("local address", view_address(local))
            .with("family", family_name(local))
            .with_some("endpoint", peer.map(view_endpoint))
            .with_some("advertised endpoint", signalled.map(view_endpoint))
            .with_some("crypto suite", suite(carrier, component))
            .with("last packet", last)
            .with("last kernel packet", if in_kernel { last } else { 0 })
            .with("last user packet", last)
            .with_some("SSRC", ssrc)
            .with("flags", flags)
            .with("stats", counters(&stats.packets, &stats.bytes, &stats.errors))
            .with(
                "stats_out",
                counters(&stats.packets_out, &stats.bytes_out, &stats.errors_out),
            );
        if matches!(detail, Detail::Explained(_)) {
            diagnosis::describe_stream(stats, learned, &mut view);
        }
        Some(view)
    }

    fn stream_flags(
        &self,
        carrier: &Media,
        stream: &Stream,
        local: SocketAddr,
        component: Component,
    ) -> Value<'static> {
        let rtcp = component == Component::Rtcp;
        let signalled = carrier.remote.map(|r| r.at(component));
        let settled = stream.learned.is_some_and(|(_, settled)| settled);
        let forbidden = signalled.is_some_and(|p| address::is_forbidden(&self.config, local.ip(), p.ip()));
        flags_that_are_on([
            (!rtcp, "RTP"),
            (rtcp, "RTCP"),
            (carrier.remote.is_some(), "filled"),
            (settled, "confirmed"),
            (
                carrier.keying.dtls.keys(component).is_some(),
                "DTLS fingerprint verified",
            ),
            (carrier.learning.strict, "strict source address"),
            (carrier.learning.handover, "media handover"),
            (forbidden, "forbidden address"),
        ])
    }

    fn view_all_ssrcs(&self) -> Dict<'static> {
        let mut all = Dict::new();
        for (_, media) in self.model.medias.iter() {
            for slot in used_slots(&media.rtp.stats) {
                let (ssrc, entry) = self.view_ssrc(slot);
                let key = ssrc.to_string();
                if all.get(&key).is_none() {
                    all.push(key, entry);
                }
            }
        }
        all
    }

    fn view_ssrcs(&self, media: &Media) -> Vec<Dict<'static>> {
        let entries = used_slots(&media.rtp.stats).map(|slot| self.view_ssrc(slot));
        entries.map(|(ssrc, entry)| entry.with("SSRC", ssrc)).collect()
    }

    fn view_ssrc(&self, slot: &SsrcStats) -> (u32, Dict<'static>) {
        let ssrc = ssrc_of(slot);
        let mut entry = Dict::with_capacity(8)
            .with("bytes", slot.bytes.load(Relaxed))
            .with("packets", slot.packets.load(Relaxed))
            .with("last RTP timestamp", slot.timestamp.load(Relaxed))
            .with("last RTP seq", slot.ext_seq.load(Relaxed) & 0xffff);
        self.reception.describe(ssrc, &mut entry);
        (ssrc, entry)
    }

    fn view_totals(&self) -> Dict<'static> {
        let sum = |rtcp: bool| {
            let mut totals = [0u64; 3];
            for (_, media) in self.model.medias.iter() {
                let stats = if rtcp { &media.rtcp.stats } else { &media.rtp.stats };
                let counters = [&stats.packets, &stats.bytes, &stats.errors];
                totals
                    .iter_mut()
                    .zip(counters)
                    .for_each(|(t, c)| *t = t.saturating_add(c.load(Relaxed)));
            }
            let [packets, bytes, errors] = totals;
            Dict::with_capacity(3)
                .with("packets", packets)
                .with("bytes", bytes)
                .with("errors", errors)
        };
        Dict::with_capacity(2)
            .with("RTP", sum(false))
            .with("RTCP", sum(true))
    }
}

fn counters(
    packets: &std::sync::atomic::AtomicU64,
    bytes: &std::sync::atomic::AtomicU64,
    errors: &std::sync::atomic::AtomicU64,
) -> Dict<'static> {
    Dict::with_capacity(3)
        .with("packets", packets.load(Relaxed))
        .with("bytes", bytes.load(Relaxed))
        .with("errors", errors.load(Relaxed))
}

/// The slots of a flow that hold an SSRC.
pub(crate) fn used_slots(stats: &FlowStats) -> impl Iterator<Item = &SsrcStats> {
    stats.ssrc.iter().filter(|s| s.ssrc_plus_one.load(Relaxed) != 0)
}

/// The SSRC of a slot that is in use.
pub(crate) fn ssrc_of(slot: &SsrcStats) -> u32 {
    u32::try_from(slot.ssrc_plus_one.load(Relaxed).saturating_sub(1)).unwrap_or(0)
}

/// Clock rate in Hz of what a slot's packets carry, and whether it is full-band audio.
pub(crate) fn clock_of(media: &Media, slot: &SsrcStats) -> (u32, bool) {
    let pt = slot.payload_type.load(Relaxed);
    let format = media.codecs.iter().find(|f| u32::from(f.payload_type) == pt);
    let clock_rate = format.map_or(8000, |f| f.spec.clock_rate).max(1);
    (clock_rate, clock_rate >= 48_000)
}

/// Timestamp units as milliseconds.
pub(crate) fn milliseconds(units: u32, clock_rate: u32) -> u32 {
    let ms = u64::from(units) * 1000 / u64::from(clock_rate.max(1));
    u32::try_from(ms).unwrap_or(u32::MAX)
}

fn latest_slot(stats: &FlowStats) -> Option<&SsrcStats> {
    used_slots(stats).max_by_key(|s| s.last_us.load(Relaxed))
}

fn latest_ssrc(stats: &FlowStats) -> Option<u32> {
    latest_slot(stats).map(ssrc_of)
}

/// Name of the SRTP suite that a party protects with.
fn suite(carrier: &Media, component: Component) -> Option<&'static str> {
    match carrier.security(component).0 {
        Security::Srtp(params) => params.keys().first().map(|key| key.suite().spec().name),
        Security::Plain | Security::Pending => None,
    }
}

/// `NAME/CLOCK[/CHANNELS]` of what arrives.
fn codec_in_use(media: &Media) -> Option<String> {
    let pt = latest_slot(&media.rtp.stats)?.payload_type.load(Relaxed);
    let spec = &media
        .codecs
        .iter()
        .find(|f| u32::from(f.payload_type) == pt)?
        .spec;
    let channels = if spec.channels > 1 {
        format!("/{}", spec.channels)
    } else {
        String::new()
    };
    Some(format!("{}/{}{channels}", spec.name, spec.clock_rate))
}

fn family_name(addr: SocketAddr) -> &'static str {
    match Family::of(addr.ip()) {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

pub(crate) fn view_endpoint(addr: SocketAddr) -> Dict<'static> {
    Dict::with_capacity(3)
        .with("family", family_name(addr))
        .with("address", view_address(addr))
        .with("port", addr.port())
}

fn view_address(addr: SocketAddr) -> Vec<u8> {
    text::address(addr.ip()).as_bytes().to_vec()
}

/// A list of the names of what is on.
fn flags_that_are_on<const N: usize>(table: [(bool, &'static str); N]) -> Value<'static> {
    let mut names = Vec::with_capacity(N);
    names.extend(
        table
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, name)| name.into()),
    );
    Value::List(names)
}
