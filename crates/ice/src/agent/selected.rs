//! Selected pairs: which, whether the peer still consents, and when another takes over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use rand::RngCore;

use super::Agent;
use super::checks::Question;
use super::pair::PairState;
use super::types::{Component, Dropped, Event, Handled, Liveness, Mode, Role, Route};
use crate::Time;
use crate::candidate::Local;
use crate::credentials::Keys;
use crate::limits::{
    CONSENT_EXPIRY, CONSENT_INTERVAL, CONSENT_OUTSTANDING_MAX, KEEPALIVE, SUSPICION, SWITCH_GUARD,
};
use crate::stun::{Class, Message, TransactionId, Writer};

/// Time between consent checks while another pair is alive and this one is not known to be.
const PROBE_INTERVAL: Duration = Duration::from_millis(400);

/// A pair that was confirmed this recently is not suspected.
const FRESH: Duration = Duration::from_millis(1000);

/// A selected pair; outlives its session.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) route: Route,
    pub(super) keys: Arc<Keys>,
    /// PRIORITY of its checks.
    priority: u32,
    /// NOMINATION, or 0.
    count: u32,
    pub(super) since: Time,
    confirmed: Time,
    next: Time,
    outstanding: ArrayVec<TransactionId, CONSENT_OUTSTANDING_MAX>,
    /// Since when it owes an answer while another pair is alive.
    suspected: Option<Time>,
    /// No answer for too long.
    pub(super) lost: bool,
}

impl Selected {
    fn confirm(&mut self, now: Time) -> bool {
        self.outstanding.clear();
        (self.confirmed, self.suspected) = (now, None);
        std::mem::take(&mut self.lost)
    }
}

impl Agent {
    /// The peer has nominated this valid pair.
    pub(super) fn consider(&mut self, now: Time, at: usize) {
        let Some(pair) = self.session.pairs.get(at) else {
            return;
        };
        let component = pair.component();
        let count = pair.nominated.unwrap_or(0);
        let takes = match &self.selected[component.index()] {
            Some(current) if self.is_settled(component) => {
                let current_at = self.selected_pair(component);
                let priority = |i: usize| {
                    let pair = self.session.pairs.get(i);
                    pair.map_or(0, |p| p.priority(self.role, &self.session.remotes))
                };
                if current_at == Some(at) {
                    false
                } else if count > 0 && current.count > 0 {
                    // draft-thatcher-ice-renomination: the last nomination counts, whatever the priorities.
                    count > current.count
                } else {
                    // RFC 8445 has one nomination; peers that nominate every pair (RFC 5245) mean the highest of them, peers
                    // that come back later have moved.
                    let higher = current_at.is_none_or(|c| priority(at) > priority(c));
                    higher || current.lost || now >= current.since + SWITCH_GUARD
                }
            }
            _ => true,
        };
        if takes {
            self.select(now, at, count);
        } else if let Some(current) = &mut self.selected[component.index()]
            && pair.route(&self.session.remotes) == Some(current.route)
        {
            current.count = current.count.max(count);
        }
    }

    /// Media goes over this pair from now on.
    pub(super) fn select(&mut self, now: Time, at: usize, count: u32) {
        let Some(keys) = self.session.keys.clone() else {
            return;
        };
        let Some(pair) = self.session.pairs.get(at) else {
            return;
        };
        let Some(route) = pair.route(&self.session.remotes) else {
            return;
        };
        let component = pair.component();
        let priority = pair.reflexive_priority();
        let slot = &self.selected[component.index()];
        let same = slot
            .as_ref()
            .is_some_and(|s| s.route == route && Arc::ptr_eq(&s.keys, &keys));
        let next = now + self.consent_interval();
        self.selected[component.index()] = Some(Selected {
            route,
            keys,
            priority,
            count,
            since: now,
            confirmed: now,
            next,
            outstanding: ArrayVec::new(),
            suspected: None,
            lost: false,
        });
        // RFC 8445 §8.1.1: the others are no longer of interest, unless the peer asked there.
        for (other, pair) in self.session.pairs.iter_mut().enumerate() {
            let idle = pair.component() == component && other != at && pair.heard.is_none();
            if idle && pair.state == PairState::InProgress {
                (pair.check, pair.state) = (None, PairState::Frozen);
            }
        }
        if !same {
            self.out.event(Event::Selected(component, route));
        }
    }

    /// The pair of this session that is selected.
    fn selected_pair(&self, component: Component) -> Option<usize> {
        let selected = self.selected[component.index()].as_ref()?;
        let remote = self.session.find_remote(component, selected.route.remote)?;
        self.session.find_pair(selected.route.local, remote)
    }

    /// A check was answered: if the pair is a selected one, that is consent.
    pub(super) fn confirm_route(&mut self, now: Time, at: usize) {
        let Some(component) = self.session.pairs.get(at).map(|p| p.component()) else {
            return;
        };
        if self.is_settled(component) && self.selected_pair(component) == Some(at) {
            self.confirm(now, component);
        }
    }

    fn confirm(&mut self, now: Time, component: Component) {
        let Some(selected) = &mut self.selected[component.index()] else {
            return;
        };
        if selected.confirm(now) {
            let route = selected.route;
            self.out.event(Event::ConsentRegained(component, route));
        }
    }

    /// Answers to consent checks.
    pub(super) fn handle_consent(
        &mut self,
        now: Time,
        local: Local,
        from: SocketAddr,
        message: &Message,
    ) -> Handled {
        let component = local.component;
        let id = message.transaction();
        let selected = self.selected[component.index()].as_ref();
        let Some(selected) = selected.filter(|s| s.outstanding.contains(&id)) else {
            return Handled::Dropped(Dropped::Transaction);
        };
        if !message.verify_integrity(&selected.keys.remote_key) {
            return Handled::Dropped(Dropped::Unauthenticated);
        }
        if selected.route.remote != from || selected.route.local != local.bound {
            return Handled::Dropped(Dropped::Source);
        }
        // RFC 7675 §5.1: only a success is consent.
        if message.class() == Class::Success {
            self.confirm(now, component);
        }
        Handled::Response
    }

    /// A pair beside the selected one is alive. If the peer has moved there, the selected one will not answer.
    pub(super) fn suspect(&mut self, now: Time, at: usize) {
        let Some(component) = self.session.pairs.get(at).map(|p| p.component()) else {
            return;
        };
        if !self.is_settled(component) || self.selected_pair(component) == Some(at) || !self.checks_consent()
        {
            return;
        }
        let Some(selected) = &mut self.selected[component.index()] else {
            return;
        };
        if selected.suspected.is_none() && now.since(selected.confirmed) > FRESH {
            (selected.suspected, selected.next) = (Some(now), now);
        }
        if selected.lost {
            // Nothing has a deadline any more that would lead there.
            self.take_over(now, component);
        }
    }

    /// The peer asks on a pair that has lost consent: whether it answers again is worth a question.
    pub(super) fn ask_again_if_lost(&mut self, at: usize) {
        let Some(pair) = self.session.pairs.get(at) else {
            return;
        };
        let component = pair.component();
        let lost = self.selected[component.index()].as_ref().is_some_and(|s| s.lost);
        if lost
            && pair.check.is_none()
            && self.is_settled(component)
            && self.selected_pair(component) == Some(at)
        {
            self.session.trigger(at);
        }
    }

    /// RFC 8445 §6.1.1 and §8.2: two lite agents check nothing and take the best pair.
    pub(super) fn pair_lite_with_lite(&mut self, now: Time) {
        for component in Component::ALL {
            if let Some(at) = self.lite_pair(component) {
                self.select(now, at, 0);
            }
        }
    }

    fn lite_pair(&self, component: Component) -> Option<usize> {
        let both_lite = self.config.mode == Mode::Lite && self.session.peer_is_lite;
        if !both_lite || self.session.keys.is_none() || self.is_settled(component) {
            return None;
        }
        let priority = |p: &super::pair::Pair| p.priority(self.role, &self.session.remotes);
        let pairs = self.session.pairs.iter().enumerate();
        let of_component = pairs.filter(|(_, p)| p.component() == component);
        of_component.max_by_key(|(_, p)| priority(p)).map(|(at, _)| at)
    }

    pub(super) fn lite_due(&self) -> Option<Time> {
        let any = Component::ALL.into_iter().any(|c| self.lite_pair(c).is_some());
        self.session.began.filter(|_| any)
    }

    /// RFC 7675 §5: a lite agent does not check consent.
    fn checks_consent(&self) -> bool {
        self.config.liveness == Liveness::Consent && self.config.mode == Mode::Full
    }

    /// Sends what keeps selected pairs alive, and gives up those that are not.
    pub(super) fn keep_selected(&mut self, now: Time) {
        for component in Component::ALL {
            if self.checks_consent() {
                self.keep_consent(now, component);
                self.take_over(now, component);
            } else {
                self.keep_binding(now, component);
            }
        }
    }

    fn keep_consent(&mut self, now: Time, component: Component) {
        let (id, pause) = (self.new_transaction(), self.consent_interval());
        let role = self.role;
        let Some(selected) = &mut self.selected[component.index()] else {
            return;
        };
        if !selected.lost && now >= selected.confirmed + CONSENT_EXPIRY {
            // RFC 7675 §5.1: nothing may be sent from now on, checks neither.
            (selected.lost, selected.suspected) = (true, selected.suspected.or(Some(selected.confirmed)));
            selected.outstanding.clear();
            let route = selected.route;
            self.out.event(Event::ConsentLost(component, route));
            return;
        }
        if selected.lost || now < selected.next {
            return;
        }
        selected.next = now
            + if selected.suspected.is_some() {
                PROBE_INTERVAL
            } else {
                pause
            };
        if selected.outstanding.is_full() {
            selected.outstanding.remove(0);
        }
        selected.outstanding.push(id);
        let question = Question {
            id,
            role,
            priority: selected.priority,
            // The flag in each check, as browsers do: a peer to whom we come from another address follows at once.
            nominating: (role == Role::Controlling).then_some(selected.count),
        };
        let (route, keys) = (selected.route, Arc::clone(&selected.keys));
        self.ask(route, &keys, &question);
    }

    /// Another pair on which the peer has asked since takes the place of one that owes answers.
    fn take_over(&mut self, now: Time, component: Component) {
        let Some(selected) = &self.selected[component.index()] else {
            return;
        };
        let Some(suspected) = selected.suspected.filter(|t| now >= *t + SUSPICION) else {
            return;
        };
        if !self.is_settled(component) {
            return;
        }
        let current = self.selected_pair(component);
        let alive = |(at, p): &(usize, &super::pair::Pair)| {
            let here = p.component() == component && p.state == PairState::Succeeded;
            here && Some(*at) != current && p.heard.is_some_and(|t| t >= suspected)
        };
        let pairs = self.session.pairs.iter().enumerate().filter(alive);
        let Some((at, pair)) = pairs.max_by_key(|(_, p)| p.heard) else {
            return;
        };
        match self.role {
            Role::Controlled => self.select(now, at, 0),
            Role::Controlling if !pair.nominate && pair.check.is_none() => self.start_nomination(at),
            Role::Controlling => {}
        }
    }

    fn keep_binding(&mut self, now: Time, component: Component) {
        let id = self.new_transaction();
        let Some(selected) = &mut self.selected[component.index()] else {
            return;
        };
        if now < selected.since + KEEPALIVE || now < selected.next {
            return;
        }
        selected.next = now + KEEPALIVE;
        let route = selected.route;
        self.out.send(route.local, route.remote, |buf| {
            Writer::new(buf, Class::Indication, id).finish(None)
        });
    }

    /// RFC 7675 §5.1: 0.8 to 1.2 of the mean, so that many calls do not check in step.
    fn consent_interval(&mut self) -> Duration {
        let mean = CONSENT_INTERVAL.as_millis() as u64;
        Duration::from_millis(mean * 4 / 5 + self.rng.next_u64() % (mean * 2 / 5))
    }

    pub(super) fn selected_due(&self) -> Option<Time> {
        let due = |s: &Selected| {
            if !self.checks_consent() {
                return Some(s.next.max(s.since + KEEPALIVE));
            }
            let takes_over = s.suspected.map(|t| t + SUSPICION);
            if s.lost {
                return None;
            }
            // While it is suspected the probes come more often than anything else could be due.
            [
                Some(s.next),
                Some(s.confirmed + CONSENT_EXPIRY),
                takes_over.filter(|t| *t > s.next),
            ]
            .into_iter()
            .flatten()
            .min()
        };
        self.selected.iter().flatten().filter_map(due).min()
    }
}
