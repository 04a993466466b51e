//! Reading RTCP: compound packets and what is in them (RFC 3550 §6, RFC 4585, RFC 3611).

mod build;
mod feedback;
mod report;
mod source;

use crate::Ssrc;
use crate::bytes::{u16_at, u32_at};

pub use build::{BLOCKS_MAX, Builder};
pub use feedback::{Feedback, XrBlock, XrBlocks};
pub use report::{Blocks, ReportBlock, SenderInfo, SenderReport};
pub use source::{Chunks, Items, SsrcList};

/// Packet types.
pub mod packet_type {
    /// Sender report.
    pub const SR: u8 = 200;
    /// Receiver report.
    pub const RR: u8 = 201;
    /// Source description.
    pub const SDES: u8 = 202;
    /// Goodbye.
    pub const BYE: u8 = 203;
    /// Application-defined.
    pub const APP: u8 = 204;
    /// Transport-layer feedback.
    pub const RTPFB: u8 = 205;
    /// Payload-specific feedback.
    pub const PSFB: u8 = 206;
    /// Extended report.
    pub const XR: u8 = 207;
}

/// SDES item types.
pub mod sdes_type {
    /// Canonical name.
    pub const CNAME: u8 = 1;
    /// Media identification (RFC 8843 §15).
    pub const MID: u8 = 15;
}

/// The SSRC in the first header: who sends. There also in SRTCP, where it is all that can be read.
pub fn sender(bytes: &[u8]) -> Option<Ssrc> {
    u32_at(bytes, 4).map(Ssrc)
}

/// A datagram that consists of whole RTCP packets and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Checks versions, packet types, lengths and padding of all parts. A single part need not be a report
    /// (RFC 5506).
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut parts = Parts { rest: bytes };
        let mut last = None;
        for part in parts.by_ref() {
            // RFC 3550 §6.4.1: only the last one may be padded.
            if last.is_some_and(|p: Part<'_>| p.padded) {
                return None;
            }
            last = Some(part);
        }
        (last.is_some() && parts.rest.is_empty()).then_some(Self { bytes })
    }

    /// Its parts.
    pub const fn parts(&self) -> Parts<'a> {
        Parts { rest: self.bytes }
    }

    /// Copies all parts but transport and payload feedback into `out` and returns the length, 0 if nothing is left;
    /// `None` if `out` is shorter than the packet.
    pub fn without_feedback(&self, out: &mut [u8]) -> Option<usize> {
        let mut w = crate::bytes::Writer::new(out);
        for part in self.parts().filter(|p| !p.is_feedback()) {
            w.put(part.bytes);
        }
        w.finish()
    }

    /// Some part is transport or payload feedback.
    pub fn has_feedback(&self) -> bool {
        self.parts().any(|p| p.is_feedback())
    }
}

/// Iterates over the parts of a compound packet.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let [first, packet_type, ..] = *self.rest else {
            return None;
        };
        let len = 4 + usize::from(u16_at(self.rest, 2)?) * 4;
        if first >> 6 != 2 || !(192..=223).contains(&packet_type) {
            return None;
        }
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        let padded = first & 0x20 != 0;
        let padding = if padded { usize::from(*bytes.last()?) } else { 0 };
        if padded && padding == 0 {
            return None;
        }
        let body = bytes.get(4..len.checked_sub(padding)?)?;
        self.rest = rest;
        Some(Part {
            packet_type,
            count: first & 0x1f,
            padded,
            bytes,
            body,
        })
    }
}

/// One RTCP packet of a compound.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// See [`packet_type`].
    pub packet_type: u8,
    /// Report count, source count, subtype or feedback format, by type.
    pub count: u8,
    padded: bool,
    bytes: &'a [u8],
    body: &'a [u8],
}

impl<'a> Part<'a> {
    /// Transport or payload feedback.
    pub const fn is_feedback(&self) -> bool {
        matches!(self.packet_type, packet_type::RTPFB | packet_type::PSFB)
    }

    /// What it says; `None` if it is cut short or of another type.
    pub fn message(&self) -> Option<Message<'a>> {
        let body = self.body;
        let ssrc = || u32_at(body, 0).map(Ssrc);
        Some(match self.packet_type {
            packet_type::SR => Message::SenderReport(self.sender_report()?),
            packet_type::RR => Message::ReceiverReport {
                ssrc: ssrc()?,
                blocks: Blocks::new(body.get(4..)?, self.count)?,
            },
            packet_type::SDES => Message::Sdes(Chunks {
                rest: body,
                left: self.count,
            }),
            packet_type::BYE => self.bye()?,
            packet_type::APP => Message::App {
                subtype: self.count,
                ssrc: ssrc()?,
                name: *body.get(4..)?.first_chunk()?,
                data: body.get(8..)?,
            },
            packet_type::RTPFB | packet_type::PSFB => Message::Feedback(Feedback {
                payload_specific: self.packet_type == packet_type::PSFB,
                format: self.count,
                sender: ssrc()?,
                media: Ssrc(u32_at(body, 4)?),
                fci: body.get(8..)?,
            }),
            packet_type::XR => Message::Extended {
                ssrc: ssrc()?,
                blocks: XrBlocks { rest: body.get(4..)? },
            },
            _ => return None,
        })
    }

    fn sender_report(&self) -> Option<SenderReport<'a>> {
        let body = self.body;
        Some(SenderReport {
            ssrc: Ssrc(u32_at(body, 0)?),
            info: SenderInfo {
                ntp: u64::from(u32_at(body, 4)?) << 32 | u64::from(u32_at(body, 8)?),
                rtp_time: u32_at(body, 12)?,
                packets: u32_at(body, 16)?,
                bytes: u32_at(body, 20)?,
            },
            blocks: Blocks::new(body.get(24..)?, self.count)?,
        })
    }

    fn bye(&self) -> Option<Message<'a>> {
        let (list, rest) = self.body.split_at_checked(usize::from(self.count) * 4)?;
        let reason = rest
            .split_first()
            .and_then(|(len, text)| text.get(..usize::from(*len)));
        Some(Message::Bye {
            ssrcs: SsrcList { list },
            reason,
        })
    }
}

/// What one RTCP packet says.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Sender report (RFC 3550 §6.4.1).
    SenderReport(SenderReport<'a>),
    /// Receiver report (RFC 3550 §6.4.2).
    ReceiverReport {
        /// Who reports.
        ssrc: Ssrc,
        /// About whom.
        blocks: Blocks<'a>,
    },
    /// Source description (RFC 3550 §6.5).
    Sdes(Chunks<'a>),
    /// Goodbye (RFC 3550 §6.6).
    Bye {
        /// Who leaves.
        ssrcs: SsrcList<'a>,
        /// Why.
        reason: Option<&'a [u8]>,
    },
    /// Application-defined (RFC 3550 §6.7).
    App {
        /// Subtype.
        subtype: u8,
        /// Who sends.
        ssrc: Ssrc,
        /// Name.
        name: [u8; 4],
        /// The rest.
        data: &'a [u8],
    },
    /// Feedback (RFC 4585 §6.1).
    Feedback(Feedback<'a>),
    /// Extended report (RFC 3611 §2).
    Extended {
        /// Who reports.
        ssrc: Ssrc,
        /// Its blocks.
        blocks: XrBlocks<'a>,
    },
}

#[cfg(test)]
mod tests;
