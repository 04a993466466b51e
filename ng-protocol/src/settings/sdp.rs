//! Changes of the outgoing SDP: RTCP attributes, bundling, extmap, `replace`, attribute manipulation, T.38.

use crate::Text;

/// RTCP: multiplexing, attributes, generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RtcpRules {
    /// `rtcp-mux`: `offer`.
    pub mux_offer: bool,
    /// `rtcp-mux`: `require`.
    pub mux_require: bool,
    /// `rtcp-mux`: `demux`.
    pub mux_demux: bool,
    /// `rtcp-mux`: `accept`.
    pub mux_accept: bool,
    /// `rtcp-mux`: `reject`.
    pub mux_reject: bool,
    /// Flags `no-rtcp-attribute` and `full-rtcp-attribute`.
    pub attribute: RtcpAttribute,
    /// `generate-RTCP`: on or off; remembered by the call.
    pub generate: Option<bool>,
    /// Flag `RTCP-mirror`: subscribers get the RTCP too.
    pub mirror: bool,
}

/// Form of `a=rtcp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RtcpAttribute {
    /// `a=rtcp:PORT`.
    #[default]
    Port,
    /// No `a=rtcp`.
    None,
    /// `a=rtcp:PORT IN IP4 ADDRESS`.
    Full,
}

/// `bundle`. All off means that bundling is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundleRules {
    /// `accept`.
    pub accept: bool,
    /// `offer`.
    pub offer: bool,
    /// `require`.
    pub require: bool,
    /// `strict`.
    pub strict: bool,
    /// `reject`.
    pub reject: bool,
}

/// `extmap` and the flag `strip-extmap`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtmapRules {
    /// `strip`: URIs to remove from the outgoing SDP.
    pub strip: Vec<Text>,
    /// `strip` had `all`, or the flag `strip-extmap` was given.
    pub strip_all: bool,
    /// `mask`: URIs to remove from the outgoing SDP, but to accept from the sender and to delete from packets.
    pub mask: Vec<Text>,
    /// `mask` had `all`.
    pub mask_all: bool,
}

/// Changes of the outgoing SDP's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SdpRules {
    /// `replace`.
    pub replace: ReplaceRules,
    /// `sdp-attr`, in the order given. Several entries may name the same scope.
    pub attributes: Vec<AttrRule>,
    /// `sdp-media-remove`: media types hidden from the receiver, answered with port zero.
    pub media_remove: Vec<Text>,
    /// Flag `generate-mid`: add `a=mid`.
    pub generate_mid: bool,
    /// Flag `original-sendrecv`: pass direction attributes untouched.
    pub original_sendrecv: bool,
}

/// `replace`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplaceRules {
    /// `origin`: our address in `o=`.
    pub origin: bool,
    /// `origin-full`: the complete `o=` line stays as first sent to that party.
    pub origin_full: bool,
    /// `username`: the user name in `o=` stays as first sent.
    pub username: bool,
    /// `session-name`: `s=` stays as first sent.
    pub session_name: bool,
    /// `SDP-version`: the version in `o=` rises by one if, and only if, the body changed.
    pub sdp_version: bool,
    /// `force-increment-sdp-ver`: the version rises by one with every SDP.
    pub force_increment: bool,
    /// `zero-address`: a real address instead of 0.0.0.0 in a held SDP.
    pub zero_address: bool,
    /// `session-connection`: accepted; `c=` is always ours.
    pub session_connection: bool,
}

/// One change of the attributes in one part of the SDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttrRule {
    /// Where it applies.
    pub scope: AttrScope,
    /// What it does.
    pub action: AttrAction,
}

/// Which part of the SDP an attribute rule applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttrScope {
    /// `none` and `global`: session level.
    Session,
    /// `audio`, `video` or any other media type, in lower case.
    Media(Text),
}

/// What an attribute rule does. Texts are attribute values without `a=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttrAction {
    /// Add this line if it is not there.
    Add(Text),
    /// Remove lines that match by name, by name and first token, or in full.
    Remove(Text),
    /// Replace a matching line.
    Substitute {
        /// What to look for; matched like `Remove`.
        from: Text,
        /// The complete new value.
        to: Text,
    },
}

/// `T.38`, in offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct T38Rules {
    /// `decode`: offer audio instead of image.
    pub decode: bool,
    /// `force`: offer image instead of audio.
    pub force: bool,
    /// `stop`: end the gateway.
    pub stop: bool,
    /// `no-ECM`.
    pub no_ecm: bool,
    /// `no-V.17`.
    pub no_v17: bool,
    /// `no-V.27ter`.
    pub no_v27ter: bool,
    /// `no-V.29`.
    pub no_v29: bool,
    /// `no-V.34`.
    pub no_v34: bool,
    /// `no-IAF`.
    pub no_iaf: bool,
    /// `FEC`: use forward error correction instead of redundancy.
    pub fec: bool,
    /// `T.38-version`.
    pub version: Option<i64>,
}
