//! The enumerated values: one function per key, each taking one member. `false` means "no such value".

use super::draft::Draft;
use super::name::Name;
use super::values;
use crate::{
    AddressFamily, AliasKey, AllScope, AudioPlayer, DtlsMode, DtmfSecurity, EndpointLearning,
    FingerprintHash, IceHandling, IceLite, MediaEcho, RecordCall, SipMessage, Text, Transport,
};

type Each = fn(&mut Draft, &[u8]) -> bool;

/// Writes `match name { "value" => place = content, … }` with everything else refused.
macro_rules! choose {
    ($value:expr => $( $($name:literal)|+ => $place:expr, $content:expr; )*) => {{
        match &*Name::new($value) {
            $( $($name)|+ => $place = $content, )*
            _ => return false,
        }
        true
    }};
}

pub(crate) const ADDRESS_FAMILY: Each = |d, v| {
    let family = &mut d.settings.addressing.address_family;
    choose!(v =>
        "ip4" | "ipv4" | "inet" => *family, Some(AddressFamily::Ip4);
        "ip6" | "ipv6" | "inet6" => *family, Some(AddressFamily::Ip6);
    )
};

pub(crate) const TRANSPORT: Each = |d, v| {
    let transport = match &*Name::new(v) {
        "rtp/avp" => Transport::RtpAvp,
        "rtp/avpf" => Transport::RtpAvpf,
        "rtp/savp" => Transport::RtpSavp,
        "rtp/savpf" => Transport::RtpSavpf,
        "udp/tls/rtp/savp" => Transport::UdpTlsRtpSavp,
        "udp/tls/rtp/savpf" => Transport::UdpTlsRtpSavpf,
        "udptl" => Transport::Udptl,
        "accept" => Transport::Accept,
        _ => return false,
    };
    d.settings.transport = Some(transport);
    true
};

pub(crate) const ENDPOINT_LEARNING: Each = |d, v| {
    let learning = &mut d.settings.learning.endpoint_learning;
    choose!(v =>
        "off" | "no" | "none" => *learning, Some(EndpointLearning::Off);
        "immediate" => *learning, Some(EndpointLearning::Immediate);
        "delayed" => *learning, Some(EndpointLearning::Delayed);
        "heuristic" => *learning, Some(EndpointLearning::Heuristic);
    )
};

pub(crate) const ALIAS_KEY: Each = |d, v| {
    let alias = &mut d.settings.dialogue.alias_key;
    choose!(v =>
        "off" | "no" | "none" => *alias, AliasKey::Off;
        "sdp" => *alias, AliasKey::Sdp;
        "address" | "endpoint" => *alias, AliasKey::Address;
    )
};

pub(crate) const SIP_MESSAGE: Each = |d, v| {
    let message = &mut d.settings.dialogue.sip_message;
    choose!(v =>
        "sip-request" | "request" => *message, Some(SipMessage::Request);
        "sip-reply" | "sip-response" | "reply" | "response" => *message, Some(SipMessage::Response);
    )
};

pub(crate) const SUPPORTS: Each = |d, v| choose!(v => "load-limit" => d.common.load_limit, true;);

pub(crate) const ALL: Each = |d, v| {
    choose!(v =>
        "all" | "yes" | "on" | "true" | "1" => d.who.all, AllScope::All;
        "offer-answer" => d.who.all, AllScope::OfferAnswer;
        "except-offer-answer" => d.who.all, AllScope::ExceptOfferAnswer;
        "flows" => d.who.all, AllScope::Flows;
        "none" | "no" | "off" | "false" | "0" => d.who.all, AllScope::No;
    )
};

pub(crate) const ICE: Each = |d, v| {
    let ice = &mut d.settings.ice;
    choose!(v =>
        "remove" => ice.handling, IceHandling::Remove;
        "force" => ice.handling, IceHandling::Force;
        "default" => ice.handling, IceHandling::Default;
        "optional" => ice.handling, IceHandling::Optional;
        "force-relay" => ice.handling, IceHandling::ForceRelay;
        "trickle" => ice.trickle, true;
        "reject" => ice.reject, true;
        "ice2" => ice.ice2, true;
        "lite-forward" => ice.lite, Some(IceLite::Forward);
        "lite-backward" => ice.lite, Some(IceLite::Backward);
        "lite-both" => ice.lite, Some(IceLite::Both);
        "lite-off" => ice.lite, Some(IceLite::Off);
    )
};

pub(crate) const ICE_LITE: Each = |d, v| {
    let lite = &mut d.settings.ice.lite;
    choose!(v =>
        "forward" | "offer" => *lite, Some(IceLite::Forward);
        "backward" | "backwards" | "reverse" => *lite, Some(IceLite::Backward);
        "both" => *lite, Some(IceLite::Both);
        "off" | "no" | "disable" | "disabled" | "none" => *lite, Some(IceLite::Off);
    )
};

fn dtls_mode(v: &[u8]) -> Option<DtlsMode> {
    match &*Name::new(v) {
        "off" | "no" | "disable" | "disabled" => Some(DtlsMode::Off),
        "passive" => Some(DtlsMode::Passive),
        "active" => Some(DtlsMode::Active),
        _ => None,
    }
}

pub(crate) const DTLS: Each = |d, v| {
    let mode = dtls_mode(v);
    d.settings.dtls.forward = mode.or(d.settings.dtls.forward);
    mode.is_some()
};

pub(crate) const DTLS_REVERSE: Each = |d, v| {
    let mode = dtls_mode(v);
    d.settings.dtls.reverse = mode.or(d.settings.dtls.reverse);
    mode.is_some()
};

pub(crate) const FINGERPRINT: Each = |d, v| {
    let hash = &mut d.settings.dtls.fingerprint;
    choose!(v =>
        "sha-1" | "sha1" => *hash, Some(FingerprintHash::Sha1);
        "sha-224" | "sha224" => *hash, Some(FingerprintHash::Sha224);
        "sha-256" | "sha256" => *hash, Some(FingerprintHash::Sha256);
        "sha-384" | "sha384" => *hash, Some(FingerprintHash::Sha384);
        "sha-512" | "sha512" => *hash, Some(FingerprintHash::Sha512);
    )
};

pub(crate) const SDES: Each = |d, v| {
    let sdes = &mut d.settings.sdes;
    let known = choose_sdes(sdes, v);
    known || sdes_suites(d, v)
};

fn choose_sdes(sdes: &mut crate::SdesRules, v: &[u8]) -> bool {
    choose!(v =>
        "off" | "no" | "disable" | "disabled" => sdes.off, true;
        "nonew" => sdes.nonew, true;
        "pad" => sdes.pad, true;
        "lifetime" => sdes.lifetime, true;
        "static" => sdes.static_suites, true;
        "prefer" | "priority" => sdes.prefer, true;
        "unencrypted-srtp" => sdes.unencrypted_srtp, Some(true);
        "encrypted-srtp" => sdes.unencrypted_srtp, Some(false);
        "unencrypted-srtcp" => sdes.unencrypted_srtcp, Some(true);
        "encrypted-srtcp" => sdes.unencrypted_srtcp, Some(false);
        "unauthenticated-srtp" => sdes.unauthenticated_srtp, Some(true);
        "authenticated-srtp" => sdes.unauthenticated_srtp, Some(false);
    )
}

/// `no-SUITE`, `only-SUITE`, `order:S1;S2`, `offerer_pref:S1;S2`. Suite names keep their spelling.
fn sdes_suites(d: &mut Draft, v: &[u8]) -> bool {
    let name = Name::new(v);
    let list: fn(&mut Draft) -> &mut Vec<Text> = if name.starts_with("no-") {
        |d| &mut d.settings.sdes.no
    } else if name.starts_with("only-") {
        |d| &mut d.settings.sdes.only
    } else if name.starts_with("order:") {
        |d| &mut d.settings.sdes.order
    } else if name.starts_with("offerer-pref:") {
        |d| &mut d.settings.sdes.offerer_pref
    } else {
        return false;
    };
    let ordered = name.contains(':');
    let separator = if ordered { b':' } else { b'-' };
    let mut suites = v.splitn(2, |&b| b == separator).nth(1).unwrap_or(&[]);
    if !ordered {
        suites = suites.trim_ascii();
        d.push(list, "SDES", Text::from(suites));
        return true;
    }
    for suite in suites.split(|&b| b == b';').filter(|s| !s.is_empty()) {
        d.push(list, "SDES", Text::from(suite.trim_ascii()));
    }
    true
}

pub(crate) const OSRTP: Each = |d, v| {
    let osrtp = &mut d.settings.osrtp;
    choose!(v =>
        "offer" | "offer-rfc" => osrtp.offer, true;
        "offer-legacy" => osrtp.offer_legacy, true;
        "accept-rfc" => osrtp.accept, true;
        "accept-legacy" => osrtp.accept_legacy, true;
        "accept" => (osrtp.accept, osrtp.accept_legacy), (true, true);
    )
};

pub(crate) const RTCP_MUX: Each = |d, v| {
    let rtcp = &mut d.settings.rtcp;
    choose!(v =>
        "offer" => rtcp.mux_offer, true;
        "require" => rtcp.mux_require, true;
        "demux" => rtcp.mux_demux, true;
        "accept" => rtcp.mux_accept, true;
        "reject" => rtcp.mux_reject, true;
    )
};

pub(crate) const BUNDLE: Each = |d, v| {
    let bundle = &mut d.settings.bundle;
    choose!(v =>
        "accept" => bundle.accept, true;
        "offer" => bundle.offer, true;
        "require" => bundle.require, true;
        "strict" => bundle.strict, true;
        "reject" => bundle.reject, true;
    )
};

pub(crate) const REPLACE: Each = |d, v| {
    let replace = &mut d.settings.sdp.replace;
    choose!(v =>
        "origin" => replace.origin, true;
        "origin-full" => replace.origin_full, true;
        "username" => replace.username, true;
        "session-name" => replace.session_name, true;
        "sdp-version" => replace.sdp_version, true;
        "force-increment-sdp-ver" | "force-increment-sdp-version" => replace.force_increment, true;
        "zero-address" => replace.zero_address, true;
        "session-connection" => replace.session_connection, true;
    )
};

pub(crate) const T38: Each = |d, v| {
    let t38 = &mut d.settings.t38;
    choose!(v =>
        "decode" => t38.decode, true;
        "force" => t38.force, true;
        "stop" => t38.stop, true;
        "no-ecm" => t38.no_ecm, true;
        "no-v.17" | "no-v17" => t38.no_v17, true;
        "no-v.27ter" | "no-v27ter" => t38.no_v27ter, true;
        "no-v.29" | "no-v29" => t38.no_v29, true;
        "no-v.34" | "no-v34" => t38.no_v34, true;
        "no-iaf" => t38.no_iaf, true;
        "fec" => t38.fec, true;
    )
};

pub(crate) const RECORD_CALL: Each = |d, v| {
    let record = &mut d.settings.recording.record_call;
    choose!(v =>
        "yes" | "on" | "true" | "1" => *record, Some(RecordCall::On);
        "no" | "off" | "false" | "0" => *record, Some(RecordCall::Off);
        "discard" | "discard-recording" => *record, Some(RecordCall::Discard);
    )
};

fn dtmf_security(v: &[u8]) -> Option<DtmfSecurity> {
    Some(match &*Name::new(v) {
        "off" | "no" | "none" => DtmfSecurity::Off,
        "drop" => DtmfSecurity::Drop,
        "silence" => DtmfSecurity::Silence,
        "tone" => DtmfSecurity::Tone,
        "random" => DtmfSecurity::Random,
        "zero" => DtmfSecurity::Zero,
        "dtmf" => DtmfSecurity::Dtmf,
        _ => return None,
    })
}

pub(crate) const DTMF_SECURITY: Each = |d, v| {
    let mode = dtmf_security(v);
    d.settings.dtmf.security = mode.or(d.settings.dtmf.security);
    mode.is_some()
};

pub(crate) const DTMF_SECURITY_TRIGGER: Each = |d, v| {
    let mode = dtmf_security(v);
    d.settings.dtmf.security_trigger = mode.or(d.settings.dtmf.security_trigger);
    mode.is_some()
};

pub(crate) const DTMF_SECURITY_TRIGGER_END: Each = |d, v| {
    let mode = dtmf_security(v);
    d.settings.dtmf.security_trigger_end = mode.or(d.settings.dtmf.security_trigger_end);
    mode.is_some()
};

pub(crate) const MEDIA_ECHO: Each = |d, v| {
    let echo = &mut d.settings.media.echo;
    choose!(v =>
        "blackhole" | "sinkhole" => *echo, Some(MediaEcho::Blackhole);
        "forward" | "fwd" => *echo, Some(MediaEcho::Forward);
        "backwards" | "backward" | "back" | "reverse" => *echo, Some(MediaEcho::Backwards);
        "both" => *echo, Some(MediaEcho::Both);
    )
};

pub(crate) const AUDIO_PLAYER: Each = |d, v| {
    let player = &mut d.settings.media.audio_player;
    choose!(v =>
        "default" => *player, Some(AudioPlayer::Default);
        "on" | "yes" | "true" | "enable" | "enabled" | "1" | "transcoding"
            => *player, Some(AudioPlayer::Transcoding);
        "off" | "no" | "false" | "disable" | "disabled" | "0" | "never"
            => *player, Some(AudioPlayer::Off);
        "always" | "force" | "forced" => *player, Some(AudioPlayer::Always);
    )
};

pub(crate) const FREQUENCY: Each = |d, v| {
    let hertz = std::str::from_utf8(v).ok().and_then(|v| v.parse().ok());
    if let Some(hertz) = hertz {
        d.push(|d| &mut d.settings.dtmf.frequencies, "frequency", hertz);
    }
    hertz.is_some()
};

pub(crate) const FROM_TAG: Each = |d, v| {
    d.push(|d| &mut d.who.from_tags, "from-tags", Text::from(v));
    true
};

pub(crate) const MEDIA_REMOVE: Each = |d, v| {
    let kind = Text::from(v.to_ascii_lowercase());
    d.push(|d| &mut d.settings.sdp.media_remove, "sdp-media-remove", kind);
    true
};

pub(crate) const EXTMAP_STRIP: Each = |d, v| {
    if &*Name::new(v) == "all" {
        d.settings.extmap.strip_all = true;
    } else {
        let uri = Text::from(&*values::unescape(v));
        d.push(|d| &mut d.settings.extmap.strip, "extmap", uri);
    }
    true
};

pub(crate) const EXTMAP_MASK: Each = |d, v| {
    if &*Name::new(v) == "all" {
        d.settings.extmap.mask_all = true;
    } else {
        let uri = Text::from(&*values::unescape(v));
        d.push(|d| &mut d.settings.extmap.mask, "extmap", uri);
    }
    true
};
