//! `rtpmap`, `fmtp`, `rtcp-fb`.

use crate::{Text, scan};

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

impl Rtpmap {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let (pt, rest) = scan::word(value)?;
        let (encoding, _) = scan::word(rest)?;
        let mut parts = encoding.splitn(3, |&b| b == b'/');
        let name = parts.next().filter(|n| !n.is_empty())?;
        let clock_rate = scan::number(parts.next()?, u32::MAX.into())?.try_into().ok()?;
        let parameters = parts.next();
        let channels = parameters
            .and_then(|p| scan::number(p, u8::MAX.into()))
            .and_then(|n| u8::try_from(n).ok());
        Some(Self {
            payload_type: scan::payload_type(pt)?,
            name: value.share(name),
            clock_rate,
            channels: channels.unwrap_or(1).max(1),
            parameters: parameters.filter(|_| channels.is_none()).map(|p| value.share(p)),
        })
    }
}

impl Fmtp {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let (format, parameters) = scan::word(value)?;
        Some(Self {
            format: value.share(format),
            payload_type: scan::payload_type(format),
            parameters: value.share(parameters),
        })
    }
}

impl RtcpFb {
    pub(super) fn parse(value: &Text) -> Option<Self> {
        let (pt, rest) = scan::word(value)?;
        let payload_type = if pt == b"*" {
            None
        } else {
            Some(scan::payload_type(pt)?)
        };
        Some(Self {
            payload_type,
            value: value.share(rest),
        })
    }
}
