//! One simulated call: what is sent next, what a reply means, and who must hear whom.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ng_protocol::{Dict, Value};
use plan::Time;

use crate::messages::{self, Mode};
use crate::node::LOCAL;
use crate::party::{Party, Side};
use crate::script::Step;

/// How long learning of a peer takes, and a bit.
const LEARNING: Duration = Duration::from_millis(3_300);

/// One call, as its controller and its parties see it.
pub(crate) struct Dialogue {
    pub(crate) id: String,
    pub(crate) caller: Party,
    pub(crate) callee: Party,
    pub(crate) steps: VecDeque<Step>,
    pub(crate) request: Option<Pending>,
    pub(crate) version: u32,
    /// Both sides agreed on media both ways, and nothing odd was sent: whoever sends is heard.
    pub(crate) flowing: bool,
    pub(crate) odd: bool,
    pub(crate) signalled_at: Time,
    /// What the callee's branches were told.
    pub(crate) branches: Vec<(&'static str, SocketAddr)>,
    pub(crate) ended: bool,
}

/// A request without a reply yet.
pub(crate) struct Pending {
    pub(crate) cookie: u64,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) step: Step,
    pub(crate) tries: u32,
}

impl Dialogue {
    pub(crate) fn message(&mut self, step: &Step) -> Dict<'static> {
        let id = self.id.clone();
        let body = |dialogue: &mut Self, from: Side, mode, video: bool| {
            dialogue.version += 1;
            let addr = dialogue.sides(from).0.private;
            messages::sdp(dialogue.version, addr, mode, video.then_some(addr.port() + 10))
        };
        match *step {
            Step::Offer {
                from,
                mode,
                branch,
                video,
            } => {
                let body = body(self, from, mode, video);
                let established = self.caller.target.is_some();
                let (sender, receiver) = self.sides(from);
                let to = established.then_some(receiver.tag.as_str());
                messages::exchange("offer", &id, &sender.tag, to, branch, body)
            }
            Step::Answer { from, mode, branch } => {
                let mode = match mode {
                    Mode::SendOnly | Mode::Null => Mode::SendRecv,
                    mode => mode,
                };
                let body = body(self, from, mode, false);
                let (sender, receiver) = self.sides(from);
                messages::exchange("answer", &id, &receiver.tag, Some(&sender.tag), branch, body)
            }
            Step::Query => messages::message("query", &id),
            Step::Delete { branch, tagged, now } => messages::message("delete", &id)
                .with_some("from-tag", tagged.then(|| self.caller.tag.clone()))
                .with_some("via-branch", branch)
                .with_some("delete-delay", now.then_some(0)),
            Step::Nonsense(which) => self.nonsense(which),
            Step::Talk(_) => unreachable!("talking sends nothing"),
        }
    }

    /// Requests that no sane controller sends here.
    fn nonsense(&mut self, which: u8) -> Dict<'static> {
        let id = self.id.clone();
        let body = messages::sdp(99, elsewhere(), Mode::SendRecv, Some(9));
        let (a, b) = (self.caller.tag.clone(), self.callee.tag.clone());
        match which {
            0 => messages::exchange("answer", &id, &b, Some(&a), None, body),
            1 => messages::exchange("answer", &id, "nobody", Some("noone"), Some("zz"), body),
            2 => messages::exchange("offer", &id, "stranger", None, None, body),
            3 => messages::exchange("offer", &id, &a, Some(&a), None, body),
            4 => messages::message("query", &id).with("from-tag", "nobody"),
            5 => messages::message("delete", &id).with("from-tag", "nobody"),
            6 => messages::exchange(
                "offer",
                &id,
                &a,
                Some("newcomer"),
                Some("z9"),
                "v=0\r\nm=audio".to_owned(),
            ),
            _ => messages::exchange("answer", &id, &a, Some("third"), None, body),
        }
    }

    pub(crate) fn sides(&mut self, side: Side) -> (&mut Party, &mut Party) {
        match side {
            Side::Caller => (&mut self.caller, &mut self.callee),
            Side::Callee => (&mut self.callee, &mut self.caller),
        }
    }

    pub(crate) fn handle_reply(&mut self, now: Time, step: &Step, dict: &Dict<'_>) {
        let result = dict.get("result").and_then(Value::as_str);
        let port = dict.get("sdp").and_then(Value::as_bytes).and_then(messages::port);
        let local = |port| SocketAddr::new(LOCAL.parse().expect("address"), port);
        match step {
            Step::Offer { from, .. } | Step::Answer { from, .. } => {
                if !self.odd {
                    assert_eq!(result, Some("ok"), "{}: {step:?} failed: {dict:?}", self.id);
                }
                self.signalled_at = now;
                let receiver = self.sides(*from).1;
                if let Some(port) = port.filter(|p| *p != 0) {
                    receiver.target = Some(local(port));
                }
                self.follow_branch(step);
                let both = matches!(
                    step,
                    Step::Answer {
                        mode: Mode::SendRecv,
                        ..
                    }
                );
                self.flowing = both && !self.odd;
            }
            Step::Delete { .. } => {
                assert_eq!(result, Some("ok"), "{}: {dict:?}", self.id);
                self.flowing = false;
            }
            Step::Query => assert!(result.is_some()),
            Step::Nonsense(_) | Step::Talk(_) => {}
        }
    }

    /// A branch of a forked call was told ports of its own; the one that answers uses those.
    fn follow_branch(&mut self, step: &Step) {
        match step {
            Step::Offer {
                branch: Some(branch), ..
            } => self.branches.extend(self.callee.target.map(|t| (*branch, t))),
            Step::Answer {
                branch: Some(branch), ..
            } => {
                self.callee.target = self.branches.iter().find(|(b, _)| b == branch).map(|(_, t)| *t);
            }
            _ => {}
        }
    }

    /// Whether what `side` sends now has to reach the other side: media flows by what was agreed, and a receiver behind
    /// a NAT has sent something since it could be learned.
    pub(crate) fn must_arrive(&mut self, now: Time, side: Side) -> bool {
        let (flowing, learned_from) = (self.flowing, self.signalled_at + LEARNING);
        let (sender, receiver) = self.sides(side);
        let reachable = |p: &Party| p.public == p.private || p.heard_from.is_some_and(|at| at > learned_from);
        flowing
            && now > learned_from
            && sender.target.is_some()
            && receiver.target.is_some()
            && reachable(receiver)
    }
}

/// Where bodies that make no sense point to.
pub(crate) fn elsewhere() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 99], 7_000))
}
