//! Reading and writing big-endian numbers without indexing.

/// Two bytes at `at`.
#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|c| u16::from_be_bytes(*c))
}

/// Four bytes at `at`.
#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|c| u32::from_be_bytes(*c))
}

/// Appends to a caller's buffer and refuses, as a whole, what does not fit.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    buf: &'a mut [u8],
    len: usize,
    overflow: bool,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(buf: &'a mut [u8]) -> Self {
        Self {
            buf,
            len: 0,
            overflow: false,
        }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        match self.buf.get_mut(self.len..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            None => self.overflow = true,
        }
    }

    pub(crate) fn put_u32(&mut self, n: u32) {
        self.put(&n.to_be_bytes());
    }

    /// Zero bytes up to the next multiple of four, counted from `start`.
    pub(crate) fn pad(&mut self, start: usize) {
        let used = self.len.saturating_sub(start);
        self.put(&[0; 3][..(4 - used % 4) % 4]);
    }

    /// Overwrites two bytes written before.
    pub(crate) fn patch_u16(&mut self, at: usize, n: u16) {
        if let Some(room) = self.buf.get_mut(at..at.saturating_add(2)) {
            room.copy_from_slice(&n.to_be_bytes());
        }
    }

    /// Takes back what was written after `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How much was written, if all of it fitted.
    pub(crate) const fn finish(self) -> Option<usize> {
        if self.overflow { None } else { Some(self.len) }
    }
}
