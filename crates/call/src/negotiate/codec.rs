//! Which codecs one side is told of, given what the other side said. Nothing here needs transcoding: a codec that
//! only transcoding could provide is not offered.

use codecs::{CodecSpec, FmtpMatch, FmtpRule, Format, Kind, compare_fmtp};
use ng_protocol::{CodecList, CodecRules};
use smallvec::SmallVec;

use crate::model::Formats;

/// Some formats of a list.
type Picked<'a> = SmallVec<[&'a Format; 8]>;

/// What of an offer goes on to the other side. `None`: nothing is left, and the media is to be rejected.
pub(crate) fn offer(said: &Formats, rules: &CodecRules) -> Option<Formats> {
    let picked = pick(said.iter().collect(), rules)?;
    Some(share(said, &picked))
}

/// What of an answer goes back to the offerer: what had been proposed to the answerer, by number and format.
pub(crate) fn answer(said: &Formats, proposed: &[Format], rules: &CodecRules) -> Option<Formats> {
    let accepted = |f: &&Format| rules.allow_asymmetric || proposed.iter().any(|p| same(p, f));
    let mut kept: Picked<'_> = said.iter().filter(accepted).collect();
    if kept.is_empty() {
        // COMPAT(rtpengine): an answer that fits nothing is passed on as it is.
        kept = said.iter().collect();
    }
    let mut picked = pick(kept, rules)?;
    if rules.single_codec {
        keep_single(&mut picked);
    }
    Some(share(said, &picked))
}

/// `strip`, `mask`, `consume`, `except` and `offer`.
fn pick<'a>(said: Picked<'a>, rules: &CodecRules) -> Option<Picked<'a>> {
    let mut left: Picked<'a> = said.iter().copied().filter(|f| stays(f, rules)).collect();
    let rank = |f: &&Format| position(&rules.offer, f).unwrap_or(usize::MAX);
    left.sort_by_key(rank);
    match left.is_empty() && !said.is_empty() {
        // COMPAT(rtpengine): a media that lost every codec gets them back, unless told otherwise.
        true if rules.allow_no_codec_media => None,
        true => Some(said),
        false => Some(left),
    }
}

/// The list that was picked from, if that is what was picked; else a list of its own.
fn share(all: &Formats, picked: &[&Format]) -> Formats {
    let untouched = picked.len() == all.len() && picked.iter().zip(&**all).all(|(a, b)| std::ptr::eq(*a, b));
    match untouched {
        true => Formats::clone(all),
        false => picked.iter().copied().cloned().collect(),
    }
}

fn stays(format: &Format, rules: &CodecRules) -> bool {
    // What `transcode` names is wanted on the other side; as it is offered already, it only has to stay.
    let restored = position(&rules.transcode, format).is_some() && !rules.strip.full && !rules.mask.full;
    if position(&rules.offer, format).is_some() || restored {
        return true;
    }
    let spared = position(&rules.except, format).is_some();
    [&rules.strip, &rules.mask, &rules.consume]
        .into_iter()
        .all(|list| {
            let all = list.all || list.full;
            (spared || !all) && position(list, format).is_none()
        })
}

/// Only the first codec, and what goes with it (`single-codec`).
fn keep_single(codecs: &mut Picked<'_>) {
    let Some(first) = codecs.iter().find(|f| !is_supplemental(&f.spec)) else {
        return;
    };
    let (first, clock_rate) = (first.payload_type, first.spec.clock_rate);
    codecs.retain(|f| f.payload_type == first || is_supplemental(&f.spec) && f.spec.clock_rate == clock_rate);
}

/// Position of the first entry of `list` that names this format.
fn position(list: &CodecList, format: &Format) -> Option<usize> {
    list.specs.iter().position(|wanted| {
        let name = String::from_utf8_lossy(wanted.name.as_bytes());
        let named = format.spec.is(&name) || name.parse() == Ok(format.payload_type);
        named
            && wanted.clock.is_none_or(|c| c == format.spec.clock_rate)
            && wanted.channels.is_none_or(|c| c == format.spec.channels)
    })
}

fn is_supplemental(spec: &CodecSpec) -> bool {
    codecs::lookup(&spec.name).is_some_and(|def| def.kind == Kind::Supplemental)
}

/// Same number, codec and, as far as the codec cares, parameters.
fn same(a: &Format, b: &Format) -> bool {
    let g729 = |f: &Format| f.spec.is("G729") || f.spec.is("G729a");
    let named = a.spec.matches(&b.spec) || g729(a) && g729(b) && a.spec.clock_rate == b.spec.clock_rate;
    if a.payload_type != b.payload_type || !named {
        return false;
    }
    let Some(def) = codecs::lookup(&a.spec.name) else {
        return true;
    };
    // COMPAT(rtpengine): audio codecs that are not supposed to have parameters differ if their parameters do.
    let least = match (def.fmtp_rule, def.kind) {
        (FmtpRule::Opaque, Kind::Audio) => FmtpMatch::Equal,
        _ => FmtpMatch::Compatible,
    };
    compare_fmtp(def.name, a.fmtp.as_deref(), b.fmtp.as_deref()) >= least
}

/// Order of the parameters of Opus in what we print.
const OPUS_PARAMETERS: [&str; 9] = [
    "stereo",
    "sprop-stereo",
    "useinbandfec",
    "usedtx",
    "cbr",
    "maxplaybackrate",
    "maxaveragebitrate",
    "sprop-maxcapturerate",
    "minptime",
];

/// COMPAT(rtpengine): Opus parameters that are all known are printed in one order; others pass as written.
pub(crate) fn normalise_fmtp(spec: &CodecSpec, fmtp: &mut String) {
    if !spec.is("opus") {
        return;
    }
    let given: Vec<(&str, &str)> = fmtp
        .split(';')
        .filter_map(|p| p.trim().split_once('='))
        .map(|(k, v)| (k.trim(), v.trim()))
        .collect();
    let rank = |key: &str| OPUS_PARAMETERS.iter().position(|p| *p == key);
    if given.is_empty()
        || given.len() != fmtp.split(';').count()
        || given.iter().any(|(k, _)| rank(k).is_none())
    {
        return;
    }
    let mut sorted = given;
    sorted.sort_by_key(|(key, _)| rank(key));
    let parameters: Vec<String> = sorted
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    *fmtp = parameters.join("; ");
}

/// Clock rates by payload type, for the packet side.
pub(crate) fn clock_rates(codecs: &[Format]) -> impl Iterator<Item = (u8, u32)> {
    codecs
        .iter()
        .filter(|f| f.spec.clock_rate != 0)
        .map(|f| (f.payload_type, f.spec.clock_rate))
}
