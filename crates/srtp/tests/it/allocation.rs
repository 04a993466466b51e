//! Nothing is allocated for a packet, not even for the first of a new SSRC, but for the one that a context has no room
//! for as it was made: that makes room for all there may be.

use srtp::limits::{SSRCS_FIRST, SSRCS_MAX};
use srtp::{Job, Kind, Suite, protect_batch, unprotect_batch};

use crate::support::{pair, params, rtcp, rtp};

#[test]
fn no_packet_allocates() {
    for suite in Suite::all() {
        let (sender, receiver) = pair(&params(suite));
        let (mut senders, mut receivers) = ([sender], [receiver]);
        // More SSRCs than there is room for.
        for ssrc in 0..SSRCS_MAX as u32 + 5 {
            let (media, report) = (rtp(ssrc, 1, 160), rtcp(ssrc, 1));
            let mut bufs = [[0; 256]; 2];
            bufs[0][..media.len()].copy_from_slice(&media);
            bufs[1][..report.len()].copy_from_slice(&report);
            let [first, second] = &mut bufs;
            let mut jobs = [
                Job::new(0, Kind::Rtp, first, media.len()),
                Job::new(0, Kind::Rtcp, second, report.len()),
            ];
            let before = allocations::made();
            protect_batch(&mut senders[..], &mut jobs);
            unprotect_batch(&mut receivers[..], &mut jobs);
            // A replay is refused without allocating, too.
            jobs[0].len = 1;
            unprotect_batch(&mut receivers[..], &mut jobs[..1]);
            let allocated = allocations::made() - before;
            let expected = match ssrc as usize {
                // The sender remembers RTP, the receiver RTP and RTCP.
                SSRCS_FIRST => 3,
                // The sender remembers whom it forgot.
                SSRCS_MAX => 1,
                _ => 0,
            };
            assert_eq!(allocated, expected, "{suite:?}, SSRC {ssrc}");
            assert!(jobs[0].outcome.is_err() && jobs[1].outcome.is_ok());
            assert_eq!(bufs[0][..media.len()], media);
            assert_eq!(bufs[1][..report.len()], report);
        }
    }
}

/// The counter counts.
#[test]
fn allocations_are_counted() {
    let before = allocations::made();
    drop(std::hint::black_box(vec![1, 2, 3]));
    assert_eq!(allocations::made() - before, 1);
}
