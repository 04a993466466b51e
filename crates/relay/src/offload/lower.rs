//! Whether a flow can be said in the kernel's few words.

use std::net::SocketAddr;
use std::sync::Arc;

use plan::{Component, Framing, LocalSocket, Plan, Refusal, RtcpPolicy, Time};

use super::KernelFlow;
use crate::flow::{Flow, SinkSlot, SinkSlots};
use crate::keys::Keying;
use crate::table::Table;

/// What of a flow's packets goes the way to its sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Rtp,
    Rtcp,
    Everything,
}

/// What the kernel would have to do with a flow's packets, or the first thing that it could not.
pub(super) fn lower(now: Time, flow: &Flow, table: &Table) -> Result<KernelFlow, Refusal> {
    if is_bundled(flow) {
        return Err(Refusal::Bundle);
    }
    let part = part_of(&flow.plan)?;
    let sink = only_sink(flow, part)?;
    let to = table.flows.get(sink.to as usize).ok_or(Refusal::NoSink)?;
    let payload_types = passes(flow, sink, to, part)?;
    let (out, dest) = way_out(to)?;
    let (local, source) = way_in(flow)?;
    let ssrc = match part {
        Part::Rtp => Some(stream(now, flow).ok_or(Refusal::NoStream)?),
        Part::Rtcp | Part::Everything => None,
    };
    Ok(KernelFlow {
        flow: flow.plan.flow,
        local,
        source,
        framing: flow.plan.framing,
        ssrc,
        payload_types,
        out,
        dest,
        tos: to.plan.tos,
        stats: Arc::clone(&flow.plan.stats),
        sink_stats: Arc::clone(&to.plan.stats),
    })
}

/// The bit of a payload type.
pub(super) const fn bit(pt: u8) -> u128 {
    1 << (pt & 127)
}

/// With a marker bit they look like RTCP (RFC 5761 §4).
const LIKE_RTCP: u128 = 0xffff_ffff << 64;

fn is_bundled(flow: &Flow) -> bool {
    flow.transport.is_some() || !flow.members.is_empty()
}

fn part_of(plan: &Plan) -> Result<Part, Refusal> {
    match (plan.framing, plan.component) {
        (Framing::Rtp | Framing::Srtp, Component::Rtp | Component::Mux) => Ok(Part::Rtp),
        (Framing::Rtp, Component::Rtcp) => Err(Refusal::Rtcp),
        (Framing::Srtp, Component::Rtcp) => Ok(Part::Rtcp),
        (Framing::Udptl | Framing::Opaque, _) => Ok(Part::Everything),
    }
}

fn only_sink(flow: &Flow, part: Part) -> Result<SinkSlot, Refusal> {
    let media = flow.plan.media;
    // RTCP flows on while media is on hold.
    if media.blocked || !media.recv && part != Part::Rtcp {
        return Err(Refusal::NoSink);
    }
    let sinks: &SinkSlots = match part {
        Part::Rtp | Part::Everything => &flow.sinks,
        Part::Rtcp => &flow.rtcp_sinks,
    };
    match sinks[..] {
        [] => Err(Refusal::NoSink),
        [sink] => Ok(sink),
        [..] => Err(Refusal::Fanout),
    }
}

/// Which payload types pass as they are; an error if something is done to packets, or looked for in them.
fn passes(flow: &Flow, sink: SinkSlot, to: &Flow, part: Part) -> Result<u128, Refusal> {
    if is_bundled(to) {
        return Err(Refusal::Bundle);
    }
    if flow.recv != Keying::Plain || to.send != Keying::Plain || sink.keeps {
        return Err(Refusal::Srtp);
    }
    if !to.plan.media.send && part != Part::Rtcp {
        return Err(Refusal::NoSink);
    }
    if !flow.plan.taps.is_empty() || !to.plan.taps.is_empty() {
        return Err(Refusal::Recording);
    }
    // What is reported of a stream, or in its name, must be known to the packet.
    if flow.plan.reports.is_some() || to.plan.reports.is_some() {
        return Err(Refusal::Rtcp);
    }
    match part {
        Part::Everything => Ok(u128::MAX),
        Part::Rtcp if sink.rtcp == RtcpPolicy::Consume => Err(Refusal::Rtcp),
        Part::Rtcp => Ok(u128::MAX),
        Part::Rtp => payload_types(flow, sink),
    }
}

/// Those that signalling has named or that were here before. Of others we want to see one.
fn payload_types(flow: &Flow, sink: SinkSlot) -> Result<u128, Refusal> {
    let process = flow.plan.sinks.get(usize::from(sink.index));
    let process = &process.ok_or(Refusal::NoSink)?.process;
    if process.ext_map.is_some() && flow.plan.framing == Framing::Rtp {
        return Err(Refusal::Rewrite);
    }
    let all = |types: &mut dyn Iterator<Item = u8>| types.fold(0, |all, pt| all | bit(pt));
    let named = all(&mut flow.plan.clock_rates.iter().map(|(pt, _)| *pt));
    let seen = all(&mut flow.plan.stats.payload_types());
    let passing = match &process.payload_types[..] {
        [] => u128::MAX,
        types => all(&mut types.iter().copied()),
    };
    Ok((named | seen) & passing & !LIKE_RTCP)
}

fn way_out(to: &Flow) -> Result<(LocalSocket, SocketAddr), Refusal> {
    let (socket, dest) = to.peer().map_err(|_| Refusal::NoPeer)?;
    let local = to.plan.sockets.iter().find(|s| s.id == socket);
    Ok((*local.ok_or(Refusal::NoPeer)?, dest))
}

fn way_in(flow: &Flow) -> Result<(LocalSocket, SocketAddr), Refusal> {
    let plan = &flow.plan;
    let (local, source) = if plan.proven.is_empty() {
        let learned = flow.state.sources.settled(&plan.source);
        let learned = learned.ok_or(Refusal::Learning)?;
        (usize::from(learned.local), learned.addr)
    } else {
        // The pair that the agents have agreed upon; its socket stands first. While the peer is followed elsewhere, the
        // control side has yet to say so.
        let agreed = flow.state.sources.followed().is_none();
        let peer = plan.peer.filter(|peer| agreed && plan.proven.contains(peer));
        (0, peer.ok_or(Refusal::Learning)?)
    };
    let local = plan.sockets.get(local).ok_or(Refusal::Learning)?;
    Ok((*local, source))
}

/// The stream of the learned source: the one that is in the kernel as long as it goes on, or else the latest.
fn stream(now: Time, flow: &Flow) -> Option<u32> {
    let streams = &flow.state.streams;
    let kernel = flow.offer.kernel.as_deref().and_then(|kernel| kernel.ssrc);
    let goes_on = |ssrc: &u32| streams.trusts(*ssrc) && streams.goes_on(now, *ssrc);
    kernel.filter(goes_on).or_else(|| streams.latest_trusted())
}
