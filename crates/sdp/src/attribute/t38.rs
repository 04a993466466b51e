//! Attributes of fax over UDPTL (ITU-T T.38 annex D).

use crate::Text;

/// One `T38…` attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct T38 {
    /// Which one.
    pub field: T38Field,
    /// Its value, if any.
    pub value: Option<Text>,
}

/// Which attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum T38Field {
    /// `T38FaxVersion`
    Version,
    /// `T38MaxBitRate`
    MaxBitRate,
    /// `T38FaxRateManagement`
    RateManagement,
    /// `T38FaxMaxBuffer`
    MaxBuffer,
    /// `T38FaxMaxDatagram`
    MaxDatagram,
    /// `T38FaxMaxIFP`
    MaxIfp,
    /// `T38FaxUdpEC`
    UdpEc,
    /// `T38FaxUdpECDepth`
    UdpEcDepth,
    /// `T38FaxUdpFECMaxSpan`
    UdpFecMaxSpan,
    /// `T38ModemType`
    ModemType,
    /// `T38VendorInfo`
    VendorInfo,
    /// `T38FaxFillBitRemoval`
    FillBitRemoval,
    /// `T38FaxTranscodingMMR`
    TranscodingMmr,
    /// `T38FaxTranscodingJBIG`
    TranscodingJbig,
}

impl T38Field {
    const ALL: [(&str, Self); 14] = [
        ("T38FaxVersion", Self::Version),
        ("T38MaxBitRate", Self::MaxBitRate),
        ("T38FaxRateManagement", Self::RateManagement),
        ("T38FaxMaxBuffer", Self::MaxBuffer),
        ("T38FaxMaxDatagram", Self::MaxDatagram),
        ("T38FaxMaxIFP", Self::MaxIfp),
        ("T38FaxUdpEC", Self::UdpEc),
        ("T38FaxUdpECDepth", Self::UdpEcDepth),
        ("T38FaxUdpFECMaxSpan", Self::UdpFecMaxSpan),
        ("T38ModemType", Self::ModemType),
        ("T38VendorInfo", Self::VendorInfo),
        ("T38FaxFillBitRemoval", Self::FillBitRemoval),
        ("T38FaxTranscodingMMR", Self::TranscodingMmr),
        ("T38FaxTranscodingJBIG", Self::TranscodingJbig),
    ];

    /// The attribute's name.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, field)| *field == self)
            .map_or("", |(name, _)| name)
    }

    /// By the attribute's name. Fax gear does not agree about letter case (`T38FaxUdpEC`, `T38FaxUdpEc`).
    pub fn of(name: &[u8]) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(n, _)| name.eq_ignore_ascii_case(n.as_bytes()))
            .map(|(_, field)| *field)
    }
}
