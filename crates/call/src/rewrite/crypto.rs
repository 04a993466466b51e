//! `a=crypto`, `a=setup`, `a=fingerprint` and `a=tls-id`.

use super::Deal;
use super::attributes::Attributes;
use crate::model::Media;

/// Prints how media is to be protected, between `a=rtcp-mux` and `a=ptime`.
pub(crate) fn print_keying(
    _deal: &Deal,
    _media: &Media,
    _attributes: &mut Attributes<'_>,
    _out: &mut Vec<u8>,
) {
}
