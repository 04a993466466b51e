//! The world around the node: calls that come and go, a network in between, and the clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ng_protocol::envelope;
use plan::Time;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::dialogue::{Dialogue, Pending, elsewhere};
use crate::node::Node;
use crate::party::{self, Side};
use crate::script::{self, Step};

/// Of each datagram of the control protocol, in percent.
const LOST_PERCENT: u32 = 3;
const REPEATED_PERCENT: u32 = 3;
/// Of each media datagram.
const MEDIA_LOST_PERCENT: u32 = 1;
/// Retransmissions of a request, a second apart; then the controller gives up.
const TRIES: u32 = 6;
/// After the last call has begun: the longest time-out of the node, and a bit.
const AFTERMATH: Duration = Duration::from_secs(3_800);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long calls begin.
    pub(crate) span: Duration,
    /// About how many there are at a time.
    pub(crate) calls_alive: u32,
}

enum Happening {
    Begin,
    Next(u32),
    Retransmit(u32, u64),
    ToNode(u32, Arc<[u8]>),
    ToController(u32, Arc<[u8]>),
    Media(u32, Side),
    Tick,
}

pub(crate) struct World {
    settings: Settings,
    now: Time,
    end_at: Time,
    node: Node,
    rng: SmallRng,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    scheduled: u64,
    dialogues: BTreeMap<u32, Dialogue>,
    begun: u32,
    cookie: u64,
    /// The latest replies by cookie.
    replies: BTreeMap<u64, Arc<[u8]>>,
    alive_max: usize,
    delivered: u64,
    strict_checks: u64,
    retransmissions: u64,
}

impl World {
    pub(crate) fn new(seed: u64, settings: Settings) -> Self {
        let now = Time::from_secs(1_700_000_000);
        let mut world = Self {
            settings,
            now,
            end_at: now + settings.span,
            node: Node::new(seed, now),
            rng: SmallRng::seed_from_u64(seed ^ 0x9e37_79b9_7f4a_7c15),
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            scheduled: 0,
            dialogues: BTreeMap::new(),
            begun: 0,
            cookie: 0,
            replies: BTreeMap::new(),
            alive_max: 0,
            delivered: 0,
            strict_checks: 0,
            retransmissions: 0,
        };
        world.after(Duration::ZERO, Happening::Begin);
        world.after(Duration::from_secs(1), Happening::Tick);
        world
    }

    pub(crate) fn run(&mut self) {
        while let Some(Reverse((at, number))) = self.queue.pop() {
            self.now = at;
            if let Some(happening) = self.happenings.remove(&number) {
                self.happen(happening);
            }
        }
    }

    pub(crate) fn assert_empty(&self) {
        self.node.assert_empty();
    }

    pub(crate) fn commands(&self) -> u64 {
        self.node.executed
    }

    pub(crate) fn alive_max(&self) -> usize {
        self.alive_max
    }

    pub(crate) fn summary(&self) -> String {
        format!(
            "{} calls, at most {} at a time, {} commands executed ({} answered with an error), {} retransmissions, \
             {} packets in, {} delivered, {} of them had to be",
            self.begun,
            self.alive_max,
            self.node.executed,
            self.node.errors,
            self.retransmissions,
            self.node.packets,
            self.delivered,
            self.strict_checks
        )
    }

    fn after(&mut self, delay: Duration, happening: Happening) {
        self.scheduled += 1;
        self.queue.push(Reverse((self.now + delay, self.scheduled)));
        self.happenings.insert(self.scheduled, happening);
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.random_range(range))
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Begin => self.begin(),
            Happening::Next(number) => self.next(number),
            Happening::Retransmit(number, cookie) => self.retransmit(number, cookie),
            Happening::ToNode(number, bytes) => {
                let reply = self.node.handle_message(self.now, controller(number), &bytes);
                self.alive_max = self.alive_max.max(self.node.alive());
                self.transport(|bytes| Happening::ToController(number, bytes), reply);
            }
            Happening::ToController(number, bytes) => self.reply(number, &bytes),
            Happening::Media(number, side) => self.media(number, side),
            Happening::Tick => {
                self.node.handle_timeout(self.now);
                if self.now < self.end_at + AFTERMATH {
                    self.after(Duration::from_secs(1), Happening::Tick);
                }
            }
        }
    }

    /// A datagram on its way: lost, once or twice, late.
    fn transport(&mut self, make: impl Fn(Arc<[u8]>) -> Happening, bytes: Arc<[u8]>) {
        if self.percent(LOST_PERCENT) {
            return;
        }
        let copies = 1 + u32::from(self.percent(REPEATED_PERCENT));
        for _ in 0..copies {
            let delay = self.millis(0..40);
            self.after(delay, make(bytes.clone()));
        }
    }

    fn begin(&mut self) {
        if self.now >= self.end_at {
            return;
        }
        self.begun += 1;
        let number = self.begun;
        let (nat_a, nat_b) = (self.percent(40), self.percent(40));
        let dialogue = Dialogue {
            id: format!("call-{number}@example.com"),
            caller: party::party(number, Side::Caller, nat_a),
            callee: party::party(number, Side::Callee, nat_b),
            steps: script::script(&mut self.rng),
            request: None,
            version: 0,
            flowing: false,
            odd: false,
            signalled_at: self.now,
            branches: Vec::new(),
            ended: false,
        };
        self.dialogues.insert(number, dialogue);
        self.next(number);
        for side in [Side::Caller, Side::Callee] {
            let delay = self.millis(0..20_000);
            self.after(delay, Happening::Media(number, side));
        }
        // A call takes about 100 s.
        let gap_ms = 2 * 100_000 / u64::from(self.settings.calls_alive);
        let delay = self.millis(0..gap_ms);
        self.after(delay, Happening::Begin);
    }

    fn next(&mut self, number: u32) {
        let Some(dialogue) = self.dialogues.get_mut(&number) else {
            return;
        };
        let Some(step) = dialogue.steps.pop_front() else {
            dialogue.ended = true;
            return;
        };
        if let Step::Talk(duration) = step {
            self.after(duration, Happening::Next(number));
            return;
        }
        let message = dialogue.message(&step);
        if matches!(step, Step::Nonsense(_)) {
            dialogue.odd = true;
        }
        if !matches!(step, Step::Query) {
            dialogue.flowing = false;
        }
        self.cookie += 1;
        let cookie = self.cookie;
        let text = format!("{cookie}");
        let bytes: Arc<[u8]> =
            envelope::encode_message(text.as_bytes(), envelope::Format::Bencode, &message).into();
        dialogue.request = Some(Pending {
            cookie,
            bytes,
            step,
            tries: 0,
        });
        self.retransmit(number, cookie);
    }

    fn retransmit(&mut self, number: u32, cookie: u64) {
        let Some(dialogue) = self.dialogues.get_mut(&number) else {
            return;
        };
        let Some(pending) = dialogue.request.as_mut().filter(|p| p.cookie == cookie) else {
            return;
        };
        pending.tries += 1;
        let (tries, bytes) = (pending.tries, pending.bytes.clone());
        if tries > TRIES {
            // The controller gives up; the call dies by itself.
            dialogue.steps.clear();
            dialogue.request = None;
            dialogue.ended = true;
            return;
        }
        self.retransmissions += u64::from(tries > 1);
        self.transport(|bytes| Happening::ToNode(number, bytes), bytes);
        self.after(Duration::from_secs(1), Happening::Retransmit(number, cookie));
    }

    fn reply(&mut self, number: u32, bytes: &Arc<[u8]>) {
        let envelope = envelope::Envelope::split(bytes).expect("replies have a cookie");
        // However often a request arrives, its reply is the same to the byte.
        let cookie = std::str::from_utf8(envelope.cookie)
            .ok()
            .and_then(|c| c.parse().ok())
            .expect("our cookie");
        let known = self.replies.entry(cookie).or_insert_with(|| bytes.clone());
        assert_eq!(known, bytes, "two replies to one cookie");
        while self.replies.len() > 10_000 {
            self.replies.pop_first();
        }
        let dict = envelope::decode(envelope.payload).expect("replies are well formed");
        let Some(dialogue) = self.dialogues.get_mut(&number) else {
            return;
        };
        let Some(pending) = dialogue.request.take_if(|p| p.cookie == cookie) else {
            return;
        };
        dialogue.handle_reply(self.now, &pending.step, &dict);
        let delay = self.millis(5..300);
        self.after(delay, Happening::Next(number));
    }

    fn media(&mut self, number: u32, side: Side) {
        let lost = self.percent(MEDIA_LOST_PERCENT);
        let repeated = self.percent(MEDIA_LOST_PERCENT);
        let now = self.now;
        let Some(dialogue) = self.dialogues.get_mut(&number) else {
            return;
        };
        // Some parties go on for a while after the call has ended.
        if dialogue.ended && (side == Side::Callee || self.percent(70)) {
            self.dialogues.remove(&number);
            return;
        }
        let delay = self.millis(8_000..22_000);
        self.after(delay, Happening::Media(number, side));
        let Some(dialogue) = self.dialogues.get_mut(&number) else {
            return;
        };
        let must_arrive = dialogue.must_arrive(now, side);
        let odd = dialogue.odd;
        let (sender, receiver) = dialogue.sides(side);
        let Some(target) = sender.target else { return };
        let receiver = receiver.clone();
        sender.seq = sender.seq.wrapping_add(1);
        let bytes = party::packet(number, side, sender.seq);
        let from = sender.public;
        if lost {
            return;
        }
        sender.heard_from = Some(now);
        for copy in 0..=u32::from(repeated) {
            let sent = self.node.handle_packet(now, from, target, &bytes);
            for datagram in &sent {
                assert_eq!(
                    party::origin(&datagram.bytes),
                    Some((number, side)),
                    "a packet changed its origin"
                );
                let to = datagram.to;
                assert!(
                    to == receiver.public || to == receiver.private || (odd && to == elsewhere()),
                    "call {number}: a packet of {side:?} went to {to}, {receiver:?}"
                );
                self.delivered += u64::from(to == receiver.public);
            }
            if must_arrive && copy == 0 {
                self.strict_checks += 1;
                let [datagram] = sent.as_slice() else {
                    panic!(
                        "call {number}: a packet of {side:?} to {receiver:?} was not forwarded once but {}",
                        sent.len()
                    )
                };
                assert_eq!(datagram.to, receiver.public, "call {number}");
                assert_eq!(
                    self.node.address(datagram.from),
                    receiver.target,
                    "leaves from where it was told"
                );
            }
        }
    }
}

fn controller(number: u32) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5_000 + u16::try_from(number % 8).expect("small")))
}
