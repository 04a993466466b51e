//! `rtpmap`, `fmtp`, `rtcp-fb`.

use crate::Text;

/// `rtpmap:PT NAME/CLOCK[/PARAMETERS]` (RFC 8866 §6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtpmap {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name, as written.
    pub name: Text,
    /// Clock rate in Hz.
    pub clock_rate: u32,
    /// Channels, 1 if not given.
    pub channels: u8,
    /// What follows the second slash, if it is no number of channels.
    pub parameters: Option<Text>,
}

/// `fmtp:FORMAT PARAMETERS` (RFC 8866 §6.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fmtp {
    /// Format as written: a payload type for RTP.
    pub format: Text,
    /// Format as payload type.
    pub payload_type: Option<u8>,
    /// Parameters, as written.
    pub parameters: Text,
}

/// `rtcp-fb:PT|* VALUE` (RFC 4585 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcpFb {
    /// Payload type; `None` for `*`, all of them.
    pub payload_type: Option<u8>,
    /// Feedback type and parameters: `nack pli`.
    pub value: Text,
}
