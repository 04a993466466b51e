//! What is forwarded, byte by byte.

use super::frame::{Datagram, HOST, PEER, Sum, rtp};
use super::*;

const PEER4: &str = "198.51.100.7:4000";
const PEER6: &str = "[2001:db8:7::7]:4000";
const OUT4: &str = "192.0.2.1:30002";
const OUT6: &str = "[2001:db8::1]:30002";
const DEST4: &str = "203.0.113.9:5000";
const DEST6: &str = "[2001:db8:9::9]:5000";

/// What has to leave if `sent` arrives.
fn expected(entry: &Entry, sent: &Datagram) -> Datagram {
    Datagram {
        vlan: entry.hop.vlan,
        ethernet: (entry.hop.dest, entry.hop.source),
        from: entry.flow.out.addr,
        to: entry.flow.dest,
        tos: entry.flow.tos,
        ttl: entry.hop.ttl,
        payload: sent.payload.clone(),
    }
}

#[test]
fn plain_rtp_leaves_as_a_socket_would_send_it() {
    let Some((kernel, mut table)) = loaded(&[V4, V6]) else {
        return;
    };
    let ways = [
        (PEER4, V4, OUT4, DEST4),
        (PEER6, V6, OUT6, DEST6),
        (PEER4, V4, OUT6, DEST6),
        (PEER6, V6, OUT4, DEST4),
    ];
    let tags = [None, Some(0x2007)];
    for ((source, local, out, dest), tag_in, tag_out) in ways
        .into_iter()
        .flat_map(|way| tags.map(|tag| (way, tag)))
        .flat_map(|(way, tag)| tags.map(|other| (way, tag, other)))
    {
        let mut entry = entry(source, local, out, dest);
        entry.hop.vlan = tag_out;
        let id = open(&mut table, &entry);
        for (seq, sum) in
            (0..100_u16).flat_map(|seq| [Sum::Whole, Sum::Zero, Sum::Partial].map(|sum| (seq, sum)))
        {
            let payload = rtp(8, seq, SSRC, usize::from(seq) * 13);
            let sent = Datagram {
                vlan: tag_in,
                ethernet: (HOST, PEER),
                ..Datagram::new(source, local, &payload)
            };
            let ran = kernel.run(Served::Native, &sent.frame(sum), 1).expect("a run");
            let what = format!("{source} > {dest}, {tag_in:?} > {tag_out:?}, {seq}, {sum:?}");
            if sum == Sum::Zero && sent.from.is_ipv6() {
                assert_eq!(ran.action, XDP_PASS, "{what}");
                continue;
            }
            assert_eq!(ran.action, XDP_TX, "{what}");
            let (left, summed) = Datagram::read(&ran.frame);
            assert_eq!(left, expected(&entry, &sent), "{what}");
            assert_eq!(summed, sum != Sum::Zero || left.from.is_ipv6(), "{what}");
        }
        table.retire(id);
    }
}
