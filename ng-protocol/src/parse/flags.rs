//! The members of `flags`: one table, from which parsing and documentation come.

use super::draft::Draft;
use crate::{AddressSource, AllScope, AudioPlayer, RecordCall, RtcpAttribute, State, Transport};

/// A flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Documented spelling. Case does not matter; hyphen, space and underscore are the same.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// What it does.
    pub doc: &'static str,
    /// How far it is implemented.
    pub state: State,
    pub(super) set: fn(&mut Draft),
}

/// All flags, in the order of the documentation.
pub const fn table() -> &'static [Flag] {
    FLAGS
}

const fn flag(
    name: &'static str,
    aliases: &'static [&'static str],
    state: State,
    doc: &'static str,
    set: fn(&mut Draft),
) -> Flag {
    Flag {
        name,
        aliases,
        doc,
        state,
        set,
    }
}

use State::{Accepted, Obsolete, Yes};

#[rustfmt::skip]
const FLAGS: &[Flag] = &[
    // Addresses and endpoint learning.
    flag("trust-address", &[], Yes, "Believe the address in the SDP (the default without `--sip-source`).",
        |d| d.settings.addressing.source = AddressSource::Sdp),
    flag("SIP-source-address", &[], Yes, "Believe the address in `received-from` instead of the SDP's, with the SDP's port.",
        |d| d.settings.addressing.source = AddressSource::Sip),
    flag("symmetric", &[], Yes, "Accepted, the default.", |d| d.settings.learning.symmetric = true),
    flag("asymmetric", &[], Yes, "No endpoint learning.", |d| d.settings.learning.asymmetric = true),
    flag("strict-source", &[], Yes, "Once learned, packets of other sources are dropped.",
        |d| d.settings.learning.strict_source = true),
    flag("media-handover", &[], Yes, "Once learned, a change of source is followed.",
        |d| d.settings.learning.media_handover = true),
    flag("port-latching", &["latching-ports"], Yes, "Keep our ports when the remote port changes.",
        |d| d.settings.learning.port_latching = Some(true)),
    flag("no-port-latching", &[], Yes, "Take new ports when the remote port changes.",
        |d| d.settings.learning.port_latching = Some(false)),
    flag("unidirectional", &[], Yes, "One-way media may use the fast path.",
        |d| d.settings.learning.unidirectional = true),
    flag("pierce-NAT", &[], Yes, "Send a dummy packet each second until something arrives.",
        |d| d.settings.learning.pierce_nat = true),
    flag("NAT-wait", &[], Yes, "Send nothing before something was received.",
        |d| d.settings.learning.nat_wait = true),
    flag("loop-protect", &[], Yes, "Mark our SDP; a marked one passes unchanged.",
        |d| d.settings.dialogue.loop_protect = true),
    flag("passthrough", &[], Yes, "Raw forwarding without any protocol.",
        |d| d.settings.media.passthrough = Some(true)),
    flag("no-passthrough", &[], Yes, "End of raw forwarding.",
        |d| d.settings.media.passthrough = Some(false)),
    // Dialogue.
    flag("reset", &[], Yes, "Forget ICE, SRTP and learned endpoints (offer).", |d| d.settings.dialogue.reset = true),
    flag("new-branch", &[], Yes, "An unknown to-tag is a new party.", |d| d.settings.dialogue.new_branch = true),
    flag("provisional", &[], Yes, "The dialogue is not final, whatever `SIP-code` says.",
        |d| d.settings.dialogue.provisional = true),
    flag("early-media", &[], Accepted, "The audio player starts with the offer.",
        |d| d.settings.dialogue.early_media = true),
    flag("fragment", &[], Yes, "The SDP is a trickle-ICE fragment.", |d| d.settings.dialogue.fragment = true),
    // SDP.
    flag("no-rtcp-attribute", &[], Yes, "No `a=rtcp`.", |d| d.settings.rtcp.attribute = RtcpAttribute::None),
    flag("full-rtcp-attribute", &[], Yes, "`a=rtcp` with the address.",
        |d| d.settings.rtcp.attribute = RtcpAttribute::Full),
    flag("generate-mid", &[], Yes, "Add `a=mid`.", |d| d.settings.sdp.generate_mid = true),
    flag("original-sendrecv", &[], Yes, "Pass direction attributes untouched.",
        |d| d.settings.sdp.original_sendrecv = true),
    flag("strip-extmap", &[], Yes, "Remove all `a=extmap`.", |d| d.settings.extmap.strip_all = true),
    flag("WebRTC", &[], Yes,
        "UDP/TLS/RTP/SAVPF, ICE=force, trickle-ICE, rtcp-mux offer and require, bundle offer, no-rtcp-attribute, SDES-off, generate-mid.",
        webrtc),
    // ICE, DTLS, SDES.
    flag("trickle-ICE", &["ICE-trickle"], Yes, "Advertise trickle ICE.", |d| d.settings.ice.trickle = true),
    flag("reject-ICE", &["ICE-reject"], Yes, "Behave as if offered ICE had been rejected.",
        |d| d.settings.ice.reject = true),
    flag("no-tls-id", &[], Yes, "No `a=tls-id`.", |d| d.settings.dtls.no_tls_id = true),
    flag("pad-crypto", &["crypto-pad"], Yes, "Base64 padding in `a=crypto`.", |d| d.settings.sdes.pad = true),
    flag("recrypt", &[], Yes, "Decrypt and encrypt again between sides with the same key.",
        |d| d.settings.recrypt = true),
    // Codecs.
    flag("always-transcode", &[], Accepted, "Accept every codec ourselves.",
        |d| d.settings.codec.always_transcode = true),
    flag("force-transcoding", &["force-transcode"], Accepted, "Transcode even between equal codecs.",
        |d| d.settings.codec.force_transcoding = true),
    flag("single-codec", &[], Yes, "Answer with the first codec only.", |d| d.settings.codec.single_codec = true),
    flag("reuse-codecs", &["no-codec-renegotiation"], Accepted, "Keep the codec preference of before on a re-offer.",
        |d| d.settings.codec.reuse_codecs = true),
    flag("static-codecs", &["static-codec"], Accepted, "Do not change the codecs towards the answerer.",
        |d| d.settings.codec.static_codecs = true),
    flag("allow-asymmetric-codecs", &["allow-asymmetric-codec"], Yes,
        "Payload types of the answer may differ from the offer's.", |d| d.settings.codec.allow_asymmetric = true),
    flag("allow-transcoding", &["allow-transcode"], Accepted, "An answer need not accept all codecs.",
        |d| d.settings.codec.allow_transcoding = true),
    flag("allow-no-codec-media", &["allow-empty-codec-media"], Yes,
        "Media whose codecs were all stripped are rejected rather than restored.",
        |d| d.settings.codec.allow_no_codec_media = true),
    flag("symmetric-codecs", &[], Obsolete, "No effect.", |_| {}),
    flag("asymmetric-codecs", &[], Obsolete, "No effect.", |_| {}),
    flag("reorder-codecs", &["codecs-reorder"], Obsolete, "No effect.", |_| {}),
    // RTCP, buffers, player.
    flag("generate-RTCP", &["rtcp-generate"], Yes, "End and regenerate RTCP on both sides.",
        |d| d.settings.rtcp.generate = Some(true)),
    flag("no-generate-RTCP", &[], Yes, "Forward RTCP again.", |d| d.settings.rtcp.generate = Some(false)),
    flag("RTCP-mirror", &["mirror-RTCP"], Accepted, "Subscribers get the RTCP too.", |d| d.settings.rtcp.mirror = true),
    flag("no-jitter-buffer", &[], Accepted, "No jitter buffer for this call.",
        |d| d.settings.media.no_jitter_buffer = true),
    flag("audio-player", &["player"], Accepted, "Use the audio player where transcoding is done.",
        |d| d.settings.media.audio_player = Some(AudioPlayer::Transcoding)),
    flag("no-audio-player", &["no-player"], Accepted, "Do not use the audio player.",
        |d| d.settings.media.audio_player = Some(AudioPlayer::Off)),
    flag("block-egress", &["egress-block"], Accepted, "Nothing else is sent while media are played.",
        |d| d.settings.media.block_egress = true),
    flag("block-short", &["block-short-packets"], Accepted, "Drop short packets of fixed-size codecs.",
        |d| d.settings.media.block_short = true),
    // DTMF.
    flag("inject-DTMF", &[], Accepted, "`play DTMF` must be possible.", |d| d.settings.dtmf.inject = true),
    flag("detect-DTMF", &[], Accepted, "Detect tones in audio.", |d| d.settings.dtmf.detect = true),
    flag("block-DTMF", &[], Accepted, "Block DTMF from the start.", |d| d.settings.dtmf.block = true),
    // Recording.
    flag("record-call", &[], Yes, "Start recording.", |d| d.settings.recording.record_call = Some(RecordCall::On)),
    flag("discard-recording", &[], Yes, "Throw the recording away.", |d| d.settings.recording.discard = true),
    flag("pause", &[], Yes, "`stop recording` pauses.", |d| d.settings.recording.pause = true),
    flag("exclude-recording", &[], Accepted, "Do not record this party.", |d| d.settings.recording.exclude = true),
    flag("skip-recording-db", &[], Accepted, "No entry in the recording database.",
        |d| d.settings.recording.skip_db = true),
    flag("recording-announcement", &[], Accepted, "Play an announcement.",
        |d| d.settings.recording.announcement = true),
    flag("recording-vsc", &[], Accepted, "DTMF codes control recording.", |d| d.settings.recording.vsc_active = true),
    // Selection of parties, subscriptions.
    flag("directional", &[], Yes, "`from-tag` selects one party.", |d| d.who.directional = true),
    flag("all", &[], Accepted, "All parties.", |d| d.who.all = AllScope::All),
    flag("bidirectional", &[], Accepted, "Media both ways.", |d| d.who.bidirectional = true),
    flag("mix", &["mixed"], Accepted, "One mix of all sources.", |d| d.who.mix = true),
    flag("inactive", &[], Accepted, "Subscribe without media at first.", |d| d.who.inactive = true),
    flag("SIPREC", &[], Accepted, "Describe tags and labels in the reply.", |d| d.who.siprec = true),
    flag("egress", &[], Accepted, "What is sent to the party, not what comes from it.", |d| d.who.egress = true),
    flag("unsubscribe", &[], Accepted, "End subscriptions that are not named.", |d| d.who.unsubscribe = true),
    // Delete and housekeeping.
    flag("to-tag", &[], Yes, "`delete` selects by to-tag.", |d| d.delete.match_to_tag = true),
    flag("fatal", &[], Yes, "`delete` of something unknown is an error.", |d| d.delete.fatal = true),
    flag("fast", &[], Yes, "`delete` without statistics in the reply.", |d| d.delete.fast = true),
    flag("debug", &["debugging"], Accepted, "Log this call in detail.", |d| d.common.debug = true),
    flag("no-redis-update", &[], Accepted, "Skip persistence for this request.",
        |d| d.common.no_redis_update = true),
];

fn webrtc(d: &mut Draft) {
    let settings = &mut d.settings;
    settings.transport = Some(Transport::UdpTlsRtpSavpf);
    settings.ice.handling = crate::IceHandling::Force;
    settings.ice.trickle = true;
    settings.rtcp.mux_offer = true;
    settings.rtcp.mux_require = true;
    settings.bundle.offer = true;
    settings.rtcp.attribute = RtcpAttribute::None;
    settings.sdes.off = true;
    settings.sdp.generate_mid = true;
}
