//! What both halves of the generator read and write: the structures of load.c, field for field.

/// Ethernet, IPv4 and UDP header.
pub(crate) const HEADERS: usize = 42;
/// Bytes of a prepared frame that one slot holds.
pub(crate) const SLOT_BYTES: usize = 240;
/// Slots of the longest prepared frame.
pub(crate) const SLOTS_PER_FRAME_MAX: usize = 7;
/// Buckets of the histogram of latencies.
pub(crate) const BUCKETS: usize = 1920;
/// Send times that are remembered of each flow, packets.
pub(crate) const SENT_WINDOW: usize = 64;
/// Bytes of the longest RTP packet that is kept for a look.
pub(crate) const SAMPLE_BYTES: usize = 1528;
/// Distance of two words of a filling.
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// Steps of a nanosecond in which times of sending are told.
pub(crate) const SCALE: u64 = 1 << 10;

/// What makes a type safe to lie in a map.
///
/// # Safety
/// Every pattern of bytes must be a valid value.
pub(crate) unsafe trait Plain: Copy {
    /// All zeros.
    const ZERO: Self = {
        // SAFETY: every pattern of bytes is a value.
        unsafe { std::mem::zeroed() }
    };
}

macro_rules! layout {
    ($($(#[$meta:meta])* $name:ident: $size:literal { $($field:ident: $type:ty,)* })*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub(crate) struct $name { $(pub(crate) $field: $type,)* }
        const _: () = assert!(size_of::<$name>() == $size);
        // SAFETY: integers and arrays of them, without padding that anybody looks at.
        unsafe impl Plain for $name {}
    )* };
}

// SAFETY: an integer.
unsafe impl Plain for u64 {}
// SAFETY: an integer.
unsafe impl Plain for u32 {}

layout! {
    /// What the programs are told, and what they tell.
    Control: 208 {
        due: u64, period: u64, behind_max: u64, end: u64,
        mode: u32, device: u32, flows: u32, words: u32, slots: u32, samples_max: u32, sample_every: u32,
        ssrc_base: u32, ssrc_inverse: u32, port_min: u16, port_max: u16,
        turn: u32, slot: u32,
        forgiven: u64, runs: u64, last_arrival: u64, received: u64, corrupted: u64, misdelivered: u64,
        foreign: u64, samples: u64, sums: [u64; 4],
        spray_period: u64, spray_due: u64, spray_min: u16, spray_max: u16, spray_pad: u32, sprayed: u64,
    }
    /// A flow as its packets are made.
    Flow: 88 {
        headers: [u8; HEADERS], sum_constant: u16, ssrc: u32, samples: u32,
        gap: u32, next: u64, sent: u64, fill: u64, payload_type: u16, pad: [u16; 3],
    }
    /// A flow as its packets arrive.
    Arrival: 64 {
        next: u64, seen: [u64; 4], received: u32, reordered: u32, duplicates: u32, first: u32,
        source: u32, source_port: u16, port: u16,
    }
    /// What never changes of how a flow's packets arrive.
    Expected: 24 { fill: u64, words: u32, length: u32, stamped: u32, pad: u32, }
    /// A part of a prepared frame.
    Slot: 256 { counter: u64, flow: u32, length: u16, more: u16, bytes: [u8; SLOT_BYTES], }
    /// A packet kept for a look.
    Sample: 1544 { counter: u64, flow: u32, length: u32, bytes: [u8; SAMPLE_BYTES], }
}

/// The modes of [`Control`].
pub(crate) const MADE: u32 = 0;
pub(crate) const PREPARED: u32 = 1;

/// The latency in the middle of a bucket, ns: buckets of 1/32 of an octave, of 1 ns below 64.
pub(crate) fn bucket_ns(bucket: usize) -> u64 {
    if bucket < 64 {
        return bucket as u64;
    }
    let (power, part) = (bucket / 32 + 4, bucket as u64 % 32);
    let width = 1_u64 << (power - 5);
    (1 << power) + part * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_upon_each_other() {
        assert_eq!((bucket_ns(63), bucket_ns(64), bucket_ns(65)), (63, 65, 67));
        assert_eq!((bucket_ns(95), bucket_ns(96)), (127, 130));
        assert!((64..1_900).all(|bucket| bucket_ns(bucket) < bucket_ns(bucket + 1)));
    }
}
