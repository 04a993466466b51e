//! Our own checks: when, how often, and what they say.

use super::Agent;
use super::pair::{Check, PairState};
use super::types::{Component, Mode, Role};
use crate::Time;
use crate::credentials::Keys;
use crate::limits::{NOMINATION_DELAY, PACE, RTO, SENDS_MAX};
use crate::stun::{Class, TransactionId, Writer};

/// What one check says.
pub(super) struct Question {
    pub(super) id: TransactionId,
    pub(super) role: Role,
    pub(super) priority: u32,
    pub(super) nominating: Option<u32>,
}

impl Agent {
    /// Retransmits what is due and begins one new check.
    pub(super) fn run_checks(&mut self, now: Time) {
        for at in 0..self.session.pairs.len() {
            let check = self.session.pairs.get(at).and_then(|p| p.check);
            if check.is_some_and(|c| c.due <= now) && !self.send_check(now, at, true) {
                self.give_up(at);
            }
        }
        if now >= self.session.next_check
            && let Some((at, triggered)) = self.next_pair()
        {
            self.session.next_check = now + PACE;
            self.begin_check(now, at, triggered);
        }
    }

    /// RFC 8445 §6.1.4.2: triggered before ordinary.
    fn next_pair(&mut self) -> Option<(usize, bool)> {
        if !self.may_check() {
            return None;
        }
        while let Some(at) = self.session.triggered.pop_front() {
            if self.session.may_spend(at, true) {
                return Some((at, true));
            }
        }
        self.next_ordinary().map(|at| (at, false))
    }

    fn next_ordinary(&self) -> Option<usize> {
        let wanted = |c: Component| !self.is_settled(c);
        self.session.next_ordinary(self.role, wanted)
    }

    fn may_check(&self) -> bool {
        self.config.mode == Mode::Full && self.session.keys.is_some()
    }

    fn begin_check(&mut self, now: Time, at: usize, triggered: bool) {
        let id = self.new_transaction();
        let Some(pair) = self.session.pairs.get_mut(at) else {
            return;
        };
        let nominate = std::mem::take(&mut pair.nominate) && self.role == Role::Controlling;
        // Asked again while asking: the same question once more, so that an answer on its way still counts.
        let asking = pair.check.is_some_and(|c| c.sends < SENDS_MAX);
        if !asking || nominate {
            self.nominations += u32::from(nominate);
            pair.check = Some(Check {
                id,
                role: self.role,
                nominating: nominate.then_some(self.nominations),
                sends: 0,
                due: now,
            });
            if pair.state != PairState::Succeeded {
                pair.state = PairState::InProgress;
            }
        }
        if !self.send_check(now, at, triggered) && !asking {
            self.give_up(at);
        }
    }

    /// Sends a pair's check (again). `false` if it has been sent often enough.
    fn send_check(&mut self, now: Time, at: usize, triggered: bool) -> bool {
        let sends_max = self.session.sends_max();
        let Some(keys) = self.session.keys.clone() else {
            return false;
        };
        let heard = self.session.pairs.get(at).is_some_and(|p| p.heard.is_some());
        // A retransmission may draw upon the reserve only where the peer itself has asked.
        let may_spend = self.session.may_spend(at, triggered && heard);
        let Some(pair) = self.session.pairs.get_mut(at) else {
            return false;
        };
        let (proven, priority) = (pair.confirmed.is_some(), pair.reflexive_priority());
        let Some(check) = &mut pair.check else { return true };
        let sends_max = if proven || heard { SENDS_MAX } else { sends_max };
        if check.sends >= sends_max || !may_spend {
            return false;
        }
        check.sends += 1;
        // RFC 8489 §6.2.1: doubling, and a longer wait for the last answer.
        let wait = RTO * (1 << (check.sends - 1));
        let last = check.sends == sends_max;
        check.due = now + if last { wait.max(RTO * 16) } else { wait };
        let question = Question {
            id: check.id,
            role: check.role,
            priority,
            nominating: check.nominating,
        };
        let Some(route) = pair.route(&self.session.remotes) else {
            return false;
        };
        if !proven {
            pair.spent += 1;
            self.session.unproven += 1;
        }
        if self.ask(route, &keys, &question) {
            self.out.counters.unproven += u64::from(!proven);
        }
        true
    }

    /// COMPAT(rtpengine): SOFTWARE, USERNAME, the role, PRIORITY, USE-CANDIDATE, in this order; recorded calls compare it.
    pub(super) fn ask(&mut self, route: super::Route, keys: &Keys, question: &Question) -> bool {
        let sent = self.out.send(route.local, route.remote, |buf| {
            let mut writer = Writer::new(buf, Class::Request, question.id);
            writer.software(&self.config.software);
            writer.username(keys.remote.ufrag(), keys.local.ufrag());
            match question.role {
                Role::Controlling => writer.controlling(self.tie_breaker),
                Role::Controlled => writer.controlled(self.tie_breaker),
            };
            writer.priority(question.priority);
            if let Some(count) = question.nominating {
                if self.config.renomination {
                    writer.nomination(count);
                }
                writer.use_candidate();
            }
            writer.finish(Some(&keys.remote_key))
        });
        self.out.counters.checks += u64::from(sent);
        sent
    }

    fn give_up(&mut self, at: usize) {
        let Some(pair) = self.session.pairs.get_mut(at) else {
            return;
        };
        (pair.check, pair.state) = (None, PairState::Failed);
    }

    /// RFC 8445 §8.1.1, regular nomination: the best valid pair of each component, shortly after each has one.
    pub(super) fn nominate(&mut self, now: Time) {
        let Some(valid) = self.valid_set() else {
            self.session.valid_since = None;
            return;
        };
        let since = *self.session.valid_since.get_or_insert(now);
        if now < since + NOMINATION_DELAY || self.is_nominating() {
            return;
        }
        for at in valid {
            self.start_nomination(at);
        }
    }

    /// The best valid pair of each component that has nothing selected; `None` if there is nothing to nominate yet.
    fn valid_set(&self) -> Option<Vec<usize>> {
        if !self.may_check() || self.role != Role::Controlling {
            return None;
        }
        let open = |c: &Component| self.is_wanted(*c) && !self.is_settled(*c);
        let open = Component::ALL.into_iter().filter(open);
        let best = open.map(|c| self.session.best_valid(c, self.role));
        best.collect::<Option<Vec<_>>>().filter(|valid| !valid.is_empty())
    }

    /// Whether a nomination is under way; its check has the deadline then.
    fn is_nominating(&self) -> bool {
        let nominating =
            |p: &super::pair::Pair| p.nominate || p.check.is_some_and(|c| c.nominating.is_some());
        self.session.pairs.iter().any(nominating)
    }

    pub(super) fn start_nomination(&mut self, at: usize) {
        if let Some(pair) = self.session.pairs.get_mut(at) {
            pair.nominate = true;
            self.session.trigger(at);
        }
    }

    pub(super) fn checks_due(&self) -> Option<Time> {
        let again = self
            .session
            .pairs
            .iter()
            .filter_map(|p| p.check)
            .map(|c| c.due)
            .min();
        let more = self.may_check() && (!self.session.triggered.is_empty() || self.next_ordinary().is_some());
        let new = more.then_some(self.session.next_check);
        [again, new].into_iter().flatten().min()
    }

    pub(super) fn nomination_due(&self) -> Option<Time> {
        self.valid_set().filter(|_| !self.is_nominating())?;
        // Not noticed yet: at once.
        Some(
            self.session
                .valid_since
                .map_or(Time::default(), |t| t + NOMINATION_DELAY),
        )
    }
}
