//! Which texts are hashed side by side, when they are not of one length.

use arrayvec::ArrayVec;

use crate::hmac::{BLOCK_LEN, Text};
use crate::limits::SIDE_BY_SIDE;

/// Numbers of texts with their blocks, the longest first.
pub(super) type Order = ArrayVec<(usize, usize), SIDE_BY_SIDE>;

/// Blocks of a text that are hashed behind the key's first midstate: with the byte and the length that end a message
/// (FIPS 180-4 §5.1.1).
#[inline]
pub(super) fn blocks(text: &Text<'_>) -> usize {
    let ending = text.ending.map_or(0, |ending| ending.len());
    (text.bytes.len() + ending + 9).div_ceil(BLOCK_LEN)
}

/// The order in which texts are taken: those of equal length stand together. Few or none are out of place in a batch
/// of telephony, so that this is one pass.
pub(super) fn order(texts: &[Text<'_>]) -> Order {
    let numbered = texts.iter().map(blocks).enumerate();
    let mut order: Order = numbered.take(SIDE_BY_SIDE).collect();
    if !order.is_sorted_by(|a, b| a.1 >= b.1) {
        order.sort_unstable_by_key(|(nth, blocks)| (std::cmp::Reverse(*blocks), *nth));
    }
    order
}

/// How many of the next texts go into `lanes` lanes, of which one step costs as much as `step` blocks hashed one after
/// the other; 0 = the next one is better hashed alone: too few are left, or it is so much longer than the others that
/// their lanes would stand still.
pub(super) fn group(rest: &[(usize, usize)], lanes: usize, step: usize) -> usize {
    let group = rest.get(..lanes).unwrap_or(rest);
    let steps = group.first().map_or(0, |(_, blocks)| *blocks);
    let blocks: usize = group.iter().map(|(_, blocks)| blocks).sum();
    if blocks > steps * step { group.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_used_where_they_pay() {
        let equal = |count| vec![(0, 4); count];
        for (what, rest, expect) in [
            ("full", equal(16), 16),
            ("more than full", equal(40), 16),
            ("enough", equal(6), 6),
            ("too few", equal(5), 0),
            ("none", equal(0), 0),
            (
                "a long one among short ones",
                [vec![(0, 40)], equal(15)].concat(),
                0,
            ),
            (
                "long ones among short ones",
                [vec![(0, 20); 6], equal(10)].concat(),
                16,
            ),
        ] {
            assert_eq!(group(&rest, 16, 5), expect, "{what}");
        }
    }
}
