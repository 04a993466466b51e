//! Which media of a bundle a packet belongs to (RFC 8843 §9.2).
//!
//! RTP goes by its MID, then by what was found out about its SSRC before, then by the SSRCs that signalling named, then
//! by its payload type. RTCP goes by the SSRCs that it speaks of: those of streams that came,
//! and those of streams that were sent, which is what reports and feedback are about. Both are remembered here, the
//! latest of them, and only from packets whose source was accepted.

use arrayvec::ArrayVec;
use plan::{Bundle, BundleMember, Component, DropReason};
use rtp::ext::{Elements, Form};
use rtp::rtcp::{Compound, Feedback, Message, sdes_type};
use rtp::{Header, Packet};

use crate::flow::Flow;
use crate::limits;
use crate::table::{Slot, Table};

/// Medias concerned by one RTCP packet.
pub(crate) type Members = ArrayVec<Slot, { limits::RTCP_MEMBERS }>;

/// What was found out about SSRCs.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Of streams that came from the peer.
    pub(crate) received: Ssrcs,
    /// Of streams that were sent to the peer.
    pub(crate) sent: Ssrcs,
}

impl Known {
    /// Forgets what is not one of `members`.
    pub(crate) fn keep(&mut self, members: &[Slot]) {
        for ssrcs in [&mut self.received, &mut self.sent] {
            ssrcs.list.retain(|(_, slot)| members.contains(slot));
        }
    }
}

/// SSRCs and the flows that they belong to, the latest first.
#[derive(Debug, Default)]
pub(crate) struct Ssrcs {
    list: ArrayVec<(u32, Slot), { limits::BUNDLE_SSRCS }>,
}

impl Ssrcs {
    pub(crate) fn get(&self, ssrc: u32) -> Option<Slot> {
        let known = self.list.iter().find(|(known, _)| *known == ssrc);
        known.map(|(_, slot)| *slot)
    }

    /// Remembers one, forgetting the one noted longest ago if there is no room.
    pub(crate) fn note(&mut self, ssrc: u32, slot: Slot) {
        let at = self.list.iter().position(|(known, _)| *known == ssrc);
        let at = at.unwrap_or_else(|| {
            if self.list.is_full() {
                self.list.pop();
            }
            self.list.push((ssrc, slot));
            self.list.len() - 1
        });
        if let Some(upto) = self.list.get_mut(..=at) {
            upto.rotate_right(1);
        }
        if let Some(first) = self.list.first_mut() {
            first.1 = slot;
        }
    }
}

impl Table {
    /// The flow whose sockets, peer and keys a flow uses: nearly always itself.
    #[inline]
    pub(crate) fn carrier(&self, slot: Slot) -> Slot {
        let flow = self.flows.get(slot as usize);
        flow.and_then(|f| f.transport).unwrap_or(slot)
    }

    /// A flow has heard this SSRC from its learned source, for itself or for those that share its transport.
    pub(crate) fn trusts(&self, flow: &Flow, ssrc: u32) -> bool {
        flow.state.streams.trusts(ssrc) || self.members(flow).any(|m| m.state.streams.trusts(ssrc))
    }

    /// A flow has heard any.
    pub(crate) fn trusts_any(&self, flow: &Flow) -> bool {
        flow.state.streams.trusts_any() || self.members(flow).any(|m| m.state.streams.trusts_any())
    }

    fn members(&self, flow: &Flow) -> impl Iterator<Item = &Flow> {
        let slots = flow.members.iter();
        slots.filter_map(|slot| self.flows.get(*slot as usize).map(Box::as_ref))
    }

    /// The flow that an RTP packet belongs to, of those that share the transport it came by.
    #[inline]
    pub(crate) fn member_of_rtp(
        &self,
        transport: Slot,
        header: Header,
        bytes: &[u8],
    ) -> Result<Slot, DropReason> {
        let flow = self.flows.get(transport as usize).ok_or(DropReason::NoFlow)?;
        let Some(bundle) = &flow.plan.bundle else {
            return Ok(transport);
        };
        let known = flow.state.bundle.as_ref();
        let place = match mid(bundle, bytes) {
            // RFC 8843 §9.2: a MID that nobody has belongs to nobody.
            Some(member) => return self.existing(member.and_then(|at| flow.members.get(at).copied())),
            None => known.and_then(|k| k.received.get(header.ssrc.0)),
        };
        let described = || {
            let pt = header.pt.get();
            let by_name = position(bundle, |m| m.ssrcs.contains(&header.ssrc.0));
            let at = by_name.or_else(|| position(bundle, |m| m.payload_types.contains(&pt)));
            flow.members.get(at?).copied()
        };
        self.existing(place.or_else(described))
    }

    fn existing(&self, slot: Option<Slot>) -> Result<Slot, DropReason> {
        slot.filter(|s| self.flows.contains(*s as usize))
            .ok_or(DropReason::NoBundleMember)
    }

    /// The flows that an RTCP packet concerns, of those that share the transport it came by: none, one or several.
    pub(crate) fn members_of_rtcp(
        &mut self,
        transport: Slot,
        bytes: &[u8],
        compound: Option<Compound<'_>>,
    ) -> Members {
        let mut members = Members::new();
        let Some(flow) = self.flows.get(transport as usize) else {
            return members;
        };
        if flow.plan.bundle.is_none() {
            members.push(transport);
            return members;
        }
        let media = match flow.plan.component {
            Component::Rtcp => flow.rtp_slot.unwrap_or(transport),
            Component::Rtp | Component::Mux => transport,
        };
        self.learn_descriptions(media, compound);
        self.concerned(media, bytes, compound, |slot| {
            let slot = slot.and_then(|s| self.rtcp_of(transport, s));
            if let Some(slot) = slot.filter(|s| !members.contains(s)) {
                // More medias than this are not told anything by one packet.
                let _ = members.try_push(slot);
            }
        });
        members
    }

    /// Calls `found` for each SSRC that an RTCP packet speaks of, with the media that it belongs to.
    fn concerned(
        &self,
        media: Slot,
        bytes: &[u8],
        compound: Option<Compound<'_>>,
        mut found: impl FnMut(Option<Slot>),
    ) {
        let mut any = false;
        let mut tell = |slot: Option<Slot>| {
            any |= slot.is_some();
            found(slot);
        };
        for message in compound
            .iter()
            .flat_map(Compound::parts)
            .filter_map(|p| p.message())
        {
            match message {
                Message::SenderReport(sr) => {
                    tell(self.received_as(media, sr.ssrc.0));
                    sr.blocks.for_each(|b| tell(self.sent_as(media, b.ssrc)));
                }
                Message::ReceiverReport { blocks, .. } => {
                    blocks.for_each(|b| tell(self.sent_as(media, b.ssrc)));
                }
                Message::Feedback(feedback) => {
                    about(&feedback).for_each(|ssrc| tell(self.sent_as(media, ssrc)));
                }
                Message::Bye { ssrcs, .. } => {
                    ssrcs.for_each(|ssrc| tell(self.received_as(media, ssrc.0)));
                }
                Message::Extended { ssrc, .. } | Message::App { ssrc, .. } => {
                    tell(self.received_as(media, ssrc.0));
                }
                // Stands beside something else, and says nothing to whom that does not concern.
                Message::Sdes(_) => {}
            }
        }
        // A report about nothing that we know, or one that we cannot read: it is its sender's.
        if let Some(sender) = rtp::rtcp::sender(bytes).filter(|_| !any) {
            found(self.received_as(media, sender.0));
        }
    }

    /// Which media a stream from the peer belongs to.
    pub(crate) fn received_as(&self, transport: Slot, ssrc: u32) -> Option<Slot> {
        let flow = self.flows.get(transport as usize)?;
        let known = flow.state.bundle.as_ref()?.received.get(ssrc);
        known.or_else(|| {
            let bundle = flow.plan.bundle.as_ref()?;
            let at = position(bundle, |m| m.ssrcs.contains(&ssrc))?;
            flow.members.get(at).copied()
        })
    }

    /// Which media a stream to the peer belongs to.
    pub(crate) fn sent_as(&self, transport: Slot, ssrc: u32) -> Option<Slot> {
        let flow = self.flows.get(transport as usize)?;
        flow.state.bundle.as_ref()?.sent.get(ssrc)
    }

    /// The flow that carries a media's RTCP by a transport.
    fn rtcp_of(&self, transport: Slot, media: Slot) -> Option<Slot> {
        let apart = self.flows.get(transport as usize)?.plan.component == Component::Rtcp;
        let flow = self.flows.get(media as usize)?;
        if apart { flow.rtcp_slot } else { Some(media) }
    }

    /// RFC 8843 §15: a source description may say which media an SSRC belongs to.
    fn learn_descriptions(&mut self, media: Slot, compound: Option<Compound<'_>>) {
        let Some(flow) = self.flows.get_mut(media as usize) else {
            return;
        };
        let (Some(bundle), Some(known)) = (&flow.plan.bundle, &mut flow.state.bundle) else {
            return;
        };
        for message in compound
            .iter()
            .flat_map(Compound::parts)
            .filter_map(|p| p.message())
        {
            let Message::Sdes(chunks) = message else {
                continue;
            };
            for (ssrc, mut items) in chunks {
                let mid = items.find(|(kind, _)| *kind == sdes_type::MID);
                let at = mid.and_then(|(_, mid)| position(bundle, |m| *m.mid == *mid));
                if let Some(slot) = at.and_then(|at| flow.members.get(at)) {
                    known.received.note(ssrc.0, *slot);
                }
            }
        }
    }
}

/// The media that a packet's MID names: `None` if it has none, `Some(None)` if nobody has that one.
fn mid(bundle: &Bundle, bytes: &[u8]) -> Option<Option<usize>> {
    if bytes.first().is_none_or(|first| first & 0x10 == 0) {
        return None;
    }
    let (profile, body) = Packet::parse(bytes)?.extension()?;
    let is_mid = |id: u8| bundle.members.iter().any(|m| m.mid_extension == Some(id));
    let element = Elements::new(Form::of(profile)?, body).find(|e| is_mid(e.id))?;
    Some(position(bundle, |m| {
        m.mid_extension == Some(element.id) && *m.mid == *element.data
    }))
}

fn position(bundle: &Bundle, is_it: impl Fn(&BundleMember) -> bool) -> Option<usize> {
    bundle.members.iter().position(is_it)
}

/// Whose streams feedback is about: those in its header or, for formats that leave that empty, in its entries
/// (RFC 5104 §4.3.1.1: FIR; §4.2.1.1: TMMBR, TMMBN; REMB names its streams behind eight bytes).
fn about<'a>(feedback: &Feedback<'a>) -> impl Iterator<Item = u32> + use<'a> {
    let fci = feedback.fci;
    let (entries, step) = match (feedback.payload_specific, feedback.format) {
        (true, 4) | (false, 3 | 4) => (fci, 8),
        (true, 15) if fci.starts_with(b"REMB") => (fci.get(8..).unwrap_or_default(), 4),
        _ => (&[][..], 4),
    };
    let listed = entries.chunks_exact(step).filter_map(|entry| {
        let ssrc: &[u8; 4] = entry.first_chunk()?;
        Some(u32::from_be_bytes(*ssrc))
    });
    Some(feedback.media.0)
        .filter(|ssrc| *ssrc != 0)
        .into_iter()
        .chain(listed)
}
