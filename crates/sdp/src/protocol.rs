//! Transport protocols of `m=` lines, as a table.

use std::fmt;

use crate::Text;

/// Transport protocol of a media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `RTP/AVP` (RFC 3551)
    RtpAvp,
    /// `RTP/AVPF` (RFC 4585)
    RtpAvpf,
    /// `RTP/SAVP` (RFC 3711)
    RtpSavp,
    /// `RTP/SAVPF` (RFC 5124)
    RtpSavpf,
    /// `UDP/TLS/RTP/SAVP` (RFC 5764)
    UdpTlsRtpSavp,
    /// `UDP/TLS/RTP/SAVPF` (RFC 5764)
    UdpTlsRtpSavpf,
    /// `udptl`: T.38
    Udptl,
    /// Not in the table: see [`Protocol::is_udp`] and [`Protocol::of`].
    Unknown {
        /// Whether it runs over UDP as far as its name tells.
        udp: bool,
    },
}

/// One row of the protocol table.
struct Row {
    protocol: Protocol,
    name: &'static str,
    rtp: bool,
    srtp: bool,
    feedback: bool,
    tls: bool,
}

const fn row(protocol: Protocol, name: &'static str, [rtp, srtp, feedback, tls]: [u8; 4]) -> Row {
    Row {
        protocol,
        name,
        rtp: rtp == 1,
        srtp: srtp == 1,
        feedback: feedback == 1,
        tls: tls == 1,
    }
}

const TABLE: [Row; 7] = [
    row(Protocol::RtpAvp, "RTP/AVP", [1, 0, 0, 0]),
    row(Protocol::RtpAvpf, "RTP/AVPF", [1, 0, 1, 0]),
    row(Protocol::RtpSavp, "RTP/SAVP", [1, 1, 0, 0]),
    row(Protocol::RtpSavpf, "RTP/SAVPF", [1, 1, 1, 0]),
    row(Protocol::UdpTlsRtpSavp, "UDP/TLS/RTP/SAVP", [1, 1, 0, 1]),
    row(Protocol::UdpTlsRtpSavpf, "UDP/TLS/RTP/SAVPF", [1, 1, 1, 1]),
    row(Protocol::Udptl, "udptl", [0, 0, 0, 0]),
];

impl Protocol {
    /// By its name, letter case aside. A name that is not in the table is taken for UDP unless a part of it names
    /// another transport (`TCP/MSRP`, `TCP/TLS/BFCP`, `DTLS/SCTP`, `TLS`, ...).
    pub fn of(name: &Text) -> Self {
        if let Some(row) = TABLE.iter().find(|row| name.is(row.name)) {
            return row.protocol;
        }
        let others: [&[u8]; 4] = [b"TCP", b"TLS", b"SCTP", b"DTLS"];
        let first = name.split(|&b| b == b'/').next().unwrap_or_default();
        let udp = !others.iter().any(|o| first.eq_ignore_ascii_case(o));
        Self::Unknown { udp }
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.protocol == self)
    }

    /// Canonical name; `None` for unknown ones, whose original text is to be used.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// Carries RTP.
    pub fn is_rtp(self) -> bool {
        self.row().is_some_and(|row| row.rtp)
    }

    /// Carries SRTP.
    pub fn is_srtp(self) -> bool {
        self.row().is_some_and(|row| row.srtp)
    }

    /// Feedback profile (AVPF, SAVPF).
    pub fn is_feedback(self) -> bool {
        self.row().is_some_and(|row| row.feedback)
    }

    /// Keys come from DTLS by its name (`UDP/TLS/…`).
    pub fn is_tls(self) -> bool {
        self.row().is_some_and(|row| row.tls)
    }

    /// Runs over UDP, as far as the name tells.
    pub fn is_udp(self) -> bool {
        match self {
            Self::Unknown { udp } => udp,
            _ => true,
        }
    }

    /// The RTP profile with these properties; `None` for DTLS without SRTP.
    pub fn rtp(srtp: bool, feedback: bool, tls: bool) -> Option<Self> {
        let fits = |row: &&Row| row.rtp && row.srtp == srtp && row.feedback == feedback && row.tls == tls;
        TABLE.iter().find(fits).map(|row| row.protocol)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("unknown"))
    }
}
