//! What happens in a simulated call, step by step.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use crate::messages::Mode::{self, SendRecv};
use crate::party::Side::{self, Callee, Caller};

/// What a controller or a party does next in a call.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Offer {
        from: Side,
        mode: Mode,
        branch: Option<&'static str>,
        video: bool,
    },
    Answer {
        from: Side,
        mode: Mode,
        branch: Option<&'static str>,
    },
    Talk(Duration),
    Query,
    /// Something that makes no sense here; it must be answered, whatever the answer.
    Nonsense(u8),
    Delete {
        branch: Option<&'static str>,
        tagged: bool,
        now: bool,
    },
}

/// What happens in a call, decided when it begins.
pub(crate) fn script(rng: &mut SmallRng) -> VecDeque<Step> {
    let mut steps = match rng.random_range(0..100) {
        0..8 => return cancelled(),
        8..12 => return VecDeque::from([offer(Caller, SendRecv)]),
        12..17 => {
            return VecDeque::from([
                offer(Caller, SendRecv),
                answer(Callee, SendRecv),
                talk(rng, 1..30),
            ]);
        }
        17..30 => forked(rng),
        _ => conversation(rng),
    };
    if percent(rng, 25) {
        steps.push_back(Step::Query);
    }
    while percent(rng, 6) {
        let at = rng.random_range(0..=steps.len());
        steps.insert(at, Step::Nonsense(rng.random_range(0..8)));
    }
    let (tagged, now) = (percent(rng, 50), percent(rng, 30));
    steps.push_back(Step::Delete {
        branch: None,
        tagged,
        now,
    });
    steps
}

fn cancelled() -> VecDeque<Step> {
    let delete = Step::Delete {
        branch: Some("z1"),
        tagged: true,
        now: true,
    };
    VecDeque::from([branch("z1"), delete])
}

fn forked(rng: &mut SmallRng) -> VecDeque<Step> {
    let answer = Step::Answer {
        from: Callee,
        mode: SendRecv,
        branch: Some("z2"),
    };
    VecDeque::from([
        branch("z1"),
        branch("z2"),
        branch("z3"),
        answer,
        talk(rng, 20..120),
    ])
}

/// With early media, video and holds for some.
fn conversation(rng: &mut SmallRng) -> VecDeque<Step> {
    let video = percent(rng, 15);
    let mut steps = VecDeque::from([Step::Offer {
        from: Caller,
        mode: SendRecv,
        branch: None,
        video,
    }]);
    if percent(rng, 30) {
        steps.extend([answer(Callee, SendRecv), talk(rng, 1..10)]);
    }
    steps.extend([answer(Callee, SendRecv), talk(rng, 20..120)]);
    while percent(rng, 35) {
        let from = if percent(rng, 50) { Caller } else { Callee };
        let hold = [Mode::SendOnly, Mode::Inactive, Mode::Null, SendRecv][rng.random_range(0..4)];
        for mode in [hold, SendRecv] {
            steps.extend([offer(from, mode), answer(from.other(), mode), talk(rng, 5..40)]);
        }
    }
    steps
}

fn offer(from: Side, mode: Mode) -> Step {
    Step::Offer {
        from,
        mode,
        branch: None,
        video: false,
    }
}

fn branch(branch: &'static str) -> Step {
    Step::Offer {
        from: Caller,
        mode: SendRecv,
        branch: Some(branch),
        video: false,
    }
}

fn answer(from: Side, mode: Mode) -> Step {
    Step::Answer {
        from,
        mode,
        branch: None,
    }
}

fn talk(rng: &mut SmallRng, secs: Range<u64>) -> Step {
    Step::Talk(Duration::from_millis(
        rng.random_range(secs.start * 1000..secs.end * 1000),
    ))
}

fn percent(rng: &mut SmallRng, percent: u32) -> bool {
    rng.random_ratio(percent, 100)
}
