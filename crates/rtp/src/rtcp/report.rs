//! Sender and receiver reports (RFC 3550 §6.4).

use crate::Ssrc;
use crate::bytes::u32_at;

/// A sender report.
#[derive(Clone, Copy, Debug)]
pub struct SenderReport<'a> {
    /// Who sends.
    pub ssrc: Ssrc,
    /// What it sent.
    pub info: SenderInfo,
    /// What it received.
    pub blocks: Blocks<'a>,
}

/// What a sender says of its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// NTP timestamp: seconds since 1900 in the upper half, fractions in the lower.
    pub ntp: u64,
    /// RTP timestamp of the same instant.
    pub rtp_time: u32,
    /// Packets sent.
    pub packets: u32,
    /// Bytes sent.
    pub bytes: u32,
}

impl SenderInfo {
    /// The middle 32 bits of the NTP timestamp: what a receiver returns as LSR.
    pub const fn ntp_middle(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the middle is what is meant")]
        let middle = (self.ntp >> 16) as u32;
        middle
    }
}

/// What a receiver says of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// Whose stream.
    pub ssrc: u32,
    /// Fraction lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all, 24 bits signed.
    pub lost: i32,
    /// Extended highest sequence number received.
    pub ext_seq: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP timestamp; 0 = none.
    pub lsr: u32,
    /// Delay since then in 1/65536 s.
    pub dlsr: u32,
}

/// Bytes of a report block.
const BLOCK_LEN: usize = 24;

impl ReportBlock {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let loss = u32_at(bytes, 4)?;
        let [fraction_lost, ..] = loss.to_be_bytes();
        Some(Self {
            ssrc: u32_at(bytes, 0)?,
            fraction_lost,
            // Shifting the sign bit to the top and back extends it.
            lost: (loss << 8).cast_signed() >> 8,
            ext_seq: u32_at(bytes, 8)?,
            jitter: u32_at(bytes, 12)?,
            lsr: u32_at(bytes, 16)?,
            dlsr: u32_at(bytes, 20)?,
        })
    }
}

/// The report blocks of a report.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a> {
    list: &'a [u8],
}

impl<'a> Blocks<'a> {
    pub(super) fn new(bytes: &'a [u8], count: u8) -> Option<Self> {
        Some(Self {
            list: bytes.get(..usize::from(count) * BLOCK_LEN)?,
        })
    }
}

impl Iterator for Blocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.list.split_at_checked(BLOCK_LEN)?;
        self.list = rest;
        ReportBlock::parse(block)
    }
}
