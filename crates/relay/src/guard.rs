//! The loop guard: finds packets that come round again.
//!
//! Two calls may point at each other, and a `c=` line at our own port. A flow that sees the same packet a third time
//! within two seconds cuts the loop there, so that a loop carries each packet at most twice. A loop that rewrites what
//! is compared (the fixed RTP header) is not found.

use plan::Time;

use crate::limits::{LOOP_MEMORY_MS, LOOP_PACKETS, LOOP_PASSES_MAX};

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    digest: u32,
    at_ms: u32,
    passes: u8,
}

/// What a flow remembers of its last packets. It gets room for that with its first one: most flows of RTCP, and those of
/// calls that are only set up, never have any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    seen: Option<Box<[Seen; LOOP_PACKETS]>>,
}

impl Guard {
    /// Notes an RTP packet by its fixed header; true if it passed too often. Neighbouring sequence numbers lie in
    /// different places, so that one stream never displaces its own last packets.
    #[inline]
    pub(crate) fn is_loop_rtp(&mut self, now: Time, bytes: &[u8]) -> bool {
        let Some(&[a, b, c, d, e, f, g, h, i, j, k, l]) = bytes.first_chunk() else {
            return false;
        };
        let digest =
            mix(u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ u64::from_be_bytes([i, j, k, l, 0, 0, 0, 0]));
        self.note(now, usize::from(d), digest)
    }

    /// Notes any other packet by all its bytes; true if it passed too often.
    pub(crate) fn is_loop_other(&mut self, now: Time, bytes: &[u8]) -> bool {
        let mut hash = bytes.len() as u64;
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(w, c)| *w = *c);
            hash = u64::from(mix(hash.rotate_left(29) ^ u64::from_le_bytes(word))) | hash << 32;
        }
        let digest = mix(hash);
        self.note(now, digest as usize, digest)
    }

    fn note(&mut self, now: Time, place: usize, digest: u32) -> bool {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "wraps after 49 days; only differences are used"
        )]
        let now_ms = (now.0 / 1000) as u32;
        let seen = self
            .seen
            .get_or_insert_with(|| Box::new([Seen::default(); LOOP_PACKETS]));
        let Some(seen) = seen.get_mut(place % LOOP_PACKETS) else {
            return false;
        };
        let again = seen.digest == digest && now_ms.wrapping_sub(seen.at_ms) < LOOP_MEMORY_MS;
        if again && seen.passes >= LOOP_PASSES_MAX {
            return true;
        }
        let passes = if again { seen.passes + 1 } else { 1 };
        *seen = Seen {
            digest,
            at_ms: now_ms,
            passes,
        };
        false
    }
}

/// Spreads 64 bits over 32.
#[inline]
const fn mix(n: u64) -> u32 {
    (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_pass_within_two_seconds_is_a_loop() {
        let packet = |seq: u8| [0x80, 0, 0, seq, 0, 0, 0, 1, 0, 0, 0, 2];
        let mut guard = Guard::default();
        let passes = |guard: &mut Guard, ms: u64, seq: u8| !guard.is_loop_rtp(Time(ms * 1000), &packet(seq));
        // A whole window of others between the passes.
        for seq in 0..64 {
            assert!(passes(&mut guard, 1, seq), "first pass of {seq}");
        }
        for seq in 0..64 {
            assert!(passes(&mut guard, 2, seq), "second pass of {seq}");
        }
        for seq in 0..64 {
            assert!(!passes(&mut guard, 3, seq), "third pass of {seq}");
        }
        assert!(passes(&mut guard, 2_002, 7), "forgotten after two seconds");
    }

    #[test]
    fn other_packets_differ_by_any_byte() {
        let mut guard = Guard::default();
        for n in 0..20_u8 {
            let mut bytes = [7_u8; 21];
            bytes[usize::from(n)] = 0;
            for pass in 0..3 {
                assert_eq!(
                    guard.is_loop_other(Time(0), &bytes),
                    pass == 2,
                    "byte {n} pass {pass}"
                );
            }
        }
    }
}
