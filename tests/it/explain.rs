//! Asks the daemon why a call is silent, the way an operator does: `patchbay-ctl explain` and `query`.

use std::time::Duration;

use crate::lab::{run, wait_for};
use crate::ng::{Request, Value};
use crate::open_net::OpenNet;
use crate::rtp::pace;

const CLI: &str = "127.0.0.1:9900";
const CTL: &str = env!("CARGO_BIN_EXE_patchbay-ctl");
/// A verdict comes seconds after its cause: a stream has to pause before it is said to have stopped.
const LIMIT: Duration = Duration::from_secs(20);

/// A net whose relay can be asked; `None` if this machine can't carry it.
pub(crate) fn net(topic: &str) -> Option<OpenNet> {
    let listener = format!("--listen-cli={CLI}");
    // The verdicts are ours: another relay under test has none.
    if crate::relay::under_test() != crate::relay::OURS {
        return None;
    }
    OpenNet::new(topic, &[&listener])
}

/// What `query` says of a path, and the screen.
pub(crate) struct Answer {
    diagnosis: Value,
    /// The answer to `patchbay-ctl explain`.
    pub(crate) screen: String,
}

impl Answer {
    /// Asks both.
    pub(crate) fn of(net: &OpenNet, call: &str) -> Self {
        let query = net.relay.ng.ok(&Request::new("query").with("call-id", call));
        Self {
            diagnosis: query.get("diagnosis").cloned().expect("a diagnosis"),
            screen: Self::ctl(net, &["explain", call]),
        }
    }

    /// What `patchbay-ctl` prints.
    pub(crate) fn ctl(net: &OpenNet, words: &[&str]) -> String {
        let args = [&["--config-file=none", "--ip", CLI], words].concat();
        run(net.core.command(CTL, &args))
    }

    /// The kinds of what was found about the first media of a party, the verdict first.
    pub(crate) fn found(&self, from: &str) -> Vec<String> {
        let paths = self.diagnosis.get("paths").map_or(&[][..], Value::items);
        let path = paths.iter().find(|p| p.text_of("from-tag") == from);
        let findings = path.and_then(|p| p.get("findings")).map_or(&[][..], Value::items);
        let kinds: Vec<String> = findings.iter().map(|f| f.text_of("kind").to_owned()).collect();
        let verdict = path.map(|p| p.text_of("verdict").to_owned());
        assert_eq!(verdict.as_ref(), kinds.first(), "{:?}", self.diagnosis);
        kinds
    }

    /// Whether all is well.
    pub(crate) fn is_healthy(&self) -> bool {
        self.diagnosis.get("healthy") == Some(&Value::Int(1))
    }

    /// Fails unless the screen shows all of this.
    pub(crate) fn shows(&self, words: &[&str]) {
        for text in words {
            assert!(self.screen.contains(text), "no {text:?} in:\n{}", self.screen);
        }
    }
}

/// Keeps the parties busy until the verdict on the media of `from` is this one, and returns what was said.
pub(crate) fn until(net: &OpenNet, call: &str, from: &str, kind: &str, mut busy: impl FnMut()) -> Answer {
    let mut said = None;
    wait_for(&format!("the verdict {kind} on {from} of {call}"), LIMIT, || {
        for _ in 0..5 {
            busy();
            pace();
        }
        let answer = Answer::of(net, call);
        let is_it = answer.found(from).first().is_some_and(|first| first == kind);
        if said.as_ref().map(|before: &Answer| before.found(from)) != Some(answer.found(from)) {
            eprintln!("{call}: {:?}", answer.found(from));
        }
        said = Some(answer);
        is_it
    });
    let answer = said.expect("an answer");
    answer.shows(&[&format!("[{kind}]")]);
    answer
}
