//! The main keys: one table, from which parsing and documentation come.

use super::draft::Draft;
use super::{enums, nested, values};
use crate::{State, Text, Tos, Value};

/// A main key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Documented spelling. Case does not matter; hyphen, space and underscore are the same.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// What it does.
    pub doc: &'static str,
    /// How far it is implemented.
    pub state: State,
    pub(super) set: Set,
}

impl Key {
    /// Whether a member of `flags` may carry a value of this key, as `KEY-VALUE`.
    pub const fn is_prefix(&self) -> bool {
        matches!(self.set, Set::Each(_))
    }
}

/// What to do with a key's value. `false` means "no such value".
#[derive(Clone, Copy, Debug)]
pub(super) enum Set {
    /// Takes the whole value.
    Whole(fn(&mut Draft, &Value<'_>) -> bool),
    /// Like `Whole`, but the first one in a dictionary counts.
    First(fn(&mut Draft, &Value<'_>) -> bool),
    /// Takes each member of a list or of a comma string.
    Each(fn(&mut Draft, &[u8]) -> bool),
    /// Read elsewhere: the command, flags, templates.
    Elsewhere,
}

/// All keys, in the order of the documentation.
pub const fn table() -> &'static [Key] {
    KEYS
}

/// The words of `codec`: name, meaning, state. Each is also a prefix of flags, `codec-WORD-`.
pub fn codec_words() -> impl Iterator<Item = (&'static str, &'static str, State)> {
    nested::CODEC_FIELDS
        .iter()
        .map(|field| (field.word, field.doc, field.state))
}

const fn key(
    name: &'static str,
    aliases: &'static [&'static str],
    state: State,
    doc: &'static str,
    set: Set,
) -> Key {
    Key {
        name,
        aliases,
        doc,
        state,
        set,
    }
}

/// Stores what `read` makes of the value; `false` if it makes nothing of it.
fn put<T>(place: &mut Option<T>, content: Option<T>) -> bool {
    let good = content.is_some();
    if good {
        *place = content;
    }
    good
}

/// A non-negative whole number; a negative one counts as "not given", as the reference's −1 does.
fn put_unsigned<N: TryFrom<i64>>(place: &mut Option<N>, value: &Value<'_>) -> bool {
    match value.as_int() {
        None => false,
        Some(n) if n < 0 => {
            *place = None;
            true
        }
        Some(n) => put(place, N::try_from(n).ok()),
    }
}

fn put_text(place: &mut Option<Text>, value: &Value<'_>) -> bool {
    put(place, values::owned(value))
}

/// An address; an empty text or `?` is accepted as "none".
fn put_address(place: &mut Option<std::net::IpAddr>, value: &Value<'_>) -> bool {
    let text = values::text(value);
    match text.as_deref() {
        Some(b"" | b"?") => true,
        text => put(place, text.and_then(values::address)),
    }
}

use Set::{Each, Elsewhere, First, Whole};
use State::{Accepted, Differs, Obsolete, Yes};

#[rustfmt::skip]
const KEYS: &[Key] = &[
    // Message.
    key("command", &[], Yes, "Name of the command.", Elsewhere),
    key("flags", &[], Yes, "List of flags.", Elsewhere),
    key("rtpp-flags", &[], Yes, "Flags and keys as one string, with nested `[…]`.", Elsewhere),
    key("template", &[], Yes, "Name of a configured template to apply.", Elsewhere),
    key("supports", &[], Yes, "`load limit`: limits may be answered by that result.", Each(enums::SUPPORTS)),
    key("SIP-message-type", &[], Accepted, "`SIP request` or `SIP reply`.", Each(enums::SIP_MESSAGE)),
    key("SIP-code", &[], Yes, "Code of the response that carried the SDP; from 200 on the dialogue is final.",
        Whole(|d, v| put_unsigned(&mut d.settings.dialogue.sip_code, v))),
    // Dialogue.
    key("sdp", &[], Yes, "The SDP.", First(|d, v| put(&mut d.sdp, values::text(v).map(|t| t.into_owned())))),
    key("call-id", &["callid"], Yes, "Identity of the call.", First(|d, v| put_text(&mut d.identity.call_id, v))),
    key("from-tag", &["fromtag"], Yes, "Tag of the party that made the offer.",
        First(|d, v| put_text(&mut d.identity.from_tag, v))),
    key("to-tag", &["totag"], Yes, "Tag of the other party.", First(|d, v| put_text(&mut d.identity.to_tag, v))),
    key("via-branch", &[], Yes, "Tells the branches of a forked call apart.",
        First(|d, v| put_text(&mut d.identity.via_branch, v))),
    key("from-tags", &[], Accepted, "Several parties.", Each(enums::FROM_TAG)),
    key("label", &["from-label"], Yes, "Label of the party.", Whole(|d, v| put_text(&mut d.settings.label, v))),
    key("to-label", &[], Yes, "Label of the other party.", Whole(|d, v| put_text(&mut d.settings.to_label, v))),
    key("set-label", &[], Accepted, "Label to assign.", Whole(|d, v| put_text(&mut d.settings.set_label, v))),
    key("address", &[], Accepted, "Selects parties by the address in their SDP.",
        Whole(|d, v| put(&mut d.who.address, values::text(v).map(|t| values::address(&t).ok_or(()))))),
    key("all", &[], Accepted, "`all`, `offer-answer`, `except-offer-answer`, `flows`.", Each(enums::ALL)),
    key("alias-key", &[], Yes, "`off`, `SDP`, `address`: an unknown from-tag may be an alias.", Each(enums::ALIAS_KEY)),
    key("metadata", &[], Yes, "Passed on to recordings and `query`.",
        Whole(|d, v| put_text(&mut d.settings.metadata, v))),
    key("delete-delay", &[], Yes, "Seconds until `delete` takes effect.",
        Whole(|d, v| put_unsigned(&mut d.delete.delay_s, v))),
    key("limit", &[], Yes, "Most call-ids that `list` returns.", Whole(|d, v| put_unsigned(&mut d.limit, v))),
    key("body", &[], Yes, "Command line of `cli`.", Whole(|d, v| put_text(&mut d.body, v))),
    // Addresses.
    key("received-from", &[], Yes, "Source address of the SIP message, as `[IP4, address]` or text.",
        Whole(|d, v| { d.settings.addressing.received_from = values::received_from(v); true })),
    key("media-address", &[], Yes, "Address to advertise.",
        Whole(|d, v| put_address(&mut d.settings.addressing.media_address, v))),
    key("address-family", &[], Yes, "`IP4` or `IP6` towards the receiver.", Each(enums::ADDRESS_FAMILY)),
    key("direction", &[], Yes, "Interfaces of the originator's and the receiver's side.", Whole(direction)),
    key("from-interface", &[], Yes, "Interface of the originator's side.",
        Whole(|d, v| put_text(&mut d.settings.addressing.interfaces.from, v))),
    key("to-interface", &[], Yes, "Interface of the receiver's side.",
        Whole(|d, v| put_text(&mut d.settings.addressing.interfaces.to, v))),
    key("interface", &[], Yes, "Interface where there is one side only.", Whole(interface)),
    key("inbound-peer", &[], Accepted, "A route look-up chooses the originator's interface.",
        Whole(|d, v| put_address(&mut d.settings.addressing.inbound_peer, v))),
    key("outbound-peer", &["peer"], Accepted, "A route look-up chooses the receiver's interface.",
        Whole(|d, v| put_address(&mut d.settings.addressing.outbound_peer, v))),
    key("TOS", &[], Differs("−1 is like the default"), "−1 keep, 0–255 set, else default.", Whole(tos)),
    key("endpoint-learning", &[], Yes, "`off`, `immediate`, `delayed`, `heuristic`.", Each(enums::ENDPOINT_LEARNING)),
    key("xmlrpc-callback", &[], Yes, "Address for `%%` in the b2b URL.",
        Whole(|d, v| put_address(&mut d.settings.addressing.xmlrpc_callback, v))),
    // Transport and security.
    key("transport-protocol", &[], Yes, "Protocol towards the receiver, or `accept`.", Each(enums::TRANSPORT)),
    key("ICE", &[], Yes,
        "`remove`, `force`, `default`, `optional`, `force-relay`, `trickle`, `ice2`, `lite-…`.", Each(enums::ICE)),
    key("ICE-lite", &[], Yes, "`forward`, `backward`, `both`, `off`.", Each(enums::ICE_LITE)),
    key("DTLS", &[], Yes, "`off`, `passive`, `active`.", Each(enums::DTLS)),
    key("DTLS-reverse", &[], Yes, "Like `DTLS`, towards the originator.", Each(enums::DTLS_REVERSE)),
    key("DTLS-fingerprint", &[], Yes, "`SHA-1` … `SHA-512`.", Each(enums::FINGERPRINT)),
    key("SDES", &[], Yes, "`off`, `pad`, `lifetime`, `static`, `nonew`, `prefer`, `no-…`, `only-…`, `order:…`, …",
        Each(enums::SDES)),
    key("OSRTP", &[], Yes, "`offer`, `offer-legacy`, `accept`, `accept-RFC`, `accept-legacy`.", Each(enums::OSRTP)),
    // SDP.
    key("replace", &[], Yes, "`origin`, `origin-full`, `username`, `session-name`, `SDP-version`, \
        `force-increment-sdp-ver`, `zero-address`.", Each(enums::REPLACE)),
    key("rtcp-mux", &[], Yes, "`offer`, `require`, `demux`, `accept`, `reject`.", Each(enums::RTCP_MUX)),
    key("generate-RTCP", &["rtcp-generate"], Yes, "`on` or `off`.",
        Whole(|d, v| put(&mut d.settings.rtcp.generate, values::boolean(v)))),
    key("bundle", &[], Yes, "`accept`, `offer`, `require`, `strict`, `reject`.", Each(enums::BUNDLE)),
    key("extmap", &[], Yes, "`{strip: […], mask: […]}`; `all`.", Whole(nested::extmap)),
    key("sdp-attr", &[], Yes, "`{none|audio|…: {add: […], remove: […], substitute: [[from, to], …]}}`.",
        Whole(nested::sdp_attr)),
    key("sdp-media-remove", &[], Yes, "Media types to hide from the receiver.", Each(enums::MEDIA_REMOVE)),
    // Codecs.
    key("codec", &["codecs"], Differs("no transcoding yet; word by word below"),
        "`{strip: […], except: […], offer: […], mask: […], transcode: […], …}`.", Whole(nested::codec)),
    key("ptime", &[], Accepted, "Packet time towards the receiver, in ms.",
        Whole(|d, v| put_unsigned(&mut d.settings.codec.ptime, v))),
    key("ptime-reverse", &[], Accepted, "Packet time towards the originator, in ms.",
        Whole(|d, v| put_unsigned(&mut d.settings.codec.ptime_reverse, v))),
    key("repacketize", &[], Obsolete, "Use `ptime`.", Whole(|_, _| true)),
    key("T.38", &["T38"], Accepted, "`decode`, `force`, `stop`, `no-ECM`, `no-V.17`, …, `FEC`.", Each(enums::T38)),
    key("T.38-version", &["T38-version"], Accepted, "T.38 version.",
        Whole(|d, v| put(&mut d.settings.t38.version, v.as_int()))),
    // Media.
    key("delay-buffer", &[], Accepted, "Delay of all media in ms.",
        Whole(|d, v| put_unsigned(&mut d.settings.media.delay_buffer, v))),
    key("audio-player", &["player"], Accepted, "`default`, `transcoding`, `off`, `always`.", Each(enums::AUDIO_PLAYER)),
    key("passthrough", &[], Yes, "`on` or `off`: raw forwarding.",
        Whole(|d, v| put(&mut d.settings.media.passthrough, values::boolean(v)))),
    key("drop-traffic", &[], Yes, "`start` or `stop`.",
        Whole(|d, v| put(&mut d.settings.media.drop_traffic, values::boolean(v)))),
    key("media-echo", &[], Differs("the echo keeps its SSRC"), "`blackhole`, `forward`, `backwards`, `both`.", Each(enums::MEDIA_ECHO)),
    key("moh", &[], Accepted, "`{file|blob|db-id, mode, connection}`.", Whole(nested::moh)),
    // DTMF.
    key("DTMF-security", &[], Accepted, "`off`, `drop`, `silence`, `tone`, `random`, `zero`, `DTMF`.",
        Each(enums::DTMF_SECURITY)),
    key("DTMF-security-trigger", &[], Accepted, "The same, once the trigger was seen.",
        Each(enums::DTMF_SECURITY_TRIGGER)),
    key("DTMF-security-trigger-end", &[], Accepted, "The same, once the end trigger was seen.",
        Each(enums::DTMF_SECURITY_TRIGGER_END)),
    key("DTMF-delay", &[], Accepted, "Delay of DTMF in ms.", Whole(|d, v| put_unsigned(&mut d.settings.dtmf.delay, v))),
    key("DTMF-log-dest", &[], Accepted, "`host:port` for events of this call.",
        Whole(|d, v| put_text(&mut d.settings.dtmf.log_dest, v))),
    key("trigger", &[], Accepted, "Digits that start blocking.", Whole(|d, v| put_text(&mut d.settings.dtmf.trigger, v))),
    key("trigger-end", &[], Accepted, "Digits that end blocking.",
        Whole(|d, v| put_text(&mut d.settings.dtmf.trigger_end, v))),
    key("trigger-end-digits", &[], Accepted, "Number of digits after which blocking ends.",
        Whole(|d, v| put_unsigned(&mut d.settings.dtmf.trigger_end_digits, v))),
    key("trigger-end-time", &["trigger-end-ms"], Accepted, "Time in ms after which blocking ends.",
        Whole(|d, v| put_unsigned(&mut d.settings.dtmf.trigger_end_ms, v))),
    key("volume", &[], Accepted, "Volume in dBm0.", Whole(|d, v| put(&mut d.settings.dtmf.volume, v.as_int()))),
    key("frequency", &["frequencies"], Accepted, "Tones in Hz.", Each(enums::FREQUENCY)),
    key("digit", &["code"], Accepted, "DTMF digit.", Whole(|d, v| put(&mut d.settings.dtmf.digit, values::digit(v)))),
    key("duration", &[], Accepted, "Length of a digit in ms.", Whole(|d, v| put(&mut d.play.duration_ms, v.as_int()))),
    key("pause", &[], Yes, "`yes`: `stop recording` pauses. A number: pause after a digit in ms.", Whole(pause)),
    // Playback.
    key("file", &[], Accepted, "File to play.", Whole(|d, v| source(d, "file", v))),
    key("blob", &[], Accepted, "Content of a file to play.", Whole(|d, v| source(d, "blob", v))),
    key("blob64", &[], Accepted, "Content of a file to play, in base64.", Whole(|d, v| source(d, "blob64", v))),
    key("db-id", &["dbid"], Accepted, "Database entry to play.", Whole(|d, v| source(d, "db-id", v))),
    key("repeat-times", &[], Accepted, "How often to play.", Whole(|d, v| put_unsigned(&mut d.play.repeat_times, v))),
    key("repeat-duration", &[], Accepted, "How long to play, in ms.",
        Whole(|d, v| put_unsigned(&mut d.play.repeat_duration, v))),
    key("start-pos", &[], Accepted, "Where to start, in ms.", Whole(|d, v| put_unsigned(&mut d.play.start_pos, v))),
    key("codec-set", &[], Accepted, "Encoder parameters for playback, or for codecs accepted implicitly.", Each(codec_set)),
    // Recording.
    key("record-call", &[], Yes, "`yes`, `no`, `discard`.", Each(enums::RECORD_CALL)),
    key("recording-file", &["output-destination", "output-file", "recording-destination"], Yes,
        "File name of the recording, within the recording folder.",
        Whole(|d, v| put_text(&mut d.settings.recording.file, v))),
    key("recording-dir", &["recording-path", "output-path", "output-dir"], Yes, "Folder of the recording.",
        Whole(|d, v| put_text(&mut d.settings.recording.dir, v))),
    key("recording-pattern", &["output-pattern"], Accepted, "Pattern of the recording's file name.",
        Whole(|d, v| put_text(&mut d.settings.recording.pattern, v))),
    key("recording-media-slots", &[], Accepted, "Channels of the mix.",
        Whole(|d, v| put_unsigned(&mut d.settings.recording.media_slots, v))),
    key("recording-media-slot-offer", &[], Accepted, "Channel of the offering party.",
        Whole(|d, v| put_unsigned(&mut d.settings.recording.media_slot_offer, v))),
    key("recording-media-slot-answer", &[], Accepted, "Channel of the answering party.",
        Whole(|d, v| put_unsigned(&mut d.settings.recording.media_slot_answer, v))),
    key("vsc-start-rec", &[], Accepted, "Digits that start recording.",
        Whole(|d, v| put_text(&mut d.settings.recording.vsc.start, v))),
    key("vsc-stop-rec", &[], Accepted, "Digits that stop recording.",
        Whole(|d, v| put_text(&mut d.settings.recording.vsc.stop, v))),
    key("vsc-start-stop-rec", &[], Accepted, "Digits that start or stop recording.",
        Whole(|d, v| put_text(&mut d.settings.recording.vsc.start_stop, v))),
    key("vsc-pause-rec", &[], Accepted, "Digits that pause recording.",
        Whole(|d, v| put_text(&mut d.settings.recording.vsc.pause, v))),
    key("vsc-pause-resume-rec", &[], Accepted, "Digits that pause or resume recording.",
        Whole(|d, v| put_text(&mut d.settings.recording.vsc.pause_resume, v))),
    key("vsc-start-pause-resume-rec", &[], Accepted, "Digits that start, pause or resume recording.",
        Whole(|d, v| put_text(&mut d.settings.recording.vsc.start_pause_resume, v))),
    // Several calls.
    key("to-call-id", &[], Yes, "Call to merge with.", Whole(|d, v| put_text(&mut d.multi.to_call_id, v))),
    key("calls", &[], Accepted, "Calls to merge.", Each(|d, v| {
        d.push(|d| &mut d.multi.calls, "calls", Text::from(v));
        true
    })),
    key("tags", &[], Accepted, "`[{from, to: […]}, …]`: who hears whom.", Whole(nested::mesh_tags)),
    key("source-tag", &[], Accepted, "Party to inject from.", Whole(|d, v| put_text(&mut d.multi.source_tag, v))),
    key("source-call-id", &[], Accepted, "Its call.", Whole(|d, v| put_text(&mut d.multi.source_call_id, v))),
    key("medias", &["media"], Accepted, "`[{type, codecs: […]}, …]`: media to create or to transform.",
        Whole(nested::medias)),
    key("instance", &[], Accepted, "Identity of the asking daemon.", Whole(|d, v| put_text(&mut d.media.instance, v))),
];

/// `[from, to]`, as a list or a comma string.
fn direction(d: &mut Draft, value: &Value<'_>) -> bool {
    let interfaces = &mut d.settings.addressing.interfaces;
    let mut names = values::texts(value).into_iter().filter(|name| !name.is_empty());
    interfaces.from = names.next().or(interfaces.from.take());
    interfaces.to = names.next().or(interfaces.to.take());
    names.next().is_none()
}

fn interface(d: &mut Draft, value: &Value<'_>) -> bool {
    let name = values::owned(value);
    let interfaces = &mut d.settings.addressing.interfaces;
    interfaces.from.clone_from(&name);
    interfaces.to.clone_from(&name);
    put(&mut d.media.interface, name)
}

fn tos(d: &mut Draft, value: &Value<'_>) -> bool {
    let tos = value.as_int().map(|n| match u8::try_from(n) {
        Ok(n) => Tos::Set(n),
        Err(_) if n == -1 => Tos::Keep,
        Err(_) => Tos::Default,
    });
    put(&mut d.settings.addressing.tos, tos)
}

/// COMPAT(rtpengine): the same key means "pause the recording" and "pause after a digit".
fn pause(d: &mut Draft, value: &Value<'_>) -> bool {
    d.settings.recording.pause = values::boolean(value) == Some(true);
    d.play.pause_ms = value.as_int();
    d.play.pause_ms.is_some() || values::boolean(value).is_some()
}

fn source(d: &mut Draft, key: &str, value: &Value<'_>) -> bool {
    put(&mut d.play.source, nested::play_source(key, value))
}

fn codec_set(d: &mut Draft, value: &[u8]) -> bool {
    nested::codec_item(&mut d.play.codec_set, value) && nested::codec_item(&mut d.settings.codec.set, value)
}
