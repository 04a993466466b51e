//! Behaviour of the ng wire at the crate's boundary.

mod corpus;
mod docs;
mod equivalence;
mod hostile;
mod parse;
mod spellings;
mod wire;

use ng_protocol::{Command, CommandKind, Dict, NgError, OfferArgs, Request, Templates, Value, envelope};
use proptest::test_runner::Config as ProptestConfig;

/// Failures print their minimal input and seed; nothing is written to the source tree.
fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Parses a payload as the daemon does.
fn request(payload: &[u8]) -> Result<Request, NgError> {
    request_with(payload, &Templates::default())
}

fn request_with(payload: &[u8], templates: &Templates) -> Result<Request, NgError> {
    let dict = envelope::decode(payload)?;
    Request::parse(CommandKind::of(&dict)?, &dict, templates)
}

/// An offer with the required keys, to be extended.
fn offer<'a>() -> Dict<'a> {
    Value::dict()
        .with("command", "offer")
        .with("call-id", "c")
        .with("from-tag", "a")
        .with("sdp", "v=0")
}

/// What an offer says, and its warnings as text.
fn parse_offer(dict: &Dict<'_>, templates: &Templates) -> (OfferArgs, Vec<String>) {
    let request = Request::parse(CommandKind::Offer, dict, templates).expect("an offer");
    let warnings = request.warnings.iter().map(ToString::to_string).collect();
    match request.command {
        Command::Offer(args) => (*args, warnings),
        other => panic!("not an offer: {other:?}"),
    }
}

/// An offer whose only extra is a raw flag string.
fn raw(flags: &str) -> (OfferArgs, Vec<String>) {
    parse_offer(&offer().with("rtpp-flags", flags), &Templates::default())
}

/// An offer whose only extra is a list of flags.
fn flags(flags: &[&str]) -> (OfferArgs, Vec<String>) {
    let flags: Value<'_> = flags.iter().copied().collect();
    parse_offer(&offer().with("flags", flags), &Templates::default())
}
