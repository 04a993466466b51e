//! Writing, attribute by attribute, into a caller's buffer.

use std::net::{IpAddr, SocketAddr};

use super::integrity::fingerprint;
use super::message::xor_mask;
use super::{BINDING, COOKIE, Class, ErrorCode, HEADER_LEN, INTEGRITY_LEN, Key, TransactionId, attr};

/// Writes one Binding message. What does not fit makes [`Writer::finish`] return `None`.
///
/// Attributes stand in the order of the calls; [`Writer::finish`] adds MESSAGE-INTEGRITY and FINGERPRINT.
#[derive(Debug)]
pub struct Writer<'b> {
    buf: &'b mut [u8],
    len: usize,
    overflow: bool,
}

impl<'b> Writer<'b> {
    /// Begins with the header.
    pub fn new(buf: &'b mut [u8], class: Class, id: TransactionId) -> Self {
        let mut writer = Self {
            buf,
            len: 0,
            overflow: false,
        };
        writer.put(&(BINDING | class.bits()).to_be_bytes());
        writer.put(&[0, 0]);
        writer.put(&COOKIE);
        writer.put(&id.0);
        writer
    }

    /// Any attribute.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.attribute_of(kind, &[value])
    }

    /// An attribute whose value comes in parts.
    fn attribute_of(&mut self, kind: u16, parts: &[&[u8]]) -> &mut Self {
        let length: usize = parts.iter().map(|p| p.len()).sum();
        match u16::try_from(length) {
            Ok(n) => {
                self.put(&kind.to_be_bytes());
                self.put(&n.to_be_bytes());
                parts.iter().for_each(|part| self.put(part));
                self.put(&[0; 3][..length.next_multiple_of(4) - length]);
            }
            Err(_) => self.overflow = true,
        }
        self
    }

    /// SOFTWARE.
    pub fn software(&mut self, text: &str) -> &mut Self {
        self.attribute(attr::SOFTWARE, text.as_bytes())
    }

    /// USERNAME: who is asked, a colon, who asks (RFC 8445 §7.2.2).
    pub fn username(&mut self, theirs: &str, ours: &str) -> &mut Self {
        self.attribute_of(attr::USERNAME, &[theirs.as_bytes(), b":", ours.as_bytes()])
    }

    /// ICE-CONTROLLING.
    pub fn controlling(&mut self, tie_breaker: u64) -> &mut Self {
        self.attribute(attr::ICE_CONTROLLING, &tie_breaker.to_be_bytes())
    }

    /// ICE-CONTROLLED.
    pub fn controlled(&mut self, tie_breaker: u64) -> &mut Self {
        self.attribute(attr::ICE_CONTROLLED, &tie_breaker.to_be_bytes())
    }

    /// PRIORITY.
    pub fn priority(&mut self, priority: u32) -> &mut Self {
        self.attribute(attr::PRIORITY, &priority.to_be_bytes())
    }

    /// USE-CANDIDATE.
    pub fn use_candidate(&mut self) -> &mut Self {
        self.attribute(attr::USE_CANDIDATE, &[])
    }

    /// NOMINATION.
    pub fn nomination(&mut self, count: u32) -> &mut Self {
        self.attribute(attr::NOMINATION, &(count & 0x00ff_ffff).to_be_bytes())
    }

    /// XOR-MAPPED-ADDRESS.
    pub fn xor_mapped_address(&mut self, address: SocketAddr, id: TransactionId) -> &mut Self {
        let mask = xor_mask(id);
        let port = (address.port() ^ u16::from_be_bytes([COOKIE[0], COOKIE[1]])).to_be_bytes();
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                let ip = (ip.to_bits() ^ u32::from_be_bytes(COOKIE)).to_be_bytes();
                self.attribute_of(attr::XOR_MAPPED_ADDRESS, &[&[0, 1], &port, &ip])
            }
            IpAddr::V6(ip) => {
                let ip = (ip.to_bits() ^ mask).to_be_bytes();
                self.attribute_of(attr::XOR_MAPPED_ADDRESS, &[&[0, 2], &port, &ip])
            }
        }
    }

    /// ERROR-CODE.
    pub fn error(&mut self, code: ErrorCode) -> &mut Self {
        let [class, rest] = [code.number() / 100, code.number() % 100].map(|n| n.to_be_bytes()[1]);
        self.attribute_of(
            attr::ERROR_CODE,
            &[&[0, 0, class, rest], code.reason().as_bytes()],
        )
    }

    /// UNKNOWN-ATTRIBUTES.
    pub fn unknown_attributes(&mut self, kinds: &[u16]) -> &mut Self {
        let parts: Vec<[u8; 2]> = kinds.iter().map(|k| k.to_be_bytes()).collect();
        self.attribute(attr::UNKNOWN_ATTRIBUTES, parts.as_flattened())
    }

    /// Adds MESSAGE-INTEGRITY, if there is a key, and FINGERPRINT. The message's length, if all of it fitted.
    pub fn finish(mut self, key: Option<&Key>) -> Option<usize> {
        if let Some(key) = key {
            self.patch_length(INTEGRITY_LEN);
            let tag = key.sign([self.written(), &[], &[]]);
            self.attribute(attr::MESSAGE_INTEGRITY, &tag);
        }
        self.patch_length(super::FINGERPRINT_LEN);
        let crc = fingerprint([self.written(), &[], &[]]);
        self.attribute(attr::FINGERPRINT, &crc.to_be_bytes());
        (!self.overflow).then_some(self.len)
    }

    fn written(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or_default()
    }

    /// The length as it will be with `more` bytes.
    fn patch_length(&mut self, more: usize) {
        match u16::try_from((self.len + more).saturating_sub(HEADER_LEN)) {
            Ok(n) => {
                if let Some(room) = self.buf.get_mut(2..4) {
                    room.copy_from_slice(&n.to_be_bytes());
                }
            }
            Err(_) => self.overflow = true,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        match self.buf.get_mut(self.len..self.len + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.overflow = true,
        }
    }
}
