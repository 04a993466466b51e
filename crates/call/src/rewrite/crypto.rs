//! How media is to be protected: `a=crypto`, `a=setup`, `a=fingerprint` and `a=tls-id`.

use ng_protocol::Settings;

use super::Deal;
use super::attributes::Attributes;
use crate::negotiate::crypto;
use crate::negotiate::dtls::Told;

/// Prints how media is to be protected, between `a=rtcp-mux` and `a=ptime`.
pub(crate) fn print_keying(
    deal: &Deal,
    settings: &Settings,
    attributes: &mut Attributes<'_>,
    out: &mut Vec<u8>,
) {
    for line in &deal.cryptos {
        let text = crypto::print(line, settings.sdes.pad, settings.sdes.lifetime);
        attributes.generate(out, &[&text]);
    }
    if let Some(told) = &deal.dtls {
        print_dtls(told, attributes, out);
    }
}

fn print_dtls(told: &Told, attributes: &mut Attributes<'_>, out: &mut Vec<u8>) {
    attributes.generate(out, &["setup:", told.setup.name()]);
    let hash = told.fingerprint.function().name();
    attributes.generate(out, &["fingerprint:", hash, " ", &told.fingerprint.to_string()]);
    if let Some(id) = &told.tls_id {
        attributes.generate(out, &["tls-id:", id]);
    }
}
