//! SDES (RFC 4568): which keys protect what, and which lines are told to the receiver.
//!
//! Invariant: an answer takes one line of what was told, by tag and suite; from then on both directions have keys.

use ng_protocol::{SdesRules, Settings, Text};
use rand::RngCore;
use srtp::{Protection, Suite};

use super::said::Said;
use super::{Role, crypto};
use crate::model::{CryptoLine, Media};
use crate::rewrite::Deal;

/// Takes in the sender's `a=crypto` lines and decides which ones the receiver is told. To be called when it is known who
/// speaks SRTP, and with whom keys come from DTLS.
pub(crate) fn negotiate(
    role: Role,
    settings: &Settings,
    said: &Said<'_>,
    (sender, receiver): (&mut Media, &mut Media),
    deal: &mut Deal,
    rng: &mut dyn RngCore,
) {
    for media in [&mut *sender, receiver] {
        media.keying.recrypt |= settings.recrypt;
        if !media.is_secure() || media.keying.dtls.is_agreed() {
            media.keying.sdes.forget();
        }
    }
    if said.rejected || deal.rejected {
        return;
    }
    let rules = &settings.sdes;
    match role {
        Role::Offer => {
            let passed_on = hear_offer(rules, said, sender);
            if receiver.is_secure() && !rules.off && !receiver.keying.dtls.is_agreed() {
                deal.cryptos = offer(rules, passed_on, &receiver.keying.sdes.told, rng);
                receiver.keying.sdes.told = deal.cryptos.clone();
            }
        }
        Role::Answer => {
            hear_answer(said, sender);
            if receiver.is_secure() && !receiver.keying.dtls.is_agreed() {
                let theirs = sender.keying.sdes.said.first().filter(|_| sender.is_secure());
                deal.cryptos = answer(rules, receiver, theirs, rng).into_iter().collect();
            }
        }
    }
}

/// Which suites a request allows in an offer. `nonew` wins: what the offerer has is offered, and nothing else.
fn is_allowed(rules: &SdesRules, suite: Suite) -> bool {
    let lists = |list: &[Text]| list.iter().any(|name| is_named(name, suite));
    rules.nonew
        || match rules.only.is_empty() {
            true => !lists(&rules.no),
            false => lists(&rules.only),
        }
}

fn is_named(name: &Text, suite: Suite) -> bool {
    name.eq_ignore_ascii_case(suite.spec().name.as_bytes())
}

/// Moves the lines of suites that are listed to the front, in the order of the list.
fn prefer(order: &[Text], lines: &mut [CryptoLine]) {
    let rank = |line: &CryptoLine| {
        let listed = |name: &Text| line.suite().is_some_and(|s| is_named(name, s));
        order.iter().position(listed).unwrap_or(order.len())
    };
    lines.sort_by_key(rank);
}

/// Notes what the offerer says; returns what of it may be offered on.
fn hear_offer(rules: &SdesRules, said: &Said<'_>, sender: &mut Media) -> Vec<CryptoLine> {
    let allowed = |line: &&CryptoLine| line.suite().is_some_and(|s| is_allowed(rules, s));
    let passed_on: Vec<CryptoLine> = said.cryptos.iter().filter(allowed).cloned().collect();
    let known = &mut sender.keying.sdes.said;
    known.clone_from(&passed_on);
    if known.is_empty() {
        // COMPAT(rtpengine): it must be answered with something, so its own first choice stands.
        known.extend(said.cryptos.first().cloned());
    }
    prefer(&rules.offerer_pref, known);
    passed_on
}

/// The lines of an offer: the offerer's own with their keys, so that its packets may pass as they are, then those that
/// the receiver has been told before, then all other suites.
fn offer(
    rules: &SdesRules,
    passed_on: Vec<CryptoLine>,
    before: &[CryptoLine],
    rng: &mut dyn RngCore,
) -> Vec<CryptoLine> {
    let mut lines = passed_on;
    for line in &mut lines {
        *line = crypto::with_protection(line, protection(rules, line.params.protection()));
    }
    let next_tag = |lines: &[CryptoLine]| {
        let last = lines.iter().map(|l| l.tag).max();
        last.unwrap_or(0).saturating_add(1)
    };
    let missing = |lines: &[CryptoLine], suite: Suite| {
        is_allowed(rules, suite) && !lines.iter().any(|l| l.suite() == Some(suite))
    };
    for line in before {
        if line.suite().is_some_and(|s| missing(&lines, s)) {
            // Its tag stays as well, unless the offerer uses it for something else.
            let is_free = lines.iter().all(|l| l.tag != line.tag);
            let tag = if is_free { line.tag } else { next_tag(&lines) };
            lines.push(CryptoLine { tag, ..line.clone() });
        }
    }
    if !rules.nonew {
        for suite in Suite::all() {
            if missing(&lines, suite) {
                let protection = protection(rules, Protection::default());
                lines.push(crypto::generate(next_tag(&lines), suite, protection, rng));
            }
        }
    }
    prefer(&rules.order, &mut lines);
    lines
}

/// The session parameters that a request asks for.
fn protection(rules: &SdesRules, before: Protection) -> Protection {
    let on = |without: Option<bool>, before: bool| without.map_or(before, |without| !without);
    Protection {
        encrypt_rtp: on(rules.unencrypted_srtp, before.encrypt_rtp),
        encrypt_rtcp: on(rules.unencrypted_srtcp, before.encrypt_rtcp),
        authenticate_rtp: on(rules.unauthenticated_srtp, before.authenticate_rtp),
    }
}

/// Takes the line that an answer chooses of those that were offered (RFC 4568 §5.1.3).
fn hear_answer(said: &Said<'_>, sender: &mut Media) {
    if !sender.is_secure() || sender.keying.dtls.is_agreed() {
        return;
    }
    let sdes = &mut sender.keying.sdes;
    let offered = |line: &CryptoLine, by_tag: bool| {
        let same = |told: &&CryptoLine| told.suite() == line.suite() && (!by_tag || told.tag == line.tag);
        sdes.told.iter().find(same).cloned()
    };
    // An answer with a wrong tag still names a suite of which only one was offered.
    let found = [true, false].into_iter().find_map(|by_tag| {
        let mut lines = said.cryptos.iter();
        lines.find_map(|line| Some((line.clone(), offered(line, by_tag)?)))
    });
    match found {
        Some((line, told)) => {
            sdes.agree(&line, told);
            sdes.said = vec![line];
        }
        None => {
            sdes.said.clone_from(&said.cryptos);
            sdes.keys = None;
        }
    }
}

/// The line to answer the offerer with: the suite that the answerer `theirs` chose, with its key, if the offerer has it
/// too; else its own first choice with a key of ours. A key once told is kept as long as its suite is.
fn answer(
    rules: &SdesRules,
    receiver: &mut Media,
    theirs: Option<&CryptoLine>,
    rng: &mut dyn RngCore,
) -> Option<CryptoLine> {
    let sdes = &mut receiver.keying.sdes;
    let told = sdes.told.first();
    let kept = told.filter(|_| rules.static_suites).and_then(|told| {
        let same = |line: &&CryptoLine| line.suite() == told.suite() && line.tag == told.tag;
        sdes.said.iter().find(same)
    });
    let common = || theirs.and_then(|t| sdes.said.iter().find(|line| line.suite() == t.suite()));
    let Some(chosen) = kept.or_else(common).or(sdes.said.first()).cloned() else {
        sdes.keys = None;
        return None;
    };
    let suite = chosen.suite()?;
    let key = match theirs.filter(|t| t.suite() == Some(suite) && kept.is_none()) {
        Some(theirs) => theirs.clone(),
        None => match told.filter(|t| t.suite() == Some(suite)) {
            Some(told) => told.clone(),
            None => crypto::generate(chosen.tag, suite, Protection::default(), rng),
        },
    };
    // The session parameters of an answer are those of the offer (RFC 4568 §6.3).
    let line = crypto::with_protection(
        &CryptoLine {
            tag: chosen.tag,
            ..key
        },
        chosen.params.protection(),
    );
    sdes.agree(&chosen, line.clone());
    Some(line)
}
