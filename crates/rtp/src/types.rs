//! Numbers of the RTP header that must not be mistaken for each other.

/// RTP payload type, 0..=127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// A payload type, if `n` has only seven bits.
    pub const fn new(n: u8) -> Option<Self> {
        if n < 128 { Some(Self(n)) } else { None }
    }

    /// The low seven bits of a header's second byte.
    pub(crate) const fn from_wire(byte: u8) -> Self {
        Self(byte & 0x7f)
    }

    /// As a number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Synchronisation source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

/// RTP sequence number: 16 bits, wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNo(pub u16);

impl SeqNo {
    /// How far this is ahead of `other`, by the shorter way round: -32768..=32767.
    pub const fn ahead_of(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// The number after this one.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The 32-bit sequence number (cycles in the upper half, RFC 3550 §6.4.1) closest to `reference` that ends in this
    /// one. Saturates at both ends.
    pub const fn extend(self, reference: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is meant")]
        let low = Self(reference as u16);
        let delta = self.ahead_of(low) as i64;
        let extended = reference as i64 + delta;
        if extended < 0 {
            // Before the very first cycle there is only the number itself.
            self.0 as u32
        } else if extended > u32::MAX as i64 {
            u32::MAX
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked just above"
            )]
            let n = extended as u32;
            n
        }
    }
}

/// RTP timestamp: 32 bits in units of the clock rate, wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RtpTime(pub u32);

impl RtpTime {
    /// How far this is ahead of `other`, by the shorter way round.
    pub const fn ahead_of(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_wrap() {
        for (a, b, ahead) in [
            (1, 0, 1),
            (0, 1, -1),
            (0, 65535, 1),
            (65535, 0, -1),
            (32768, 0, -32768),
        ] {
            assert_eq!(SeqNo(a).ahead_of(SeqNo(b)), ahead, "{a} ahead of {b}");
        }
        assert_eq!(SeqNo(65535).next(), SeqNo(0));
    }

    #[test]
    fn extending_stays_closest_to_the_reference() {
        for (seq, reference, extended) in [
            (5, 3, 5),
            (2, 0x0001_fffe, 0x0002_0002),
            (0xfffe, 0x0002_0001, 0x0001_fffe),
            (0xffff, 1, 0xffff),
            (0, u32::MAX, u32::MAX),
        ] {
            assert_eq!(
                SeqNo(seq).extend(reference),
                extended,
                "{seq} near {reference:#x}"
            );
        }
    }
}
