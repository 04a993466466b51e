//! An agent with one socket and a peer written by hand.

use std::net::SocketAddr;

use ice::stun::{Class, ErrorCode, Key, Message, TransactionId, Writer};
use ice::{Agent, Component, Config, Credentials, Event, Handled, Mode, Remote, Role, Time, Transmit};

use crate::{addr, config, local, remote};

pub(crate) const OURS: &str = "203.0.113.1:30000";
pub(crate) const PEER: &str = "198.51.100.7:40000";
pub(crate) const OTHER: &str = "198.51.100.8:40000";

/// An agent with one socket and a peer that does what a test tells it to.
pub(crate) struct Bench {
    pub(crate) agent: Agent,
    pub(crate) now_us: u64,
    pub(crate) credentials: Credentials,
    pub(crate) ids: u8,
}

/// What a request of the peer's says.
pub(crate) struct Ask<'a> {
    pub(crate) from: &'a str,
    pub(crate) pwd: Option<&'a str>,
    pub(crate) role: Option<Role>,
    pub(crate) tie_breaker: u64,
    pub(crate) priority: Option<u32>,
    pub(crate) nominate: bool,
    pub(crate) count: Option<u32>,
    pub(crate) unknown: &'a [u16],
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Self {
            from: PEER,
            pwd: None,
            role: Some(Role::Controlling),
            tie_breaker: 7,
            priority: Some(0x6eff_ffff),
            nominate: false,
            count: None,
            unknown: &[],
        }
    }
}

impl Bench {
    pub(crate) fn new(config: Config) -> Self {
        let mut agent = Agent::new(config);
        assert!(agent.add_local(local(Component::Rtp, 0, OURS)));
        Self {
            agent,
            now_us: 1_000_000,
            credentials: Credentials::new("q2758e93", "bd5e845657ecb8d6dd8e1bc6").expect("credentials"),
            ids: 0,
        }
    }

    pub(crate) fn full(role: Role) -> Self {
        Self::new(config(1, Mode::Full, role))
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_micros(self.now_us)
    }

    pub(crate) fn meet(&mut self) {
        let credentials = self.credentials.clone();
        self.agent.set_remote(
            self.now(),
            Remote {
                credentials,
                lite: false,
            },
        );
    }

    pub(crate) fn told(&mut self, address: &str, priority: u32) {
        self.agent
            .add_remote(remote(Component::Rtp, priority, addr(address)), None);
    }

    pub(crate) fn request(&mut self, ask: &Ask) -> Vec<u8> {
        self.ids += 1;
        let mut buf = [0; 512];
        let mut writer = Writer::new(&mut buf, Class::Request, TransactionId([self.ids; 12]));
        writer.username(self.agent.credentials().ufrag(), self.credentials.ufrag());
        for kind in ask.unknown {
            writer.attribute(*kind, &[]);
        }
        match ask.role {
            Some(Role::Controlling) => _ = writer.controlling(ask.tie_breaker),
            Some(Role::Controlled) => _ = writer.controlled(ask.tie_breaker),
            None => {}
        }
        if let Some(priority) = ask.priority {
            writer.priority(priority);
        }
        if let Some(count) = ask.count {
            writer.nomination(count);
        }
        if ask.nominate {
            writer.use_candidate();
        }
        let pwd = ask.pwd.unwrap_or(self.agent.credentials().pwd()).to_owned();
        let len = writer.finish(Some(&Key::new(pwd.as_bytes()))).expect("room");
        buf[..len].to_vec()
    }

    pub(crate) fn ask(&mut self, ask: Ask) -> Handled {
        let bytes = self.request(&ask);
        self.agent
            .handle_packet(self.now(), addr(OURS), addr(ask.from), &bytes)
    }

    /// Answers a check of the agent's.
    pub(crate) fn reply(&mut self, check: &Transmit, class: Class, from: SocketAddr) -> Handled {
        let pwd = self.credentials.pwd().to_owned();
        self.reply_as(check, class, from, &pwd)
    }

    pub(crate) fn reply_as(
        &mut self,
        check: &Transmit,
        class: Class,
        from: SocketAddr,
        pwd: &str,
    ) -> Handled {
        let id = Message::parse(&check.bytes).expect("a message").transaction();
        let mut buf = [0; 256];
        let mut writer = Writer::new(&mut buf, class, id);
        match class {
            Class::Success => writer.xor_mapped_address(addr("192.0.2.99:5"), id),
            _ => writer.error(ErrorCode::RoleConflict),
        };
        let len = writer.finish(Some(&Key::new(pwd.as_bytes()))).expect("room");
        self.agent
            .handle_packet(self.now(), check.local, from, &buf[..len])
    }

    /// Lets time pass; what was sent meanwhile, and when.
    pub(crate) fn run(&mut self, ms: u64) -> Vec<(u64, Transmit)> {
        let end = self.now_us + ms * 1000;
        let mut sent = Vec::new();
        loop {
            while let Some(t) = self.agent.poll_transmit() {
                sent.push((self.now_us, t));
            }
            let due = self.agent.poll_timeout().map_or(u64::MAX, Time::as_micros);
            if due > end {
                self.now_us = end;
                return sent;
            }
            self.now_us = self.now_us.max(due);
            self.agent.handle_timeout(self.now());
        }
    }

    /// As `run`, with a peer that answers each check, from where it was asked.
    pub(crate) fn run_answering(&mut self, ms: u64) -> Vec<Transmit> {
        let mut all = Vec::new();
        for _ in 0..ms / 10 {
            for (_, t) in self.run(10) {
                if Message::parse(&t.bytes).is_ok_and(|m| m.class() == Class::Request) {
                    self.reply(&t, Class::Success, t.to);
                }
                all.push(t);
            }
        }
        all
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.agent.poll_event()).collect()
    }

    pub(crate) fn selected(&self) -> Option<SocketAddr> {
        self.agent.selected(Component::Rtp).map(|r| r.remote)
    }
}
