//! Options about SRTP and DTLS. None of them works yet.

use super::{Opt, choice, flag, int, text};

pub(super) const OPTIONS: &[Opt] = &[
    flag("dtls-passive", "Prefer the passive role in DTLS.").later(),
    int("dtls-rsa-key-size", "BITS", "Size of an RSA key.")
        .default("2048")
        .later(),
    choice(
        "dtls-cert-cipher",
        &["prime256v1", "RSA"],
        "Kind of key of our certificate.",
    )
    .default("prime256v1")
    .later(),
    int("dtls-mtu", "BYTES", "Longest DTLS packet.")
        .default("1200")
        .later(),
    text("dtls-ciphers", "LIST", "Ciphers in OpenSSL's notation.").later(),
    choice(
        "dtls-signature",
        &["SHA-256", "SHA-1"],
        "Hash of our certificate's signature.",
    )
    .default("SHA-256")
    .later(),
    flag("log-srtp-keys", "Log SRTP keys.").later(),
    flag("debug-srtp", "Log what goes into SRTP and comes out.").later(),
];
