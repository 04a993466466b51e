//! The RTP of one direction of a call out of a capture file, to be sent again.
//!
//! Reads the classic format (`pcap`, both byte orders, micro- or nanoseconds) of Ethernet, cooked and raw IP captures.
//! Taken is the stream, by SSRC, that has most packets; the rest of the file is passed over. Deliberately absent:
//! pcapng (`editcap -F pcap` converts), and RTP with extensions or contributing sources, whose header varies.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::payload::{HEADER_BYTES, PACKET_BYTES_MAX};

/// Bytes of the largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// One packet as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// Marker and payload type.
    pub(crate) kind: u8,
    /// RTP time after the first packet's.
    pub(crate) time: u32,
    pub(crate) payload: Vec<u8>,
}

/// A stream.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    packets: Vec<Captured>,
    /// RTP time from the first packet of one turn to that of the next.
    turn: u32,
    /// Bytes of the longest packet, RTP header included.
    pub(crate) longest: usize,
    /// Packets a second, as they were captured.
    pub(crate) per_second: f64,
}

impl Capture {
    /// Reads a file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let length = std::fs::metadata(path)
            .with_context(|| format!("no {}", path.display()))?
            .len();
        ensure!(
            length <= FILE_BYTES_MAX,
            "{} is larger than {FILE_BYTES_MAX} bytes",
            path.display()
        );
        Self::parse(&std::fs::read(path)?).with_context(|| path.display().to_string())
    }

    fn parse(file: &[u8]) -> Result<Self> {
        let records = records(file)?;
        let found: Vec<_> = records
            .iter()
            .filter_map(|(at, frame, link)| rtp(*at, frame, *link))
            .collect();
        let mut counts = std::collections::BTreeMap::new();
        found
            .iter()
            .for_each(|packet| *counts.entry(packet.ssrc).or_insert(0_usize) += 1);
        let (ssrc, count) = counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .context("no RTP in it")?;
        let stream: Vec<_> = found.into_iter().filter(|packet| packet.ssrc == ssrc).collect();
        let (first, last) = (&stream[0], &stream[count - 1]);
        let steps = (count - 1).max(1) as f64;
        let step = last.time.wrapping_sub(first.time) / steps as u32;
        let span_ns = last.at_ns.saturating_sub(first.at_ns).max(1);
        Ok(Self {
            turn: last.time.wrapping_sub(first.time).wrapping_add(step),
            longest: stream
                .iter()
                .map(|packet| packet.payload.len())
                .max()
                .unwrap_or(0)
                + HEADER_BYTES,
            per_second: steps * 1e9 / span_ns as f64,
            packets: stream
                .iter()
                .map(|packet| Captured {
                    kind: packet.kind,
                    time: packet.time.wrapping_sub(first.time),
                    payload: packet.payload.to_vec(),
                })
                .collect(),
        })
    }

    /// Payload type of the first packet.
    pub(crate) fn payload_type(&self) -> u8 {
        self.packets.first().map_or(0, |packet| packet.kind & 0x7f)
    }

    /// Writes packet `counter` of an endless repetition; returns its length.
    pub(crate) fn write(&self, out: &mut [u8], ssrc: u32, counter: u64) -> usize {
        let count = self.packets.len() as u64;
        let packet = &self.packets[(counter % count) as usize];
        let length = HEADER_BYTES + packet.payload.len();
        let time = packet
            .time
            .wrapping_add(((counter / count) as u32).wrapping_mul(self.turn));
        out[0] = 0x80;
        out[1] = packet.kind;
        out[2..4].copy_from_slice(&(counter as u16).to_be_bytes());
        out[4..8].copy_from_slice(&time.to_be_bytes());
        out[8..12].copy_from_slice(&ssrc.to_be_bytes());
        out[HEADER_BYTES..length].copy_from_slice(&packet.payload);
        length
    }
}

struct Rtp<'a> {
    at_ns: u64,
    ssrc: u32,
    kind: u8,
    time: u32,
    payload: &'a [u8],
}

/// Time, frame and type of link of each record.
fn records(file: &[u8]) -> Result<Vec<(u64, &[u8], u32)>> {
    let (header, mut rest) = file.split_first_chunk::<24>().context("not a capture file")?;
    let magic = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    let (little, unit_ns) = match magic {
        0xa1b2_c3d4 => (true, 1_000),
        0xa1b2_3c4d => (true, 1),
        0xd4c3_b2a1 => (false, 1_000),
        0x4d3c_b2a1 => (false, 1),
        0x0a0d_0d0a => bail!("pcapng; convert it with `editcap -F pcap`"),
        _ => bail!("not a capture file"),
    };
    let number = |bytes: &[u8], at: usize| {
        let four = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        }
    };
    let link = number(header, 20) & 0xffff;
    let mut records = Vec::new();
    while let Some((header, after)) = rest.split_first_chunk::<16>() {
        let at = u64::from(number(header, 0)) * 1_000_000_000 + u64::from(number(header, 4)) * unit_ns;
        // The last record of a file that is still being written may be cut short.
        let Some((frame, next)) = after.split_at_checked(number(header, 8) as usize) else {
            break;
        };
        records.push((at, frame, link));
        rest = next;
    }
    Ok(records)
}

fn rtp(at_ns: u64, frame: &[u8], link: u32) -> Option<Rtp<'_>> {
    // Ethernet (a VLAN tag is skipped), Linux cooked in both versions, raw IP.
    let packet = match link {
        1 if frame.get(12..14)? == [0x81, 0] => frame.get(18..)?,
        1 => frame.get(14..)?,
        113 => frame.get(16..)?,
        276 => frame.get(20..)?,
        12 | 14 | 101 | 228 | 229 => frame,
        _ => return None,
    };
    let datagram = match packet.first()? >> 4 {
        4 if *packet.get(9)? == 17 => packet.get(usize::from(packet[0] & 15) * 4..)?,
        6 if *packet.get(6)? == 17 => packet.get(40..)?,
        _ => return None,
    };
    let length = usize::from(u16::from_be_bytes([*datagram.get(4)?, *datagram.get(5)?]));
    let rtp = datagram.get(8..length)?;
    let (header, payload) = rtp.split_first_chunk::<HEADER_BYTES>()?;
    // Version 2, no padding, extension or contributing sources; RFC 5761 §4 tells RTCP apart.
    let plain = header[0] == 0x80 && !(192..=223).contains(&header[1]);
    let fits = !payload.is_empty() && rtp.len() <= PACKET_BYTES_MAX;
    (plain && fits).then(|| Rtp {
        at_ns,
        ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        kind: header[1],
        time: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(link: u32, packets: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut file = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, link]
            .map(u32::to_le_bytes)
            .concat();
        for (i, (ssrc, time, payload)) in packets.iter().enumerate() {
            let rtp = [
                &[0x80, 8, 0, i as u8][..],
                &time.to_be_bytes(),
                &ssrc.to_be_bytes(),
                payload,
            ]
            .concat();
            let udp = [
                &[0, 1, 0, 2][..],
                &(8 + rtp.len() as u16).to_be_bytes(),
                &[0, 0],
                &rtp,
            ]
            .concat();
            let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
            ip.extend(udp);
            let frame = if link == 1 {
                [vec![0; 12], vec![8, 0], ip].concat()
            } else {
                ip
            };
            let length = frame.len() as u32;
            file.extend(
                [0, i as u32 * 20_000, length, length]
                    .map(u32::to_le_bytes)
                    .concat(),
            );
            file.extend(frame);
        }
        file
    }

    #[test]
    fn the_longest_stream_is_repeated() {
        for link in [1, 101] {
            let file = file(
                link,
                &[
                    (7, 1_000, b"one"),
                    (9, 5, b"x"),
                    (7, 1_160, b"three"),
                    (7, 1_320, b"4"),
                ],
            );
            let capture = Capture::parse(&file).unwrap();
            assert_eq!(
                (capture.packets.len(), capture.longest, capture.payload_type()),
                (3, 17, 8)
            );
            let mut out = [0; 100];
            assert_eq!(capture.write(&mut out, 77, 4), 12 + 5);
            let time = (480 + 160_u32).to_be_bytes();
            assert_eq!(out[..12], [&[0x80, 8, 0, 4], &time[..], &[0, 0, 0, 77]].concat());
            assert_eq!(&out[12..17], b"three");
            // Cut anywhere it is still a file, or an error.
            (0..file.len()).for_each(|cut| drop(Capture::parse(&file[..cut])));
        }
        assert!(Capture::parse(b"\x0a\x0d\x0d\x0a_____________________").is_err());
    }
}
