//! Settings that a call consults. Plain data; `src/config` fills it and may replace it while calls run.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use plan::Learning;

use crate::Interfaces;

/// Everything that is the same for all calls.
#[derive(Clone, Debug)]
pub struct Config {
    /// Logical interfaces.
    pub interfaces: Interfaces,
    /// When calls end by themselves.
    pub timeouts: Timeouts,
    /// How peers are learned unless a command says otherwise.
    pub learning: Learning,
    /// Every media has strict-source.
    pub strict_source: bool,
    /// Media addresses come from the SIP source unless `trust-address` is given.
    pub sip_source: bool,
    /// IP TOS of media unless a command says otherwise.
    pub tos: u8,
    /// Twelve lower-case hexadecimal digits that mark SDP that has passed through us (`loop-protect`).
    pub instance_id: String,
    /// Our name, e.g. in SDP that we originate.
    pub software_id: String,
    /// Where media may be sent.
    pub media_policy: MediaPolicy,
    /// Time between the RTCP reports that we generate.
    pub rtcp_interval: Duration,
    /// How opinion scores are computed.
    pub mos: Mos,
    /// Score streams from what we measure, without waiting for reports of a peer.
    pub measure_rtp: bool,
    /// Where `query` lists SSRCs.
    pub ssrc_reporting: SsrcReporting,
    /// DTLS; without it no party is offered or answered with it.
    pub dtls: Option<crate::DtlsHost>,
    /// Recording.
    pub recording: RecordingConfig,
    /// What is done with SRTP whose key both parties have.
    pub srtp_passthrough: SrtpPassthrough,
    /// A blank line followed by more text in SDP is an error instead of its end.
    pub reject_invalid_sdp: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: Interfaces::new(),
            timeouts: Timeouts::default(),
            learning: Learning::Heuristic,
            strict_source: false,
            sip_source: false,
            tos: 0,
            instance_id: "000000000000".to_owned(),
            software_id: concat!("rtpengine-patchbay-", env!("CARGO_PKG_VERSION")).to_owned(),
            media_policy: MediaPolicy::default(),
            rtcp_interval: Duration::from_secs(5),
            mos: Mos::default(),
            measure_rtp: false,
            ssrc_reporting: SsrcReporting::Full,
            dtls: None,
            recording: RecordingConfig::default(),
            srtp_passthrough: SrtpPassthrough::Verify,
            reject_invalid_sdp: false,
        }
    }
}

/// When calls end by themselves; zero = never (but for `delete_delay`, where it means at once).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// No packet on any stream that should have some.
    pub media: Duration,
    /// The same for media on hold.
    pub silent: Duration,
    /// Absolute age of a call.
    pub last: Duration,
    /// A call without an answer.
    pub offer: Duration,
    /// Between a delete and the end, unless the command says otherwise.
    pub delete_delay: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            media: Duration::from_secs(60),
            silent: Duration::from_secs(3600),
            last: Duration::ZERO,
            offer: Duration::from_secs(3600),
            delete_delay: Duration::from_secs(30),
        }
    }
}

/// Which special addresses media may be sent to all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaPolicy {
    /// Networks (address and prefix length in bits) that are exempt from the ban on special addresses.
    pub allow: Vec<(IpAddr, u8)>,
    /// Our own control sockets, which connectivity checks never go to; an unspecified address stands for every address
    /// with that port.
    pub control: Vec<SocketAddr>,
}

/// How opinion scores are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mos {
    /// The formula.
    pub formula: MosFormula,
    /// Listening quality: the round trip does not count.
    pub listening: bool,
}

/// Formula of the opinion score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MosFormula {
    /// Simplified ITU-T G.107.
    #[default]
    G107,
    /// ITU-T G.107.2 for full-band codecs, G.107 for the others.
    G107Fullband,
    /// The older rule of thumb of the reference.
    Legacy,
}

/// Where `query` lists SSRCs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SsrcReporting {
    /// In the media and in one list.
    Full,
    /// In the media only.
    Inline,
    /// In one list only.
    Global,
    /// Nowhere.
    None,
}

/// What is done with SRTP whose key both parties have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpPassthrough {
    /// It is authenticated, and forwarded as it came.
    Verify,
    /// It is forwarded as it came, by whomever it was sent.
    Blind,
}

/// Recording to pcap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingConfig {
    /// The folder no recording leaves; `None` = recording is off.
    pub dir: Option<String>,
    /// Record what is sent instead of what is received.
    pub egress: bool,
    /// Record both.
    pub both: bool,
}
