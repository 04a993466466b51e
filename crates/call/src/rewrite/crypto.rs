//! `a=crypto`, `a=setup`, `a=fingerprint` and `a=tls-id`.

use ng_protocol::Settings;

use super::Deal;
use super::attributes::Attributes;
use crate::negotiate::crypto;

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
}
