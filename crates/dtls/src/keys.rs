//! From what DTLS exports to keys for SRTP (RFC 5764 §4.2).

use srtp::{MasterKey, Params, Protection, Suite};
use zeroize::Zeroizing;

use crate::Role;

/// The keys of a finished handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The suite that was agreed on.
    pub suite: Suite,
    /// For what we send.
    pub send: Params,
    /// For what we receive.
    pub recv: Params,
}

/// The label of the exporter (RFC 5764 §4.2).
pub(crate) const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// How many bytes a suite needs from the exporter.
pub(crate) fn material_len(suite: Suite) -> usize {
    let spec = suite.spec();
    2 * (spec.key_len + spec.salt_len)
}

impl Keys {
    /// Splits what was exported: client key, server key, client salt, server salt.
    pub(crate) fn from_exported(suite: Suite, role: Role, material: &Zeroizing<Vec<u8>>) -> Option<Self> {
        let (key_len, salt_len) = (suite.spec().key_len, suite.spec().salt_len);
        let (client_key, rest) = material.split_at_checked(key_len)?;
        let (server_key, rest) = rest.split_at_checked(key_len)?;
        let (client_salt, server_salt) = rest.split_at_checked(salt_len)?;
        let params = |key, salt| {
            let key = MasterKey::new(suite, key, salt).ok()?;
            Params::new(vec![key], Protection::default()).ok()
        };
        let client = params(client_key, client_salt)?;
        let server = params(server_key, server_salt)?;
        let (send, recv) = match role {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        Some(Self { suite, send, recv })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_sends_with_what_the_other_receives_with() {
        for suite in Suite::all().filter(|s| s.spec().dtls.is_some()) {
            let material = Zeroizing::new((0..material_len(suite)).map(|n| n as u8).collect::<Vec<u8>>());
            let of = |role| Keys::from_exported(suite, role, &material).expect("the right length");
            let (client, server) = (of(Role::Client), of(Role::Server));
            assert_eq!(
                (&client.send, &client.recv),
                (&server.recv, &server.send),
                "{suite:?}"
            );
            assert_ne!(client.send, client.recv);
            let spec = suite.spec();
            let key: Vec<u8> = (0..spec.key_len).map(|n| n as u8).collect();
            let salt: Vec<u8> = (2 * spec.key_len..2 * spec.key_len + spec.salt_len)
                .map(|n| n as u8)
                .collect();
            let expected = MasterKey::new(suite, &key, &salt).expect("lengths of the suite");
            assert_eq!(client.send.keys(), [expected]);
        }
    }

    #[test]
    fn material_of_another_length_is_refused() {
        let suite = Suite::AesCm128HmacSha1_80;
        for len in [0, 16, 59, 61] {
            let material = Zeroizing::new(vec![0; len]);
            assert_eq!(Keys::from_exported(suite, Role::Client, &material), None, "{len}");
        }
    }
}
