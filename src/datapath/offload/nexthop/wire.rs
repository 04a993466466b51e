//! Netlink messages as bytes: building requests, walking over answers.
//!
//! Everything is read with checked lengths; what is malformed ends the walk, as if nothing came after it. What a number
//! means stands where it is used.

/// Bytes of a message's header.
const HEADER: usize = 16;
/// Type and "nested" flags share the field.
const TYPE_MASK: u16 = 0x3fff;

/// A request in the making.
#[derive(Debug)]
pub(super) struct Request(Vec<u8>);

impl Request {
    /// A request with its fixed part.
    pub(super) fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&(flags | libc::NLM_F_REQUEST as u16).to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(body);
        Self(bytes).aligned()
    }

    /// Adds an attribute.
    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&len.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.aligned()
    }

    /// The bytes, with this sequence number.
    pub(super) fn finish(mut self, seq: u32) -> Vec<u8> {
        let len = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0[8..12].copy_from_slice(&seq.to_ne_bytes());
        self.0
    }

    fn aligned(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// What it is.
    pub(super) kind: u16,
    /// `NLM_F_*`.
    pub(super) flags: u16,
    /// The request that it answers.
    pub(super) seq: u32,
    /// Fixed part and attributes.
    pub(super) body: &'a [u8],
}

/// The messages of one datagram.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let len = u32_at(bytes, 0)? as usize;
        let message = Message {
            kind: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            seq: u32_at(bytes, 8)?,
            body: bytes.get(HEADER..len)?,
        };
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some(message)
    })
}

/// Attributes after a fixed part of so many bytes.
pub(super) fn attributes(body: &[u8], fixed: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut bytes = body.get(fixed.next_multiple_of(4)..).unwrap_or(&[]);
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & TYPE_MASK;
        let value = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

/// The attribute of this type among others.
pub(super) fn attribute(body: &[u8], fixed: usize, kind: u16) -> Option<&[u8]> {
    attributes(body, fixed).find(|(k, _)| *k == kind).map(|(_, v)| v)
}

/// A byte.
pub(super) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// Two bytes in the machine's order.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let value = bytes.get(at..at.checked_add(2)?)?;
    value.try_into().ok().map(u16::from_ne_bytes)
}

/// Four bytes in the machine's order.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let value = bytes.get(at..at.checked_add(4)?)?;
    value.try_into().ok().map(u32::from_ne_bytes)
}

/// Text that ends with a zero byte.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_read_again() {
        let bytes = Request::new(26, 0x300, &[2, 0, 0])
            .with(1, b"abcde")
            .with(2, &[])
            .finish(7);
        let twice = [bytes.clone(), bytes].concat();
        let read: Vec<_> = messages(&twice).collect();
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].kind, read[1].flags, read[1].seq), (26, 0x301, 7));
        let attributes: Vec<_> = attributes(read[1].body, 3).collect();
        assert_eq!(attributes, [(1, &b"abcde"[..]), (2, &[][..])]);
    }

    #[test]
    fn malformed_bytes_end_the_walk() {
        let bytes = Request::new(26, 0, &[0; 12]).with(1, b"abcdefgh").finish(7);
        for end in 0..bytes.len() {
            assert_eq!(messages(&bytes[..end]).count(), 0, "{end}");
        }
        for (len, good) in [(0_u16, 0), (3, 0), (4, 1), (12, 1), (13, 0), (u16::MAX, 0)] {
            let mut bytes = bytes.clone();
            bytes[28..30].copy_from_slice(&len.to_ne_bytes());
            let read = messages(&bytes).next().unwrap();
            assert!(attributes(read.body, 12).count() >= good, "{len}");
            assert!(good > 0 || attribute(read.body, 12, 1).is_none(), "{len}");
        }
    }
}
