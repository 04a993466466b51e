//! What offer, answer, publish, subscribe and create may ask for, typed, one struct per concern.
//!
//! `Default` of every struct is "nothing was said". A setting that a party keeps from an earlier request is an
//! `Option`, so that "not said now" differs from "switched off now".

mod addressing;
mod codec;
mod media;
mod sdp;
mod security;

pub use addressing::*;
pub use codec::*;
pub use media::*;
pub use sdp::*;
pub use security::*;

use crate::Text;

/// Everything that the keys and flags of a negotiation can set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Where packets come from and go to.
    pub addressing: Addressing,
    /// Which sources of packets are believed.
    pub learning: LearningRules,
    /// How the dialogue's parties are found.
    pub dialogue: DialogueRules,
    /// `transport-protocol`: the protocol towards the receiver of the SDP.
    pub transport: Option<Transport>,
    /// ICE handling.
    pub ice: IceRules,
    /// `DTLS`: towards the receiver of the SDP.
    pub dtls: DtlsRules,
    /// `SDES`.
    pub sdes: SdesRules,
    /// `OSRTP`.
    pub osrtp: OsrtpRules,
    /// Flag `recrypt`: decrypt and encrypt again even where both sides have the same key.
    pub recrypt: bool,
    /// RTCP: multiplexing, attributes, generation.
    pub rtcp: RtcpRules,
    /// `bundle`.
    pub bundle: BundleRules,
    /// `extmap` and `strip-extmap`.
    pub extmap: ExtmapRules,
    /// `codec`, `ptime` and the transcoding flags.
    pub codec: CodecRules,
    /// `T.38`.
    pub t38: T38Rules,
    /// Changes of the outgoing SDP's text.
    pub sdp: SdpRules,
    /// Recording.
    pub recording: RecordingRules,
    /// DTMF: blocking, detection, injection, triggers.
    pub dtmf: DtmfRules,
    /// `moh`.
    pub moh: Option<Moh>,
    /// Buffers, player, echo and whatever else acts on media as such.
    pub media: MediaRules,
    /// `label` (also `from-label`) of the sending party.
    pub label: Option<Text>,
    /// `set-label`: label to assign to the selected or new party.
    pub set_label: Option<Text>,
    /// `to-label`: label of the receiving party.
    pub to_label: Option<Text>,
    /// `metadata`, passed on to recordings and `query`.
    pub metadata: Option<Text>,
}
