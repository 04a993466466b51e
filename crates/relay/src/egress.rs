//! From a flow to its sinks: direction, filters, protection, and out.

use std::net::SocketAddr;

use plan::{DropReason, Framing, SocketId, TapPoint, Time};
use rtp::Header;
use rtp::ext::Element;
use srtp::{Contexts, Kind, Ticket};

use crate::Relay;
use crate::flow::{Flow, SinkSlot};
use crate::ingress::Packet;
use crate::io::{Outbox, Target};
use crate::keys::{self, Keying, Senders};
use crate::table::{Slot, Table};

/// What is forwarded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Medium {
    Rtp(Header),
    Opaque,
}

/// How a packet gets to a flow's peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) target: Target,
    /// The flow whose sockets and peer that is.
    pub(crate) carrier: Slot,
    pub(crate) keying: Keying,
    /// Copies are recorded.
    tapped: bool,
    /// What is sent is remembered, because it will be asked for.
    noted: bool,
}

/// What gets there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    /// The packet.
    Same,
    /// The packet with the protection that it arrived with.
    AsArrived,
    /// What was made of it: so many bytes in the scratch memory.
    Made(usize),
}

/// A packet at the beginning of the scratch memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Made {
    /// There is none: the one in the batch will do.
    Not,
    /// So many bytes.
    Plain(usize),
    /// To be protected by this flow's context.
    Promised(Slot, Ticket),
}

impl Made {
    /// Its length when it is sent.
    #[inline]
    pub(crate) const fn len(&self) -> Option<usize> {
        match self {
            Self::Not => None,
            Self::Plain(len) => Some(*len),
            Self::Promised(_, ticket) => Some(ticket.sealed_len()),
        }
    }

    #[inline]
    pub(crate) fn send(self, to: &Target, out: &mut Outbox) {
        match self {
            Self::Not => {}
            Self::Plain(len) => out.send_scratch(to, len),
            Self::Promised(context, ticket) => out.send_unsealed(to, context, ticket),
        }
    }
}

impl Body {
    /// What a sink gets if nothing is to be changed.
    pub(crate) const fn of(sink: SinkSlot, packet: &Packet<'_>) -> Self {
        if sink.keeps && packet.kept {
            Self::AsArrived
        } else {
            Self::Same
        }
    }
}

impl Relay {
    /// Forwards media from a flow to its sinks. An error says why none of them got it.
    #[inline]
    pub(crate) fn forward(
        &mut self,
        now: Time,
        from: Slot,
        medium: Medium,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let mut result = Err(DropReason::NoSink);
        for nth in 0.. {
            let source = self.table.flows.get(from as usize);
            let Some(sink) = source.and_then(|f| f.sinks.get(nth)).copied() else {
                break;
            };
            let sent = self.forward_to(now, from, sink, medium, packet, out);
            result = if result.is_ok() { result } else { sent };
        }
        result
    }

    #[inline]
    fn forward_to(
        &mut self,
        now: Time,
        from: Slot,
        sink: SinkSlot,
        medium: Medium,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let to = self.table.flows.get(sink.to as usize).ok_or(DropReason::NoSink)?;
        if !to.plan.media.send {
            return Err(DropReason::Direction);
        }
        let way = self.table.way_of(sink.to, to, Flow::peer)?;
        let made = if sink.plain {
            None
        } else {
            self.process(from, sink, medium, packet.bytes, out.scratch())?
        };
        let body = made.map_or(Body::of(sink, packet), Body::Made);
        self.deliver(now, &way, Kind::Rtp, body, packet, out)?;
        if let Medium::Rtp(header) = medium
            && way.noted
        {
            self.note_sent(now, &way, header, made.unwrap_or(packet.bytes.len()));
        }
        Ok(())
    }

    /// Remembers what was sent.
    fn note_sent(&mut self, now: Time, way: &Way, header: Header, len: usize) {
        let Some(to) = self.table.flows.get_mut(way.target.flow as usize) else {
            return;
        };
        if to.plan.reports.is_some() {
            to.state.egress.note(now, header, len);
        }
        let carrier = self.table.flows.get_mut(way.carrier as usize);
        if let Some(known) = carrier.and_then(|c| c.state.bundle.as_mut()) {
            known.sent.note(header.ssrc.0, way.target.flow);
        }
    }

    /// Taps, counts and sends; what is to be protected gets its place among the packets under that key, which decides
    /// whether it is sent, and is protected with others before the outbox is handed out.
    #[inline]
    pub(crate) fn deliver(
        &mut self,
        now: Time,
        way: &Way,
        kind: Kind,
        body: Body,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let taps = self.taps.mark();
        if way.tapped {
            self.tap_egress(now, way, body, packet, out);
        }
        let sent = match (body, way.keying) {
            (Body::AsArrived, _) => Ok(Made::Not),
            (Body::Same, Keying::Plain) if !packet.kept => Ok(Made::Not),
            (_, Keying::Pending) => Err(DropReason::NoKeys),
            (Body::Made(len), keying) => self.promise(keying, kind, out.scratch(), len),
            (Body::Same, keying) => self.copied(keying, kind, packet.bytes, out.scratch()),
        };
        let made = sent.inspect_err(|_| self.taps.rewind(taps))?;
        let to = self.table.flows.get(way.target.flow as usize);
        let to = to.ok_or(DropReason::NoSink)?;
        // The whole datagram if it is in the batch as it arrived, and otherwise what was unprotected there.
        to.sent(now, made.len().unwrap_or(packet.arrival.len()));
        match made {
            Made::Not => out.send_batch(&way.target, &packet.arrival.range()),
            made => made.send(&way.target, out),
        }
        Ok(())
    }

    fn tap_egress(&mut self, now: Time, way: &Way, body: Body, packet: &Packet<'_>, out: &mut Outbox) {
        let bytes = match body {
            Body::Made(len) => out.scratch().get(..len).unwrap_or_default(),
            Body::Same | Body::AsArrived => packet.bytes,
        };
        self.tap_sent(now, way, bytes);
    }

    /// Copies what is sent for recording.
    pub(crate) fn tap_sent(&mut self, now: Time, way: &Way, bytes: &[u8]) {
        let flow = |slot: Slot| self.table.flows.get(slot as usize);
        let (Some(to), Some(carrier)) = (flow(way.target.flow), flow(way.carrier)) else {
            return;
        };
        let mut sockets = carrier.plan.sockets.iter();
        if let Some(local) = sockets.find(|s| s.id == way.target.socket) {
            let ends = (local.addr, way.target.dest);
            self.taps.copy(now, &to.plan.taps, TapPoint::Egress, ends, bytes);
        }
    }

    /// Promises a copy of `bytes`, made at the beginning of `scratch`.
    fn copied(
        &mut self,
        keying: Keying,
        kind: Kind,
        bytes: &[u8],
        scratch: &mut [u8],
    ) -> Result<Made, DropReason> {
        let room = scratch.get_mut(..bytes.len()).ok_or(DropReason::Malformed)?;
        room.copy_from_slice(bytes);
        self.promise(keying, kind, scratch, bytes.len())
    }

    /// Takes a place for the packet in the first `len` bytes of `scratch`, if it is to be protected.
    pub(crate) fn promise(
        &mut self,
        keying: Keying,
        kind: Kind,
        scratch: &[u8],
        len: usize,
    ) -> Result<Made, DropReason> {
        let context = match keying {
            Keying::Plain => return Ok(Made::Plain(len)),
            Keying::Pending => return Err(DropReason::NoKeys),
            Keying::At(slot) => slot,
        };
        let mut senders = Senders(&mut self.table.flows);
        let sender = senders.context_mut(context as usize).ok_or(DropReason::NoKeys)?;
        let ticket = sender.take(kind, scratch, len).map_err(keys::unsendable)?;
        Ok(Made::Promised(context, ticket))
    }

    /// Protects what was promised. To be called before an outbox is handed out.
    #[inline]
    pub(crate) fn keep_promises(&mut self, out: &mut Outbox) {
        if !out.is_sealed() {
            let senders = Senders(&mut self.table.flows);
            out.seal(|seals| srtp::seal_batch(&senders, seals));
        }
    }

    /// What the sink's process makes of a packet: the length of what was written to `scratch`, or `None` if nothing
    /// changes.
    fn process(
        &self,
        from: Slot,
        sink: SinkSlot,
        medium: Medium,
        bytes: &[u8],
        scratch: &mut [u8],
    ) -> Result<Option<usize>, DropReason> {
        let Medium::Rtp(header) = medium else {
            return Ok(None);
        };
        let source = self.table.flows.get(from as usize).ok_or(DropReason::NoFlow)?;
        let process = source.plan.sinks.get(usize::from(sink.index));
        let process = &process.ok_or(DropReason::NoSink)?.process;
        let types = &process.payload_types;
        if !types.is_empty() && !types.contains(&header.pt.get()) {
            return Err(DropReason::PayloadType);
        }
        // What the parties authenticate end to end must arrive as it was sent.
        let changeable = source.plan.framing == Framing::Rtp && !sink.keeps;
        let map = process.ext_map.as_ref().filter(|_| changeable);
        let has_extension = bytes.first().is_some_and(|first| first & 0x10 != 0);
        let Some(map) = map.filter(|map| has_extension || map.mid.is_some()) else {
            return Ok(None);
        };
        let renumber = |id: u8| {
            let known = map.ids.iter().find(|(from, _)| *from == id).map(|(_, to)| *to);
            known.or(map.keep_unknown.then_some(id)).filter(|to| *to != 0)
        };
        let mid = map.mid.as_ref().map(|(id, data)| Element { id: *id, data });
        rtp::ext::rewrite(bytes, scratch, map.two_byte, mid, renumber)
            .map(Some)
            .ok_or(DropReason::Malformed)
    }
}

impl Table {
    /// How a packet gets to a flow's peer, now.
    pub(crate) fn way(&self, to: Slot) -> Result<Way, DropReason> {
        let flow = self.flows.get(to as usize).ok_or(DropReason::NoSink)?;
        self.way_of(to, flow, Flow::peer)
    }

    /// How a packet of our own gets to a flow's peer, whether that was heard or not.
    pub(crate) fn way_unheard(&self, to: Slot) -> Option<Way> {
        let flow = self.flows.get(to as usize).filter(|flow| !flow.kept.any())?;
        self.way_of(to, flow, Flow::peer_unheard).ok()
    }

    #[inline]
    fn way_of(
        &self,
        to: Slot,
        flow: &Flow,
        peer: impl Fn(&Flow) -> Result<(SocketId, SocketAddr), DropReason>,
    ) -> Result<Way, DropReason> {
        let (carrier, by) = match flow.transport {
            None => (to, flow),
            Some(slot) => {
                let by = self.flows.get(slot as usize);
                (slot, by.ok_or(DropReason::NoPeer)?.as_ref())
            }
        };
        let (socket, dest) = peer(by)?;
        Ok(Way {
            target: Target {
                socket,
                dest,
                tos: flow.plan.tos,
                flow: to,
            },
            carrier,
            keying: flow.send,
            tapped: !flow.plan.taps.is_empty(),
            noted: flow.plan.reports.is_some() || by.state.bundle.is_some(),
        })
    }
}
