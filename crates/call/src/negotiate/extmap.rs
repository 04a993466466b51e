//! Header extensions (RFC 8285): which are told to the other side, and which ids packets may carry to it.

use std::sync::Arc;

use ng_protocol::ExtmapRules;
use plan::ExtMap;
use sdp::{Extmap, Text};

use crate::model::Media;

/// The MID header extension (RFC 8843 §16.2).
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// Under which id a party uses the MID header extension.
pub(crate) fn mid_id(media: &Media) -> Option<u8> {
    let mid = agreed(media).find(|e| e.uri == MID)?;
    u8::try_from(mid.id).ok()
}

/// Whether the MID header extension is among these.
pub(crate) fn has_mid(extmaps: &[Extmap]) -> bool {
    extmaps.iter().any(|e| e.uri == MID)
}

/// Puts the MID header extension among what is offered to the party of `media`, under the id it has there already or
/// one that is not `taken`.
pub(crate) fn offer_mid(told: &mut Vec<Extmap>, media: &mut Media, taken: &[u16]) {
    if has_mid(told) {
        return;
    }
    let known = media.extmaps.iter().find(|e| e.uri == MID).map(|e| e.id);
    let Some(id) = known.or_else(|| (1..=255).find(|id| *id != 15 && !taken.contains(id))) else {
        return;
    };
    told.push(Extmap {
        id,
        direction: None,
        uri: Text::from(MID),
        parameters: None,
    });
    media.own_mid = true;
}

/// Agrees to the MID header extension that the party of `media` has offered, whatever the other side thinks of it.
pub(crate) fn answer_mid(told: &mut Vec<Extmap>, media: &Media) {
    if !has_mid(told) {
        told.extend(media.extmaps.iter().find(|e| e.uri == MID).cloned());
    }
}

/// Gives what a party is told the ids under which it knows it already, and what is new to it ids that mean nothing else:
/// an id keeps its meaning as long as the session lasts (RFC 8285 §6).
pub(crate) fn renumber<'a>(told: &mut [Extmap], known: impl IntoIterator<Item = &'a Extmap>) {
    let mut used: Vec<(u16, Text)> = known.into_iter().map(|e| (e.id, Text::new(&e.uri))).collect();
    settle_ids(told, &mut used);
}

/// Lets each extension keep the id that `used` has for it, or its own if that is free, or gives it another one; and adds
/// it to `used`.
pub(crate) fn settle_ids(told: &mut [Extmap], used: &mut Vec<(u16, Text)>) {
    for at in 0..told.len() {
        let known = |e: &Extmap| used.iter().find(|(_, uri)| *uri == e.uri).map(|(id, _)| *id);
        let is_taken = |id: u16, but: usize| {
            let mut others = told.iter().enumerate().filter(|(other, _)| *other != but);
            used.iter().any(|(u, _)| *u == id) || others.any(|(_, e)| e.id == id)
        };
        let Some(extmap) = told.get(at) else { break };
        let own = Some(extmap.id).filter(|id| !used.iter().any(|(u, _)| u == id));
        // 15 is no id of the one-byte form (RFC 8285 §4.2).
        let free = || (1..=255).find(|id| *id != 15 && !is_taken(*id, at));
        let id = known(extmap).or(own).or_else(free).unwrap_or(extmap.id);
        used.push((id, Text::new(&extmap.uri)));
        if let Some(extmap) = told.get_mut(at) {
            extmap.id = id;
        }
    }
}

/// What of an offer goes on, and what was kept back but still accepted from the offerer (`mask`).
pub(crate) fn offer(said: &[Extmap], offerer: &Media, rules: &ExtmapRules) -> (Vec<Extmap>, Vec<Extmap>) {
    let kept = said
        .iter()
        .filter(|e| !is_stripped(e, rules) && !is_ours(e, offerer));
    kept.cloned().partition(|e| !is_masked(e, rules))
}

/// What goes back to the offerer: what had been masked from its offer, then what was answered.
pub(crate) fn answer(said: &[Extmap], answerer: &Media, offerer: &Media, rules: &ExtmapRules) -> Vec<Extmap> {
    let answered = said
        .iter()
        .filter(|e| !is_stripped(e, rules) && !is_ours(e, answerer));
    let new = answered.filter(|e| !offerer.masked.iter().any(|m| m.uri == e.uri));
    let mut told: Vec<Extmap> = offerer.masked.iter().chain(new).cloned().collect();
    renumber(&mut told, &offerer.extmaps);
    told
}

/// Whether an extension is between a party and us alone: a MID that we have brought up.
fn is_ours(extmap: &Extmap, media: &Media) -> bool {
    media.own_mid && extmap.uri == MID
}

fn is_stripped(extmap: &Extmap, rules: &ExtmapRules) -> bool {
    rules.strip_all || rules.strip.iter().any(|uri| **uri == *extmap.uri)
}

fn is_masked(extmap: &Extmap, rules: &ExtmapRules) -> bool {
    rules.mask_all || rules.mask.iter().any(|uri| **uri == *extmap.uri)
}

/// What a party may use: what it said and was told. Before it has said anything, what it was told.
pub(crate) fn agreed(media: &Media) -> impl Iterator<Item = &Extmap> {
    let told = |e: &&Extmap| media.told_extmaps.iter().any(|t| t.uri == e.uri);
    media.extmaps.iter().filter(told)
}

/// Ids of what `source` may use as `sink` knows them; everything else is removed. `None`: neither side knows of header
/// extensions, and whatever is there passes. With `named`, the sink's party is told by MID which media packets belong to,
/// whatever the source says about that.
pub(crate) fn map(source: &Media, sink: &Media, named: bool) -> Option<Arc<ExtMap>> {
    if source.extmaps.is_empty() && sink.extmaps.is_empty() {
        return None;
    }
    let mid = mid_id(sink)
        .zip(sink.mid.as_ref())
        .filter(|_| named)
        .map(|(id, mid)| (id, mid.as_bytes().into()));
    let id = |id: u16| u8::try_from(id).ok();
    let target = |e: &Extmap| {
        agreed(sink)
            .find(|s| s.uri == e.uri && (mid.is_none() || s.uri != MID))
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
        mid,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extmaps(text: &str) -> Vec<Extmap> {
        let each = text.split_whitespace().map(|e| {
            let (id, uri) = e.split_once(':').expect("id:uri");
            Extmap {
                id: id.parse().expect("a number"),
                direction: None,
                uri: Text::from(uri),
                parameters: None,
            }
        });
        each.collect()
    }

    #[test]
    fn ids_keep_their_meaning() {
        for (told, known, expected) in [
            ("1:a 2:b", "", "1:a 2:b"),
            ("1:a 2:b", "7:a", "7:a 2:b"),
            ("1:a 2:b", "2:a 1:b", "2:a 1:b"),
            ("1:c 2:b", "1:a", "3:c 2:b"),
            ("1:c 2:a", "1:a", "3:c 1:a"),
            ("14:c 1:d", "14:a 1:b", "2:c 3:d"),
            ("300:c", "1:a", "300:c"),
        ] {
            let mut told = extmaps(told);
            renumber(&mut told, &extmaps(known));
            assert_eq!(told, extmaps(expected));
        }
    }
}
