//! Keys and packets that the tests share.

use rtp::{Header, PayloadType, RtpTime, SeqNo, Ssrc};
use srtp::{MasterKey, Params, Protection, Receiver, Sender, Suite};

/// A key of the right length whose bytes begin at `first`.
pub(crate) fn key(suite: Suite, first: u8) -> MasterKey {
    crate::backends::force();
    let spec = suite.spec();
    let bytes: Vec<u8> = (0..spec.key_len + spec.salt_len)
        .map(|n| first.wrapping_add(n as u8).wrapping_mul(37))
        .collect();
    MasterKey::joined(suite, &bytes).expect("the right length")
}

/// One key, all protection.
pub(crate) fn params(suite: Suite) -> Params {
    Params::new(vec![key(suite, 1)], Protection::default()).expect("one key")
}

/// Both ends of one direction.
pub(crate) fn pair(params: &Params) -> (Sender, Receiver) {
    (Sender::new(params.clone()), Receiver::new(params.clone()))
}

/// An RTP packet whose payload follows from its number.
pub(crate) fn rtp(ssrc: u32, seq: u64, payload_len: usize) -> Vec<u8> {
    let header = Header {
        marker: false,
        pt: PayloadType::new(0).expect("seven bits"),
        seq: SeqNo((seq & 0xffff) as u16),
        ts: RtpTime((seq as u32).wrapping_mul(160)),
        ssrc: Ssrc(ssrc),
    };
    let mut packet = rtp::write_header(header).to_vec();
    packet.extend((0..payload_len).map(|n| (seq as usize * 31 + n) as u8));
    packet
}

/// A receiver report without blocks, and an application-defined packet that follows from `n`.
pub(crate) fn rtcp(ssrc: u32, n: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x80, 204, 0, 3]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(*b"test");
    packet.extend(n.to_be_bytes());
    packet
}

pub(crate) fn protect_rtp(sender: &mut Sender, packet: &[u8]) -> Vec<u8> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + sender.rtp_overhead(), 0xee);
    let len = sender
        .protect_rtp(&mut buf, packet.len())
        .expect("a fresh packet");
    assert_eq!(len, buf.len());
    buf
}

pub(crate) fn protect_rtcp(sender: &mut Sender, packet: &[u8]) -> Vec<u8> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + sender.rtcp_overhead(), 0xee);
    let len = sender.protect_rtcp(&mut buf, packet.len()).expect("a packet");
    assert_eq!(len, buf.len());
    buf
}

pub(crate) fn unprotect_rtp(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, srtp::Reject> {
    let mut buf = packet.to_vec();
    match receiver.unprotect_rtp(&mut buf) {
        Ok(len) => Ok(buf[..len].to_vec()),
        Err(why) => {
            assert_eq!(buf, packet, "refused and changed");
            Err(why)
        }
    }
}

pub(crate) fn unprotect_rtcp(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, srtp::Reject> {
    let mut buf = packet.to_vec();
    match receiver.unprotect_rtcp(&mut buf) {
        Ok(len) => Ok(buf[..len].to_vec()),
        Err(why) => {
            assert_eq!(buf, packet, "refused and changed");
            Err(why)
        }
    }
}
