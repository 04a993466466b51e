//! What a context knows of each SSRC, and the guess at a packet's index (RFC 3711 §3.3.1).

use rtp::{SeqNo, Ssrc};

use crate::limits::{REPLAY_WINDOW, SSRCS_FIRST, SSRCS_MAX};
use crate::replay::Window;
use crate::simd;

/// One SSRC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) ssrc: Ssrc,
    pub(crate) window: Window,
}

/// Up to [`SSRCS_MAX`] of them, the one that was heard last first. Room for the first of them is taken at once; whoever has
/// more gets the rest with the packet that needs it, so that no other allocates.
#[derive(Debug)]
pub(crate) struct Streams {
    list: Vec<Stream>,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self {
            list: Vec::with_capacity(SSRCS_FIRST),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    /// Replaces all.
    pub(crate) fn resume(&mut self, streams: &[Stream]) {
        self.list.clear();
        for stream in streams.iter().take(SSRCS_MAX) {
            self.push(stream.clone());
        }
    }

    /// Has the stream heard last fetched from memory.
    #[inline]
    pub(crate) fn prefetch(&self) {
        self.list.first().inspect(|stream| simd::prefetch(*stream));
    }

    pub(crate) fn list(&self) -> &[Stream] {
        &self.list
    }

    #[inline]
    pub(crate) fn window(&self, ssrc: Ssrc) -> Option<&Window> {
        let stream = self.list.iter().find(|s| s.ssrc == ssrc)?;
        Some(&stream.window)
    }

    fn push(&mut self, stream: Stream) {
        if self.list.len() == self.list.capacity() {
            self.list.reserve_exact(SSRCS_MAX.saturating_sub(self.list.len()));
        }
        self.list.push(stream);
    }

    /// Whether a new SSRC would have another forgotten.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() == SSRCS_MAX
    }

    /// Remembers that `index` was used, forgetting the SSRC heard longest ago if this one is new and there is no room.
    /// Returns who was forgotten.
    #[inline]
    pub(crate) fn record(&mut self, ssrc: Ssrc, index: u64) -> Option<Stream> {
        let at = self.list.iter().position(|s| s.ssrc == ssrc);
        let mut forgotten = None;
        let at = at.unwrap_or_else(|| {
            if self.is_full() {
                forgotten = self.list.pop();
            }
            let window = Window::new(index);
            self.push(Stream { ssrc, window });
            self.list.len() - 1
        });
        if let Some(upto) = self.list.get_mut(..=at) {
            upto.rotate_right(1);
        }
        if let Some(stream) = self.list.first_mut() {
            stream.window.mark(index);
        }
        forgotten
    }
}

/// The index closest to `highest` that ends in `seq` (RFC 3711 §3.3.1, appendix A). `None` if that lies closely before
/// the first index there is; farther before it, the sequence has jumped ahead.
#[inline]
pub(crate) fn nearest(highest: u64, seq: SeqNo) -> Option<u64> {
    let low = SeqNo((highest & 0xffff) as u16);
    let ahead = i64::from(seq.ahead_of(low));
    highest.checked_add_signed(ahead).or_else(|| {
        let far = ahead.unsigned_abs() >= REPLAY_WINDOW;
        far.then_some(u64::from(seq.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guess_is_the_nearest() {
        for (highest, seq, index) in [
            (5, 6, Some(6)),
            (5, 3, Some(3)),
            (0xffff, 0, Some(0x1_0000)),
            (0x1_0000, 0xffff, Some(0xffff)),
            (0x1_0000, 0x7fff, Some(0x1_7fff)),
            (0x1_0000, 0x8001, Some(0x8001)),
            (0, 0xffff, None),
            (0, 0xfe01, None),
            (0, 0xfe00, Some(0xfe00)),
            (100, 0x9000, Some(0x9000)),
            (0xffff_ffff_fffe, 1, Some(0x1_0000_0000_0001)),
        ] {
            assert_eq!(nearest(highest, SeqNo(seq)), index, "{seq:#x} near {highest:#x}");
        }
    }

    #[test]
    fn the_one_heard_longest_ago_is_forgotten() {
        let mut streams = Streams::new();
        let room = streams.list.capacity();
        let count = u32::try_from(SSRCS_MAX).expect("small");
        for ssrc in 0..count {
            assert_eq!(streams.record(Ssrc(ssrc), 7), None);
            let expected = if streams.list.len() <= room {
                room
            } else {
                SSRCS_MAX
            };
            assert_eq!(streams.list.capacity(), expected, "it grows once");
        }
        assert_eq!(streams.record(Ssrc(0), 8), None);
        let forgotten = streams.record(Ssrc(count), 1).map(|stream| stream.ssrc);
        assert_eq!(forgotten, Some(Ssrc(1)));
        let known = |ssrc| streams.window(Ssrc(ssrc)).map(Window::highest);
        assert_eq!(
            (known(0), known(1), known(2), known(count)),
            (Some(8), None, Some(7), Some(1))
        );
        assert_eq!(
            (streams.list.len(), streams.list.capacity()),
            (SSRCS_MAX, SSRCS_MAX)
        );
    }
}
