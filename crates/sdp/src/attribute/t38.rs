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
