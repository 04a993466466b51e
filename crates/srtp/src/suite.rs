//! The suites, as a table.

/// A crypto suite: cipher, authentication, and their lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "their names say it, and the table below")]
pub enum Suite {
    AeadAes256Gcm,
    AeadAes128Gcm,
    AesCm256HmacSha1_80,
    AesCm256HmacSha1_32,
    AesCm192HmacSha1_80,
    AesCm192HmacSha1_32,
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    F8_128HmacSha1_80,
    F8_128HmacSha1_32,
    NullHmacSha1_80,
    NullHmacSha1_32,
}

/// How the payload is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// Not at all.
    Null,
    /// AES in counter mode (RFC 3711 §4.1.1, RFC 6188).
    AesCm,
    /// AES in f8 mode (RFC 3711 §4.1.2).
    AesF8,
    /// AES-GCM, which also authenticates (RFC 7714).
    AesGcm,
}

/// Number of a DTLS-SRTP protection profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DtlsProfile(pub u16);

/// What there is to know about a suite. Lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Which one.
    pub suite: Suite,
    /// Its name in SDP (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.1).
    pub name: &'static str,
    /// Its number in DTLS, if it has one (RFC 5764 §4.1.2, RFC 7714 §14.2).
    pub dtls: Option<DtlsProfile>,
    /// How it encrypts.
    pub cipher: Cipher,
    /// Length of master key and session key.
    pub key_len: usize,
    /// Length of master salt and session salt.
    pub salt_len: usize,
    /// Length of the tag of an SRTP packet.
    pub rtp_tag_len: usize,
    /// Length of the tag of an SRTCP packet.
    pub rtcp_tag_len: usize,
}

/// Salt of all suites but GCM.
const SALT_LEN: usize = 14;
/// Salt of GCM (RFC 7714 §12).
const GCM_SALT_LEN: usize = 12;
/// Tag of GCM (RFC 7714 §12).
const GCM_TAG_LEN: usize = 16;
/// RFC 4568 §6.2.2, RFC 5764 §4.1.2: also where SRTP has the short tag, SRTCP has the long one.
const RTCP_TAG_LEN: usize = 10;

const fn hmac(
    suite: Suite,
    name: &'static str,
    dtls: Option<DtlsProfile>,
    cipher: Cipher,
    key_len: usize,
    rtp_tag_len: usize,
) -> Spec {
    Spec {
        suite,
        name,
        dtls,
        cipher,
        key_len,
        salt_len: SALT_LEN,
        rtp_tag_len,
        rtcp_tag_len: RTCP_TAG_LEN,
    }
}

const fn gcm(suite: Suite, name: &'static str, dtls: u16, key_len: usize) -> Spec {
    Spec {
        suite,
        name,
        dtls: Some(DtlsProfile(dtls)),
        cipher: Cipher::AesGcm,
        key_len,
        salt_len: GCM_SALT_LEN,
        rtp_tag_len: GCM_TAG_LEN,
        rtcp_tag_len: GCM_TAG_LEN,
    }
}

const fn dtls(number: u16) -> Option<DtlsProfile> {
    Some(DtlsProfile(number))
}

/// In the order of [`Suite`]. RFC 5764 gives NULL no key; all that speak it export one of 16 bytes, because key
/// derivation needs one. The short tag for f8 is registered nowhere and used all the same.
#[rustfmt::skip]
const SPECS: [Spec; 12] = [
    gcm(Suite::AeadAes256Gcm, "AEAD_AES_256_GCM", 8, 32),
    gcm(Suite::AeadAes128Gcm, "AEAD_AES_128_GCM", 7, 16),
    hmac(Suite::AesCm256HmacSha1_80, "AES_256_CM_HMAC_SHA1_80", None, Cipher::AesCm, 32, 10),
    hmac(Suite::AesCm256HmacSha1_32, "AES_256_CM_HMAC_SHA1_32", None, Cipher::AesCm, 32, 4),
    hmac(Suite::AesCm192HmacSha1_80, "AES_192_CM_HMAC_SHA1_80", None, Cipher::AesCm, 24, 10),
    hmac(Suite::AesCm192HmacSha1_32, "AES_192_CM_HMAC_SHA1_32", None, Cipher::AesCm, 24, 4),
    hmac(Suite::AesCm128HmacSha1_80, "AES_CM_128_HMAC_SHA1_80", dtls(1), Cipher::AesCm, 16, 10),
    hmac(Suite::AesCm128HmacSha1_32, "AES_CM_128_HMAC_SHA1_32", dtls(2), Cipher::AesCm, 16, 4),
    hmac(Suite::F8_128HmacSha1_80, "F8_128_HMAC_SHA1_80", None, Cipher::AesF8, 16, 10),
    hmac(Suite::F8_128HmacSha1_32, "F8_128_HMAC_SHA1_32", None, Cipher::AesF8, 16, 4),
    hmac(Suite::NullHmacSha1_80, "NULL_HMAC_SHA1_80", dtls(5), Cipher::Null, 16, 10),
    hmac(Suite::NullHmacSha1_32, "NULL_HMAC_SHA1_32", dtls(6), Cipher::Null, 16, 4),
];

impl Suite {
    /// All suites, the strongest first: the order in which they are offered.
    pub fn all() -> impl Iterator<Item = Self> {
        SPECS.iter().map(|spec| spec.suite)
    }

    /// Its row of the table.
    #[inline]
    pub const fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    /// The suite of this name in SDP, in upper or lower case.
    pub fn by_name(name: &str) -> Option<Self> {
        let spec = SPECS.iter().find(|s| s.name.eq_ignore_ascii_case(name))?;
        Some(spec.suite)
    }

    /// The suite of this DTLS-SRTP protection profile.
    pub fn by_dtls_profile(profile: DtlsProfile) -> Option<Self> {
        let spec = SPECS.iter().find(|s| s.dtls == Some(profile))?;
        Some(spec.suite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_finds_its_row_by_each_of_its_names() {
        for (at, suite) in Suite::all().enumerate() {
            let spec = suite.spec();
            assert_eq!((suite as usize, spec.suite), (at, suite));
            assert_eq!(Suite::by_name(&spec.name.to_lowercase()), Some(suite));
            if let Some(profile) = spec.dtls {
                assert_eq!(Suite::by_dtls_profile(profile), Some(suite));
            }
        }
        assert_eq!(Suite::by_name("AES_CM_128_HMAC_SHA1_81"), None);
        assert_eq!(Suite::by_dtls_profile(DtlsProfile(3)), None);
    }
}
