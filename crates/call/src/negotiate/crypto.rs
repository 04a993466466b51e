//! One `a=crypto` line (RFC 4568 §9.1): read, made, printed.

use std::sync::Arc;

use rand::RngCore;
use sdp::{Crypto, Mki, Text};
use srtp::{MasterKey, Params, Protection, Suite};
use zeroize::Zeroizing;

use crate::base64;
use crate::model::CryptoLine;

/// Longest key and salt of any suite, in bytes.
const KEY_AND_SALT_MAX: usize = 46;

/// Session parameters by their names. RFC 4568 §6.3.
const UNENCRYPTED_SRTP: &str = "UNENCRYPTED_SRTP";
const UNENCRYPTED_SRTCP: &str = "UNENCRYPTED_SRTCP";
const UNAUTHENTICATED_SRTP: &str = "UNAUTHENTICATED_SRTP";

/// What a line means; `None` if we cannot do what it asks for: it is then as if it were not there.
pub(crate) fn read(line: &Crypto) -> Option<CryptoLine> {
    let suite = Suite::by_name(&line.suite.to_utf8())?;
    let protection = session_parameters(&line.parameters)?;
    let keys = line.keys.iter().map(|k| master_key(suite, &k.key, k.mki));
    let params = Params::new(keys.collect::<Option<_>>()?, protection).ok()?;
    Some(CryptoLine {
        tag: line.tag,
        params: Arc::new(params),
    })
}

/// A line of our own with a random key.
pub(crate) fn generate(tag: u32, suite: Suite, protection: Protection, rng: &mut dyn RngCore) -> CryptoLine {
    let spec = suite.spec();
    let mut random = Zeroizing::new([0; KEY_AND_SALT_MAX]);
    rng.fill_bytes(&mut random[..]);
    let key = MasterKey::joined(suite, &random[..spec.key_len + spec.salt_len]);
    let key = key.expect("the lengths are the suite's own");
    let params = Params::new(vec![key], allowed(suite, protection));
    CryptoLine {
        tag,
        params: Arc::new(params.expect("one key without identifier is a set of keys")),
    }
}

/// The same keys with other session parameters.
pub(crate) fn with_protection(line: &CryptoLine, protection: Protection) -> CryptoLine {
    let Some(suite) = line.suite().filter(|_| line.params.protection() != protection) else {
        return line.clone();
    };
    match Params::new(line.params.keys().to_vec(), allowed(suite, protection)) {
        Ok(params) => CryptoLine {
            tag: line.tag,
            params: Arc::new(params),
        },
        Err(_) => line.clone(),
    }
}

/// The value of `a=crypto`.
pub(crate) fn print(line: &CryptoLine, pad: bool, lifetime: bool) -> Zeroizing<String> {
    let suite = line.suite().map_or("", |s| s.spec().name);
    let mut text = Zeroizing::new(format!("crypto:{} {suite} ", line.tag));
    for (at, key) in line.params.keys().iter().enumerate() {
        text.push_str(if at == 0 { "inline:" } else { ";inline:" });
        text.push_str(&base64::encode(key.key_and_salt(), pad));
        if lifetime {
            text.push_str("|2^31");
        }
        if !key.mki().is_empty() {
            let value = key
                .mki()
                .iter()
                .fold(0u128, |sum, byte| sum << 8 | u128::from(*byte));
            text.push_str(&format!("|{value}:{}", key.mki().len()));
        }
    }
    let protection = line.params.protection();
    for (off, name) in [
        (!protection.encrypt_rtp, UNENCRYPTED_SRTP),
        (!protection.encrypt_rtcp, UNENCRYPTED_SRTCP),
        (!protection.authenticate_rtp, UNAUTHENTICATED_SRTP),
    ] {
        if off {
            text.push(' ');
            text.push_str(name);
        }
    }
    text
}

/// A suite that encrypts by authenticating cannot leave the one out and keep the other (RFC 7714 §14.1).
fn allowed(suite: Suite, protection: Protection) -> Protection {
    let always = suite.spec().cipher == srtp::Cipher::AesGcm;
    Protection {
        authenticate_rtp: protection.authenticate_rtp || always,
        ..protection
    }
}

fn master_key(suite: Suite, key: &Text, mki: Option<Mki>) -> Option<MasterKey> {
    let key = MasterKey::joined(suite, &base64::decode(key)?).ok()?;
    match mki {
        None => Some(key),
        Some(mki) => {
            let value = mki.value.to_be_bytes();
            let length = usize::from(mki.length);
            // A longer identifier begins with zeros, a shorter one must do without more than these.
            let (cut, kept) = value.split_at(value.len().saturating_sub(length));
            let mut bytes = vec![0; length.saturating_sub(value.len())];
            bytes.extend_from_slice(kept);
            cut.iter().all(|b| *b == 0).then(|| key.with_mki(&bytes).ok())?
        }
    }
}

/// RFC 4568 §6.3. `None` if there is one that we cannot honour: §6.3.7 leaves no choice but to ignore the line, unless
/// it begins with `-`.
fn session_parameters(parameters: &[Text]) -> Option<Protection> {
    let mut protection = Protection::default();
    for parameter in parameters {
        match parameter {
            p if p.is(UNENCRYPTED_SRTP) => protection.encrypt_rtp = false,
            p if p.is(UNENCRYPTED_SRTCP) => protection.encrypt_rtcp = false,
            p if p.is(UNAUTHENTICATED_SRTP) => protection.authenticate_rtp = false,
            // What is the default anyway, and the sender's own window.
            p if p.is("KDR=0") || p.is("FEC_ORDER=FEC_SRTP") => {}
            p if p.starts_with(b"WSH=") || p.starts_with(b"-") => {}
            _ => return None,
        }
    }
    Some(protection)
}
