//! Writing RTCP: reports, source descriptions, goodbyes.

use super::{ReportBlock, SenderInfo, packet_type, sdes_type};
use crate::Ssrc;
use crate::bytes::Writer;

/// Most report blocks that one report holds.
pub const BLOCKS_MAX: usize = 31;

/// Writes a compound packet into a caller's buffer.
#[derive(Debug)]
pub struct Builder<'a> {
    w: Writer<'a>,
}

impl<'a> Builder<'a> {
    /// Starts at the beginning of `buf`.
    pub const fn new(buf: &'a mut [u8]) -> Self {
        Self { w: Writer::new(buf) }
    }

    /// A sender report with up to [`BLOCKS_MAX`] blocks.
    pub fn sender_report(&mut self, ssrc: Ssrc, info: SenderInfo, blocks: &[ReportBlock]) -> &mut Self {
        let blocks = blocks.get(..BLOCKS_MAX).unwrap_or(blocks);
        self.part(packet_type::SR, count(blocks), |w| {
            w.put_u32(ssrc.0);
            w.put(&info.ntp.to_be_bytes());
            w.put_u32(info.rtp_time);
            w.put_u32(info.packets);
            w.put_u32(info.bytes);
            blocks.iter().for_each(|b| put_block(w, b));
        })
    }

    /// A receiver report with up to [`BLOCKS_MAX`] blocks.
    pub fn receiver_report(&mut self, ssrc: Ssrc, blocks: &[ReportBlock]) -> &mut Self {
        let blocks = blocks.get(..BLOCKS_MAX).unwrap_or(blocks);
        self.part(packet_type::RR, count(blocks), |w| {
            w.put_u32(ssrc.0);
            blocks.iter().for_each(|b| put_block(w, b));
        })
    }

    /// A source description of one source. Texts are cut off at 255 bytes.
    pub fn sdes(&mut self, ssrc: Ssrc, cname: &str, mid: Option<&str>) -> &mut Self {
        self.part(packet_type::SDES, 1, |w| {
            w.put_u32(ssrc.0);
            put_item(w, sdes_type::CNAME, cname);
            if let Some(mid) = mid {
                put_item(w, sdes_type::MID, mid);
            }
            w.put(&[0]);
        })
    }

    /// A goodbye of one source.
    pub fn bye(&mut self, ssrc: Ssrc) -> &mut Self {
        self.part(packet_type::BYE, 1, |w| w.put_u32(ssrc.0))
    }

    /// The length of the packet, if the buffer held it.
    pub const fn finish(self) -> Option<usize> {
        self.w.finish()
    }

    fn part(&mut self, packet_type: u8, count: u8, body: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        let start = self.w.len();
        self.w.put(&[0x80 | count, packet_type, 0, 0]);
        body(&mut self.w);
        self.w.pad(start);
        let words = (self.w.len() - start) / 4;
        self.w.patch_u16(
            start + 2,
            u16::try_from(words.saturating_sub(1)).unwrap_or(u16::MAX),
        );
        self
    }
}

fn count(blocks: &[ReportBlock]) -> u8 {
    u8::try_from(blocks.len()).unwrap_or(0)
}

fn put_block(w: &mut Writer<'_>, block: &ReportBlock) {
    // RFC 3550 §6.4.1: 24 bits signed; saturate instead of wrapping.
    let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0x00ff_ffff;
    w.put_u32(block.ssrc);
    w.put_u32(u32::from(block.fraction_lost) << 24 | lost);
    w.put_u32(block.ext_seq);
    w.put_u32(block.jitter);
    w.put_u32(block.lsr);
    w.put_u32(block.dlsr);
}

fn put_item(w: &mut Writer<'_>, item: u8, text: &str) {
    let text = text.as_bytes();
    let text = text.get(..255).unwrap_or(text);
    w.put(&[item, u8::try_from(text.len()).unwrap_or(u8::MAX)]);
    w.put(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Compound, Message};

    #[test]
    fn what_is_written_is_read() {
        let info = SenderInfo {
            ntp: 0x0102_0304_0506_0708,
            rtp_time: 9,
            packets: 10,
            bytes: 11,
        };
        let block = ReportBlock {
            ssrc: 1,
            fraction_lost: 2,
            lost: -3,
            ext_seq: 4,
            jitter: 5,
            lsr: 6,
            dlsr: 7,
        };
        let mut buf = [0; 256];
        let mut b = Builder::new(&mut buf);
        b.sender_report(Ssrc(7), info, &[block, block])
            .receiver_report(Ssrc(7), &[block])
            .sdes(Ssrc(7), "0123456789ab", Some("0"))
            .bye(Ssrc(7));
        let len = b.finish().expect("room");
        let messages: Vec<_> = Compound::parse(&buf[..len])
            .expect("whole")
            .parts()
            .map(|p| p.message().expect("known"))
            .collect();
        let [
            Message::SenderReport(sr),
            Message::ReceiverReport { blocks, .. },
            Message::Sdes(chunks),
            Message::Bye { ssrcs, .. },
        ] = messages[..]
        else {
            panic!("{messages:?}")
        };
        assert_eq!(
            (sr.info, sr.blocks.collect::<Vec<_>>()),
            (info, vec![block, block])
        );
        assert_eq!(blocks.collect::<Vec<_>>(), [block]);
        let items: Vec<_> = chunks.flat_map(|(_, items)| items).collect();
        assert_eq!(
            items,
            [
                (sdes_type::CNAME, &b"0123456789ab"[..]),
                (sdes_type::MID, &b"0"[..])
            ]
        );
        assert_eq!(ssrcs.collect::<Vec<_>>(), [Ssrc(7)]);
    }

    #[test]
    fn numbers_saturate_and_short_buffers_are_refused() {
        let block = ReportBlock {
            lost: i32::MAX,
            ..ReportBlock::default()
        };
        let mut buf = [0; 64];
        let mut b = Builder::new(&mut buf);
        b.receiver_report(Ssrc(1), &[block]);
        assert_eq!(b.finish(), Some(32));
        assert_eq!(buf[12..16], [0, 0x7f, 0xff, 0xff]);
        let mut b = Builder::new(&mut buf[..31]);
        b.receiver_report(Ssrc(1), &[block]);
        assert_eq!(b.finish(), None);
    }
}
