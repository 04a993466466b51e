//! What the peer, or somebody else, asks.

use std::net::SocketAddr;

use super::Agent;
use super::pair::PairState;
use super::session::Ask;
use super::types::{Dropped, Event, Handled, Mode, Role, Strangers};
use crate::Time;
use crate::candidate::{Foundation, Kind, Local, RemoteCandidate};
use crate::limits::{EARLY_MAX, STRANGER_ANSWERS_PER_SECOND};
use crate::stun::{Class, ErrorCode, Key, Message, Writer};

/// At most this many types are listed in UNKNOWN-ATTRIBUTES.
const UNKNOWN_LISTED_MAX: usize = 8;

/// Who asks, as proven by MESSAGE-INTEGRITY.
struct Asker {
    key: Key,
    ufrag: String,
    /// Of this session, not of an earlier one whose pair is still in use.
    current: bool,
}

impl Agent {
    pub(super) fn handle_request(
        &mut self,
        now: Time,
        local: Local,
        from: SocketAddr,
        message: &Message,
    ) -> Handled {
        let asker = match self.authenticate(message) {
            Ok(asker) => asker,
            Err(code) => return self.handle_stranger(now, local, from, message, code),
        };
        if message.unknown_required().next().is_some() {
            return self.refuse(local, from, message, ErrorCode::UnknownAttribute, &asker.key);
        }
        let Some(priority) = message.priority() else {
            return self.refuse(local, from, message, ErrorCode::BadRequest, &asker.key);
        };
        if asker.current && self.conflicts(message) {
            return self.refuse(local, from, message, ErrorCode::RoleConflict, &asker.key);
        }
        self.answer(local, from, message, &asker.key);
        if asker.current {
            let nominated = message.use_candidate().then(|| message.nomination().unwrap_or(0));
            let ask = Ask {
                local,
                from,
                peer_ufrag: asker.ufrag,
                priority,
                nominated,
            };
            match &self.session.keys {
                Some(keys) if keys.remote.ufrag() == ask.peer_ufrag => self.learn(now, ask),
                // Another branch of a forked call, or a restart whose description is yet to come.
                Some(_) => {}
                // RFC 8445 §7.3: answered at once, and checked when the credentials are there.
                None => {
                    let known = |e: &Ask| e.local.bound == ask.local.bound && e.from == ask.from;
                    let early = &mut self.session.early;
                    let full = early.len() >= EARLY_MAX;
                    match early.iter_mut().find(|e| known(e)) {
                        Some(early) => early.nominated = early.nominated.max(ask.nominated),
                        None if full => {}
                        None => early.push(ask),
                    }
                }
            }
        }
        Handled::Answered
    }

    /// RFC 8489 §9.1.3.
    fn authenticate(&self, message: &Message) -> Result<Asker, ErrorCode> {
        let username = message.username().filter(|_| message.has_integrity());
        let username = username.ok_or(ErrorCode::BadRequest)?;
        let username = std::str::from_utf8(username).map_err(|_| ErrorCode::Unauthenticated)?;
        let (ours, theirs) = username.split_once(':').ok_or(ErrorCode::Unauthenticated)?;
        let (key, current) = if ours == self.session.local.ufrag() {
            (&self.session.local_key, true)
        } else {
            let mut in_use = self.selected.iter().flatten().map(|s| &s.keys);
            let keys = in_use.find(|k| k.local.ufrag() == ours);
            (&keys.ok_or(ErrorCode::Unauthenticated)?.local_key, false)
        };
        if !message.verify_integrity(key) {
            return Err(ErrorCode::Unauthenticated);
        }
        Ok(Asker {
            key: key.clone(),
            ufrag: theirs.to_owned(),
            current,
        })
    }

    /// RFC 8445 §7.3.1.1. Whether the peer has to give in; otherwise we have.
    fn conflicts(&mut self, message: &Message) -> bool {
        let theirs = match self.role {
            Role::Controlling => message.controlling(),
            Role::Controlled => message.controlled(),
        };
        let Some(theirs) = theirs else { return false };
        let we_control = self.tie_breaker >= theirs;
        let we_are_lite = self.config.mode == Mode::Lite && !self.session.peer_is_lite;
        if we_are_lite || we_control == (self.role == Role::Controlling) {
            return true;
        }
        self.switch_role();
        false
    }

    /// A request that names an address of the peer's (RFC 8445 §7.3.1.3 to §7.3.1.5).
    pub(super) fn learn(&mut self, now: Time, ask: Ask) {
        let current = self
            .session
            .keys
            .as_ref()
            .is_some_and(|k| k.remote.ufrag() == ask.peer_ufrag);
        if !current {
            return;
        }
        let Some(at) = self.pair_of(&ask) else {
            self.out.counters.candidates_over += 1;
            return;
        };
        let Some(pair) = self.session.pairs.get_mut(at) else {
            return;
        };
        pair.heard = Some(now);
        pair.nominated = pair.nominated.max(ask.nominated);
        if self.config.mode == Mode::Lite {
            // RFC 8445 §7.3.2: a lite agent takes the peer's word.
            let first = pair.state != PairState::Succeeded;
            pair.state = PairState::Succeeded;
            if first {
                self.report_usable(at);
            }
        }
        let state = self.session.pairs.get(at).map(|p| p.state);
        if state != Some(PairState::Succeeded) {
            if state != Some(PairState::InProgress)
                && let Some(pair) = self.session.pairs.get_mut(at)
            {
                pair.state = PairState::Waiting;
            }
            self.session.trigger(at);
        } else {
            if ask.nominated.is_some() && self.role == Role::Controlled {
                self.consider(now, at);
            }
            self.suspect(now, at);
            self.ask_again_if_lost(at);
        }
    }

    fn pair_of(&mut self, ask: &Ask) -> Option<usize> {
        let component = ask.local.component;
        let remote = match self.session.find_remote(component, ask.from) {
            Some(known) => known,
            None => self.session.add_learned(RemoteCandidate {
                foundation: Foundation::random(&mut self.rng),
                component,
                priority: ask.priority,
                address: ask.from,
                kind: Kind::PeerReflexive,
            })?,
        };
        self.session.add_pair(ask.local, remote, self.role, true)
    }

    /// The first valid pair of a component is news.
    pub(super) fn report_usable(&mut self, at: usize) {
        let Some(pair) = self.session.pairs.get(at) else {
            return;
        };
        let component = pair.component();
        let first = !std::mem::replace(&mut self.session.usable[component.index()], true);
        if first
            && !self.is_settled(component)
            && let Some(route) = pair.route(&self.session.remotes)
        {
            self.out.event(Event::Usable(component, route));
        }
    }

    fn answer(&mut self, local: Local, from: SocketAddr, message: &Message, key: &Key) {
        let id = message.transaction();
        // COMPAT(rtpengine): SOFTWARE comes first; recorded calls look for it there.
        let sent = self.out.send(local.bound, from, |buf| {
            let mut writer = Writer::new(buf, Class::Success, id);
            writer
                .software(&self.config.software)
                .xor_mapped_address(from, id);
            writer.finish(Some(key))
        });
        self.out.counters.answers += u64::from(sent);
    }

    /// An error for someone who knows our password.
    fn refuse(
        &mut self,
        local: Local,
        from: SocketAddr,
        message: &Message,
        code: ErrorCode,
        key: &Key,
    ) -> Handled {
        let unknown: Vec<u16> = message.unknown_required().take(UNKNOWN_LISTED_MAX).collect();
        let sent = self.out.send(local.bound, from, |buf| {
            let mut writer = Writer::new(buf, Class::Error, message.transaction());
            writer.software(&self.config.software).error(code);
            if code == ErrorCode::UnknownAttribute {
                writer.unknown_attributes(&unknown);
            }
            writer.finish(Some(key))
        });
        self.out.counters.errors += u64::from(sent);
        Handled::Refused(code)
    }

    /// Anybody can write a sender's address onto a packet: to answer is to send to whomever a stranger names.
    fn handle_stranger(
        &mut self,
        now: Time,
        local: Local,
        from: SocketAddr,
        message: &Message,
        code: ErrorCode,
    ) -> Handled {
        self.out.counters.strangers += 1;
        if self.config.strangers == Strangers::Silence {
            return Handled::Dropped(Dropped::Unauthenticated);
        }
        if now.since(self.strangers.0).as_secs() >= 1 {
            self.strangers = (now, 0);
        }
        if self.strangers.1 >= STRANGER_ANSWERS_PER_SECOND {
            return Handled::Dropped(Dropped::Unauthenticated);
        }
        let room = message.bytes().len();
        let sent = self.out.send(local.bound, from, |buf| {
            let mut writer = Writer::new(buf.get_mut(..room)?, Class::Error, message.transaction());
            writer.error(code);
            writer.finish(None)
        });
        if !sent {
            return Handled::Dropped(Dropped::Unauthenticated);
        }
        self.strangers.1 += 1;
        self.out.counters.errors += 1;
        Handled::Refused(code)
    }
}
