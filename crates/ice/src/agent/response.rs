//! Answers to what we asked.

use std::net::SocketAddr;

use super::Agent;
use super::pair::PairState;
use super::types::{Dropped, Handled, Role, Route};
use crate::Time;
use crate::candidate::Local;
use crate::stun::{Class, ErrorCode, Message};

impl Agent {
    pub(super) fn handle_response(
        &mut self,
        now: Time,
        local: Local,
        from: SocketAddr,
        message: &Message,
    ) -> Handled {
        let id = message.transaction();
        let asked = |check: Option<super::pair::Check>| check.is_some_and(|c| c.id == id);
        let Some(at) = self.session.pairs.iter().position(|p| asked(p.check)) else {
            return self.handle_consent(now, local, from, message);
        };
        let Some(keys) = self.session.keys.clone() else {
            return Handled::Dropped(Dropped::Transaction);
        };
        // RFC 8445 §7.2.5: also a role conflict is only believed from the peer.
        if !message.verify_integrity(&keys.remote_key) {
            return Handled::Dropped(Dropped::Unauthenticated);
        }
        let route = Route {
            local: local.bound,
            remote: from,
        };
        let remotes = &self.session.remotes;
        let Some(pair) = self.session.pairs.get_mut(at) else {
            return Handled::Dropped(Dropped::Transaction);
        };
        // RFC 8445 §7.2.5.2.1: an answer from elsewhere is a failure.
        if pair.route(remotes) != Some(route) {
            (pair.check, pair.state) = (None, PairState::Failed);
            return Handled::Dropped(Dropped::Source);
        }
        if message.class() == Class::Error {
            self.handle_error(at, message.error_code());
        } else {
            self.handle_success(now, at, message.xor_mapped_address());
        }
        Handled::Response
    }

    /// RFC 8445 §7.2.5.3.
    fn handle_success(&mut self, now: Time, at: usize, mapped: Option<SocketAddr>) {
        let Some(pair) = self.session.pairs.get_mut(at) else {
            return;
        };
        let check = pair.check.take();
        let first = pair.state != PairState::Succeeded;
        pair.state = PairState::Succeeded;
        pair.confirmed = Some(now);
        // The peer is there and wants our packets: they were no attack.
        self.session.unproven = self
            .session
            .unproven
            .saturating_sub(std::mem::take(&mut pair.spent));
        pair.reflexive = mapped.filter(|m| *m != pair.local.advertised);
        if first {
            self.session.unfreeze_like(at);
            self.report_usable(at);
        }
        let Some(pair) = self.session.pairs.get(at) else {
            return;
        };
        let by_us = check
            .and_then(|c| c.nominating)
            .filter(|_| self.role == Role::Controlling);
        if let Some(count) = by_us {
            self.select(now, at, count);
        } else if self.role == Role::Controlled && pair.nominated.is_some() {
            self.consider(now, at);
        }
        self.confirm_route(now, at);
        self.suspect(now, at);
    }

    fn handle_error(&mut self, at: usize, code: Option<u16>) {
        let Some(pair) = self.session.pairs.get_mut(at) else {
            return;
        };
        let Some(check) = pair.check.take() else { return };
        if code != Some(ErrorCode::RoleConflict.number()) {
            pair.state = PairState::Failed;
            return;
        }
        // RFC 8445 §7.2.5.1: switch, unless that has happened since, and ask again. A changed tie-breaker keeps two agents from
        // telling each other to switch forever.
        pair.state = PairState::Waiting;
        if check.role == self.role {
            self.switch_role();
            self.tie_breaker = rand::RngCore::next_u64(&mut self.rng);
        }
        self.session.trigger(at);
    }
}
