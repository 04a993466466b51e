//! Options about SRTP and DTLS.

use super::{Opt, choice, flag, int, text};

pub(super) const OPTIONS: &[Opt] = &[
    flag("dtls-passive", "Prefer the passive role in DTLS."),
    int("dtls-rsa-key-size", "BITS", "Size of an RSA key.").default("2048"),
    choice(
        "dtls-cert-cipher",
        &["prime256v1", "RSA"],
        "Kind of key of our certificate.",
    )
    .default("prime256v1"),
    int("dtls-mtu", "BYTES", "Longest DTLS packet.").default("1200"),
    text(
        "dtls-ciphers",
        "LIST",
        "Cipher suites of DTLS 1.2, in OpenSSL's notation.",
    )
    .default("DEFAULT:!NULL:!aNULL:!SHA256:!SHA384:!aECDH:!AESGCM+AES256:!aPSK"),
    choice(
        "dtls-signature",
        &["SHA-256", "SHA-1"],
        "Hash of our certificate's signature.",
    )
    .default("SHA-256"),
    flag("log-srtp-keys", "Log SRTP keys.").later(),
    flag("debug-srtp", "Log what goes into SRTP and comes out.").later(),
];
