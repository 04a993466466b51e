//! Certificates as signalling knows them: by hash (RFC 8122).

use std::fmt;
use std::sync::Arc;

use arrayvec::ArrayVec;
use openssl::hash::{MessageDigest, hash};

/// A hash function for fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "their names say it")]
pub enum HashFunction {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl HashFunction {
    /// Name and length in bytes.
    const fn spec(self) -> (&'static str, usize) {
        match self {
            Self::Sha1 => ("sha-1", 20),
            Self::Sha224 => ("sha-224", 28),
            Self::Sha256 => ("sha-256", 32),
            Self::Sha384 => ("sha-384", 48),
            Self::Sha512 => ("sha-512", 64),
        }
    }

    /// All of them, the weakest first.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its name in SDP.
    pub const fn name(self) -> &'static str {
        self.spec().0
    }

    /// The function of this name, in upper or lower case.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|f| f.name().eq_ignore_ascii_case(name))
    }

    fn digest(self) -> MessageDigest {
        match self {
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha224 => MessageDigest::sha224(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }
}

/// The hash of a certificate.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    function: HashFunction,
    bytes: ArrayVec<u8, 64>,
}

impl Fingerprint {
    /// From its bytes; `None` if they are not as many as the function makes.
    pub fn new(function: HashFunction, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != function.spec().1 {
            return None;
        }
        let bytes = bytes.iter().copied().collect();
        Some(Self { function, bytes })
    }

    /// From the hexadecimal form of SDP, in upper or lower case.
    pub fn parse(function: HashFunction, text: &str) -> Option<Self> {
        let mut bytes = ArrayVec::<u8, 64>::new();
        for pair in text.split(':') {
            let digits = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
            let byte = u8::from_str_radix(pair, 16).ok().filter(|_| digits)?;
            bytes.try_push(byte).ok()?;
        }
        Self::new(function, &bytes)
    }

    /// The function it was made with.
    pub const fn function(&self) -> HashFunction {
        self.function
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Fingerprint {
    /// The bytes as SDP has them: `4A:AD:B9:…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.bytes.iter().enumerate() {
            let colon = if n == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", self.function.name())
    }
}

/// A certificate, in DER.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(Arc<[u8]>);

impl Certificate {
    pub(crate) fn new(der: &[u8]) -> Self {
        Self(der.into())
    }

    /// Its bytes.
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// Its fingerprint; `None` only if this machine's OpenSSL refuses the hash function.
    pub fn fingerprint(&self, function: HashFunction) -> Option<Fingerprint> {
        let digest = hash(function.digest(), &self.0).ok()?;
        Fingerprint::new(function, &digest)
    }

    /// Whether it is one that was told (RFC 8122 §5.1): of several fingerprints, those of the strongest function that was
    /// used decide.
    pub fn is_one_of(&self, told: &[Fingerprint]) -> bool {
        let Some(strongest) = told.iter().map(|f| f.function).max() else {
            return false;
        };
        let own = self.fingerprint(strongest);
        told.iter().any(|f| Some(f) == own.as_ref())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?})", self.fingerprint(HashFunction::Sha256))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes() {
        let text = "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
        let made = Fingerprint::parse(HashFunction::Sha1, text).expect("twenty bytes");
        assert_eq!(made.to_string(), text);
        assert_eq!(
            Fingerprint::parse(HashFunction::Sha1, &text.to_lowercase()),
            Some(made)
        );
        for wrong in [
            "",
            "4A",
            "4A:",
            &text[1..],
            &text.replace(':', ""),
            &text.replace("4A", "+A"),
        ] {
            assert_eq!(Fingerprint::parse(HashFunction::Sha1, wrong), None, "{wrong}");
        }
        assert_eq!(Fingerprint::parse(HashFunction::Sha256, text), None);
    }

    #[test]
    fn every_function_has_its_name_and_length() {
        let certificate = Certificate::new(b"abc");
        for function in HashFunction::ALL {
            let made = certificate
                .fingerprint(function)
                .expect("OpenSSL has the function");
            assert_eq!(
                HashFunction::by_name(&function.name().to_uppercase()),
                Some(function)
            );
            assert!(certificate.is_one_of(&[made]));
        }
        // FIPS 180-1, appendix A.
        let sha1 = certificate
            .fingerprint(HashFunction::Sha1)
            .expect("OpenSSL has SHA-1");
        assert!(sha1.to_string().starts_with("A9:99:3E:36"));
        assert_eq!(HashFunction::by_name("md5"), None);
    }

    #[test]
    fn the_strongest_function_decides() {
        let (own, other) = (Certificate::new(b"abc"), Certificate::new(b"abd"));
        let of = |c: &Certificate, f| c.fingerprint(f).expect("OpenSSL has the function");
        let (weak, strong) = (HashFunction::Sha1, HashFunction::Sha256);
        for (told, matches) in [
            (vec![], false),
            (vec![of(&own, weak)], true),
            (vec![of(&other, weak)], false),
            (vec![of(&own, weak), of(&other, strong)], false),
            (vec![of(&other, weak), of(&own, strong)], true),
            (vec![of(&other, strong), of(&own, strong)], true),
        ] {
            assert_eq!(own.is_one_of(&told), matches, "{told:?}");
        }
    }
}
