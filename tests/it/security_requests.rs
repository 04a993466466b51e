//! Requests over ng/UDP that no honest controller sends: each gets an answer or is ignored, and the daemon goes on as if
//! nothing had been.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::lab::{seed, wait_for};
use crate::ng::{Request, Value};
use crate::open_net::{ALICE, BOB, OpenNet, offer, sdp};

/// A request that takes longer than this stalls a controller.
const PROMPTLY: Duration = Duration::from_secs(3);

/// Sends a body; expects a reply within the time, and a working daemon after it.
pub(crate) fn assert_answered(net: &mut OpenNet, what: &str, body: &[u8]) -> Value {
    let start = Instant::now();
    let reply = net.relay.ng.ask_raw(body, Duration::from_secs(10));
    let reply = reply.unwrap_or_else(|| panic!("no reply to {what}; the daemon said\n{}", net.relay.said()));
    assert!(start.elapsed() < PROMPTLY, "{what} took {:?}", start.elapsed());
    net.relay.assert_alive();
    reply
}

#[test]
fn deep_nesting_is_an_error() {
    let Some(mut net) = OpenNet::new("nesting", &[]) else {
        return;
    };
    let nest = |open: &str, close: &str, depth: usize| {
        format!(
            "d7:command4:ping4:junk{}{}e",
            open.repeat(depth),
            close.repeat(depth)
        )
        .into_bytes()
    };
    let deep = [
        ("30,000 lists", nest("l", "e", 30_000)),
        (
            "10,000 dictionaries",
            format!("{}{}", "d1:a".repeat(10_000), "e".repeat(10_000)).into_bytes(),
        ),
        (
            "30,000 lists without an end",
            ["d4:junk", &"l".repeat(30_000)].concat().into_bytes(),
        ),
        (
            "JSON arrays",
            format!("{{\"junk\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000)).into_bytes(),
        ),
    ];
    for (what, body) in deep {
        if body.starts_with(b"{") {
            // The reply is JSON too, which this client does not read: being alive is what counts.
            net.relay.ng.send_raw(&body);
            net.relay.assert_alive();
        } else {
            let reply = assert_answered(&mut net, what, &body);
            assert_eq!(reply.text_of("result"), "error", "{what}: {reply:?}");
        }
    }
}

#[test]
fn broken_messages_are_answered_or_ignored() {
    let Some(mut net) = OpenNet::new("broken", &[]) else {
        return;
    };
    let huge = "9".repeat(40);
    let bodies: Vec<Vec<u8>> = vec![
        b"".into(),
        b"d".into(),
        b"de".into(),
        b"x".into(),
        b"i1e".into(),
        b"le".into(),
        b"d7:command".into(),
        b"d7:command99999999999:pinge".into(),
        format!("d7:command{huge}:pinge").into(),
        b"d7:command-4:pinge".into(),
        b"d7:commandi99999999999999999999999ee".into(),
        b"d7:commandi--1ee".into(),
        b"d7:commandlee".into(),
        b"d7:command0:e".into(),
        b"d7:command4:ping7:command5:offere".into(),
        b"d0:0:7:command4:pinge".into(),
        b"di1e4:pinge".into(),
        b"d7:command5:offer7:call-idi5e8:from-tagle3:sdpdee".into(),
        b"d7:command6:delete7:call-id4:\0\xff\xfe\x80e".into(),
        b"d7:command4:pinge trailing".into(),
        b"\0\0\0\0".into(),
        vec![0xff; 60_000],
    ];
    for body in &bodies {
        net.relay.ng.send_raw(body);
    }
    net.relay.assert_alive();
    let seed = seed();
    let mut rng = SmallRng::seed_from_u64(seed);
    let valid = offer(
        "mutated",
        &sdp(ALICE, 4000),
        &["trust-address", "codec-strip-all"],
    )
    .bytes();
    for round in 0..2_000 {
        let mut body = valid.clone();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..body.len());
            match rng.random_range(0..3) {
                0 => body[at] = rng.random(),
                1 => body.truncate(at.max(1)),
                _ => body.insert(at, b"0:ledi1-"[rng.random_range(0..8)]),
            }
        }
        net.relay.ng.send_raw(&body);
        if round % 200 == 0 {
            net.relay.assert_alive();
        }
    }
    net.relay.assert_alive();
}

/// Requests that are right by themselves, in every order of four, and in long random ones.
#[test]
fn every_order_of_requests_is_answered() {
    let Some(mut net) = OpenNet::new("orders", &[]) else {
        return;
    };
    let (a, b) = (sdp(ALICE, 4000), sdp(BOB, 5000));
    let by = |command: &str, from: &str, to: &str, sdp: &str| {
        let request = Request::new(command).with("from-tag", from);
        let request = if to.is_empty() {
            request
        } else {
            request.with("to-tag", to)
        };
        if sdp.is_empty() {
            request
        } else {
            request.with("sdp", sdp)
        }
    };
    let steps = [
        by("offer", "a", "", &a),
        by("offer", "b", "a", &b),
        by("answer", "a", "b", &b),
        by("answer", "b", "unknown", &a),
        by("answer", "unknown", "b", &a),
        by("offer", "a", "b", &a).with("via-branch", "branch"),
        by("delete", "a", "", ""),
        by("query", "b", "", ""),
    ];
    let mut asked = 0;
    let mut play = |net: &mut OpenNet, order: &[usize], id: &str| {
        for step in order {
            let reply = net.relay.ng.ask(&steps[*step].clone().with("call-id", id));
            assert!(!reply.text_of("result").is_empty(), "order {order:?}: {reply:?}");
            asked += 1;
        }
        net.relay.ng.ask(&Request::new("delete").with("call-id", id));
    };
    let count = steps.len();
    for n in 0..count.pow(4) {
        let order = [
            n % count,
            n / count % count,
            n / count.pow(2) % count,
            n / count.pow(3),
        ];
        play(&mut net, &order, &format!("order-{n}"));
    }
    let seed = seed();
    let mut rng = SmallRng::seed_from_u64(seed);
    for n in 0..200 {
        let order: Vec<usize> = (0..20).map(|_| rng.random_range(0..count)).collect();
        play(&mut net, &order, &format!("long-{n}"));
    }
    eprintln!("{asked} requests");
    net.relay.assert_alive();
    wait_for("no call to be left", Duration::from_secs(10), || {
        net.relay.calls().is_empty()
    });
    wait_for("no port to be left", Duration::from_secs(10), || {
        net.relay.media_ports().is_empty()
    });
}
