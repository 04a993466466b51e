//! SDES (RFC 4568): which keys protect what, and which lines are told to the receiver.

use ng_protocol::Settings;

use crate::model::Media;
use crate::rewrite::Deal;

use super::Role;
use super::said::Said;

/// Takes in the sender's `a=crypto` lines and decides which ones the receiver is told.
pub(crate) fn negotiate(
    _role: Role,
    _settings: &Settings,
    _said: &Said<'_>,
    _sender: &mut Media,
    _receiver: &mut Media,
    _deal: &mut Deal,
) {
}
