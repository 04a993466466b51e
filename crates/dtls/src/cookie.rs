//! Cookies: proof that a source receives what is sent to it, without memory of it (RFC 6347 §4.2.1).

use std::net::{IpAddr, SocketAddr};

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::{PKey, Private};
use openssl::rand::rand_bytes;
use openssl::sign::Signer;
use zeroize::Zeroizing;

use crate::Time;
use crate::hello::ClientHello;
use crate::limits::COOKIE_LIFETIME;

/// Length of a cookie; an old recommendation for clients' buffers says 32 at most.
const LEN: usize = 20;

/// Makes and checks cookies, with a secret that nobody else knows.
#[derive(Debug)]
pub struct Cookies {
    secret: PKey<Private>,
}

impl Cookies {
    /// With a new secret.
    pub fn new() -> Result<Self, ErrorStack> {
        let mut secret = Zeroizing::new([0; 32]);
        rand_bytes(&mut *secret)?;
        let secret = PKey::hmac(&*secret)?;
        Ok(Self { secret })
    }

    /// The cookie for this client at this time; `None` if OpenSSL fails.
    pub(crate) fn make(&self, now: Time, source: SocketAddr, hello: &ClientHello<'_>) -> Option<[u8; LEN]> {
        self.of_period(period(now), source, hello).ok()
    }

    /// Whether the cookie of a ClientHello is one of ours, and not too old.
    pub(crate) fn verify(&self, now: Time, source: SocketAddr, hello: &ClientHello<'_>) -> bool {
        let this = period(now);
        hello.cookie.len() == LEN
            && [this, this.wrapping_sub(1)].into_iter().any(|period| {
                let made = self.of_period(period, source, hello);
                made.is_ok_and(|made| memcmp::eq(&made, hello.cookie))
            })
    }

    fn of_period(
        &self,
        period: u64,
        source: SocketAddr,
        hello: &ClientHello<'_>,
    ) -> Result<[u8; LEN], ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.secret)?;
        signer.update(&period.to_be_bytes())?;
        match source.ip() {
            IpAddr::V4(ip) => signer.update(&ip.octets())?,
            IpAddr::V6(ip) => signer.update(&ip.octets())?,
        }
        signer.update(&source.port().to_be_bytes())?;
        for part in hello.parameters() {
            signer.update(part)?;
        }
        let mut mac = [0; 32];
        signer.sign(&mut mac)?;
        let mut cookie = [0; LEN];
        cookie.copy_from_slice(&mac[..LEN]);
        Ok(cookie)
    }
}

fn period(now: Time) -> u64 {
    now.as_micros() / u64::try_from(COOKIE_LIFETIME.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hello::tests::client_hello;
    use crate::hello::{First, first};

    #[test]
    fn a_cookie_is_good_for_its_owner_and_its_time() {
        let cookies = Cookies::new().expect("a secret");
        let (now, later) = (Time::from_micros(1_000_000), COOKIE_LIFETIME);
        let source: SocketAddr = "192.0.2.1:5000".parse().expect("an address");
        let neighbour: SocketAddr = "192.0.2.1:5001".parse().expect("an address");
        let bare = client_hello(1, b"");
        let First::Hello(hello) = first(&bare) else {
            panic!("a ClientHello")
        };
        let cookie = cookies.make(now, source, &hello).expect("a cookie");
        for (what, random, from, at, good) in [
            ("its owner", 1, source, now, true),
            ("a little later", 1, source, now + later, true),
            ("too late", 1, source, now + later + later, false),
            ("another port", 1, neighbour, now, false),
            ("another random", 2, source, now, false),
        ] {
            let packet = client_hello(random, &cookie);
            let First::Hello(hello) = first(&packet) else {
                panic!("a ClientHello")
            };
            assert_eq!(cookies.verify(at, from, &hello), good, "{what}");
            let others = Cookies::new().expect("a secret");
            assert!(!others.verify(at, from, &hello), "{what}: another's secret");
        }
    }
}
