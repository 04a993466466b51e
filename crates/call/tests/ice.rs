//! ICE between a call and a party that has an agent of its own, in virtual time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use call::Output;
use ice::{
    Agent, Component, Credentials, Foundation, Liveness, Local, Mode, Remote, RemoteCandidate, Role,
    Strangers,
};
use ng_protocol::{Dict, Value};
use plan::{Datagram, Event, Plan, PuntKind};
use testkit::TestCalls;

const ALICE: &str = "198.51.100.1:4000";
const OTHER: &str = "198.51.100.9:4000";

/// A call, and alice with her agent.
struct Lab {
    calls: TestCalls,
    alice: Agent,
    /// What was sent to alice, and when it was the last.
    sent: Vec<SocketAddr>,
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

impl Lab {
    fn new(interfaces: &[&str]) -> Self {
        let mut alice = Agent::new(ice::Config {
            mode: Mode::Full,
            role: Role::Controlling,
            software: String::new(),
            liveness: Liveness::Consent,
            strangers: Strangers::Silence,
            renomination: false,
            policy: Arc::new(|_| true),
            seed: [7; 32],
        });
        alice.add_local(Local {
            component: Component::Rtp,
            index: 0,
            bound: addr(ALICE),
            advertised: addr(ALICE),
            foundation: Foundation::new("alice").expect("a foundation"),
        });
        Self {
            calls: TestCalls::new(testkit::config(interfaces), 1),
            alice,
            sent: Vec::new(),
        }
    }

    fn body(&self, candidates: &str) -> String {
        let own = self.alice.credentials();
        format!(
            "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 8\r\na=mid:0\r\na=rtcp-mux\r\na=ice-options:trickle\r\n\
             a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n{candidates}",
            own.ufrag(),
            own.pwd()
        )
    }

    fn ask(&mut self, command: &str, body: &str, flags: &[&str]) -> String {
        let mut dict = Dict::new()
            .with("command", command)
            .with("call-id", "c")
            .with("from-tag", "alice")
            .with("sdp", body)
            .with("rtcp-mux", Value::List(vec!["demux".into()]))
            .with(
                "flags",
                flags.iter().map(|f| Value::from(*f)).collect::<Value<'_>>(),
            );
        if command == "answer" {
            dict.push("to-tag", "bob");
        }
        let exchange = self.calls.handle(&dict);
        self.deliver(exchange.outputs);
        let reply = exchange.reply.expect("ok");
        reply
            .get("sdp")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// Offer and answer; alice takes note of the answer.
    fn signal(&mut self, candidates: &str) -> String {
        let offer = self.body(candidates);
        self.ask("offer", &offer, &[]);
        let plain = "v=0\r\no=- 1 1 IN IP4 198.51.100.2\r\ns=-\r\nc=IN IP4 198.51.100.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n";
        let answer = self.ask("answer", plain, &[]);
        let now = self.now();
        self.alice.set_remote(
            now,
            Remote {
                credentials: Credentials::new(&line(&answer, "ice-ufrag:"), &line(&answer, "ice-pwd:"))
                    .expect("credentials"),
                lite: false,
            },
        );
        for candidate in answer.lines().filter_map(|l| l.strip_prefix("a=candidate:")) {
            let words: Vec<&str> = candidate.split(' ').collect();
            let [foundation, component, transport, priority, host, port, _, kind] = words[..] else {
                panic!("{candidate}")
            };
            let address = (host, port.parse().expect("a port"));
            let number = |text: &str| text.parse().expect("a number");
            let candidate = RemoteCandidate::from_fields(
                foundation,
                number(component),
                transport,
                number(priority),
                address,
                kind,
            );
            self.alice.add_remote(candidate.expect("a candidate"), None);
        }
        answer
    }

    fn now(&self) -> ice::Time {
        ice::Time::from_micros(self.calls.now.as_micros())
    }

    /// What the call sends reaches alice if it is for her.
    fn deliver(&mut self, outputs: Vec<Output>) {
        let now = self.now();
        for output in outputs {
            let Output::Send(Datagram {
                socket, dest, bytes, ..
            }) = output
            else {
                continue;
            };
            self.sent.push(dest);
            let plans = self.plans();
            let mut sockets = plans.iter().flat_map(|p| p.sockets.iter());
            let local = sockets.find(|s| s.id == socket);
            let from = local.expect("a socket of the call's").addr;
            if dest == addr(ALICE) {
                self.alice.handle_packet(now, dest, from, &bytes);
            }
        }
    }

    /// Time passes, a millisecond at a time.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            let outputs = self.calls.pass(Duration::from_millis(1));
            self.deliver(outputs);
            let now = self.now();
            if self.alice.poll_timeout().is_some_and(|t| t <= now) {
                self.alice.handle_timeout(now);
            }
            while let Some(transmit) = self.alice.poll_transmit() {
                let plans = self.plans();
                let arrives = |p: &&Plan| p.sockets.iter().any(|s| s.addr == transmit.to);
                let Some(plan) = plans.iter().find(arrives) else {
                    continue;
                };
                let socket = plan
                    .sockets
                    .iter()
                    .find(|s| s.addr == transmit.to)
                    .expect("just seen");
                assert!(plan.punt_stun, "STUN is expected where ICE was told");
                let event = Event::Punted {
                    call: self.calls.plans("c").expect("plans").call,
                    flow: plan.flow,
                    local: socket.id,
                    kind: PuntKind::Stun,
                    from: transmit.local,
                    at: self.calls.now,
                    bytes: transmit.bytes.as_slice().into(),
                };
                let outputs = self.calls.report(&event);
                self.deliver(outputs);
            }
        }
    }

    fn plans(&self) -> Vec<Plan> {
        self.calls
            .plans("c")
            .map(|set| set.plans.clone())
            .unwrap_or_default()
    }

    /// The plan of alice's side.
    fn hers(&self) -> Plan {
        let plans = self.plans();
        plans.into_iter().find(|p| p.punt_stun).expect("a plan with ICE")
    }
}

fn line(sdp: &str, name: &str) -> String {
    let found = sdp.lines().find_map(|l| l.strip_prefix("a=")?.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {sdp}")).to_owned()
}

fn host(address: &str, end: &str) -> String {
    format!(
        "a=candidate:1 1 UDP 2130706431 {} typ host\r\n{end}",
        address.replace(':', " ")
    )
}

#[test]
fn media_goes_where_the_checks_went_and_comes_from_there() {
    let mut lab = Lab::new(&["public/203.0.113.1", "public/2001:db8::1"]);
    // The description names another address than the one alice is at: she is learned from her checks.
    let answer = lab.signal(&host(OTHER, "a=end-of-candidates\r\n"));
    assert_eq!(
        answer.matches("a=candidate:").count(),
        2,
        "mux: one component, two addresses\n{answer}"
    );
    let before = lab.hers();
    assert_eq!(
        before.proven.as_slice(),
        [addr(ALICE)],
        "until then only who was signalled"
    );
    lab.run(1_000);
    let plan = lab.hers();
    assert_eq!(plan.peer, Some(addr(ALICE)));
    assert_eq!(plan.proven.as_slice(), [addr(ALICE)]);
    assert_eq!(lab.alice.state(), ice::State::Connected);
    // Afterwards only what was selected is told.
    let again = lab.signal(&host(OTHER, "a=end-of-candidates\r\n"));
    assert_eq!(again.matches("a=candidate:").count(), 1, "{again}");
    assert_eq!(line(&again, "ice-ufrag:"), line(&answer, "ice-ufrag:"));
}

#[test]
fn a_restart_leaves_no_gap() {
    let mut lab = Lab::new(&["public/203.0.113.1"]);
    let first = lab.signal(&host(ALICE, "a=end-of-candidates\r\n"));
    lab.run(1_000);
    lab.alice.restart();
    let second = lab.signal(&host(ALICE, "a=end-of-candidates\r\n"));
    assert_ne!(line(&first, "ice-ufrag:"), line(&second, "ice-ufrag:"));
    for _ in 0..1_000 {
        let plan = lab.hers();
        assert_eq!(plan.peer, Some(addr(ALICE)));
        assert!(plan.proven.contains(&addr(ALICE)), "{:?}", plan.proven);
        lab.run(1);
    }
    // The new credentials are the ones in use: consent is asked for with them, and given.
    lab.run(40_000);
    assert_eq!(lab.hers().peer, Some(addr(ALICE)));
}

#[test]
fn consent_that_is_not_renewed_ends_what_is_sent() {
    let mut lab = Lab::new(&["public/203.0.113.1"]);
    lab.signal(&host(ALICE, "a=end-of-candidates\r\n"));
    lab.run(1_000);
    // Alice is gone.
    for _ in 0..40 {
        lab.calls.pass(Duration::from_secs(1));
    }
    assert_eq!(lab.hers().peer, None);
}

#[test]
fn fragments_come_before_and_after_what_they_belong_to() {
    let mut lab = Lab::new(&["public/203.0.113.1"]);
    let own = lab.alice.credentials().clone();
    let head = format!("a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", own.ufrag(), own.pwd());
    let section = "m=audio 9 RTP/AVP 8\r\na=mid:0\r\n";
    let early = format!("{head}{section}{}", host("198.51.100.7:4000", ""));
    assert_eq!(lab.ask("offer", &early, &["fragment"]), "");
    // Of another generation: not for this description.
    let foreign = format!("a=ice-ufrag:other\r\n{section}{}", host("198.51.100.66:4000", ""));
    lab.ask("offer", &foreign, &["fragment"]);
    lab.signal("");
    let late = format!(
        "{section}{head}{}",
        host("198.51.100.8:4000", "a=end-of-candidates\r\n")
    );
    lab.ask("offer", &late, &["fragment"]);
    lab.run(200);
    for told in ["198.51.100.7:4000", "198.51.100.8:4000"] {
        assert!(lab.sent.contains(&addr(told)), "{told} of {:?}", lab.sent);
    }
    assert!(!lab.sent.contains(&addr("198.51.100.66:4000")), "{:?}", lab.sent);
}

#[test]
fn a_fragment_alone_keeps_no_call() {
    let mut lab = Lab::new(&["public/203.0.113.1"]);
    let fragment = format!(
        "m=audio 9 RTP/AVP 8\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\n{}",
        host(ALICE, "")
    );
    lab.ask("offer", &fragment, &["fragment"]);
    assert_eq!(lab.calls.len(), 1);
    lab.calls.pass(Duration::from_secs(31));
    assert!(lab.calls.is_empty());
}

#[test]
fn nobody_is_asked_who_may_not_be() {
    let mut lab = Lab::new(&["public/203.0.113.1"]);
    let mut config = (*lab.calls.config).clone();
    config.media_policy.control = vec![addr("203.0.113.1:2223"), addr("0.0.0.0:9900")];
    lab.calls.config = Arc::new(config);
    let refused = [
        "127.0.0.1:7",
        "169.254.169.254:7",
        "203.0.113.1:2223",
        "198.51.100.5:9900",
        "240.0.0.1:7",
    ];
    let candidates: String = refused.iter().map(|a| host(a, "")).collect();
    lab.signal(&candidates);
    lab.run(30_000);
    assert!(
        lab.sent
            .iter()
            .all(|to| !refused.contains(&to.to_string().as_str())),
        "{:?}",
        lab.sent
    );
}
