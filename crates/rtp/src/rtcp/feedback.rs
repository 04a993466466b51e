//! Feedback (RFC 4585 §6.1) and extended reports (RFC 3611 §3).

use crate::Ssrc;
use crate::bytes::u16_at;

/// A feedback message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// Payload-specific (PSFB) rather than transport-layer (RTPFB).
    pub payload_specific: bool,
    /// Format.
    pub format: u8,
    /// Who sends it.
    pub sender: Ssrc,
    /// Whose stream it is about.
    pub media: Ssrc,
    /// Feedback control information.
    pub fci: &'a [u8],
}

/// The blocks of an extended report.
#[derive(Clone, Copy, Debug)]
pub struct XrBlocks<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Iterator for XrBlocks<'a> {
    type Item = XrBlock<'a>;

    fn next(&mut self) -> Option<XrBlock<'a>> {
        let [block_type, specific, ..] = *self.rest else {
            return None;
        };
        let len = 4 + usize::from(u16_at(self.rest, 2)?) * 4;
        let (block, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(XrBlock {
            block_type,
            specific,
            body: block.get(4..)?,
        })
    }
}

/// One block of an extended report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XrBlock<'a> {
    /// Block type (RFC 3611 §4: 4 = receiver reference time, 5 = DLRR, 7 = VoIP metrics).
    pub block_type: u8,
    /// Type-specific byte.
    pub specific: u8,
    /// What follows the header.
    pub body: &'a [u8],
}
