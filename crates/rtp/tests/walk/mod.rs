//! Looks at everything that a packet offers, and checks what must hold whatever it says. Shared with the fuzz targets.

use rtp::ext::{Elements, Form, rewrite, rewritten_len_max};
use rtp::rtcp::{Builder, Compound, Message};
use rtp::{Header, Kind, Packet};

/// Any bytes as RTP.
pub(crate) fn rtp(bytes: &[u8]) {
    let kind = rtp::classify(bytes);
    assert_eq!(
        kind == Kind::Rtp,
        Header::peek(bytes).is_some() && kind != Kind::Rtcp
    );
    let Some(packet) = Packet::parse(bytes) else {
        return;
    };
    assert!(packet.payload().len() + packet.csrcs().count() * 4 + 12 <= bytes.len());
    let before = elements(bytes);
    let mut out = vec![0; rewritten_len_max(bytes.len())];
    for two_byte in [false, true] {
        let len =
            rewrite(bytes, &mut out, two_byte, None, |id| (id % 3 != 0).then_some(id)).expect("room for all");
        let after = Packet::parse(&out[..len]).expect("still a packet");
        assert_eq!(
            (after.header(), after.payload()),
            (packet.header(), packet.payload())
        );
        let kept = elements(&out[..len]);
        if two_byte {
            let expect: Vec<_> = before.iter().filter(|(id, _)| id % 3 != 0).cloned().collect();
            assert_eq!(kept, expect, "the others stay, in order");
        }
        assert!(kept.iter().all(|e| before.contains(e)));
    }
}

fn elements(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let extension = Packet::parse(bytes).and_then(|p| p.extension());
    let known = extension.and_then(|(profile, body)| Some(Elements::new(Form::of(profile)?, body)));
    known
        .into_iter()
        .flatten()
        .map(|e| (e.id, e.data.to_vec()))
        .collect()
}

/// Any bytes as RTCP.
pub(crate) fn rtcp(bytes: &[u8]) {
    let Some(compound) = Compound::parse(bytes) else {
        return;
    };
    let mut left = 0;
    for part in compound.parts() {
        left += usize::from(!part.is_feedback());
        match part.message() {
            Some(Message::SenderReport(sr)) => {
                let blocks: Vec<_> = sr.blocks.collect();
                assert_eq!(blocks.len(), usize::from(part.count));
                let mut out = [0; 1024];
                let mut builder = Builder::new(&mut out);
                builder.sender_report(sr.ssrc, sr.info, &blocks);
                let len = builder.finish().expect("room");
                let again = Compound::parse(&out[..len]).and_then(|c| c.parts().next()?.message());
                let Some(Message::SenderReport(again)) = again else {
                    panic!("what was written is read")
                };
                assert_eq!((again.info, again.blocks.collect::<Vec<_>>()), (sr.info, blocks));
            }
            Some(Message::ReceiverReport { blocks, .. }) => {
                assert_eq!(blocks.count(), usize::from(part.count))
            }
            Some(Message::Sdes(chunks)) => {
                chunks.for_each(|(_, items)| {
                    assert!(items.map(|(_, text)| text.len()).sum::<usize>() < bytes.len())
                });
            }
            Some(Message::Bye { ssrcs, .. }) => assert_eq!(ssrcs.count(), usize::from(part.count)),
            Some(Message::Extended { blocks, .. }) => assert!(blocks.count() * 4 <= bytes.len()),
            Some(Message::App { .. } | Message::Feedback(_)) | None => {}
        }
    }
    let mut out = vec![0; bytes.len()];
    let len = compound.without_feedback(&mut out).expect("it only gets shorter");
    assert_eq!(len == 0, left == 0);
    if let Some(rest) = Compound::parse(&out[..len]) {
        assert!(!rest.has_feedback());
        assert_eq!(rest.parts().count(), left);
    } else {
        assert_eq!(len, 0, "what is left is whole");
    }
}
