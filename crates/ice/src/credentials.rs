//! Ufrag and password, and the keys made from them.

use std::fmt;

use rand::RngCore;

use crate::limits::{PWD_BYTES_MAX, UFRAG_BYTES_MAX};
use crate::stun::Key;

const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// `a=ice-ufrag` and `a=ice-pwd`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    ufrag: String,
    pwd: String,
}

impl Credentials {
    /// From a description. `None` if empty or longer than RFC 8839 §5.4 allows. Shorter than it demands is accepted: there are
    /// such endpoints, and the length is theirs to choose.
    #[must_use]
    pub fn new(ufrag: &str, pwd: &str) -> Option<Self> {
        let fits = |s: &str, max: usize| !s.is_empty() && s.len() <= max;
        let ok = fits(ufrag, UFRAG_BYTES_MAX) && fits(pwd, PWD_BYTES_MAX) && !ufrag.contains(':');
        ok.then(|| Self {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
        })
    }

    /// New ones: 8 and 26 letters and digits, 47 and 154 bits of randomness.
    #[must_use]
    pub fn random(rng: &mut impl RngCore) -> Self {
        Self {
            ufrag: random_text(rng, 8),
            pwd: random_text(rng, 26),
        }
    }

    /// The user name fragment.
    #[must_use]
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password.
    #[must_use]
    pub fn pwd(&self) -> &str {
        &self.pwd
    }
}

/// A password does not belong into a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

/// Letters and digits, each equally likely.
pub(crate) fn random_text(rng: &mut impl RngCore, len: usize) -> String {
    let mut text = String::with_capacity(len);
    while text.len() < len {
        // Six bits; the two values too many are drawn again.
        let index = (rng.next_u32() >> 26) as usize;
        text.extend(ALPHABET.get(index).map(|&c| char::from(c)));
    }
    text
}

/// Both sides' credentials between two restarts.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) local: Credentials,
    pub(crate) remote: Credentials,
    /// Signs what the peer asks and what we answer.
    pub(crate) local_key: Key,
    /// Signs what we ask and what the peer answers.
    pub(crate) remote_key: Key,
}

impl Keys {
    pub(crate) fn new(local: Credentials, remote: Credentials) -> Self {
        Self {
            local_key: Key::new(local.pwd.as_bytes()),
            remote_key: Key::new(remote.pwd.as_bytes()),
            local,
            remote,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn lengths_and_alphabet() {
        let mut rng = StdRng::seed_from_u64(1);
        let a = Credentials::random(&mut rng);
        let b = Credentials::random(&mut rng);
        assert_eq!((a.ufrag().len(), a.pwd().len()), (8, 26));
        assert!(a.pwd().bytes().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(a, b);
        assert!(!format!("{a:?}").contains(a.pwd()));
    }

    #[test]
    fn what_a_description_may_say() {
        assert!(Credentials::new("q27e93", "bd5e8b8d6dd8e1bc6").is_some());
        assert!(Credentials::new("", "x").is_none());
        assert!(Credentials::new("x", "").is_none());
        assert!(Credentials::new("a:b", "x").is_none());
        assert!(Credentials::new(&"u".repeat(257), "x").is_none());
        assert!(Credentials::new("u", &"x".repeat(257)).is_none());
    }
}
