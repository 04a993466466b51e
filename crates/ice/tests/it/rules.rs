//! Single rules, each against a peer written by hand.

use ice::stun::{Class, ErrorCode, Message};
use ice::{Component, Credentials, Dropped, Event, Handled, Mode, Remote, Role, Route, State};

use crate::bench::{Ask, Bench, OTHER, OURS, PEER};
use crate::{addr, config, local, remote};

fn kinds(bytes: &[u8]) -> Vec<u16> {
    let mut kinds: Vec<u16> = Message::parse(bytes)
        .expect("a message")
        .attributes()
        .map(|(k, _)| k)
        .collect();
    // Message::attributes ends before these two.
    let tail = |at: usize| u16::from_be_bytes([bytes[bytes.len() - at], bytes[bytes.len() - at + 1]]);
    kinds.extend([tail(32), tail(8)]);
    kinds
}

/// The order and values that recorded calls of rtpengine show.
#[test]
fn messages_look_like_rtpengines() {
    let mut b = Bench::full(Role::Controlled);
    b.meet();
    b.told(PEER, 2_130_706_303);
    let sent = b.run(5);
    let message = Message::parse(&sent[0].1.bytes).unwrap();
    assert_eq!(
        kinds(&sent[0].1.bytes),
        [0x8022, 0x0006, 0x8029, 0x0024, 0x0008, 0x8028]
    );
    assert_eq!(message.priority(), Some(0x6eff_ffff));
    assert!(message.software().unwrap().starts_with(b"rtpengine"));
    let username = format!("q2758e93:{}", b.agent.credentials().ufrag());
    assert_eq!(message.username(), Some(username.as_bytes()));
    assert_eq!(username.len(), 17);

    b.ask(Ask::default());
    let answer = b.agent.poll_transmit().unwrap();
    assert_eq!(kinds(&answer.bytes), [0x8022, 0x0020, 0x0008, 0x8028]);
    assert_eq!(
        Message::parse(&answer.bytes).unwrap().xor_mapped_address(),
        Some(addr(PEER))
    );

    let mut b = Bench::full(Role::Controlling);
    b.meet();
    b.told(PEER, 2_130_706_303);
    let sent = b.run_answering(300);
    assert_eq!(
        kinds(&sent[1].bytes),
        [0x8022, 0x0006, 0x802a, 0x0024, 0x0025, 0x0008, 0x8028]
    );
    assert_eq!(b.agent.state(), State::Connected);
}

#[test]
fn a_dead_candidate_gets_eight_packets() {
    let mut b = Bench::full(Role::Controlled);
    b.meet();
    b.told(PEER, 5);
    let began = b.now_us;
    let sent = b.run(60_000);
    let at_ms: Vec<u64> = sent.iter().map(|(t, _)| (t - began) / 1000).collect();
    assert_eq!(at_ms, [0, 100, 300, 700, 1500, 3100, 6300, 12_700]);
    assert_eq!(b.agent.state(), State::Failed);
    // All the same question.
    assert!(sent.windows(2).all(|w| w[0].1.bytes == w[1].1.bytes));
}

#[test]
fn new_checks_are_paced() {
    let mut b = Bench::full(Role::Controlled);
    b.meet();
    for host in 1..=15 {
        b.told(&format!("198.51.100.{host}:4000"), host);
    }
    let began = b.now_us;
    let first_round: Vec<u64> = b.run(95).iter().map(|(t, _)| (t - began) / 1000).collect();
    assert_eq!(first_round, [0, 20, 40, 60, 80]);
}

/// RFC 8445 §7.3.1.1: the larger tie-breaker controls.
#[test]
fn role_conflicts() {
    for (ours, theirs, tie_breaker, refused, role) in [
        (
            Role::Controlling,
            Role::Controlling,
            u64::MAX,
            false,
            Role::Controlled,
        ),
        (Role::Controlling, Role::Controlling, 0, true, Role::Controlling),
        (Role::Controlled, Role::Controlled, 0, false, Role::Controlling),
        (
            Role::Controlled,
            Role::Controlled,
            u64::MAX,
            true,
            Role::Controlled,
        ),
        (Role::Controlled, Role::Controlling, 0, false, Role::Controlled),
    ] {
        let mut b = Bench::full(ours);
        b.meet();
        let handled = b.ask(Ask {
            role: Some(theirs),
            tie_breaker,
            ..Ask::default()
        });
        assert_eq!(
            handled == Handled::Refused(ErrorCode::RoleConflict),
            refused,
            "{ours:?} {tie_breaker}"
        );
        assert_eq!(b.agent.role(), role, "{ours:?} {theirs:?} {tie_breaker}");
    }
}

#[test]
fn a_487_makes_us_switch_once_and_ask_again() {
    let mut b = Bench::full(Role::Controlling);
    b.meet();
    b.told(PEER, 5);
    b.told(OTHER, 4);
    let sent = b.run(30);
    assert_eq!(sent.len(), 2);
    for (_, check) in &sent {
        assert_eq!(b.reply(check, Class::Error, check.to), Handled::Response);
        assert_eq!(b.agent.role(), Role::Controlled);
    }
    let again = b.run(50);
    assert_eq!(again.len(), 2);
    assert!(
        again
            .iter()
            .all(|(_, t)| Message::parse(&t.bytes).unwrap().controlled().is_some())
    );
}

/// The peer's first checks overtake its description.
#[test]
fn early_checks_wait_for_the_credentials() {
    let mut b = Bench::full(Role::Controlled);
    for n in 0..40 {
        let from = format!("198.51.100.7:{}", 40_000 + n);
        assert_eq!(
            b.ask(Ask {
                from: &from,
                nominate: n == 3,
                ..Ask::default()
            }),
            Handled::Answered
        );
    }
    assert!(
        b.run(100).iter().all(|(_, t)| t.bytes[0] == 1),
        "nothing but answers"
    );
    b.meet();
    b.run_answering(500);
    assert_eq!(b.selected(), Some(addr("198.51.100.7:40003")));
    // The peer sees us at an address that we do not advertise.
    assert!(
        b.agent
            .reflexives()
            .any(|r| r == (addr(OURS), addr("192.0.2.99:5")))
    );
}

/// Another branch of a forked call knows our password, but is not whom we were told of.
#[test]
fn another_branch_selects_nothing() {
    let mut b = Bench::full(Role::Controlled);
    b.meet();
    b.credentials = Credentials::new("branch", "secret").unwrap();
    assert_eq!(
        b.ask(Ask {
            nominate: true,
            ..Ask::default()
        }),
        Handled::Answered
    );
    let sent = b.run(1000);
    assert!(
        sent.iter().all(|(_, t)| t.bytes[0] == 1),
        "nothing but the answer"
    );
}

#[test]
fn consent_ends_and_returns() {
    let mut b = Bench::full(Role::Controlled);
    b.meet();
    b.ask(Ask {
        nominate: true,
        ..Ask::default()
    });
    b.run_answering(200);
    assert_eq!(b.selected(), Some(addr(PEER)));
    b.events();
    let checks = b.run(29_000);
    assert!((4..=8).contains(&checks.len()), "{} consent checks", checks.len());
    assert_eq!(b.agent.state(), State::Connected);
    b.run(2000);
    let route = Route {
        local: addr(OURS),
        remote: addr(PEER),
    };
    let lost = [
        Event::ConsentLost(Component::Rtp, route),
        Event::State(State::Disconnected),
    ];
    assert_eq!(b.events(), lost);
    assert_eq!(b.agent.route(Component::Rtp), None);
    assert_eq!(b.run(600_000).len(), 0, "RFC 7675 §5.1: nothing is sent any more");
    b.ask(Ask::default());
    b.run_answering(100);
    let regained = [
        Event::ConsentRegained(Component::Rtp, route),
        Event::State(State::Connected),
    ];
    assert_eq!(b.events(), regained);
    assert_eq!(b.agent.route(Component::Rtp), Some(route));
}

/// Two valid pairs, then nominations of the second in all the ways that peers have.
#[test]
fn renomination() {
    // (count of the first, count of the second, priority of the second, seconds between) -> the second is taken
    for (first, second, priority, seconds, taken) in [
        (None, None, 9, 0, true),
        (None, None, 1, 0, false),
        (None, None, 1, 4, true),
        (Some(1), Some(2), 1, 0, true),
        (Some(2), Some(1), 9, 4, false),
        (Some(1), Some(1), 9, 4, false),
    ] {
        let mut b = Bench::full(Role::Controlled);
        b.meet();
        b.told(PEER, 5);
        b.told(OTHER, priority);
        b.run_answering(200);
        b.ask(Ask {
            nominate: true,
            count: first,
            ..Ask::default()
        });
        b.run_answering(50);
        assert_eq!(b.selected(), Some(addr(PEER)));
        b.run_answering(seconds * 1000);
        b.ask(Ask {
            from: OTHER,
            nominate: true,
            count: second,
            ..Ask::default()
        });
        b.run_answering(50);
        let expect = if taken { OTHER } else { PEER };
        assert_eq!(
            b.selected(),
            Some(addr(expect)),
            "{first:?} {second:?} {priority} {seconds} s"
        );
    }
}

#[test]
fn our_renominations_count_if_the_peer_understands_them() {
    for understands in [false, true] {
        let mut config = config(1, Mode::Full, Role::Controlling);
        config.renomination = understands;
        let mut b = Bench::new(config);
        b.meet();
        b.told(PEER, 5);
        let sent = b.run_answering(300);
        let nominating = sent
            .iter()
            .find(|t| Message::parse(&t.bytes).unwrap().use_candidate())
            .unwrap();
        let count = Message::parse(&nominating.bytes).unwrap().nomination();
        assert_eq!(count, understands.then_some(1));
    }
}

/// The old credentials serve the old pair until the new ones have one.
#[test]
fn a_restart_keeps_the_old_pair_in_use() {
    let mut b = Bench::full(Role::Controlled);
    b.meet();
    b.ask(Ask {
        nominate: true,
        ..Ask::default()
    });
    b.run_answering(200);
    let old = b.request(&Ask::default());
    b.agent.restart();
    let handled = b.agent.handle_packet(b.now(), addr(OURS), addr(PEER), &old);
    assert_eq!(handled, Handled::Answered);
    assert_eq!(b.agent.state(), State::Connected);
    let checks = b.run_answering(60_000);
    assert!(checks.len() > 8, "consent goes on: {}", checks.len());
    assert_eq!(b.agent.route(Component::Rtp).map(|r| r.remote), Some(addr(PEER)));

    b.credentials = Credentials::new("fresh", "secret").unwrap();
    b.meet();
    b.ask(Ask {
        from: OTHER,
        nominate: true,
        ..Ask::default()
    });
    b.run_answering(200);
    assert_eq!(b.selected(), Some(addr(OTHER)));
    let handled = b.agent.handle_packet(b.now(), addr(OURS), addr(PEER), &old);
    assert_eq!(handled, Handled::Dropped(Dropped::Unauthenticated));
}

#[test]
fn a_lite_agent_only_answers() {
    let mut b = Bench::new(config(1, Mode::Lite, Role::Controlling));
    b.meet();
    b.told(PEER, 5);
    assert_eq!(b.run(5000).len(), 0);
    b.ask(Ask::default());
    assert_eq!(b.agent.route(Component::Rtp).map(|r| r.remote), Some(addr(PEER)));
    assert_eq!(b.selected(), None);
    b.ask(Ask {
        nominate: true,
        ..Ask::default()
    });
    assert_eq!(b.selected(), Some(addr(PEER)));
    let sent = b.run(61_000);
    let classes: Vec<Class> = sent
        .iter()
        .map(|(_, t)| Message::parse(&t.bytes).unwrap().class())
        .collect();
    assert_eq!(classes[..2], [Class::Success; 2]);
    assert_eq!(classes[2..], [Class::Indication; 4]);
}

#[test]
fn two_lite_agents_take_the_best_pair() {
    let mut b = Bench::new(config(1, Mode::Lite, Role::Controlling));
    let credentials = b.credentials.clone();
    b.agent.set_remote(
        b.now(),
        Remote {
            credentials,
            lite: true,
        },
    );
    b.told(OTHER, 4);
    b.told(PEER, 5);
    assert_eq!(b.run(100).len(), 0);
    assert_eq!(
        (b.selected(), b.agent.state()),
        (Some(addr(PEER)), State::Connected)
    );
}

/// rtcp-mux is agreed on in mid-check.
#[test]
fn a_component_can_go() {
    let mut b = Bench::full(Role::Controlling);
    assert!(b.agent.add_local(local(Component::Rtcp, 0, "203.0.113.1:30001")));
    assert!(
        !b.agent.add_local(local(Component::Rtcp, 0, "203.0.113.1:30001")),
        "twice the same socket"
    );
    assert_eq!(
        b.agent.local_candidates().map(|c| c.priority).collect::<Vec<_>>(),
        [2_130_706_431, 2_130_706_430]
    );
    b.meet();
    b.told(PEER, 5);
    b.agent
        .add_remote(remote(Component::Rtcp, 4, addr("198.51.100.7:40001")), None);
    b.run(30);
    b.agent.remove_component(Component::Rtcp);
    let sent = b.run_answering(1000);
    assert!(sent.iter().all(|t| t.to == addr(PEER)));
    assert_eq!(b.agent.state(), State::Connected);
}

/// The peer asks from elsewhere, does not say why, and answers no more where it was: its NAT has been restarted.
#[test]
fn a_peer_that_has_moved_is_followed() {
    for role in [Role::Controlled, Role::Controlling] {
        let mut b = Bench::full(role);
        b.meet();
        b.told(PEER, 9);
        b.ask(Ask {
            role: Some(if role == Role::Controlled {
                Role::Controlling
            } else {
                Role::Controlled
            }),
            nominate: role == Role::Controlled,
            ..Ask::default()
        });
        b.run_answering(10_000);
        assert_eq!(b.selected(), Some(addr(PEER)), "{role:?}");
        for _ in 0..3 {
            b.ask(Ask {
                from: OTHER,
                role: Some(if role == Role::Controlled {
                    Role::Controlling
                } else {
                    Role::Controlled
                }),
                ..Ask::default()
            });
            for _ in 0..100 {
                for (_, t) in b.run(10) {
                    if t.to == addr(OTHER) && t.bytes[0] == 0 {
                        b.reply(&t, Class::Success, t.to);
                    }
                }
            }
        }
        assert_eq!(
            b.selected(),
            Some(addr(OTHER)),
            "{role:?}: not followed within three seconds"
        );
    }
}

/// The same where the selected pair answers: nothing changes.
#[test]
fn a_second_living_pair_changes_nothing() {
    let mut b = Bench::full(Role::Controlled);
    b.meet();
    b.told(PEER, 9);
    b.ask(Ask {
        nominate: true,
        ..Ask::default()
    });
    b.run_answering(10_000);
    for _ in 0..20 {
        b.ask(Ask {
            from: OTHER,
            ..Ask::default()
        });
        b.run_answering(1000);
    }
    assert_eq!(b.selected(), Some(addr(PEER)));
}

/// Until its media comes over the second pair: then it has chosen that one, unless choosing is ours, or it has just done so.
#[test]
fn media_over_a_second_living_pair_is_followed() {
    for (role, theirs) in [
        (Role::Controlled, Role::Controlling),
        (Role::Controlling, Role::Controlled),
    ] {
        let mut b = Bench::full(role);
        b.meet();
        b.told(PEER, 9);
        b.ask(Ask {
            role: Some(theirs),
            nominate: role == Role::Controlled,
            ..Ask::default()
        });
        b.run_answering(1_000);
        assert_eq!(b.selected(), Some(addr(PEER)), "{role:?}");
        let ways = |b: &Bench| b.agent.alternatives(Component::Rtp);
        let follow = |b: &mut Bench| {
            let now = b.now();
            b.agent.follow_media(now, addr(OURS), addr(OTHER))
        };
        assert_eq!(ways(&b), None, "{role:?}: there is one way");
        b.ask(Ask {
            from: OTHER,
            role: Some(theirs),
            ..Ask::default()
        });
        assert_eq!(ways(&b), None, "{role:?}: it has asked, and not answered");
        assert!(!follow(&mut b), "{role:?}: not valid");
        for (_, check) in b.run(500) {
            if check.to == addr(OTHER) && check.bytes[0] == 0 {
                b.reply(&check, Class::Success, check.to);
            }
        }
        let Some((since, routes)) = ways(&b) else {
            assert_eq!(role, Role::Controlling, "another way");
            b.run_answering(10_000);
            assert!(!follow(&mut b), "ours to choose");
            continue;
        };
        let other = Route {
            local: addr(OURS),
            remote: addr(OTHER),
        };
        assert_eq!((role, routes), (Role::Controlled, vec![other]));
        assert!(since > b.now());
        assert!(!follow(&mut b), "too soon");
        b.run_answering(3_000);
        assert!(follow(&mut b));
        assert_eq!(b.selected(), Some(addr(OTHER)));
        assert!(!follow(&mut b), "that is where it goes already");
        assert!(
            ways(&b).is_some_and(|(next, _)| next > since),
            "and back, but later"
        );
    }
}
