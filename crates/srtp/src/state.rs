//! The counts of a context as plain data: rollover counters and replay windows. Holds no key.
//!
//! The byte form, all numbers big-endian: version (1 byte); how many SRTP streams (1), each with SSRC (4), highest
//! index (8) and the ring of what was seen (72); how many SRTCP streams (1), each the same; next SRTCP index (8); then, to
//! the end, the SSRCs that a sender only knows the highest index of, each with SSRC (4) and index (8).

use rtp::Ssrc;

use crate::limits::{RTCP_INDEX_MAX, RTP_INDEX_MAX, SSRCS_MAX, SSRCS_PAST_MAX};
use crate::replay::{Seen, Window};
use crate::streams::Stream;

/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;

/// Counts of a [`Sender`](crate::Sender) or a [`Receiver`](crate::Receiver).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    rtp: Vec<Stream>,
    rtcp: Vec<Stream>,
    rtcp_next: u64,
    past: Vec<(Ssrc, u64)>,
}

/// Why bytes are no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Written by a version that is not understood.
    #[error("SRTP state of unknown version {0}")]
    Version(u8),
    /// Cut short, too long, or with numbers that cannot be.
    #[error("malformed SRTP state")]
    Malformed,
}

impl State {
    pub(crate) fn new(rtp: &[Stream], rtcp: &[Stream], rtcp_next: u64) -> Self {
        Self {
            rtp: rtp.to_vec(),
            rtcp: rtcp.to_vec(),
            rtcp_next,
            past: Vec::new(),
        }
    }

    pub(crate) fn with_past(mut self, past: &[(Ssrc, u64)]) -> Self {
        self.past = past.to_vec();
        self
    }

    pub(crate) fn past(&self) -> &[(Ssrc, u64)] {
        &self.past
    }

    pub(crate) fn rtp(&self) -> &[Stream] {
        &self.rtp
    }

    pub(crate) fn rtcp(&self) -> &[Stream] {
        &self.rtcp
    }

    pub(crate) const fn rtcp_next(&self) -> u64 {
        self.rtcp_next
    }

    /// SSRCs with their rollover counters, the one heard last first.
    pub fn rollover_counters(&self) -> impl Iterator<Item = (Ssrc, u32)> {
        let roc = |s: &Stream| u32::try_from(s.window.highest() >> 16).unwrap_or(u32::MAX);
        self.rtp.iter().map(move |s| (s.ssrc, roc(s)))
    }

    /// The byte form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        for streams in [&self.rtp, &self.rtcp] {
            out.push(u8::try_from(streams.len()).unwrap_or(u8::MAX));
            for stream in streams {
                out.extend(stream.ssrc.0.to_be_bytes());
                out.extend(stream.window.highest().to_be_bytes());
                out.extend(stream.window.seen().iter().flat_map(|word| word.to_be_bytes()));
            }
        }
        out.extend(self.rtcp_next.to_be_bytes());
        for (ssrc, highest) in &self.past {
            out.extend(ssrc.0.to_be_bytes());
            out.extend(highest.to_be_bytes());
        }
        out
    }

    /// Reads the byte form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader { rest: bytes };
        match reader.take::<1>() {
            Some([VERSION]) => reader.state().ok_or(StateError::Malformed),
            Some([other]) => Err(StateError::Version(other)),
            None => Err(StateError::Malformed),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    fn state(&mut self) -> Option<State> {
        let rtp = self.streams(RTP_INDEX_MAX)?;
        let rtcp = self.streams(RTCP_INDEX_MAX)?;
        let rtcp_next = u64::from_be_bytes(self.take()?);
        let past = self.past(&rtp)?;
        // A sender that has used all of them, and resumed since, stands a little above the highest.
        let possible = rtcp_next <= RTCP_INDEX_MAX * 2;
        possible.then_some(State {
            rtp,
            rtcp,
            rtcp_next,
            past,
        })
    }

    fn past(&mut self, rtp: &[Stream]) -> Option<Vec<(Ssrc, u64)>> {
        let mut past: Vec<(Ssrc, u64)> = Vec::new();
        while !self.rest.is_empty() {
            let ssrc = Ssrc(u32::from_be_bytes(self.take()?));
            let highest = u64::from_be_bytes(self.take()?);
            let known = rtp.iter().any(|s| s.ssrc == ssrc) || past.iter().any(|(s, _)| *s == ssrc);
            if known || highest > RTP_INDEX_MAX || past.len() == SSRCS_PAST_MAX {
                return None;
            }
            past.push((ssrc, highest));
        }
        Some(past)
    }

    fn streams(&mut self, index_max: u64) -> Option<Vec<Stream>> {
        let [count] = self.take()?;
        if usize::from(count) > SSRCS_MAX {
            return None;
        }
        let mut streams: Vec<Stream> = Vec::with_capacity(count.into());
        for _ in 0..count {
            let ssrc = Ssrc(u32::from_be_bytes(self.take()?));
            let highest = u64::from_be_bytes(self.take()?);
            let mut seen = Seen::default();
            for word in &mut seen {
                *word = u64::from_be_bytes(self.take()?);
            }
            if highest > index_max || streams.iter().any(|s| s.ssrc == ssrc) {
                return None;
            }
            let window = Window::from_parts(highest, seen);
            streams.push(Stream { ssrc, window });
        }
        Some(streams)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of an SSRC of the past, the last in the form.
    const PAST_LEN: usize = 12;

    fn state() -> State {
        let stream = |ssrc, index| Stream {
            ssrc: Ssrc(ssrc),
            window: Window::new(index),
        };
        State::new(&[stream(1, 0x5_1234), stream(2, 7)], &[stream(1, 9)], 77).with_past(&[(Ssrc(3), 5)])
    }

    #[test]
    fn what_is_written_is_read() {
        let state = state();
        assert_eq!(State::from_bytes(&state.to_bytes()), Ok(state.clone()));
        let rocs: Vec<_> = state.rollover_counters().collect();
        assert_eq!(rocs, [(Ssrc(1), 5), (Ssrc(2), 0)]);
    }

    #[test]
    fn anything_else_is_refused() {
        let bytes = state().to_bytes();
        for len in (0..bytes.len()).filter(|len| len + PAST_LEN != bytes.len()) {
            assert_eq!(
                State::from_bytes(&bytes[..len]),
                Err(StateError::Malformed),
                "{len}"
            );
        }
        for (what, at, value, error) in [
            ("another version", 0, 2, StateError::Version(2)),
            ("too many streams", 1, 21, StateError::Malformed),
            ("an SSRC twice", 5, 2, StateError::Malformed),
            ("an index that cannot be", 6, 1, StateError::Malformed),
        ] {
            let mut changed = bytes.clone();
            changed[at] = value;
            assert_eq!(State::from_bytes(&changed), Err(error), "{what}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(State::from_bytes(&longer), Err(StateError::Malformed));
    }
}
