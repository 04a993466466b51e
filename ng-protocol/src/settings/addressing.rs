//! Addresses, interfaces and endpoint learning.

use std::net::IpAddr;

use crate::Text;

/// Where packets come from and go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addressing {
    /// `received-from`: source address of the SIP message; `None` also for an empty list or `?`.
    pub received_from: Option<IpAddr>,
    /// Flags `trust-address` and `SIP-source-address`; the later one counts.
    pub source: AddressSource,
    /// `media-address`: address to advertise instead of the interface's own.
    pub media_address: Option<IpAddr>,
    /// `address-family` of the interface towards the receiver.
    pub address_family: Option<AddressFamily>,
    /// Interface names by side (`direction`, `from-interface`, `to-interface`, `interface`).
    pub interfaces: Interfaces,
    /// `inbound-peer`: a kernel route look-up for it chooses the originator's interface.
    pub inbound_peer: Option<IpAddr>,
    /// `outbound-peer` (also `peer`): a kernel route look-up for it chooses the receiver's interface.
    pub outbound_peer: Option<IpAddr>,
    /// `TOS`; only looked at in offers.
    pub tos: Option<Tos>,
    /// `xmlrpc-callback`: address for `%%` in the b2b URL.
    pub xmlrpc_callback: Option<IpAddr>,
}

/// Logical interface names, as given: whether they exist is for the daemon to say. `internal` and `external` are
/// ordinary names here; where no such interface exists they select the address family (`internal` = IPv4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// On the side of the party that sent this SDP.
    pub from: Option<Text>,
    /// On the side of the party that will receive it.
    pub to: Option<Text>,
}

/// Which address of a party is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressSource {
    /// Nothing said: the daemon's `--sip-source` decides.
    #[default]
    Default,
    /// `trust-address`: the SDP's.
    Sdp,
    /// `SIP-source-address`: the one in `received-from`, with the SDP's port.
    Sip,
}

/// `IP4` or `IP6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFamily {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
}

/// `TOS`, for the whole call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tos {
    /// −1: each packet leaves with the TOS it came with.
    Keep,
    /// 0–255.
    Set(u8),
    /// Anything else: back to the daemon's default.
    Default,
}

/// Which sources of packets are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LearningRules {
    /// Flag `asymmetric`: no endpoint learning (what is seen counts only for `strict-source`).
    pub asymmetric: bool,
    /// Flag `symmetric`: accepted, the default.
    pub symmetric: bool,
    /// Flag `strict-source`: once learned, other sources are dropped.
    pub strict_source: bool,
    /// Flag `media-handover`: once learned, a change of source is followed.
    pub media_handover: bool,
    /// `endpoint-learning`.
    pub endpoint_learning: Option<EndpointLearning>,
    /// Flag `unidirectional`: one-way media may use the fast path.
    pub unidirectional: bool,
    /// Flag `pierce-NAT`: dummy packets each second until something arrives.
    pub pierce_nat: bool,
    /// Flag `NAT-wait`: nothing is sent before something was received.
    pub nat_wait: bool,
    /// Flags `port-latching` (`Some(true)`) and `no-port-latching`.
    pub port_latching: Option<bool>,
}

/// Values of `endpoint-learning`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointLearning {
    /// Never learn.
    Off,
    /// Learn from the first packet.
    Immediate,
    /// Learn from the first packet after three seconds.
    Delayed,
    /// Prefer the source that matches the SDP best during the first three seconds.
    Heuristic,
}

/// How the dialogue's parties are found and when a request counts as final.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialogueRules {
    /// Flag `reset`: forget ICE, SRTP and learned endpoints (offers only).
    pub reset: bool,
    /// Flag `new-branch`: an unknown to-tag is a new party, never an alias.
    pub new_branch: bool,
    /// Flag `provisional`: the dialogue is not final whatever `sip_code` says.
    pub provisional: bool,
    /// `SIP-code` of the response that carried this SDP.
    pub sip_code: Option<u16>,
    /// `SIP-message-type`.
    pub sip_message: Option<SipMessage>,
    /// `alias-key`: an unknown from-tag may be an alias of a known one.
    pub alias_key: AliasKey,
    /// Flag `fragment`: the SDP is a trickle-ICE fragment.
    pub fragment: bool,
    /// Flag `loop-protect`: mark our SDP and pass a marked one unchanged.
    pub loop_protect: bool,
    /// Flag `early-media`: the audio player starts with the offer.
    pub early_media: bool,
}

/// `SIP-message-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SipMessage {
    /// The SDP came in a request.
    Request,
    /// The SDP came in a response.
    Response,
}

/// `alias-key`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AliasKey {
    /// No aliases.
    #[default]
    Off,
    /// Same SDP, same party.
    Sdp,
    /// Same first address and port, same party.
    Address,
}

/// `transport-protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `RTP/AVP`.
    RtpAvp,
    /// `RTP/AVPF`.
    RtpAvpf,
    /// `RTP/SAVP`.
    RtpSavp,
    /// `RTP/SAVPF`.
    RtpSavpf,
    /// `UDP/TLS/RTP/SAVP`.
    UdpTlsRtpSavp,
    /// `UDP/TLS/RTP/SAVPF`.
    UdpTlsRtpSavpf,
    /// `UDPTL`.
    Udptl,
    /// `accept`, in answers: take over the protocol that the answerer used.
    Accept,
}

impl Transport {
    /// The name as it stands in an m-line; `accept` for [`Transport::Accept`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::RtpAvp => "RTP/AVP",
            Self::RtpAvpf => "RTP/AVPF",
            Self::RtpSavp => "RTP/SAVP",
            Self::RtpSavpf => "RTP/SAVPF",
            Self::UdpTlsRtpSavp => "UDP/TLS/RTP/SAVP",
            Self::UdpTlsRtpSavpf => "UDP/TLS/RTP/SAVPF",
            Self::Udptl => "UDPTL",
            Self::Accept => "accept",
        }
    }
}
