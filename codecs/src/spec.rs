//! One codec of one media, as SDP or a control message names it.

/// What is encoded, regardless of the payload type that carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CodecSpec {
    /// Encoding name as written; compared without letter case.
    pub name: String,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Channels, at least 1.
    pub channels: u8,
}

/// One entry of a media's format list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Codec; an empty name if the number is all that is known.
    pub spec: CodecSpec,
    /// Format parameters, as written; `None` if there is no `fmtp`.
    pub fmtp: Option<String>,
    /// RTCP feedback values (`nack pli`), as written.
    pub rtcp_fb: Vec<String>,
    /// Packet time in ms, 0 = the codec's default.
    pub ptime: u32,
    /// Bit rate in bit/s, 0 = the codec's default.
    pub bitrate: u32,
}

impl CodecSpec {
    /// `name/clock_rate/channels`.
    pub fn new(name: impl Into<String>, clock_rate: u32, channels: u8) -> Self {
        Self {
            name: name.into(),
            clock_rate,
            channels: channels.max(1),
        }
    }

    /// Same name (letter case aside), clock rate and channels.
    pub fn matches(&self, other: &Self) -> bool {
        self.is(&other.name) && self.clock_rate == other.clock_rate && self.channels == other.channels
    }

    /// Whether the name is `name`, letter case aside.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}
