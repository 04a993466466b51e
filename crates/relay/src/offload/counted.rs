//! What the kernel has forwarded counts as if it had been forwarded here.

use std::sync::atomic::Ordering::Relaxed;

use plan::{FlowId, FlowStats, Time};

use super::{KernelCounts, KernelFlow};
use crate::Relay;
use crate::table::Slot;

/// So many packets may come twice in one report of the kernel before it looks as if they went in circles.
const REPEATS: u64 = 64;

impl Relay {
    /// The kernel has forwarded packets of a flow: `packets` and `bytes` since it was last told of, everything else as of
    /// now. Of a flow that was just withdrawn these are the last; others are not counted any more.
    pub fn note_kernel(&mut self, now: Time, flow: FlowId, counts: &KernelCounts) {
        if counts.packets == 0 {
            return;
        }
        let offload = &mut self.offload;
        match offload.ending.take_if(|(_, kernel)| kernel.flow == flow) {
            Some((slot, kernel)) => self.count_kernel(now, slot, &kernel, counts),
            None => {
                let Some(slot) = offload.offered.get(&flow).copied() else {
                    return;
                };
                let offered = self.table.flows.get_mut(slot as usize);
                let Some(kernel) = offered.and_then(|flow| flow.offer.kernel.take()) else {
                    return;
                };
                self.count_kernel(now, slot, &kernel, counts);
                if let Some(flow) = self.table.flows.get_mut(slot as usize) {
                    flow.offer.kernel = Some(kernel);
                }
            }
        }
    }

    fn count_kernel(&mut self, now: Time, slot: Slot, kernel: &KernelFlow, counts: &KernelCounts) {
        let at = counts.last.map_or(now, |last| last.min(now));
        let (stats, out) = (&kernel.stats, &kernel.sink_stats);
        for (counter, n) in [
            (&stats.packets, counts.packets),
            (&stats.kernel_packets, counts.packets),
            (&stats.bytes, counts.bytes),
            (&out.packets_out, counts.packets),
            (&out.bytes_out, counts.bytes),
        ] {
            FlowStats::add(counter, n);
        }
        for last in [&stats.last_packet_us, &out.last_sent_us] {
            FlowStats::set(last, last.load(Relaxed).max(at.0));
        }
        let Some(flow) = self.table.flows.get_mut(slot as usize) else {
            return;
        };
        flow.state.heard = true;
        flow.state.sources.note_heard(at);
        let Some(ssrc) = kernel.ssrc else {
            return;
        };
        let (rates, base) = (&flow.plan.clock_rates, &mut flow.offer.seq_base);
        let streams = &mut flow.state.streams;
        let Some(highest) = streams.forwarded(at, ssrc, counts, base, rates, stats) else {
            return;
        };
        // Between what the kernel forwards there may be packets that came here: only its own numbers say how far it is.
        let ahead = highest.wrapping_sub(flow.offer.kernel_seq).cast_signed().max(0);
        flow.offer.kernel_seq = highest;
        if counts.packets > u64::from(ahead.cast_unsigned()) * 2 + REPEATS {
            self.goes_in_circles(now, slot);
        }
    }
}
