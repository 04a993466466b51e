//! Header extensions (RFC 8285): which are told to the other side, and which ids packets may carry to it.

use std::sync::Arc;

use ng_protocol::ExtmapRules;
use plan::ExtMap;
use sdp::Extmap;

use crate::model::Media;

/// The MID header extension (RFC 8843 §16.2).
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// Under which id a party uses the MID header extension.
pub(crate) fn mid_id(media: &Media) -> Option<u8> {
    let mid = agreed(media).find(|e| e.uri == MID)?;
    u8::try_from(mid.id).ok()
}

/// What of an offer goes on, and what was kept back but still accepted from the offerer (`mask`).
pub(crate) fn offer(said: &[Extmap], rules: &ExtmapRules) -> (Vec<Extmap>, Vec<Extmap>) {
    let kept = said.iter().filter(|e| !is_stripped(e, rules));
    kept.cloned().partition(|e| !is_masked(e, rules))
}

/// What goes back to the offerer: what had been masked from its offer, then what was answered.
pub(crate) fn answer(said: &[Extmap], offerer: &Media, rules: &ExtmapRules) -> Vec<Extmap> {
    let answered = said.iter().filter(|e| !is_stripped(e, rules));
    let new = answered.filter(|e| !offerer.masked.iter().any(|m| m.uri == e.uri));
    offerer.masked.iter().chain(new).cloned().collect()
}

fn is_stripped(extmap: &Extmap, rules: &ExtmapRules) -> bool {
    rules.strip_all || rules.strip.iter().any(|uri| **uri == *extmap.uri)
}

fn is_masked(extmap: &Extmap, rules: &ExtmapRules) -> bool {
    rules.mask_all || rules.mask.iter().any(|uri| **uri == *extmap.uri)
}

/// What a party may use: what it said and was told. Before it has said anything, what it was told.
fn agreed(media: &Media) -> impl Iterator<Item = &Extmap> {
    let told = |e: &&Extmap| media.told_extmaps.iter().any(|t| t.uri == e.uri);
    media.extmaps.iter().filter(told)
}

/// Ids of what `source` may use as `sink` knows them; everything else is removed. `None`: neither side knows of header
/// extensions, and whatever is there passes.
pub(crate) fn map(source: &Media, sink: &Media) -> Option<Arc<ExtMap>> {
    if source.extmaps.is_empty() && sink.extmaps.is_empty() {
        return None;
    }
    let id = |id: u16| u8::try_from(id).ok();
    let target = |e: &Extmap| {
        agreed(sink)
            .find(|s| s.uri == e.uri)
            .and_then(|s| id(s.id))
            .unwrap_or(0)
    };
    let ids = agreed(source)
        .filter_map(|e| Some((id(e.id)?, target(e))))
        .collect();
    let two_byte = sink.mixed == Some(true) || sink.extmaps.iter().any(|e| e.id > 14);
    Some(Arc::new(ExtMap {
        ids,
        keep_unknown: false,
        two_byte,
        mid: None,
    }))
}
