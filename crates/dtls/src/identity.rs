//! Our certificate: self-signed, because its fingerprint in the signalling is all that vouches for it (RFC 5763 §5).

use std::time::Duration;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509, X509NameBuilder};

use crate::{Certificate, Fingerprint, HashFunction};

/// OpenSSL could not make a certificate.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a DTLS certificate: {0}")]
pub struct IdentityError(#[from] ErrorStack);

/// What kind of key a certificate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Elliptic curve P-256.
    P256,
    /// RSA with so many bits.
    Rsa(u32),
}

/// What a certificate is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-1, which many refuse by now.
    Sha1,
}

/// What a new certificate is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its key.
    pub key: KeyKind,
    /// Its signature.
    pub digest: Digest,
    /// Its common name; of a long one the first 64 characters.
    pub name: String,
}

/// Longest common name, in characters (RFC 5280, appendix A.1).
const NAME_CHARS_MAX: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);
/// Clocks differ: valid from so long ago.
const VALID_BEFORE: Duration = DAY;
/// Valid for so long from now.
const VALID_AFTER: Duration = Duration::from_secs(30 * DAY.as_secs());

/// A certificate and its key.
///
/// Whoever has begun with one keeps it; a younger one is for those who come later.
#[derive(Debug)]
pub struct Identity {
    pub(crate) x509: X509,
    pub(crate) key: PKey<Private>,
    certificate: Certificate,
    unix_secs: u64,
}

impl Identity {
    /// Makes a key and a certificate. Takes from a hundred microseconds (P-256) to a second (large RSA).
    pub fn generate(request: &Request, unix_secs: u64) -> Result<Self, IdentityError> {
        let key = match request.key {
            KeyKind::P256 => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
                PKey::from_ec_key(EcKey::generate(&group)?)?
            }
            KeyKind::Rsa(bits) => PKey::from_rsa(Rsa::generate(bits)?)?,
        };
        let x509 = sign(request, &key, unix_secs)?;
        let certificate = Certificate::new(&x509.to_der()?);
        Ok(Self {
            x509,
            key,
            certificate,
            unix_secs,
        })
    }

    /// The certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its fingerprint.
    pub fn fingerprint(&self, function: HashFunction) -> Option<Fingerprint> {
        self.certificate.fingerprint(function)
    }

    /// Whether half of its life is over, so that it is time for another.
    pub const fn is_half_spent(&self, unix_secs: u64) -> bool {
        unix_secs >= self.unix_secs + VALID_AFTER.as_secs() / 2
    }
}

fn sign(request: &Request, key: &PKey<Private>, unix_secs: u64) -> Result<X509, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    let common: String = request.name.chars().take(NAME_CHARS_MAX).collect();
    name.append_entry_by_nid(Nid::COMMONNAME, &common)?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(64, MsbOption::MAYBE_ZERO, false)?;
    let at = |secs: u64| Asn1Time::from_unix(libc::time_t::try_from(secs).unwrap_or(libc::time_t::MAX));
    let mut builder = X509::builder()?;
    // X.509 v3, as RFC 5280 §4.1.2.1 demands of a certificate with extensions.
    builder.set_version(2)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*at(unix_secs.saturating_sub(VALID_BEFORE.as_secs()))?)?;
    builder.set_not_after(&*at(unix_secs.saturating_add(VALID_AFTER.as_secs()))?)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    let digest = match request.digest {
        Digest::Sha256 => MessageDigest::sha256(),
        Digest::Sha1 => MessageDigest::sha1(),
    };
    builder.sign(key, digest)?;
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: KeyKind, digest: Digest) -> Request {
        Request {
            key,
            digest,
            name: "x".repeat(80),
        }
    }

    #[test]
    fn certificates_are_self_signed_and_of_their_kind() {
        let now = 1_700_000_000;
        for (key, digest, bits) in [
            (KeyKind::P256, Digest::Sha256, 256),
            (KeyKind::P256, Digest::Sha1, 256),
            (KeyKind::Rsa(1024), Digest::Sha256, 1024),
        ] {
            let made = Identity::generate(&request(key, digest), now).expect("a certificate");
            assert_eq!(made.key.bits(), bits);
            assert!(made.x509.verify(&made.key).expect("a signature to verify"));
            let day = Asn1Time::from_unix(now as libc::time_t).expect("a time");
            let ahead = day.diff(made.x509.not_after()).expect("times");
            let behind = made.x509.not_before().diff(&day).expect("times");
            assert_eq!((ahead.days, behind.days), (30, 1));
        }
    }

    #[test]
    fn it_is_replaced_after_half_its_life() {
        let made = Identity::generate(&request(KeyKind::P256, Digest::Sha256), 1000).expect("a certificate");
        let half = 15 * 86_400;
        for (age, spent) in [(0, false), (half - 1, false), (half, true), (4 * half, true)] {
            assert_eq!(made.is_half_spent(1000 + age), spent, "{age}");
        }
    }

    #[test]
    fn no_two_are_the_same() {
        let of = || Identity::generate(&request(KeyKind::P256, Digest::Sha256), 0).expect("a certificate");
        assert_ne!(of().certificate(), of().certificate());
    }
}
