//! Who is let in and who is sent to, as conversations and against a naive oracle.

use plan::{Event, Learning, SourcePolicy};

use crate::world::{A, B, World, addr, pair, rtp, socket};

const POLICY: SourcePolicy = SourcePolicy {
    learning: Learning::Heuristic,
    strict: false,
    handover: false,
    asymmetric: false,
    epoch: 0,
};
/// B's signalled host from another port, another host with B's port, another host and port.
const SAME_HOST: &str = "198.51.100.3:2032";
const SAME_PORT: &str = "198.51.100.6:2012";
const OTHER: &str = "198.51.100.6:2032";

/// One step: milliseconds since the plan, source, SSRC and sequence number of a packet to B's flow, what follows from
/// it, and where a packet to B goes thereafter.
type Step = (u64, &'static str, u32, u16, &'static str, &'static str);

fn check(what: &str, policy: SourcePolicy, steps: &[Step]) {
    let mut plans = pair();
    plans[1].source = policy;
    let mut world = World::new(plans);
    let mut a_seq = 0;
    for (i, &(ms, from, ssrc, seq, expect, peer)) in steps.iter().enumerate() {
        world.now_ms = crate::world::START_MS + ms;
        let expect = if expect == "ok" {
            format!("1>{A}")
        } else {
            expect.to_owned()
        };
        assert_eq!(
            world.arrive(from, 2, &rtp(ssrc, seq)),
            expect,
            "{what}: step {i} in"
        );
        a_seq += 1;
        assert_eq!(
            world.arrive(A, 1, &rtp(99, a_seq)),
            format!("2>{peer}"),
            "{what}: step {i} out"
        );
    }
}

#[test]
fn the_modes_follow_the_reference() {
    check(
        "heuristic: the best source wins, the signalled one settles at once",
        POLICY,
        &[
            (0, OTHER, 5, 1, "ok", OTHER),
            (20, SAME_HOST, 5, 2, "ok", SAME_HOST),
            (40, SAME_PORT, 5, 3, "ok", SAME_HOST),
            (60, B, 5, 4, "ok", B),
            (80, OTHER, 5, 5, "ok", B),
            (100, SAME_HOST, 5, 6, "ok", B),
        ],
    );
    check(
        "heuristic and strict: a worse source is dropped, after settling every other",
        SourcePolicy {
            strict: true,
            ..POLICY
        },
        &[
            (0, OTHER, 5, 1, "ok", OTHER),
            (20, SAME_HOST, 5, 2, "ok", SAME_HOST),
            (40, SAME_PORT, 5, 3, "strict-source", SAME_HOST),
            (60, B, 5, 4, "ok", B),
            (80, OTHER, 5, 5, "strict-source", B),
            (4_000, OTHER, 5, 6, "strict-source", B),
            (4_020, B, 5, 7, "ok", B),
        ],
    );
    check(
        "delayed: each packet of the stream moves it for three seconds",
        SourcePolicy {
            learning: Learning::Delayed,
            ..POLICY
        },
        &[
            (0, OTHER, 5, 1, "ok", OTHER),
            (20, SAME_HOST, 5, 2, "ok", SAME_HOST),
            (40, OTHER, 5, 3, "ok", OTHER),
            (2_990, SAME_PORT, 5, 4, "ok", SAME_PORT),
            (3_000, SAME_PORT, 5, 5, "ok", SAME_PORT),
            (3_020, OTHER, 5, 6, "ok", SAME_PORT),
        ],
    );
    check(
        "immediate: the first one settles it",
        SourcePolicy {
            learning: Learning::Immediate,
            strict: true,
            ..POLICY
        },
        &[
            (0, OTHER, 5, 1, "ok", OTHER),
            (20, SAME_HOST, 5, 2, "strict-source", OTHER),
        ],
    );
    check(
        "off: sent where signalling says",
        SourcePolicy {
            learning: Learning::Off,
            ..POLICY
        },
        &[
            (0, OTHER, 5, 1, "ok", B),
            (20, SAME_HOST, 5, 2, "ok", B),
            (40, B, 5, 3, "ok", B),
        ],
    );
    check(
        "off and strict: only from where signalling says",
        SourcePolicy {
            learning: Learning::Off,
            strict: true,
            ..POLICY
        },
        &[(0, OTHER, 5, 1, "strict-source", B), (20, B, 5, 2, "ok", B)],
    );
    check(
        "asymmetric: learned for strict only",
        SourcePolicy {
            asymmetric: true,
            strict: true,
            learning: Learning::Immediate,
            ..POLICY
        },
        &[
            (0, OTHER, 5, 1, "ok", B),
            (20, SAME_HOST, 5, 2, "strict-source", B),
            (40, OTHER, 5, 3, "ok", B),
        ],
    );
    check(
        "handover: the stream may move at any time",
        SourcePolicy {
            handover: true,
            strict: true,
            ..POLICY
        },
        &[
            (0, B, 5, 1, "ok", B),
            (20, OTHER, 5, 2, "ok", OTHER),
            (40, SAME_HOST, 5, 3, "ok", SAME_HOST),
        ],
    );
}

#[test]
fn who_cannot_see_the_call_gets_nothing_in_or_out() {
    check(
        "a foreign SSRC beside a talking party",
        POLICY,
        &[
            (0, B, 5, 1, "ok", B),
            (20, OTHER, 6, 1, "foreign-source", B),
            (40, B, 5, 2, "ok", B),
            (60, OTHER, 5, 9_000, "foreign-source", B),
        ],
    );
    check(
        "a foreign SSRC while the party is silent: heard, but never sent to",
        POLICY,
        &[
            (0, B, 5, 1, "ok", B),
            (499, OTHER, 6, 1, "foreign-source", B),
            (500, OTHER, 6, 2, "ok", B),
            (520, SAME_HOST, 7, 1, "foreign-source", B),
            (540, B, 5, 2, "ok", B),
            (560, OTHER, 6, 3, "foreign-source", B),
        ],
    );
    check(
        "a stranger that was there first gives way to the signalled address and does not come back",
        POLICY,
        &[
            (0, OTHER, 6, 1, "ok", OTHER),
            (20, B, 5, 1, "ok", B),
            (40, OTHER, 6, 2, "foreign-source", B),
        ],
    );
    check(
        "the same where the first one settles",
        SourcePolicy {
            learning: Learning::Immediate,
            ..POLICY
        },
        &[
            (0, OTHER, 6, 1, "ok", OTHER),
            (20, B, 5, 1, "ok", B),
            (40, OTHER, 6, 2, "foreign-source", B),
        ],
    );
    check(
        "delayed: a stranger does not move it",
        SourcePolicy {
            learning: Learning::Delayed,
            ..POLICY
        },
        &[
            (0, SAME_HOST, 5, 1, "ok", SAME_HOST),
            (20, OTHER, 6, 1, "foreign-source", SAME_HOST),
        ],
    );
    check(
        "off: neither",
        SourcePolicy {
            learning: Learning::Off,
            ..POLICY
        },
        &[
            (0, SAME_HOST, 5, 1, "ok", B),
            (20, OTHER, 6, 1, "foreign-source", B),
        ],
    );
}

#[test]
fn a_nat_may_choose_a_new_port() {
    check(
        "the stream goes on from elsewhere and its old source falls silent",
        POLICY,
        &[
            (0, B, 5, 1, "ok", B),
            (3_500, B, 5, 2, "ok", B),
            (3_520, OTHER, 5, 3, "ok", B),
            (4_000, OTHER, 5, 4, "ok", OTHER),
            (4_020, B, 7, 1, "foreign-source", OTHER),
        ],
    );
}

#[test]
fn an_unchanged_plan_keeps_the_settled_peer_and_a_new_epoch_forgets_it() {
    let mut world = World::new(pair());
    world.now_ms += 4_000;
    assert_eq!(world.arrive(OTHER, 2, &rtp(5, 1)), format!("1>{A}"));
    world.install(pair());
    assert_eq!(world.arrive(A, 1, &rtp(9, 1)), format!("2>{OTHER}"));
    let mut plans = pair();
    plans[1].source.epoch = 1;
    world.install(plans);
    assert_eq!(world.arrive(A, 1, &rtp(9, 2)), format!("2>{B}"));
}

#[test]
fn what_was_learned_is_reported_with_its_socket() {
    let mut plans = pair();
    plans[1].sockets.push(socket(7));
    let mut world = World::new(plans);
    world.arrive(OTHER, 7, &rtp(5, 1));
    assert_eq!(
        world.arrive(A, 1, &rtp(9, 1)),
        format!("7>{OTHER}"),
        "answers leave where packets came in"
    );
    world.arrive(B, 2, &rtp(5, 2));
    assert_eq!(world.arrive(A, 1, &rtp(9, 2)), format!("2>{B}"));
    let learned: Vec<_> = world
        .events
        .iter()
        .filter_map(|e| match e {
            Event::Learned {
                flow,
                peer,
                local,
                settled,
                ..
            } if flow.0 == 2 => Some((*peer, local.0, *settled)),
            _ => None,
        })
        .collect();
    assert_eq!(learned, [(addr(OTHER), 7, false), (addr(B), 2, true)]);
}

/// What an observer can say without knowing how the relay does it, in whatever order packets come.
#[test]
fn random_sources_against_a_naive_oracle() {
    use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
    let modes = [
        Learning::Off,
        Learning::Immediate,
        Learning::Delayed,
        Learning::Heuristic,
    ];
    for seed in 0..400_u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let learning = *modes.choose(&mut rng).expect("some");
        let policy = SourcePolicy {
            learning,
            strict: rng.random(),
            handover: rng.random_bool(0.2),
            asymmetric: rng.random_bool(0.2),
            epoch: 0,
        };
        let mut plans = pair();
        plans[1].source = policy;
        let mut world = World::new(plans);
        let mut seqs = [1_u16; 4];
        let mut party_heard_ms = None;
        for step in 0..200 {
            world.now_ms += *[0, 5, 20, 300, 700].choose(&mut rng).expect("some");
            // The party at B owns SSRC 5; everybody else has one of their own and cannot know it.
            let who = rng.random_range(0..4_usize);
            let from = [B, SAME_HOST, SAME_PORT, OTHER][who];
            seqs[who] += 1;
            let bytes = rtp(5 + u32::try_from(who).expect("small"), seqs[who]);
            let said = world.arrive(from, 2, &bytes);
            let open = world.now_ms < crate::world::START_MS + 3_000;
            let context = format!(
                "seed {seed} step {step} {policy:?} {from} at {}: {said}",
                world.now_ms
            );
            // The party at the signalled address speaks: heard at once while the window is open.
            if who == 0 && (open || learning == Learning::Off) {
                assert_eq!(
                    said,
                    format!("1>{A}"),
                    "the signalled address is always heard: {context}"
                );
                party_heard_ms = Some(world.now_ms);
            }
            let talking = party_heard_ms.is_some_and(|ms| world.now_ms - ms < 500);
            // Delayed never settles before the window ends, and then on whoever speaks.
            if who == 0 && party_heard_ms.is_some() && !policy.handover && learning != Learning::Delayed {
                assert_eq!(
                    said,
                    format!("1>{A}"),
                    "a settled party is never locked out: {context}"
                );
                party_heard_ms = Some(world.now_ms);
            }
            if who != 0 && talking {
                assert!(!said.contains('>'), "nobody else is heard beside it: {context}");
            }
            if who != 0
                && party_heard_ms.is_some()
                && policy.strict
                && !policy.handover
                && learning != Learning::Delayed
            {
                assert!(
                    !said.contains('>'),
                    "strict: nobody else is ever heard: {context}"
                );
            }
            let out = world.arrive(A, 1, &rtp(99, step));
            let settles = matches!(learning, Learning::Immediate | Learning::Heuristic) && !policy.handover;
            if policy.asymmetric || learning == Learning::Off || (party_heard_ms.is_some() && settles) {
                assert_eq!(
                    out,
                    format!("2>{B}"),
                    "media goes to the signalled party: {context}"
                );
            }
        }
    }
}
