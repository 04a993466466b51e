//! Whole packets in, what they say out.

use super::*;

const SR: &[u8] = &[
    0x81, 200, 0, 12, 0, 0, 0, 1, 0xe9, 0x71, 0x56, 0xff, 0xcc, 0x1e, 0x68, 0xa0, 0, 0, 0, 2, 0, 0, 0, 3, 0,
    0, 0, 4, 0, 0, 0, 9, 0x80, 0xff, 0xff, 0xfe, 0, 1, 0, 5, 0, 0, 0, 6, 0x56, 0xff, 0xcc, 0x1e, 0, 0, 0, 8,
];
const SDES: &[u8] = &[0x81, 202, 0, 3, 0, 0, 0, 1, 1, 3, b'a', b'b', b'c', 0, 0, 0];
const PLI: &[u8] = &[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9];
const BYE: &[u8] = &[0x81, 203, 0, 2, 0, 0, 0, 1, 3, b'e', b'n', b'd'];

#[test]
fn reports_are_read() {
    let compound = Compound::parse(SR).expect("whole");
    let Some(Message::SenderReport(sr)) = compound.parts().next().and_then(|p| p.message()) else {
        panic!("a sender report");
    };
    assert_eq!(sr.info.ntp_middle(), 0x56ff_cc1e);
    assert_eq!(
        (sr.ssrc, sr.info.rtp_time, sr.info.packets, sr.info.bytes),
        (Ssrc(1), 2, 3, 4)
    );
    let expect = ReportBlock {
        ssrc: 9,
        fraction_lost: 128,
        lost: -2,
        ext_seq: 0x1_0005,
        jitter: 6,
        lsr: 0x56ff_cc1e,
        dlsr: 8,
    };
    assert_eq!(sr.blocks.collect::<Vec<_>>(), [expect]);
}

#[test]
fn descriptions_and_goodbyes_are_read() {
    let bytes = [SDES, BYE].concat();
    let mut parts = Compound::parse(&bytes).expect("whole").parts();
    let Some(Message::Sdes(chunks)) = parts.next().and_then(|p| p.message()) else {
        panic!("sdes")
    };
    let chunks: Vec<_> = chunks
        .map(|(ssrc, items)| (ssrc, items.collect::<Vec<_>>()))
        .collect();
    assert_eq!(chunks, [(Ssrc(1), vec![(sdes_type::CNAME, &b"abc"[..])])]);
    let Some(Message::Bye { ssrcs, reason }) = parts.next().and_then(|p| p.message()) else {
        panic!("bye")
    };
    assert_eq!(
        (ssrcs.collect::<Vec<_>>(), reason),
        (vec![Ssrc(1)], Some(&b"end"[..]))
    );
}

#[test]
fn two_chunks_of_every_alignment_are_found() {
    for len in 0..9_u8 {
        let mut body = vec![0, 0, 0, 1, sdes_type::CNAME, len];
        body.extend(std::iter::repeat_n(b'x', usize::from(len)));
        body.push(0);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend([0, 0, 0, 2, sdes_type::MID, 1, b'0', 0]);
        let words = u8::try_from(body.len() / 4).expect("short");
        let bytes = [&[0x82, 202, 0, words][..], &body].concat();
        let Some(Message::Sdes(chunks)) = Compound::parse(&bytes).and_then(|c| c.parts().next()?.message())
        else {
            panic!("sdes")
        };
        let found: Vec<_> = chunks
            .flat_map(|(ssrc, items)| items.map(move |(t, _)| (ssrc.0, t)))
            .collect();
        assert_eq!(
            found,
            [(1, sdes_type::CNAME), (2, sdes_type::MID)],
            "length {len}"
        );
    }
}

#[test]
fn feedback_is_taken_out() {
    let bytes = [SR, PLI, SDES].concat();
    let compound = Compound::parse(&bytes).expect("whole");
    assert!(compound.has_feedback());
    let mut out = [0; 256];
    let len = compound.without_feedback(&mut out).expect("room");
    assert_eq!(out[..len], [SR, SDES].concat());
    assert_eq!(
        Compound::parse(PLI).expect("whole").without_feedback(&mut out),
        Some(0)
    );
    let Some(Message::Feedback(fb)) = Compound::parse(PLI).and_then(|c| c.parts().next()?.message()) else {
        panic!("feedback")
    };
    assert_eq!((fb.payload_specific, fb.format, fb.media), (true, 1, Ssrc(9)));
}

#[test]
fn what_does_not_fit_is_refused() {
    for (what, bytes) in [
        ("nothing", &[][..]),
        ("cut short", &SR[..SR.len() - 1]),
        ("trailing bytes", &[SDES, &[0]].concat()),
        ("version 1", &[0x41, 203, 0, 1, 0, 0, 0, 1]),
        ("an RTP packet behind", &[SDES, &[0x80, 0, 0, 0]].concat()),
        ("padding of zero", &[0xa1, 203, 0, 1, 0, 0, 0, 0]),
        ("padding over the header", &[0xa1, 203, 0, 1, 0, 0, 0, 9]),
        (
            "padding before the end",
            &[&[0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4], SDES].concat(),
        ),
    ] {
        assert!(Compound::parse(bytes).is_none(), "{what}");
    }
    // More blocks announced than there are.
    let mut bytes = SR.to_vec();
    bytes[0] = 0x82;
    assert!(
        Compound::parse(&bytes)
            .and_then(|c| c.parts().next()?.message())
            .is_none()
    );
}

#[test]
fn extended_blocks_are_walked() {
    let bytes = [
        0x80, 207, 0, 5, 0, 0, 0, 1, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 7, 1, 0, 0,
    ];
    let Some(Message::Extended { blocks, .. }) =
        Compound::parse(&bytes).and_then(|c| c.parts().next()?.message())
    else {
        panic!("xr")
    };
    let found: Vec<_> = blocks.map(|b| (b.block_type, b.specific, b.body.len())).collect();
    assert_eq!(found, [(4, 0, 8), (7, 1, 0)]);
}
