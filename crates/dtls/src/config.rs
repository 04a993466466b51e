//! What all handshakes have in common.

use std::sync::Arc;

use openssl::error::ErrorStack;

use crate::Identity;
use crate::backend::Contexts;
use crate::limits::MTU_BYTES_MIN;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// OpenSSL does not take the certificate or the list of ciphers.
    #[error("OpenSSL refuses the DTLS settings: {0}")]
    Refused(#[from] ErrorStack),
    /// Smaller than what DTLS needs.
    #[error("a DTLS MTU of less than {MTU_BYTES_MIN} bytes")]
    Mtu,
}

/// Who does the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Library {
    /// OpenSSL: DTLS 1.2, every kind of certificate and profile; its retransmissions follow the clock of the machine.
    #[default]
    Openssl,
    /// dimpl, whose time is ours alone. Clients without a connectivity check, and certificates that it does not know, are
    /// OpenSSL's all the same.
    #[cfg(feature = "dimpl")]
    Dimpl {
        /// The moment that is zero in our time.
        origin: std::time::Instant,
        /// Which DTLS.
        versions: Versions,
    },
}

/// Versions of DTLS.
#[cfg(feature = "dimpl")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// DTLS 1.2.
    Only12,
    /// DTLS 1.3.
    Only13,
    /// What the peer has.
    Both,
}

/// What can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Longest datagram we send, in bytes.
    pub mtu: usize,
    /// Cipher suites of DTLS 1.2, in OpenSSL's notation.
    pub ciphers: String,
    /// Who does the protocol.
    pub library: Library,
}

impl Default for Settings {
    /// COMPAT(rtpengine): its ciphers, so that a peer that has agreed with it agrees with us.
    fn default() -> Self {
        Self {
            mtu: 1200,
            ciphers: "DEFAULT:!NULL:!aNULL:!SHA256:!SHA384:!aECDH:!AESGCM+AES256:!aPSK".to_owned(),
            library: Library::default(),
        }
    }
}

/// A certificate and the settings, ready for use. Whoever has begun with one keeps it.
#[derive(Debug)]
pub struct Config {
    identity: Arc<Identity>,
    pub(crate) mtu: usize,
    pub(crate) contexts: Contexts,
}

impl Config {
    /// Checks the settings and makes what all handshakes share.
    pub fn new(identity: Arc<Identity>, settings: &Settings) -> Result<Self, ConfigError> {
        if settings.mtu < MTU_BYTES_MIN {
            return Err(ConfigError::Mtu);
        }
        let contexts = Contexts::new(&identity, settings)?;
        Ok(Self {
            identity,
            mtu: settings.mtu,
            contexts,
        })
    }

    /// Our certificate.
    pub const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }
}
