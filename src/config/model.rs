//! The configuration as the daemon uses it: values that cannot be wrong any more.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Run with this configuration.
    Run(Box<Config>),
    /// Check that this configuration could run, say so and exit (`--check-config`).
    Check(Box<Config>),
    /// Print this text on standard output and exit with status 0 (`--help`, `--version`).
    Print(String),
    /// Print the codecs that are built in and exit with status 0 (`--codecs`).
    ListCodecs,
}

/// All that was configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Local addresses for media in the order given, at least one. Several may have one name; the name of the first is
    /// the default interface.
    pub interfaces: Vec<InterfaceAddress>,
    /// `(alias, name)`: other names for interfaces; the name exists.
    pub aliases: Vec<(String, String)>,
    /// Bind only the first address of an interface that has a free port, not all (`--save-interface-ports`).
    pub save_interface_ports: bool,
    /// Control listeners; at least one of ng over UDP, TCP or HTTP.
    pub listen: Listeners,
    /// Stay in the foreground (`-f`).
    pub foreground: bool,
    /// Where the process id is written.
    pub pidfile: Option<PathBuf>,
    /// Number of packet workers, at least 1; `None`: one per core.
    pub num_threads: Option<usize>,
    /// What is logged and where to.
    pub log: LogSettings,
    /// IP TOS or traffic class of media, 0 to leave it alone.
    pub tos: u8,
    /// The same for ng replies.
    pub control_tos: u8,
    /// How long calls live.
    pub timeouts: Timeouts,
    /// When new calls are refused.
    pub limits: LimitSettings,
    /// How a peer's real address is learned, unless a call says otherwise.
    pub endpoint_learning: EndpointLearning,
    /// Trust the address that SIP came from over the one in SDP, unless a call says otherwise.
    pub sip_source: bool,
    /// Treat every media as `strict-source` unless a call says otherwise.
    pub strict_source_default: bool,
    /// Destinations allowed although they are loopback, link-local, multicast or broadcast.
    pub media_address_allow: Vec<Cidr>,
    /// What happens to SRTP whose keys pass through.
    pub srtp_passthrough: SrtpPassthrough,
    /// Signalling templates: name to a string of `rtpp-flags` syntax. `default` applies to every command, the name of a
    /// command to that one.
    pub templates: BTreeMap<String, String>,
    /// How we name ourselves in SDP, STUN and DTLS.
    pub software_id: String,
    /// Recording to files.
    pub recording: RecordingSettings,
    /// Where the end of a call by timeout is announced.
    pub timeout_notice: Option<TimeoutNotice>,
    /// Which fast paths may be used.
    pub offload: Offload,
    /// Time between RTCP reports that we generate.
    pub rtcp_interval: Duration,
    /// How MOS is computed.
    pub mos: (MosMode, MosFormula),
    /// Which per-SSRC statistics `query` and `delete` report.
    pub ssrc_reporting: SsrcReporting,
    /// Measure plain RTP streams too, not only those we decode (`--measure-rtp`).
    pub measure_rtp: bool,
    /// Refuse SDP that does not parse to the last line.
    pub reject_invalid_sdp: bool,
    /// What the operator should hear at start: options without effect, listeners open to the world.
    pub warnings: Vec<String>,
}

/// One local address of a logical interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The logical interface it belongs to; `BASE:SUFFIX` takes part in the round robin of `BASE`.
    pub name: String,
    /// Where sockets are bound.
    pub local: IpAddr,
    /// What SDP says; equals `local` unless configured.
    pub advertised: IpAddr,
    /// Ports for media.
    pub ports: PortRange,
    /// Ports in that range that are not used: configured ones and those of our own listeners. Sorted, unique.
    pub excluded: Vec<u16>,
}

/// UDP ports, both ends included; `min <= max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// Lowest.
    pub min: u16,
    /// Highest.
    pub max: u16,
}

/// The control listeners by protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listeners {
    /// ng over UDP.
    pub ng: Vec<Listener>,
    /// ng over TCP.
    pub tcp_ng: Vec<Listener>,
    /// Command-line interface over TCP.
    pub cli: Vec<Listener>,
    /// HTTP.
    pub http: Vec<Listener>,
}

/// One configured listener. A port without a host, or a host name, can stand for several addresses: at least one of
/// them has to be bound, the others are tried (a host without IPv6 is fine).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// As configured, for messages.
    pub spec: String,
    /// At least one.
    pub addrs: Vec<SocketAddr>,
}

/// Syslog's facilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(pub u8);

/// Prefix style of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `[CALLID port 12345] `.
    Default,
    /// `[ID="CALLID" port="12345"] `.
    Parsable,
}

/// Parts of the daemon with a log level of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum LogSubsystem {
    Core,
    Spandsp,
    Ffmpeg,
    Transcoding,
    Codec,
    Rtcp,
    Ice,
    Crypto,
    Srtp,
    Internals,
    Http,
    Control,
    Dtx,
}

/// What is logged and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Syslog level, 0 to 7; -1 for nothing.
    pub level: i8,
    /// Levels of subsystems that differ.
    pub subsystems: BTreeMap<LogSubsystem, i8>,
    /// To standard error, not to syslog.
    pub stderr: bool,
    /// No time stamps on standard error.
    pub no_timestamps: bool,
    /// Syslog facility.
    pub facility: Facility,
    /// Facility for call detail records; not written without.
    pub facility_cdr: Option<Facility>,
    /// Name in syslog.
    pub name: String,
    /// Prefix style.
    pub format: LogFormat,
    /// One log entry for each line of a message.
    pub split_lines: bool,
    /// Break lines longer than this many bytes; `None`: never.
    pub line_length_max: Option<usize>,
    /// Put before and after sensitive values.
    pub mark: (String, String),
}

/// How long calls live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Without packets.
    pub rtp: Duration,
    /// Without packets while on hold or muted.
    pub silent: Duration,
    /// Since its creation, whatever happens; `None`: unlimited.
    pub total: Option<Duration>,
    /// With an offer and no answer.
    pub offer: Duration,
    /// Between `delete` and release.
    pub delete_delay: Duration,
}

/// When new calls are refused; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LimitSettings {
    /// Calls at a time.
    pub sessions: Option<u32>,
    /// Load average over a minute.
    pub load: Option<f64>,
    /// CPU use in percent of all cores.
    pub cpu_percent: Option<f64>,
    /// Received bytes per second.
    pub bandwidth_bytes: Option<u64>,
}

/// How a peer's real address is learned.
pub use plan::Learning as EndpointLearning;

/// An address range, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// Any address in it.
    pub addr: IpAddr,
    /// Number of leading bits that count, at most 32 or 128.
    pub prefix: u8,
}

impl Cidr {
    /// Whether `addr` lies in it. IPv4 addresses mapped into IPv6 count as IPv4.
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.addr.to_canonical(), addr.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(a)) => {
                let bits = u32::from(net) ^ u32::from(a);
                bits.checked_shr(32 - u32::from(self.prefix.min(32))).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(a)) => {
                let bits = u128::from(net) ^ u128::from(a);
                bits.checked_shr(128 - u32::from(self.prefix.min(128)))
                    .unwrap_or(0)
                    == 0
            }
            _ => false,
        }
    }
}

/// What happens to SRTP whose keys pass through us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpPassthrough {
    /// Authenticated at ingress, forwarded as it came.
    Verify,
    /// Forwarded without a look.
    Blind,
}

/// Recording to files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingSettings {
    /// Below it files are written; without it recording is off.
    pub dir: Option<PathBuf>,
    /// How.
    pub method: RecordMethod,
    /// Packet framing of pcap files.
    pub format: RecordFormat,
    /// Record what is sent instead of what is received.
    pub egress: bool,
    /// Record both.
    pub both: bool,
}

/// How calls are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordMethod {
    /// One pcap file per call.
    Pcap,
}

/// Packet framing of pcap files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFormat {
    /// From the IP header on.
    Raw,
    /// With an Ethernet header before it.
    Eth,
}

/// Where the end of a call by timeout is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeoutNotice {
    /// `http://HOST:PORT/PATH`; `%%` in the host stands for the controller's address.
    pub url: String,
    /// Which request.
    pub format: XmlrpcFormat,
}

/// Which XMLRPC request announces a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XmlrpcFormat {
    /// 0: SEMS, `di` with `sbc postControlCmd` for each tag.
    Sems,
    /// 1: `teardown` with the call-id.
    CallId,
    /// 2: Kamailio's `dlg.terminate_dlg`.
    Kamailio,
}

/// Which fast paths may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// The best that works.
    Auto,
    /// XDP in the driver.
    Native,
    /// A classifier program at `tc`.
    Tc,
    /// XDP in the kernel's generic form.
    Generic,
    /// AF_XDP sockets.
    AfXdp,
    /// Sockets only.
    Off,
}

/// What MOS takes into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MosMode {
    /// Conversational quality: with the round-trip time.
    Cq,
    /// Listening quality: without it.
    Lq,
}

/// The formula for MOS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MosFormula {
    /// ITU-T G.107, simplified.
    G107,
    /// ITU-T G.107.2 for full-band codecs.
    G107_2,
    /// The one of old releases.
    Legacy,
}

/// Where `query` and `delete` report what is known of each SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SsrcReporting {
    /// In the streams and at the top of the reply.
    Full,
    /// In the streams.
    Inline,
    /// At the top of the reply.
    Global,
    /// Nowhere.
    None,
}
