//! What waits to be polled. Every packet passes here, and here the policy is asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use arrayvec::ArrayVec;

use super::types::{Counters, Event, Transmit};
use crate::limits::{EVENTS_MAX, MESSAGE_BYTES_MAX, TRANSMITS_MAX};
use crate::policy::Policy;

pub(super) struct Output {
    policy: Arc<dyn Policy>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    pub(super) counters: Counters,
}

impl Output {
    pub(super) fn new(policy: Arc<dyn Policy>) -> Self {
        Self {
            policy,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Whether packets may go there; counted if not.
    pub(super) fn allows(&mut self, to: SocketAddr) -> bool {
        let allowed = to.port() != 0 && self.policy.may_send(to);
        self.counters.forbidden += u64::from(!allowed);
        allowed
    }

    /// Queues what `write` writes. Whether it will leave.
    pub(super) fn send(
        &mut self,
        local: SocketAddr,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        if !self.allows(to) {
            return false;
        }
        if self.transmits.len() >= TRANSMITS_MAX {
            self.counters.transmits_over += 1;
            return false;
        }
        let mut bytes = ArrayVec::from([0; MESSAGE_BYTES_MAX]);
        let Some(len) = write(&mut bytes) else {
            return false;
        };
        bytes.truncate(len);
        self.transmits.push_back(Transmit { local, to, bytes });
        true
    }

    pub(super) fn event(&mut self, event: Event) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
            self.counters.events_over += 1;
        }
        self.events.push_back(event);
    }

    /// Between two checks an agent keeps no room for packets.
    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        let next = self.transmits.pop_front();
        if self.transmits.is_empty() {
            self.transmits = VecDeque::new();
        }
        next
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
