//! The Internet checksum (RFC 1071).
//!
//! Sums are of 16-bit words in the machine's own order: the result, folded, has the order of the packet again
//! (RFC 1071 §2 (B)), so nothing is swapped on the way.

/// Adds bytes to a sum. Only the last piece of what is summed may have an odd length.
#[inline]
pub(super) fn add(sum: u64, bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(4);
    let rest = words.remainder();
    let mut sum = words.fold(sum, |sum, word| {
        sum + u64::from(u32::from_ne_bytes(word.try_into().unwrap_or_default()))
    });
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum += u64::from(u32::from_ne_bytes(last));
    sum
}

/// Adds a number as two bytes of a packet.
#[inline]
pub(super) fn add_u16(sum: u64, value: u16) -> u64 {
    sum + u64::from(value.to_be())
}

/// Folds a sum to 16 bits, in the machine's order.
#[inline]
pub(super) fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

/// A checksum as it is written into a packet.
#[inline]
pub(super) fn finish(sum: u64) -> [u8; 2] {
    (!fold(sum)).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071 §3.
    #[test]
    fn the_example_of_the_rfc() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(finish(add(0, &bytes)), (!0xddf2_u16).to_be_bytes());
        assert_eq!(
            finish(add(add(0, &bytes[..2]), &bytes[2..])),
            (!0xddf2_u16).to_be_bytes()
        );
        assert_eq!(finish(add_u16(0, 0x1234)), (!0x1234_u16).to_be_bytes());
    }

    #[test]
    fn any_length_gives_what_a_plain_loop_gives() {
        let bytes: Vec<u8> = (0..2000_u32).map(|n| ((n * 131) >> 3) as u8 | 0xc0).collect();
        for len in (0..70).chain([1499, 1500, 2000]) {
            let plain: u64 = bytes[..len]
                .chunks(2)
                .map(|w| u64::from(u16::from_be_bytes([w[0], w.get(1).copied().unwrap_or(0)])))
                .sum();
            let mut plain = plain;
            while plain > 0xffff {
                plain = (plain & 0xffff) + (plain >> 16);
            }
            assert_eq!(
                finish(add(0, &bytes[..len])),
                (!(plain as u16)).to_be_bytes(),
                "{len}"
            );
        }
    }
}
