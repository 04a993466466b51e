//! SDES (RFC 4568): the keys that a party has told us and those that it was told.

use plan::Security;

use super::security::Keys;

/// The SDES side of a media.
#[derive(Debug, Default)]
pub(crate) struct Sdes {
    /// The keys in use, once both directions have one.
    pub(crate) keys: Option<Keys>,
}

impl Sdes {
    /// How packets from the party and to it are protected.
    pub(crate) fn security(&self) -> (Security, Security) {
        match &self.keys {
            Some(keys) => (
                Security::Srtp(keys.recv.clone()),
                Security::Srtp(keys.send.clone()),
            ),
            None => (Security::Pending, Security::Pending),
        }
    }
}
