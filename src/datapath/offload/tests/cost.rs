//! What a packet costs, on this machine: `cargo test --release -p patchbay cost_of -- --ignored --nocapture`.

use testkit::frames::{Frame, rtp};

use super::*;

const RUNS: u32 = 2_000_000;

/// The program alone, over a packet whose headers it writes as they were, so that it may run again and again. The
/// driver's part comes on top.
#[test]
#[ignore = "takes figures, finds no mistakes"]
fn cost_of_a_packet() {
    let arp = [&[0xff; 6][..], &[2; 6], &[8, 6], &[0; 46]].concat();
    for (source, local) in [(PEER4, V4), (PEER6, V6)] {
        let Some((kernel, mut table)) = loaded(&[V4, V6]) else {
            return;
        };
        let entry = entry(source, local, source, local);
        let frame = Frame::new(address(source), address(local), &rtp(8, 1, SSRC, 160)).bytes();
        for mode in MODES {
            let each = |frame: &[u8]| kernel.run(mode, frame, RUNS).expect("a run").each;
            let elsewhere = each(&arp);
            let id = table.publish(&entry).expect("room");
            let closed = each(&frame);
            table.force(id);
            let forwarded = each(&frame);
            let counted = table.retire(id).packets;
            println!(
                "{mode:?} {local}: {forwarded:?} forwarded, {closed:?} at the closed gate, \
                 {elsewhere:?} of another protocol; {counted} packets"
            );
        }
    }
}
