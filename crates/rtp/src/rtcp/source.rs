//! Who is who: lists of sources and their descriptions (RFC 3550 §6.5).

use crate::Ssrc;
use crate::bytes::u32_at;

/// A list of SSRCs.
#[derive(Clone, Copy, Debug)]
pub struct SsrcList<'a> {
    pub(super) list: &'a [u8],
}

impl Iterator for SsrcList<'_> {
    type Item = Ssrc;

    fn next(&mut self) -> Option<Ssrc> {
        let ssrc = u32_at(self.list, 0)?;
        self.list = self.list.get(4..)?;
        Some(Ssrc(ssrc))
    }
}

/// The chunks of a source description.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    pub(super) rest: &'a [u8],
    pub(super) left: u8,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (Ssrc, Items<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let ssrc = Ssrc(u32_at(self.rest, 0)?);
        let start = self.rest.get(4..)?;
        let mut items = Items { rest: start };
        items.by_ref().for_each(drop);
        // RFC 3550 §6.5: the list ends with one null byte or more, up to the next multiple of four.
        let used = 4 + (start.len() - items.rest.len());
        self.rest = self
            .rest
            .get((used + 1).next_multiple_of(4)..)
            .unwrap_or_default();
        Some((ssrc, Items { rest: start }))
    }
}

/// The items of a chunk: type and text.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Items<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [item, len, text @ ..] = self.rest else {
            return None;
        };
        if *item == 0 {
            return None;
        }
        let (text, rest) = text.split_at_checked(usize::from(*len))?;
        self.rest = rest;
        Some((*item, text))
    }
}
