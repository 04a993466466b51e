//! Several media on one transport: what arrives is shared out, what is sent leaves by the one socket.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use plan::{Bundle, BundleMember, Component, Event, FlowId, FlowStats, Plan};

use crate::srtp::{open, receiver, seal, sender, srtp};
use crate::world::{A, B, World, plan, rtp, sink};

/// Where the phone's video is.
const B2: &str = "198.51.100.3:2014";
/// The id of the MID header extension.
const MID: u8 = 4;
const AUDIO: u64 = 1;
const VIDEO: u64 = 3;

fn member(flow: u64, mid: &str, types: &[u8], ssrcs: &[u32]) -> BundleMember {
    BundleMember {
        flow: FlowId(flow),
        mid: mid.as_bytes().into(),
        mid_extension: Some(MID),
        payload_types: types.to_vec(),
        ssrcs: ssrcs.to_vec(),
    }
}

/// A browser that bundles audio (flow 1, the transport) and video (flow 3), and a phone that does not (2 and 4).
fn browser_and_phone() -> Vec<Plan> {
    let flow = |n, peer, to| {
        let mut plan = plan(n, Component::Mux, peer);
        plan.sinks = vec![sink(to)].into();
        plan.rtcp_sinks = vec![sink(to)].into();
        plan
    };
    let mut audio = flow(AUDIO, Some(A), 2);
    let members = vec![
        member(AUDIO, "a", &[0, 8], &[]),
        member(VIDEO, "v", &[96], &[0x77]),
    ];
    audio.bundle = Some(Arc::new(Bundle { members }));
    let mut video = flow(VIDEO, None, 4);
    video.transport = Some(FlowId(AUDIO));
    video.sockets.clear();
    vec![audio, flow(2, Some(B), 1), video, flow(4, Some(B2), 3)]
}

fn typed(ssrc: u32, seq: u16, pt: u8) -> Vec<u8> {
    let mut packet = rtp(ssrc, seq);
    packet[1] = pt;
    packet
}

fn extended(ssrc: u32, seq: u16, pt: u8, ext: &[u8]) -> Vec<u8> {
    let mut packet = typed(ssrc, seq, pt);
    packet[0] |= 0x10;
    packet.splice(12..12, ext.iter().copied());
    packet
}

fn one_byte(mid: u8) -> [u8; 8] {
    [0xbe, 0xde, 0, 1, MID << 4, mid, 0, 0]
}

fn two_byte(mid: u8) -> [u8; 8] {
    [0x10, 0, 0, 1, MID, 1, mid, 0]
}

fn count(stats: &FlowStats) -> (u64, u64) {
    (stats.packets.load(Relaxed), stats.packets_out.load(Relaxed))
}

#[test]
fn media_is_told_apart_by_mid_ssrc_type_and_description() {
    let plans = browser_and_phone();
    let stats: Vec<_> = plans.iter().map(|p| p.stats.clone()).collect();
    let mut world = World::new(plans);
    let (to_audio, to_video) = (format!("2>{B}"), format!("4>{B2}"));
    let lost = "no-bundle-member".to_owned();
    for (what, packet, expect) in [
        ("nothing is known", typed(1, 1, 100), &lost),
        ("MID, one byte", extended(1, 2, 100, &one_byte(b'v')), &to_video),
        ("an SSRC that is known", typed(1, 3, 100), &to_video),
        ("it wins over the type", typed(1, 4, 0), &to_video),
        ("MID, two bytes", extended(2, 1, 100, &two_byte(b'a')), &to_audio),
        (
            "MID wins over the SSRC",
            extended(2, 2, 100, &two_byte(b'v')),
            &to_video,
        ),
        ("and is remembered", typed(2, 3, 100), &to_video),
        ("a MID that nobody has", extended(2, 4, 0, &one_byte(b'x')), &lost),
        ("unique type", typed(3, 1, 8), &to_audio),
        ("its SSRC is known then", typed(3, 2, 100), &to_audio),
        ("described SSRC", typed(0x77, 1, 100), &to_video),
        (
            "another extension",
            extended(4, 1, 96, &[0xbe, 0xde, 0, 1, 0x50, b'a', 0, 0]),
            &to_video,
        ),
    ] {
        assert_eq!(&world.arrive(A, 1, &packet), expect, "{what}");
    }
    let counts: Vec<_> = stats.iter().map(|s| count(s)).collect();
    assert_eq!(counts, [(3, 0), (0, 3), (7, 0), (0, 7)]);
    assert_eq!(stats[0].ssrc[0].ssrc_plus_one.load(Relaxed), 2 + 1);
}

#[test]
fn all_leave_by_the_transport() {
    let plans = browser_and_phone();
    let stats: Vec<_> = plans.iter().map(|p| p.stats.clone()).collect();
    let mut world = World::new(plans);
    assert_eq!(world.arrive(B, 2, &typed(8, 1, 0)), format!("1>{A}"));
    assert_eq!(world.arrive(B2, 4, &typed(9, 1, 96)), format!("1>{A}"));
    // The browser's address changes for both.
    let moved = "198.51.100.1:7777";
    assert_eq!(world.arrive(moved, 1, &typed(5, 1, 0)), format!("2>{B}"));
    assert_eq!(world.arrive(B2, 4, &typed(9, 2, 96)), format!("1>{moved}"));
    assert_eq!((count(&stats[0]), count(&stats[2])), ((1, 1), (0, 2)));
    let told = |e: &Event| matches!(e, Event::Learned { flow, .. } if flow.0 == AUDIO);
    assert!(world.events.iter().any(told));
}

fn ssrc(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

fn sr(from: u32) -> Vec<u8> {
    [&[0x80, 200, 0, 6][..], &ssrc(from), &[1; 20]].concat()
}

fn rr(from: u32, about: &[u32]) -> Vec<u8> {
    let len = 1 + about.len() * 6;
    let first = 0x80 | u8::try_from(about.len()).expect("few");
    let mut bytes = vec![first, 201, 0, u8::try_from(len).expect("short")];
    bytes.extend(ssrc(from));
    for about in about {
        bytes.extend(ssrc(*about));
        bytes.extend([0; 20]);
    }
    bytes
}

fn feedback(kind: u8, format: u8, media: u32, fci: &[u8]) -> Vec<u8> {
    let len = u8::try_from(2 + fci.len() / 4).expect("short");
    let head = [0x80 | format, kind, 0, len];
    [&head[..], &ssrc(1), &ssrc(media), fci].concat()
}

#[test]
fn rtcp_reaches_all_whom_it_concerns() {
    let plans = browser_and_phone();
    let video = plans[2].stats.clone();
    let mut world = World::new(plans);
    // The browser sends audio as 5 and video as 6, the phone audio as 8 and video as 9.
    world.arrive(A, 1, &typed(5, 1, 0));
    world.arrive(A, 1, &typed(6, 1, 96));
    world.arrive(B, 2, &typed(8, 1, 0));
    world.arrive(B2, 4, &typed(9, 1, 96));
    let (audio, both) = (format!("2>{B}"), format!("2>{B} 4>{B2}"));
    let to_video = format!("4>{B2}");
    let remb = [&b"REMB"[..], &[1, 0, 0, 0], &ssrc(9)].concat();
    let lost = "no-bundle-member".to_owned();
    let mid = [&[0x81, 202, 0, 3][..], &ssrc(50), &[15, 1, b'v', 0, 0, 0, 0, 0]].concat();
    for (what, packet, expect) in [
        ("a report of the audio's sender", sr(5), &audio),
        ("of the video's", sr(6), &to_video),
        ("both in one", [sr(5), sr(6)].concat(), &both),
        ("about what the phone sends", rr(1, &[8]), &audio),
        ("about both", rr(1, &[8, 9]), &both),
        ("an audio sender about video", rr(5, &[9]), &to_video),
        ("about nothing, by a known one", rr(6, &[]), &to_video),
        ("about nothing, by an unknown one", rr(1, &[]), &lost),
        ("PLI", feedback(206, 1, 9, &[]), &to_video),
        ("FIR", feedback(206, 4, 0, &[0, 0, 0, 9, 1, 0, 0, 0]), &to_video),
        ("NACK", feedback(205, 1, 8, &[0, 1, 0, 0]), &audio),
        ("REMB", feedback(206, 15, 0, &remb), &to_video),
        (
            "BYE",
            [&[0x82, 203, 0, 2][..], &ssrc(5), &ssrc(6)].concat(),
            &both,
        ),
        ("SDES with MID", [sr(50), mid].concat(), &to_video),
        ("known by it", sr(50), &to_video),
    ] {
        assert_eq!(&world.arrive(A, 1, &packet), expect, "{what}");
    }
    let before = count(&video).0;
    world.events.clear();
    world.arrive(A, 1, &rr(5, &[9]));
    assert_eq!(count(&video).0, before + 1);
    let Some(Event::Reception { flow, .. }) = world.events.pop() else {
        panic!("a reception report");
    };
    assert_eq!(flow.0, VIDEO, "who sends what the report is about");
    // The phone's RTCP leaves by the transport.
    assert_eq!(world.arrive(B2, 4, &sr(9)), format!("1>{A}"));
}

/// Two browsers, each with a bundle: a compound packet that concerns both media crosses once.
#[test]
fn a_compound_packet_crosses_to_each_transport_once() {
    let mut plans = browser_and_phone();
    let members = vec![member(2, "a", &[0, 8], &[]), member(4, "v", &[96], &[])];
    plans[1].bundle = Some(Arc::new(Bundle { members }));
    plans[3].transport = Some(FlowId(2));
    plans[3].sockets.clear();
    let mut world = World::new(plans);
    assert_eq!(world.arrive(A, 1, &typed(5, 1, 0)), format!("2>{B}"));
    assert_eq!(world.arrive(A, 1, &typed(6, 1, 96)), format!("2>{B}"));
    assert_eq!(world.arrive(A, 1, &[sr(5), sr(6)].concat()), format!("2>{B}"));
    assert_eq!(world.arrive(B, 2, &rr(1, &[5, 6])), format!("1>{A}"));
}

#[test]
fn the_transport_has_the_keys() {
    let mut plans = browser_and_phone();
    (plans[0].recv, plans[0].send) = (srtp(1), srtp(2));
    let mut world = World::new(plans);
    let (mut out, mut back) = (sender(1), receiver(2));
    for (packet, expect) in [(typed(5, 1, 0), B), (typed(6, 1, 96), B2)] {
        let sent = world.arrive(A, 1, &seal(&mut out, &packet));
        assert!(sent.ends_with(expect), "{sent}");
        assert_eq!(world.sent[0], packet);
    }
    for (from, at, packet) in [(B, 2, typed(8, 1, 0)), (B2, 4, typed(9, 1, 96)), (B2, 4, sr(9))] {
        assert_eq!(world.arrive(from, at, &packet), format!("1>{A}"));
        assert_eq!(open(&mut back, &world.sent[0]), Ok(packet));
    }
    assert_eq!(world.arrive(A, 1, &seal(&mut out, &sr(6))), format!("4>{B2}"));
    // A stranger with a MID learns nobody anything.
    assert_eq!(
        world.arrive(A, 1, &extended(6, 2, 0, &one_byte(b'a'))),
        "srtp-auth"
    );
    assert_eq!(
        world.arrive(A, 1, &seal(&mut out, &typed(6, 2, 100))),
        format!("4>{B2}")
    );
}

/// Before it is told apart again everything that was known of a media that left is forgotten.
#[test]
fn a_media_may_leave_the_bundle() {
    let mut world = World::new(browser_and_phone());
    world.arrive(A, 1, &typed(6, 1, 96));
    assert_eq!(world.arrive(A, 1, &typed(6, 2, 100)), format!("4>{B2}"));
    let mut plans = browser_and_phone();
    plans[0].bundle = Some(Arc::new(Bundle {
        members: vec![member(AUDIO, "a", &[0, 8], &[])],
    }));
    plans[2] = {
        let mut alone = plan(VIDEO, Component::Mux, Some("198.51.100.1:2020"));
        alone.sinks = vec![sink(4)].into();
        alone
    };
    world.install(plans);
    assert_eq!(world.arrive(A, 1, &typed(6, 3, 100)), "no-bundle-member");
    assert_eq!(
        world.arrive("198.51.100.1:2020", 3, &typed(6, 4, 96)),
        format!("4>{B2}")
    );
    assert_eq!(world.arrive(B2, 4, &typed(9, 1, 96)), "3>198.51.100.1:2020");
}

#[test]
fn a_flood_of_ssrcs_pushes_out_nobody_who_speaks() {
    let mut world = World::new(browser_and_phone());
    world.arrive(A, 1, &extended(6, 1, 100, &one_byte(b'v')));
    for n in 0..500_u16 {
        world.arrive(A, 1, &typed(1000 + u32::from(n), 1, 0));
        assert_eq!(
            world.arrive(A, 1, &typed(6, 2 + n, 100)),
            format!("4>{B2}"),
            "{n}"
        );
    }
}

/// A bundle without rtcp-mux: RTCP has a transport of its own, and what was found out about RTP tells it apart.
#[test]
fn rtcp_may_have_its_own_transport() {
    let mut plans = browser_and_phone();
    for plan in &mut plans {
        plan.component = Component::Rtp;
        plan.rtcp_flow = Some(FlowId(plan.flow.0 + 10));
    }
    let ports = [
        (11, "198.51.100.1:2011"),
        (12, "198.51.100.3:2013"),
        (14, "198.51.100.3:2015"),
    ];
    for (n, peer) in ports {
        plans.push(plan(n, Component::Rtcp, Some(peer)));
    }
    let mut video = plan(13, Component::Rtcp, None);
    video.transport = Some(FlowId(11));
    video.sockets.clear();
    plans.push(video);
    for plan in plans.iter_mut().filter(|p| p.component == Component::Rtcp) {
        let to = match plan.flow.0 {
            11 => 12,
            12 => 11,
            13 => 14,
            _ => 13,
        };
        plan.rtcp_sinks = vec![sink(to)].into();
    }
    let members = vec![member(11, "a", &[0, 8], &[]), member(13, "v", &[96], &[0x77])];
    plans[4].bundle = Some(Arc::new(Bundle { members }));
    let mut world = World::new(plans);
    let (phone_audio, phone_video) = (format!("12>{}", ports[1].1), format!("14>{}", ports[2].1));
    world.arrive(A, 1, &typed(5, 1, 0));
    world.arrive(A, 1, &typed(6, 1, 96));
    world.arrive(B2, 4, &typed(9, 1, 96));
    let browser = ports[0].1;
    assert_eq!(world.arrive(browser, 11, &sr(5)), phone_audio);
    assert_eq!(world.arrive(browser, 11, &sr(6)), phone_video);
    assert_eq!(
        world.arrive(browser, 11, &[sr(5), sr(6)].concat()),
        format!("{phone_audio} {phone_video}")
    );
    world.events.clear();
    assert_eq!(world.arrive(browser, 11, &rr(5, &[9])), phone_video);
    assert!(matches!(
        world.events[..],
        [Event::Reception { flow: FlowId(13), .. }]
    ));
    // At the wrong port, and the other way.
    assert_eq!(world.arrive(A, 1, &sr(6)), phone_video);
    assert_eq!(
        world.arrive("198.51.100.3:2015", 14, &sr(9)),
        format!("11>{browser}")
    );
}
