//! The configuration as the daemon uses it: values that cannot be wrong any more.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Action {
    /// Run with this configuration.
    Run(Box<Config>),
    /// Say which fast path each device has, and exit (`--check-offload`).
    CheckOffload(Box<Config>),
    /// Check that this configuration could run, say so and exit (`--check-config`).
    Check(Box<Config>),
    /// Print this text on standard output and exit with status 0 (`--help`, `--version`).
    Print(String),
    /// Print the codecs that are built in and exit with status 0 (`--codecs`).
    ListCodecs,
}

/// All that was configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// What calls consult. Its `instance_id` is not configured: whoever starts calls draws one.
    pub call: call::Config,
    /// Control listeners; at least one that takes ng commands.
    pub listen: Listeners,
    /// Stay in the foreground (`-f`).
    pub foreground: bool,
    /// Where the process id is written.
    pub pidfile: Option<PathBuf>,
    /// Number of packet workers, at least 1; `None`: one per core.
    pub num_threads: Option<usize>,
    /// What is logged and where to.
    pub log: LogSettings,
    /// IP TOS or traffic class of ng replies, 0 to leave it alone.
    pub control_tos: u8,
    /// When new calls are refused.
    pub limits: LimitSettings,
    /// DTLS.
    pub dtls: DtlsSettings,
    /// Signalling templates: name to a string of `rtpp-flags` syntax. `default` applies to every command, the name of a
    /// command to that one.
    pub templates: BTreeMap<String, String>,
    /// Packet framing of pcap files.
    pub record_format: RecordFormat,
    /// Where the end of a call by timeout is announced.
    pub timeout_notice: Option<TimeoutNotice>,
    /// How media sockets are served.
    pub sockets: SocketSettings,
    /// Which fast paths may be used.
    pub offload: Offload,
    /// Start only if there is a fast path (`--no-fallback`).
    pub no_fallback: bool,
    /// What the operator should hear at start: options without effect, listeners open to the world.
    pub warnings: Vec<String>,
}

/// DTLS, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DtlsSettings {
    /// What our certificates are like.
    pub request: dtls::Request,
    /// MTU and ciphers.
    pub protocol: dtls::Settings,
    /// Wait for the peer to begin if it leaves the choice to us.
    pub passive: bool,
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

impl Facility {
    /// Their names by number.
    const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
        "", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ];

    /// The facility of this name.
    pub fn by_name(name: &str) -> Option<Facility> {
        let number = Facility::NAMES
            .iter()
            .position(|other| *other == name && !name.is_empty())?;
        u8::try_from(number).ok().map(Facility)
    }
}

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

impl LogSubsystem {
    /// Each with the option that sets its level.
    pub const OPTIONS: &[(LogSubsystem, &str)] = &[
        (LogSubsystem::Core, "log-level-core"),
        (LogSubsystem::Spandsp, "log-level-spandsp"),
        (LogSubsystem::Ffmpeg, "log-level-ffmpeg"),
        (LogSubsystem::Transcoding, "log-level-transcoding"),
        (LogSubsystem::Codec, "log-level-codec"),
        (LogSubsystem::Rtcp, "log-level-rtcp"),
        (LogSubsystem::Ice, "log-level-ice"),
        (LogSubsystem::Crypto, "log-level-crypto"),
        (LogSubsystem::Srtp, "log-level-srtp"),
        (LogSubsystem::Internals, "log-level-internals"),
        (LogSubsystem::Http, "log-level-http"),
        (LogSubsystem::Control, "log-level-control"),
        (LogSubsystem::Dtx, "log-level-dtx"),
    ];
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
    /// Name in syslog.
    pub name: String,
    /// Prefix style.
    pub format: LogFormat,
    /// One log entry for each line of a message.
    pub split_lines: bool,
    /// Break lines longer than this many bytes; `None`: never.
    pub line_length_max: Option<usize>,
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
    /// `http://HOST:PORT/PATH`; `%%` in it stands for the controller's address.
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

/// How media sockets are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketSettings {
    /// By what.
    pub io: IoChoice,
    /// Longest pause for packets to gather.
    pub wake_delay: Duration,
    /// Receive buffers of each worker's ring.
    pub uring_buffers: u16,
    /// Keep each worker on one core.
    pub pin_workers: bool,
}

/// What serves media sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoChoice {
    /// What measured best, where it works.
    Auto,
    /// `epoll`, `recvmmsg`, `sendmmsg`.
    Epoll,
    /// `io_uring`.
    Uring,
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
