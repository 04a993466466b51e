//! Recording, DTMF, music on hold, playback and what else acts on media as such.

use crate::Text;

/// Recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingRules {
    /// `record-call`, as a flag or a key.
    pub record_call: Option<RecordCall>,
    /// `pause=yes` or flag `pause` (stop recording).
    pub pause: bool,
    /// Flag `discard-recording`.
    pub discard: bool,
    /// Flag `exclude-recording`: not this party.
    pub exclude: bool,
    /// Flag `skip-recording-db`.
    pub skip_db: bool,
    /// Flag `recording-announcement`.
    pub announcement: bool,
    /// Flag `recording-vsc`: the VSC codes are active.
    pub vsc_active: bool,
    /// `recording-file` (`output-destination`, …). Untrusted: must stay in the recording folder.
    pub file: Option<Text>,
    /// `recording-dir` (`recording-path`). Untrusted.
    pub dir: Option<Text>,
    /// `recording-pattern`. Untrusted.
    pub pattern: Option<Text>,
    /// `recording-media-slots`: number of channels of the mix.
    pub media_slots: Option<u32>,
    /// `recording-media-slot-offer`.
    pub media_slot_offer: Option<u32>,
    /// `recording-media-slot-answer`.
    pub media_slot_answer: Option<u32>,
    /// DTMF strings that control recording.
    pub vsc: VscCodes,
}

/// Values of `record-call`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordCall {
    /// Start (`yes`, `on`, …).
    On,
    /// Stop (`no`, `off`, …).
    Off,
    /// Stop and throw the recording away.
    Discard,
}

/// `vsc-…-rec`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VscCodes {
    /// `vsc-start-rec`.
    pub start: Option<Text>,
    /// `vsc-stop-rec`.
    pub stop: Option<Text>,
    /// `vsc-start-stop-rec`.
    pub start_stop: Option<Text>,
    /// `vsc-pause-rec`.
    pub pause: Option<Text>,
    /// `vsc-pause-resume-rec`.
    pub pause_resume: Option<Text>,
    /// `vsc-start-pause-resume-rec`.
    pub start_pause_resume: Option<Text>,
}

/// DTMF: blocking, detection, injection, triggers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DtmfRules {
    /// Flag `inject-DTMF`: `play DTMF` must be possible, so transcode.
    pub inject: bool,
    /// Flag `detect-DTMF`: detect tones in audio.
    pub detect: bool,
    /// Flag `block-dtmf`: block DTMF from the start.
    pub block: bool,
    /// `DTMF-security`: how DTMF is blocked.
    pub security: Option<DtmfSecurity>,
    /// `DTMF-security-trigger`: how DTMF is blocked once the trigger was seen.
    pub security_trigger: Option<DtmfSecurity>,
    /// `DTMF-security-trigger-end`: how DTMF is blocked once the end trigger was seen.
    pub security_trigger_end: Option<DtmfSecurity>,
    /// `DTMF-delay` in ms.
    pub delay: Option<u32>,
    /// `trigger`: digits that switch to `security_trigger`.
    pub trigger: Option<Text>,
    /// `trigger-end`: digits that switch to `security_trigger_end`.
    pub trigger_end: Option<Text>,
    /// `trigger-end-digits`: number of digits after which the trigger ends.
    pub trigger_end_digits: Option<u32>,
    /// `trigger-end-ms`: time after which the trigger ends.
    pub trigger_end_ms: Option<u32>,
    /// `DTMF-log-dest`: `host:port` for events of this call.
    pub log_dest: Option<Text>,
    /// `volume`, as given.
    pub volume: Option<i64>,
    /// `frequency`, `frequencies`: tones in Hz that replace DTMF.
    pub frequencies: Vec<u32>,
    /// `digit`, `code`: a digit as `0`–`15`, `0`–`9`, `*`, `#`, `A`–`D`.
    pub digit: Option<Digit>,
}

/// A DTMF event code: 0–9, 10 = `*`, 11 = `#`, 12–15 = `A`–`D` (RFC 4733 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(pub u8);

/// Values of `DTMF-security`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtmfSecurity {
    /// DTMF passes.
    Off,
    /// Drop packets.
    Drop,
    /// Silence instead.
    Silence,
    /// A tone instead.
    Tone,
    /// A random digit instead.
    Random,
    /// The digit zero instead.
    Zero,
    /// The given digit instead.
    Dtmf,
}

/// `moh`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moh {
    /// What is played; `None` for `mode=reflect` alone.
    pub source: Option<PlaySource>,
    /// `mode`.
    pub mode: MohMode,
    /// `connection=zero`: the held party sees 0.0.0.0.
    pub zero_connection: bool,
}

/// `mode` of `moh`: direction attribute towards the held party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MohMode {
    /// Nothing said.
    #[default]
    Default,
    /// `sendonly`.
    SendOnly,
    /// `sendrecv`.
    SendRecv,
    /// `reflect`: play the other party's music.
    Reflect,
}

/// Where audio comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum PlaySource {
    /// `file`. Untrusted: a path, never a URL.
    File(Text),
    /// `blob` or decoded `blob64`: the file's content.
    Blob(Vec<u8>),
    /// `db-id`.
    Db(u64),
}

impl std::fmt::Debug for PlaySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Blob(data) => write!(f, "Blob({} bytes)", data.len()),
            Self::Db(id) => f.debug_tuple("Db").field(id).finish(),
        }
    }
}

/// Buffers, player, echo and whatever else acts on media as such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaRules {
    /// `passthrough`: raw forwarding, on or off.
    pub passthrough: Option<bool>,
    /// `drop-traffic`: start (`Some(true)`) or stop.
    pub drop_traffic: Option<bool>,
    /// `media-echo`.
    pub echo: Option<MediaEcho>,
    /// `delay-buffer` in ms, remembered by the call until 0.
    pub delay_buffer: Option<u32>,
    /// Flag `no-jitter-buffer`.
    pub no_jitter_buffer: bool,
    /// `audio-player`, also by flag.
    pub audio_player: Option<AudioPlayer>,
    /// Flag `block-egress`: nothing else is sent while media are played.
    pub block_egress: bool,
    /// Flag `block-short`: drop short packets of fixed-size codecs.
    pub block_short: bool,
}

/// Values of `media-echo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaEcho {
    /// `blackhole`, `sinkhole`: swallow the media of both.
    Blackhole,
    /// `forward`: echo to the receiver's side, swallow the other.
    Forward,
    /// `backwards`: echo to the sender's side, swallow the other.
    Backwards,
    /// `both`: echo to both.
    Both,
}

/// Values of `audio-player`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioPlayer {
    /// As configured.
    Default,
    /// Where transcoding is done anyway.
    Transcoding,
    /// Never.
    Off,
    /// Always.
    Always,
}
