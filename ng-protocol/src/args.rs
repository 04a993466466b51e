//! The arguments of each command, typed. Required keys are plain fields, optional ones `Option`s.

use std::net::IpAddr;

use crate::{CallId, CodecList, Digit, PlaySource, RecordingRules, Settings, Tag, Text};

/// `offer`.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferArgs {
    /// The call.
    pub call_id: CallId,
    /// Tag of the party that made the offer.
    pub from_tag: Tag,
    /// Tag of the party it goes to, if known.
    pub to_tag: Option<Tag>,
    /// Tells the branches of a forked call apart.
    pub via_branch: Option<Text>,
    /// The SDP as it came.
    pub sdp: Vec<u8>,
    /// Everything else.
    pub settings: Settings,
}

/// `answer`.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerArgs {
    /// The call.
    pub call_id: CallId,
    /// Tag of the party that made the *offer*.
    pub from_tag: Tag,
    /// Tag of the party that answers.
    pub to_tag: Tag,
    /// Tells the branches of a forked call apart.
    pub via_branch: Option<Text>,
    /// The SDP as it came.
    pub sdp: Vec<u8>,
    /// Everything else.
    pub settings: Settings,
}

/// `delete`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteArgs {
    /// The call.
    pub call_id: CallId,
    /// Without it the whole call is meant.
    pub from_tag: Option<Tag>,
    /// Only looked at with `match_to_tag`.
    pub to_tag: Option<Tag>,
    /// Branch to delete.
    pub via_branch: Option<Text>,
    /// `delete-delay` in seconds, 0 = now; `None` = the daemon's default.
    pub delay_s: Option<u32>,
    /// Flag `to-tag`: select by to-tag, not by from-tag.
    pub match_to_tag: bool,
    /// Flag `fatal`: nothing found is an error.
    pub fatal: bool,
    /// Flag `fast`: no statistics in the reply.
    pub fast: bool,
    /// Flag `discard-recording`.
    pub discard_recording: bool,
    /// `metadata`.
    pub metadata: Option<Text>,
}

/// `query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryArgs {
    /// The call.
    pub call_id: CallId,
    /// Limits the reply to this party.
    pub from_tag: Option<Tag>,
    /// Limits the reply to this party.
    pub to_tag: Option<Tag>,
}

/// `list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListArgs {
    /// Most call-ids to return (32).
    pub limit: u32,
}

/// Which parties or flows of a call a command is about.
///
/// All empty means the whole call. `from_tag` is only filled where it counts: with the flag `directional`, or for
/// the commands that always honour it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Party by tag.
    pub from_tag: Option<Tag>,
    /// Parties by tag (`from-tags`).
    pub from_tags: Vec<Tag>,
    /// Party by label (`label`, `from-label`).
    pub label: Option<Text>,
    /// Parties by the address in their SDP.
    pub address: Option<IpAddr>,
    /// Other end of a flow by tag.
    pub to_tag: Option<Tag>,
    /// Other end of a flow by label.
    pub to_label: Option<Text>,
    /// `set-label`: label to assign to the selected party.
    pub set_label: Option<Text>,
    /// `all`.
    pub all: AllScope,
    /// Flag `directional`.
    pub directional: bool,
    /// `via-branch`.
    pub via_branch: Option<Text>,
}

/// Values of `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllScope {
    /// Not given.
    #[default]
    No,
    /// The flag, or `all=all`.
    All,
    /// `offer-answer`: flows between the two parties of a dialogue.
    OfferAnswer,
    /// `except-offer-answer`: all other flows.
    ExceptOfferAnswer,
    /// `flows`: every flow.
    Flows,
}

/// `start recording`, `stop recording`, `pause recording`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingArgs {
    /// The call.
    pub call_id: CallId,
    /// Who is meant where the command looks at one party (`exclude-recording`, VSC).
    pub selection: Selection,
    /// File names and modifiers.
    pub rules: RecordingRules,
    /// `metadata`.
    pub metadata: Option<Text>,
}

/// Commands with no more than a call and a selection: forwarding, media blocking and silencing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionArgs {
    /// The call.
    pub call_id: CallId,
    /// Which parties or flows.
    pub selection: Selection,
    /// `metadata` (forwarding).
    pub metadata: Option<Text>,
}

/// `block DTMF`, `unblock DTMF`.
#[derive(Clone, Debug, PartialEq)]
pub struct DtmfArgs {
    /// The call.
    pub call_id: CallId,
    /// Which parties or flows.
    pub selection: Selection,
    /// What to do with DTMF.
    pub dtmf: crate::DtmfRules,
    /// `delay-buffer` in ms.
    pub delay_buffer: Option<u32>,
}

/// `play media`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlayMediaArgs {
    /// The call.
    pub call_id: CallId,
    /// Who hears it.
    pub selection: Selection,
    /// What is played.
    pub source: Option<PlaySource>,
    /// `repeat-times` (1).
    pub repeat_times: u32,
    /// `repeat-duration` in ms.
    pub repeat_duration: Option<u32>,
    /// `start-pos` in ms.
    pub start_pos: u32,
    /// Flag `block-egress`.
    pub block_egress: bool,
    /// `codec-set`: encoder parameters.
    pub codec_set: CodecList,
}

/// `stop media`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopMediaArgs {
    /// The call.
    pub call_id: CallId,
    /// Whose playback.
    pub selection: Selection,
}

/// `play DTMF`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayDtmfArgs {
    /// The call.
    pub call_id: CallId,
    /// The *sending* party.
    pub selection: Selection,
    /// The digit; `None` if missing or unreadable.
    pub digit: Option<Digit>,
    /// `duration` in ms (250, kept within 100–5000).
    pub duration_ms: u32,
    /// `pause` in ms (100, kept within 100–5000).
    pub pause_ms: u32,
    /// `volume` in dBm0 (−8); positive numbers are negated.
    pub volume: i32,
}

/// `publish`.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishArgs {
    /// The call; invented if missing.
    pub call_id: Option<CallId>,
    /// The party; invented if missing.
    pub from_tag: Option<Tag>,
    /// The SDP as it came.
    pub sdp: Vec<u8>,
    /// Flag `bidirectional`.
    pub bidirectional: bool,
    /// Everything else.
    pub settings: Settings,
}

/// `subscribe request`.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscribeRequestArgs {
    /// The call.
    pub call_id: CallId,
    /// The sources; `to_tag` is the subscriber.
    pub selection: Selection,
    /// Flag `SIPREC`.
    pub siprec: bool,
    /// Flag `mix`.
    pub mix: bool,
    /// Flag `inactive`.
    pub inactive: bool,
    /// Flag `bidirectional`.
    pub bidirectional: bool,
    /// Flag `egress`.
    pub egress: bool,
    /// Everything else.
    pub settings: Settings,
}

/// `subscribe answer`.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscribeAnswerArgs {
    /// The call.
    pub call_id: CallId,
    /// The subscriber.
    pub to_tag: Tag,
    /// The SDP as it came.
    pub sdp: Vec<u8>,
    /// Everything else.
    pub settings: Settings,
}

/// `unsubscribe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubscribeArgs {
    /// The call.
    pub call_id: CallId,
    /// The subscriber.
    pub to_tag: Tag,
    /// The one source to drop (with the flag `directional`).
    pub from_tag: Option<Tag>,
}

/// `inject start`, `inject stop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectArgs {
    /// The call of the destination.
    pub call_id: CallId,
    /// The destination.
    pub to_tag: Tag,
    /// The source.
    pub source_tag: Tag,
    /// The call of the source, if another one.
    pub source_call_id: Option<CallId>,
}

/// `connect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectArgs {
    /// The call.
    pub call_id: CallId,
    /// One party, or several with `from_tags`, or `all`.
    pub from_tag: Option<Tag>,
    /// Several parties.
    pub from_tags: Vec<Tag>,
    /// `all`.
    pub all: AllScope,
    /// The party to connect with.
    pub to_tag: Tag,
    /// Its call, if another one: the two become one.
    pub to_call_id: Option<CallId>,
    /// Flag `directional`: only add subscriptions.
    pub directional: bool,
    /// Flag `bidirectional`.
    pub bidirectional: bool,
}

/// `cli`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliArgs {
    /// The command line.
    pub body: Text,
}

/// `create`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateArgs {
    /// The call; invented if missing.
    pub call_id: Option<CallId>,
    /// The party; invented if missing.
    pub from_tag: Option<Tag>,
    /// Media of a new party; empty means one audio with PCMA and PCMU.
    pub medias: Vec<MediaSpec>,
    /// Everything else; `codec.offer` lists the codecs if `medias` has none.
    pub settings: Settings,
}

/// One entry of `medias` (`create`) or `media` (`transform`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaSpec {
    /// `id`, returned as it came.
    pub id: Option<Text>,
    /// `type`: `audio`, `video`, …
    pub kind: Text,
    /// `codecs` (`create`).
    pub codecs: CodecList,
    /// `codec` (`transform`): what to convert into what.
    pub conversions: Vec<Conversion>,
    /// `destination` (`transform`).
    pub destination: Option<std::net::SocketAddr>,
}

/// One `codec` entry of `transform`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversion {
    /// What comes in.
    pub input: PayloadSpec,
    /// What goes out.
    pub output: PayloadSpec,
}

/// One end of a [`Conversion`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PayloadSpec {
    /// `payload type`.
    pub payload_type: Option<u8>,
    /// `codec`, `clock rate`, `channels`, `format`, `options`.
    pub codec: crate::CodecSpec,
}

/// `create answer`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateAnswerArgs {
    /// The call.
    pub call_id: CallId,
    /// The party.
    pub from_tag: Tag,
    /// The SDP as it came.
    pub sdp: Vec<u8>,
    /// Everything else.
    pub settings: Settings,
}

/// `mesh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshArgs {
    /// The calls to merge.
    pub calls: Vec<CallId>,
    /// Who hears whom: source tag, then its listeners. Empty means everybody hears everybody.
    pub tags: Vec<(Tag, Vec<Tag>)>,
    /// Flag `unsubscribe`.
    pub unsubscribe: bool,
    /// Flag `bidirectional`.
    pub bidirectional: bool,
}

/// `transform`.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformArgs {
    /// The call.
    pub call_id: CallId,
    /// The party.
    pub from_tag: Option<Tag>,
    /// Identity of the asking daemon.
    pub instance: Option<Text>,
    /// Interface to use.
    pub interface: Option<Text>,
    /// What to convert.
    pub medias: Vec<MediaSpec>,
}
