//! Codec specifications and the rules that use them.

use crate::Text;

/// A codec as written in rules: `name[/clock[/channels[/bitrate[/ptime[/fmtp[/options]]]]]]`.
///
/// Fields left empty or out mean "any" or "the codec's default". The name is kept as written; it may also be the
/// number of a static payload type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodecSpec {
    /// Encoding name (or a payload type number).
    pub name: Text,
    /// Clock rate in Hz.
    pub clock: Option<u32>,
    /// Channels.
    pub channels: Option<u8>,
    /// Bit rate of the encoder in bit/s.
    pub bitrate: Option<u32>,
    /// Packet time in ms.
    pub ptime: Option<u16>,
    /// Format parameters as in `a=fmtp`; empty if not given.
    pub fmtp: Text,
    /// Options of the encoder (`key=value;…`); empty if not given.
    pub options: Text,
}

/// Codecs that a rule names, with its pseudo-members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodecList {
    /// `all` (and `any`) was a member.
    pub all: bool,
    /// `full` was a member: as `all`, but a codec added again by `transcode` is transcoded, not restored.
    pub full: bool,
    /// `any` was a member (meaningful in `accept` for publish); it also sets `all`.
    pub any: bool,
    /// The codecs in the order given.
    pub specs: Vec<CodecSpec>,
}

impl CodecList {
    /// Whether the rule was not given at all.
    pub fn is_empty(&self) -> bool {
        !self.all && !self.full && self.specs.is_empty()
    }
}

/// `codec`, `ptime` and the flags about codecs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodecRules {
    /// `strip`: remove from the outgoing SDP.
    pub strip: CodecList,
    /// `except`: what `strip` or `mask` of `all` leaves in.
    pub except: CodecList,
    /// `offer`: like `except`, and in this order.
    pub offer: CodecList,
    /// `mask`: remove from the outgoing SDP, but accept and transcode towards the offerer.
    pub mask: CodecList,
    /// `transcode`: offer it too, and transcode if it is taken.
    pub transcode: CodecList,
    /// `accept`: offered on; if the remote rejects it, we accept it ourselves.
    pub accept: CodecList,
    /// `consume`: `mask`, and transcode always.
    pub consume: CodecList,
    /// `ignore`: behave as if it was never offered, but pass it on.
    pub ignore: CodecList,
    /// `set`: parameters for codecs accepted implicitly.
    pub set: CodecList,
    /// Flag `always-transcode`.
    pub always_transcode: bool,
    /// Flag `force-transcoding`.
    pub force_transcoding: bool,
    /// Flag `single-codec`.
    pub single_codec: bool,
    /// Flags `reuse-codecs`, `no-codec-renegotiation`.
    pub reuse_codecs: bool,
    /// Flag `static-codecs`.
    pub static_codecs: bool,
    /// Flag `allow-asymmetric-codecs`.
    pub allow_asymmetric: bool,
    /// Flag `allow-transcoding`.
    pub allow_transcoding: bool,
    /// Flag `allow-no-codec-media`.
    pub allow_no_codec_media: bool,
    /// `ptime` in ms towards the receiver of an offer.
    pub ptime: Option<u16>,
    /// `ptime-reverse` in ms towards its sender.
    pub ptime_reverse: Option<u16>,
}
