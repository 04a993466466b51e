//! What holds for any bytes as `a=crypto` and `a=candidate`; shared with the fuzz target.

use sdp::{Attribute, Candidate, Crypto, Text, Value};

/// Each line as either attribute: what was read can be written from its parts, and is read again as the same.
pub(crate) fn read_alike(bytes: &[u8]) {
    for line in bytes.split(|b| *b == b'\n') {
        if let Value::Crypto(crypto) = attribute(b"crypto:", line).parsed {
            let mkis = crypto.keys.iter().filter_map(|key| key.mki);
            assert!(!crypto.keys.is_empty() && mkis.into_iter().all(|mki| (1..=128).contains(&mki.length)));
            let again = attribute(b"crypto:", &crypto_value(&crypto));
            assert_eq!(again.parsed, Value::Crypto(crypto));
        }
        if let Value::Candidate(candidate) = attribute(b"candidate:", line).parsed {
            assert!((1..=256).contains(&candidate.component));
            let again = attribute(b"candidate:", &candidate_value(&candidate));
            assert_eq!(again.parsed, Value::Candidate(candidate));
        }
    }
}

fn attribute(name: &[u8], value: &[u8]) -> Attribute {
    Attribute::parse(Text::new([name, value].concat()))
}

fn crypto_value(crypto: &Crypto) -> Vec<u8> {
    let mut out = format!("{} ", crypto.tag).into_bytes();
    out.extend_from_slice(&crypto.suite);
    let mut separator = b' ';
    for key in &crypto.keys {
        out.push(std::mem::replace(&mut separator, b';'));
        out.extend_from_slice(b"inline:");
        out.extend_from_slice(&key.key);
        if let Some(lifetime) = &key.lifetime {
            out.push(b'|');
            out.extend_from_slice(lifetime);
        }
        if let Some(mki) = key.mki {
            out.extend_from_slice(format!("|{}:{}", mki.value, mki.length).as_bytes());
        }
    }
    for parameter in &crypto.parameters {
        out.push(b' ');
        out.extend_from_slice(parameter);
    }
    out
}

fn candidate_value(candidate: &Candidate) -> Vec<u8> {
    let (component, priority) = (candidate.component.to_string(), candidate.priority.to_string());
    let (port, kind) = (candidate.port.to_string(), candidate.kind.to_string());
    let related_ip = candidate.related_ip.map(|ip| ip.to_string());
    let related_port = candidate.related_port.map(|port| port.to_string());
    let mut words: Vec<&[u8]> = vec![
        &candidate.foundation,
        component.as_bytes(),
        &candidate.transport,
        priority.as_bytes(),
        &candidate.host,
        port.as_bytes(),
        b"typ",
        kind.as_bytes(),
    ];
    for (name, value) in [("raddr", &related_ip), ("rport", &related_port)] {
        if let Some(value) = value {
            words.extend([name.as_bytes(), value.as_bytes()]);
        }
    }
    for (name, value) in &candidate.extensions {
        words.extend([name.as_bytes(), value.as_bytes()]);
    }
    words.join(&b' ')
}
