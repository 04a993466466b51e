//! One call as `list sessions CALL-ID` prints it, from what `query` says.
//!
//! Layout, words and columns are the reference's: people and scripts read them.

use std::fmt::Write as _;
use std::time::Duration;

use ng_protocol::{Dict, Value};

use crate::clock;
use crate::registry::Entry;

/// Everything about a call.
pub(super) fn call(entry: &Entry) -> String {
    let mut text = String::new();
    let view = entry.call.counters();
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        text,
        "\ncallid: {}\ndeletionmark: {}\ncreated: {}\nproxy: {}\ntos: {}\nlast_signal: {}\nredis_keyspace: 0\n\
         foreign: no\n\n",
        entry.call.call_id(),
        if entry.call.is_ended() { "yes" } else { "no" },
        int(&view, "created"),
        entry.client,
        entry.tos,
        int(&view, "last signal"),
    );
    write_parties(&mut text, &view, None);
    text.push('\n');
    text
}

/// All parties of a call.
pub fn parties(entry: &Entry) -> String {
    let mut text = String::new();
    write_parties(&mut text, &entry.call.counters(), None);
    text
}

/// One party of a call; `None` if there is no such tag.
pub(super) fn party(entry: &Entry, tag: &str) -> Option<String> {
    let mut text = String::new();
    write_parties(&mut text, &entry.call.counters(), Some(tag));
    (!text.is_empty()).then_some(text)
}

fn write_parties(text: &mut String, view: &Dict<'_>, only: Option<&str>) {
    let Some(tags) = view.get("tags").and_then(Value::as_dict) else {
        return;
    };
    for (index, (key, party)) in tags.iter().enumerate() {
        let Some(party) = party.as_dict() else { continue };
        if only.is_some_and(|tag| tag.as_bytes() != key) {
            continue;
        }
        let lasted = clock::now().since(plan::Time::from_secs(int(party, "created").unsigned_abs()));
        one_party(text, party, index == 0, lasted);
    }
}

fn one_party(text: &mut String, party: &Dict<'_>, first: bool, lasted: Duration) {
    let _ = writeln!(
        text,
        "--- Tag '{}', type: {}, label '{}', branch '{}', callduration {}.{:06}",
        string(party, "tag"),
        // Who called stands first.
        if first { "FROM_TAG" } else { "TO_TAG" },
        string(party, "label"),
        string(party, "via-branch"),
        lasted.as_secs(),
        lasted.subsec_micros(),
    );
    for (key, words) in [
        ("subscriptions", "subscribed to"),
        ("subscribers", "subscription of"),
    ] {
        for link in dicts(party, key) {
            let _ = writeln!(text, "---     {words} '{}'", string(link, "tag"));
        }
    }
    for media in dicts(party, "medias") {
        one_media(text, media);
    }
}

fn one_media(text: &mut String, media: &Dict<'_>) {
    let codec = match string(media, "codec") {
        name if name.is_empty() => "unknown codec".to_owned(),
        name => name,
    };
    let _ = writeln!(
        text,
        "------ Media #{} ({} over {}) using {codec}",
        int(media, "index"),
        string(media, "type"),
        string(media, "protocol"),
    );
    for stream in dicts(media, "streams") {
        one_stream(text, stream);
    }
}

fn one_stream(text: &mut String, stream: &Dict<'_>) {
    let nothing = Dict::new();
    let part = |key| stream.get(key).and_then(Value::as_dict).unwrap_or(&nothing);
    let (peer, stats) = (part("endpoint"), part("stats"));
    let flags = stream.get("flags").and_then(Value::as_list).unwrap_or_default();
    let rtcp = flags.iter().any(|flag| flag.as_str() == Some("RTCP"));
    let _ = writeln!(
        text,
        "-------- Port {:>15}:{:<5} <> {:>15}:{:<5}{}, SSRC {:x}, {} p, {} b, {} e, {} ts",
        string(stream, "local address"),
        int(stream, "local port"),
        string(peer, "address"),
        int(peer, "port"),
        if rtcp { " (RTCP)" } else { "" },
        int(stream, "SSRC"),
        int(stats, "packets"),
        int(stats, "bytes"),
        int(stats, "errors"),
        int(stream, "last packet"),
    );
}

fn int(dict: &Dict<'_>, key: &str) -> i64 {
    dict.get(key).and_then(Value::as_int).unwrap_or(0)
}

/// Text of the other side, made fit for one line of a terminal.
fn string(dict: &Dict<'_>, key: &str) -> String {
    let bytes = dict.get(key).and_then(Value::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(bytes)
        .chars()
        .filter(|c| !c.is_control())
        .collect()
}

fn dicts<'d>(dict: &'d Dict<'d>, key: &str) -> impl Iterator<Item = &'d Dict<'d>> {
    dict.get(key)
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_dict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_party() {
        let endpoint = Dict::new().with("address", "127.0.0.1").with("port", 5000);
        let stats = Dict::new()
            .with("packets", 20)
            .with("bytes", 3440)
            .with("errors", 0);
        let stream = |rtcp: &'static str| {
            Dict::new()
                .with("local address", "127.0.0.1")
                .with("local port", 40020)
                .with("endpoint", endpoint.clone())
                .with("SSRC", 0x1234)
                .with("flags", [rtcp].into_iter().collect::<Value<'static>>())
                .with("last packet", 1_795_284_309)
                .with("stats", stats.clone())
        };
        let streams: Value<'static> = [stream("RTP"), stream("RTCP")].into_iter().collect();
        let media = Dict::new()
            .with("index", 1)
            .with("type", "audio")
            .with("protocol", "RTP/AVP")
            .with("streams", streams);
        let link: Value<'static> = [Dict::new().with("tag", "tt")].into_iter().collect();
        let party = Dict::new()
            .with("tag", "f\nt")
            .with("label", "alice")
            .with("subscriptions", link.clone())
            .with("subscribers", link)
            .with("medias", [media].into_iter().collect::<Value<'static>>());
        let mut text = String::new();
        one_party(&mut text, &party, true, Duration::from_micros(1_500_000));
        assert_eq!(
            text,
            "--- Tag 'ft', type: FROM_TAG, label 'alice', branch '', callduration 1.500000\n\
             ---     subscribed to 'tt'\n\
             ---     subscription of 'tt'\n\
             ------ Media #1 (audio over RTP/AVP) using unknown codec\n\
             -------- Port       127.0.0.1:40020 <>       127.0.0.1:5000 , SSRC 1234, 20 p, 3440 b, 0 e, 1795284309 ts\n\
             -------- Port       127.0.0.1:40020 <>       127.0.0.1:5000  (RTCP), SSRC 1234, 20 p, 3440 b, 0 e, 1795284309 ts\n"
        );
    }
}
