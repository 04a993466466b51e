//! ICE, DTLS, SDES and OSRTP.

use crate::Text;

/// `ICE`, `ICE-lite` and their flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceRules {
    /// `ICE`: what happens to candidates.
    pub handling: IceHandling,
    /// `ICE-lite`, remembered by the call.
    pub lite: Option<IceLite>,
    /// Flag `trickle-ICE` or value `trickle`: advertise trickle ICE.
    pub trickle: bool,
    /// Value `ice2`: advertise `a=ice-options:ice2`.
    pub ice2: bool,
    /// Flag `reject-ICE`: behave as if offered ICE had been rejected.
    pub reject: bool,
}

/// Values of `ICE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IceHandling {
    /// Like `Force` if the incoming SDP had ICE, else no ICE. Also the state without the key.
    #[default]
    Default,
    /// Strip everything of ICE.
    Remove,
    /// Replace whatever came by our candidates.
    Force,
    /// Add ours; if there are candidates keep them and insert ours with low priority.
    Optional,
    /// Keep theirs but for relay candidates and insert us as relay; `c=` and `m=` stay.
    ForceRelay,
}

/// Values of `ICE-lite`: on which side we play the lite part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceLite {
    /// Towards nobody.
    Off,
    /// Towards the receiver of the SDP.
    Forward,
    /// Towards its sender.
    Backward,
    /// Towards both.
    Both,
}

/// `DTLS`, `DTLS-reverse`, `DTLS-fingerprint`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DtlsRules {
    /// `DTLS`: towards the receiver of the SDP.
    pub forward: Option<DtlsMode>,
    /// `DTLS-reverse`: towards its sender.
    pub reverse: Option<DtlsMode>,
    /// `DTLS-fingerprint`: hash function of our fingerprint.
    pub fingerprint: Option<FingerprintHash>,
    /// Flag `no-tls-id`: no `a=tls-id`, and no new DTLS association on an ICE restart alone.
    pub no_tls_id: bool,
}

/// Values of `DTLS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsMode {
    /// Do not offer or accept DTLS.
    Off,
    /// We take the passive role.
    Passive,
    /// We take the active role.
    Active,
}

/// Values of `DTLS-fingerprint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintHash {
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// `SDES`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SdesRules {
    /// `off`: no SDES in the outgoing offer.
    pub off: bool,
    /// `nonew`: offer no suite that the incoming offer did not have. Wins over `only` and `no`.
    pub nonew: bool,
    /// `pad` (also flag `pad-crypto`): base64 padding in `a=crypto`.
    pub pad: bool,
    /// `lifetime`: add the lifetime parameter.
    pub lifetime: bool,
    /// `static`: keep the suites that were negotiated before.
    pub static_suites: bool,
    /// `prefer` / `priority`: prefer SDES over DTLS.
    pub prefer: bool,
    /// `unencrypted_srtp` (`Some(true)`) or `encrypted_srtp`.
    pub unencrypted_srtp: Option<bool>,
    /// `unencrypted_srtcp` (`Some(true)`) or `encrypted_srtcp`.
    pub unencrypted_srtcp: Option<bool>,
    /// `unauthenticated_srtp` (`Some(true)`) or `authenticated_srtp`.
    pub unauthenticated_srtp: Option<bool>,
    /// `no-SUITE`: suites not to offer.
    pub no: Vec<Text>,
    /// `only-SUITE`: the only suites to offer. Wins over `no`.
    pub only: Vec<Text>,
    /// `order:S1;S2`: order of the suites in our offer.
    pub order: Vec<Text>,
    /// `offerer_pref:S1;S2`: order of the suites accepted from the offerer.
    pub offerer_pref: Vec<Text>,
}

/// `OSRTP` (RFC 8643).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsrtpRules {
    /// `offer` or `offer-RFC`: convert RTP/SAVP to opportunistic RTP/AVP with crypto attributes.
    pub offer: bool,
    /// `offer-legacy`: offer each media twice, once secure and once plain.
    pub offer_legacy: bool,
    /// `accept-RFC`, or `accept`.
    pub accept: bool,
    /// `accept-legacy`, or `accept`.
    pub accept_legacy: bool,
}
