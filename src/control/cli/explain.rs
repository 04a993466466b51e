//! `explain CALL-ID`: one call on one screen, the verdict first.

use std::fmt::Write as _;
use std::net::SocketAddr;

use call::diagnosis::{
    DtlsFacts, Explanation, IceFacts, MediaFacts, PartyFacts, PathVerdict, Protection, Severity, StreamFacts,
    age,
};
use plan::Time;

use crate::clock;
use crate::registry::Entry;

/// Everything about a call.
pub(super) fn call(entry: &Entry) -> String {
    screen(&entry.call.explain(clock::now()))
}

/// The verdicts alone, for the end of `list sessions CALL-ID`.
pub(super) fn verdicts(entry: &Entry) -> String {
    let mut text = String::new();
    write_verdicts(&mut text, &entry.call.explain(clock::now()));
    text
}

fn screen(explanation: &Explanation) -> String {
    let facts = &explanation.facts;
    let mut text = String::new();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        text,
        "Call {}, {}: created {}, signalling last heard {}.\n",
        clean(&facts.call_id),
        if facts.answered {
            "answered"
        } else {
            "not answered"
        },
        age(facts.now, Some(facts.created)),
        age(facts.now, Some(facts.last_signal)),
    );
    write_verdicts(&mut text, explanation);
    for (at, party) in facts.parties.iter().enumerate() {
        write_party(&mut text, party);
        for media in facts.medias.iter().filter(|m| m.party == at) {
            write_media(&mut text, facts.now, media);
        }
    }
    text
}

fn write_verdicts(text: &mut String, explanation: &Explanation) {
    let _ = writeln!(text, "VERDICT: {}", explanation.summary());
    for path in &explanation.paths {
        write_path(text, explanation, path);
    }
}

fn write_path(text: &mut String, explanation: &Explanation, path: &PathVerdict) {
    let facts = &explanation.facts;
    let media = |at: usize| facts.medias.get(at);
    let name = |at: usize| {
        let party = media(at).and_then(|m| facts.parties.get(m.party));
        party.map_or("a party", |p| p.name.as_str())
    };
    let kind = media(path.from).map_or_else(String::new, |m| format!("{} {}", clean(&m.kind), m.index));
    let _ = writeln!(text, "  {kind}, {} -> {}:", name(path.from), name(path.to));
    for finding in &path.findings {
        let mark = match finding.kind.severity() {
            Severity::Good => "ok",
            Severity::Note => "note",
            Severity::Trouble => "TROUBLE",
        };
        let _ = writeln!(
            text,
            "    {mark}: {} [{}]",
            clean(&finding.text),
            finding.kind.name()
        );
        if !finding.evidence.is_empty() {
            let _ = writeln!(text, "      seen: {}.", clean(&finding.evidence));
        }
        if !finding.kind.next().is_empty() {
            let _ = writeln!(text, "      next: {}", finding.kind.next());
        }
    }
}

fn write_party(text: &mut String, party: &PartyFacts) {
    let _ = write!(text, "\n{}", party.name.to_uppercase());
    for (what, value) in [("tag", &party.tag), ("label", &party.label)] {
        if let Some(value) = value {
            let _ = write!(text, ", {what} '{}'", clean(value));
        }
    }
    text.push('\n');
}

fn write_media(text: &mut String, now: Time, media: &MediaFacts) {
    let state = match media {
        m if m.rejected => "rejected",
        m if !m.described => "not answered",
        m => m.direction,
    };
    let _ = writeln!(
        text,
        "  {} {}: {}, {state}{}",
        clean(&media.kind),
        media.index,
        clean(&media.protocol),
        if media.mux { ", rtcp-mux" } else { "" },
    );
    write_stream(text, now, "RTP ", &media.rtp);
    if !media.rtp.payload_types.is_empty() || !media.codecs.is_empty() {
        let _ = writeln!(text, "          {}", codecs(media));
    }
    if let Some(rtcp) = &media.rtcp {
        write_stream(text, now, "RTCP", rtcp);
    }
    if let Some(ice) = &media.ice {
        let _ = writeln!(text, "    ICE   {}", self::ice(ice));
    }
    if let Some(dtls) = &media.dtls {
        let _ = writeln!(text, "    DTLS  {}", self::dtls(dtls));
    }
    if media.recv != Protection::Plain || media.send != Protection::Plain {
        let (recv, send) = (suite(media.recv), suite(media.send));
        let _ = writeln!(text, "    SRTP  in {recv}, out {send}");
    }
}

fn write_stream(text: &mut String, now: Time, name: &str, stream: &StreamFacts) {
    let Some(local) = stream.local else {
        let _ = writeln!(text, "    {name}  no port");
        return;
    };
    let told = stream
        .advertised
        .map_or_else(String::new, |a| format!(" (advertised as {a})"));
    let seen = match stream.learned {
        Some((addr, true)) => format!("{addr} (settled)"),
        Some((addr, false)) => format!("{addr} (may still change)"),
        None => "nowhere yet".to_owned(),
    };
    let _ = writeln!(
        text,
        "    {name}  ours {local}{told}, signalled {}, seen {seen}",
        address(stream.signalled)
    );
    let (received, sent) = (
        count(now, stream.received.0, stream.last_in),
        count(now, stream.sent.0, stream.last_out),
    );
    let _ = writeln!(text, "          in {received}; out {sent}");
    if let Some((path, why)) = stream.way {
        let why = why.map_or_else(String::new, |why| format!(" (not in the kernel: {})", why.text()));
        let _ = writeln!(text, "          path {}{why}", path.text());
    }
    let drops: Vec<String> = stream
        .drops
        .iter()
        .map(|d| {
            format!(
                "{} {} (last {})",
                d.packets,
                d.reason.text(),
                age(now, Some(d.last))
            )
        })
        .collect();
    if !drops.is_empty() {
        let from = stream
            .refused
            .map_or_else(String::new, |(_, addr)| format!("; last refused from {addr}"));
        let _ = writeln!(text, "          dropped: {}{from}", drops.join(", "));
    }
}

fn count(now: Time, packets: u64, last: Option<Time>) -> String {
    match packets {
        0 => "nothing".to_owned(),
        n => format!("{n} packets, last {}", age(now, last)),
    }
}

fn codecs(media: &MediaFacts) -> String {
    let seen: Vec<String> = media.rtp.payload_types.iter().map(ToString::to_string).collect();
    let seen = if seen.is_empty() {
        "none".to_owned()
    } else {
        seen.join(", ")
    };
    let agreed: Vec<String> = media
        .codecs
        .iter()
        .map(|(pt, name)| format!("{pt} {}", clean(name)))
        .collect();
    format!("payload types seen: {seen}; takes {}", agreed.join(", "))
}

fn ice(ice: &IceFacts) -> String {
    let role = if ice.controlling {
        "controlling"
    } else {
        "controlled"
    };
    let lite = match (ice.lite, ice.lite_peer) {
        (true, _) => ", we are lite",
        (_, true) => ", the party is lite",
        _ => "",
    };
    let pair = ice.selected.map_or_else(String::new, |(ours, theirs)| {
        format!(", selected {ours} <-> {theirs}")
    });
    let proven: Vec<String> = ice.proven.iter().map(ToString::to_string).collect();
    let proven = if proven.is_empty() {
        String::new()
    } else {
        format!(", proven {}", proven.join(" "))
    };
    format!("{}, {role}{lite}{pair}{proven}", ice.state.text())
}

fn dtls(dtls: &DtlsFacts) -> String {
    let role = if dtls.active { "active" } else { "passive" };
    format!("{}, we are {role}", clean(dtls.state.text()))
}

fn suite(protection: Protection) -> &'static str {
    match protection {
        Protection::Plain => "plain",
        Protection::Pending => "no key yet",
        Protection::Srtp(suite) => suite,
    }
}

fn address(addr: Option<SocketAddr>) -> String {
    addr.map_or_else(|| "nothing".to_owned(), |addr| addr.to_string())
}

/// Text of the other side, made fit for a terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use call::diagnosis::{CallFacts, diagnose};

    use super::*;

    #[test]
    fn every_word_is_documented() {
        let page = include_str!("../../../docs/no-audio.md");
        let kinds = call::diagnosis::FindingKind::ALL.iter().map(|k| k.name());
        let reasons = plan::DropReason::ALL.iter().map(|r| r.text());
        let missing: Vec<_> = kinds
            .chain(reasons)
            .filter(|word| !page.contains(&format!("`{word}`")))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn every_reason_to_stay_out_of_the_kernel_is_documented() {
        let page = include_str!("../../../docs/offload-reasons.md");
        let words = plan::Refusal::ALL.iter().map(|r| r.text());
        let words = words.chain(plan::Path::ALL.iter().map(|p| p.text()));
        let missing: Vec<_> = words
            .filter(|word| !page.contains(&format!("`{word}`")))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// The page that docs/no-audio.md shows is one that this code prints.
    #[test]
    fn a_screen() {
        let now = Time::from_secs(2_000_000_000);
        let before = |ms| Some(now - std::time::Duration::from_millis(ms));
        let addr = |text: &str| text.parse::<SocketAddr>().ok();
        let media = |party: usize, port: u16, peer: &str| MediaFacts {
            party,
            index: 1,
            kind: "audio".into(),
            protocol: "RTP/AVP".into(),
            continuous: true,
            direction: "sendrecv",
            sends: true,
            receives: true,
            described: true,
            codecs: vec![(8, "PCMA/8000".into())],
            rtp: StreamFacts {
                local: addr(&format!("203.0.113.1:{port}")),
                signalled: addr(peer),
                destination: addr(peer),
                ..StreamFacts::default()
            },
            ..MediaFacts::default()
        };
        let mut caller = media(0, 30_000, "198.51.100.7:4000");
        caller.rtp.learned = addr("198.51.100.7:4000").zip(Some(true));
        caller.rtp.received = (3120, 536_640);
        caller.rtp.last_in = before(11);
        caller.rtp.payload_types = vec![8];
        caller.rtp.ssrcs = vec![call::diagnosis::SsrcFacts {
            ssrc: 7,
            packets: 3120,
            lost: 0,
            payload_type: 8,
            run: 3120,
            last: now,
        }];
        let mut callee = media(1, 30_002, "198.51.100.9:6000");
        callee.rtp.sent = (3120, 536_640);
        callee.rtp.last_out = before(11);
        let party = |name: &str, tag: &str| PartyFacts {
            name: name.into(),
            tag: Some(tag.into()),
            ..PartyFacts::default()
        };
        let facts = CallFacts {
            now,
            call_id: "4711@pbx".into(),
            created: now - std::time::Duration::from_secs(66),
            last_signal: now - std::time::Duration::from_secs(62),
            answered: true,
            parties: vec![party("the caller", "as58f"), party("the callee", "9c2\u{1b}")],
            medias: vec![caller, callee],
            links: vec![(0, 1), (1, 0)],
        };
        let paths = diagnose(&facts);
        let text = screen(&Explanation { facts, paths });
        let page = include_str!("../../../docs/no-audio.md");
        let shown = page
            .split("```")
            .nth(1)
            .expect("an example")
            .trim_start_matches("text\n");
        assert_eq!(text, shown, "\n{text}");
    }
}
