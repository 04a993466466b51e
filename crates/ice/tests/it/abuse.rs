//! What strangers and hostile descriptions can make an agent do: next to nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use ice::stun::{Class, ErrorCode, Key, Message, TransactionId, Writer};
use ice::{Component, Credentials, Dropped, Handled, Mode, Role, Strangers};

use crate::bench::{Ask, Bench, OTHER, OURS, PEER};
use crate::{addr, config, local};

/// However many candidates there are, and whoever they are.
#[test]
fn a_description_is_no_weapon() {
    let mut b = Bench::full(Role::Controlled);
    assert!(b.agent.add_local(local(Component::Rtp, 1, "203.0.113.2:30000")));
    b.meet();
    for n in 0..150_u32 {
        b.told(&format!("198.51.100.{n}:4000"), 1000 + n);
        b.told(&format!("127.0.0.{n}:4000"), 10_000 + n);
        b.told(&format!("224.0.0.{n}:4000"), 10_000 + n);
        b.told(&format!("169.254.169.{n}:80"), 10_000 + n);
    }
    for special in [
        "255.255.255.255:9",
        "0.0.0.0:9",
        "[::1]:9",
        "[ff02::1]:9",
        "[fe80::1]:9",
        "203.0.113.1:0",
    ] {
        b.told(special, 99_999);
    }
    let sent = b.run(60_000);
    assert!((100..=200).contains(&sent.len()), "{} packets", sent.len());
    assert!(
        sent.iter()
            .all(|(_, t)| t.to.ip().to_string().starts_with("198.51.100."))
    );
    assert_eq!(b.agent.counters().candidates_over, 50);

    // Who knows the password is still listened to.
    let answered = b.ask(Ask {
        from: "192.0.2.7:4000",
        nominate: true,
        ..Ask::default()
    });
    assert_eq!(answered, Handled::Answered);
    b.run_answering(200);
    assert_eq!(b.selected(), Some(addr("192.0.2.7:4000")));

    // And whoever names others as its source makes us send no more than that.
    let mut all = sent.len();
    for n in 0..100 {
        b.ask(Ask {
            from: &format!("192.0.2.100:{}", 4000 + n),
            ..Ask::default()
        });
        let checks = b.run(300);
        all += checks
            .iter()
            .filter(|(_, t)| t.to.ip() == addr("192.0.2.100:0").ip() && t.bytes[0] == 0)
            .count();
    }
    assert!(all <= 200, "{all} packets");
    // Only a restart, which takes an offer, begins a new account.
    b.agent.restart();
    b.credentials = Credentials::new("other", "secret").unwrap();
    b.meet();
    b.told("198.51.100.1:4000", 1);
    let checks = b.run(20_000);
    let again = checks.iter().filter(|(_, t)| t.to == addr("198.51.100.1:4000"));
    assert_eq!(again.count(), 16, "eight from each of two sockets");
}

#[test]
fn own_control_ports_are_no_candidates() {
    let mut config = config(1, Mode::Full, Role::Controlled);
    let refused = addr("203.0.113.1:2223");
    config.policy = Arc::new(move |to: SocketAddr| to != refused);
    let mut b = Bench::new(config);
    b.meet();
    b.told("203.0.113.1:2223", 5);
    assert_eq!(b.run(10_000).len(), 0);
    let handled = b.ask(Ask {
        from: "203.0.113.1:2223",
        ..Ask::default()
    });
    assert_eq!(handled, Handled::Dropped(Dropped::Forbidden));
    assert_eq!(b.agent.counters().forbidden, 2);
}

fn stranger_packets(b: &mut Bench) -> Vec<Vec<u8>> {
    let mut packets = vec![b.request(&Ask {
        pwd: Some("guessed"),
        ..Ask::default()
    })];
    packets.push(b.request(&Ask {
        pwd: Some("guessed"),
        unknown: &[0x7001, 0x7002],
        ..Ask::default()
    }));
    let users = [None, Some(""), Some(":"), Some("nobody:x")];
    for (n, user) in users.into_iter().enumerate() {
        let mut buf = [0; 256];
        let id = TransactionId([100 + n as u8; 12]);
        let mut writer = Writer::new(&mut buf, Class::Request, id);
        if let Some(user) = user {
            writer.attribute(ice::stun::attr::USERNAME, user.as_bytes());
        }
        let key = Key::new(b"guessed");
        let len = writer.finish((n > 1).then_some(&key)).unwrap();
        packets.push(buf[..len].to_vec());
    }
    packets
}

#[test]
fn strangers_hear_nothing() {
    let mut b = Bench::full(Role::Controlled);
    b.meet();
    for packet in stranger_packets(&mut b) {
        let handled = b.agent.handle_packet(b.now(), addr(OURS), addr(PEER), &packet);
        assert_eq!(handled, Handled::Dropped(Dropped::Unauthenticated));
    }
    assert_eq!(b.run(1000).len(), 0);
    assert_eq!(b.agent.counters().strangers, 6);
}

#[test]
fn strangers_never_hear_more_than_they_said() {
    let mut config = config(1, Mode::Full, Role::Controlled);
    config.strangers = Strangers::Bounded;
    let mut b = Bench::new(config);
    b.meet();
    let mut answers = 0;
    for packet in stranger_packets(&mut b) {
        b.agent.handle_packet(b.now(), addr(OURS), addr(PEER), &packet);
        while let Some(answer) = b.agent.poll_transmit() {
            assert!(answer.bytes.len() <= packet.len());
            let code = Message::parse(&answer.bytes).unwrap().error_code();
            assert!(matches!(code, Some(400 | 401)), "{code:?}");
            answers += 1;
        }
    }
    assert!(answers >= 2, "{answers} answers");
    let packet = b.request(&Ask {
        pwd: Some("guessed"),
        ..Ask::default()
    });
    let flood = (0..1000).filter(|_| {
        b.agent.handle_packet(b.now(), addr(OURS), addr(PEER), &packet);
        b.agent.poll_transmit().is_some()
    });
    assert_eq!(flood.count() + answers, 10);
}

#[test]
fn who_is_known_gets_errors() {
    for (ask, code) in [
        (
            Ask {
                unknown: &[0x7001],
                ..Ask::default()
            },
            ErrorCode::UnknownAttribute,
        ),
        (
            Ask {
                priority: None,
                ..Ask::default()
            },
            ErrorCode::BadRequest,
        ),
        (
            Ask {
                role: Some(Role::Controlled),
                tie_breaker: u64::MAX,
                ..Ask::default()
            },
            ErrorCode::RoleConflict,
        ),
    ] {
        let mut b = Bench::full(Role::Controlled);
        b.meet();
        assert_eq!(b.ask(ask), Handled::Refused(code));
        let answer = b.agent.poll_transmit().unwrap();
        let message = Message::parse(&answer.bytes).unwrap();
        assert_eq!(message.error_code(), Some(code.number()));
        assert!(message.verify_integrity(&Key::new(b.agent.credentials().pwd().as_bytes())));
    }
}

#[test]
fn only_the_peer_may_answer() {
    let mut b = Bench::full(Role::Controlling);
    b.meet();
    b.told(PEER, 5);
    let (_, check) = b.run(5).remove(0);
    let unauthenticated = Handled::Dropped(Dropped::Unauthenticated);
    for class in [Class::Success, Class::Error] {
        assert_eq!(b.reply_as(&check, class, addr(PEER), "guessed"), unauthenticated);
    }
    assert_eq!(b.agent.role(), Role::Controlling);
    assert_eq!(
        b.reply(&check, Class::Success, addr(OTHER)),
        Handled::Dropped(Dropped::Source)
    );
    assert_eq!(
        b.reply(&check, Class::Success, addr(PEER)),
        Handled::Dropped(Dropped::Transaction)
    );
    assert!(!b.agent.is_proven(addr(OURS), addr(PEER)));
}

#[test]
fn what_is_not_for_us_is_dropped() {
    let mut b = Bench::full(Role::Controlled);
    b.meet();
    let good = b.request(&Ask::default());
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let now = b.now();
    for (socket, bytes, why) in [
        (OURS, &b"\x80\x00 RTP"[..], Dropped::NotStun),
        (OURS, &[], Dropped::NotStun),
        (OURS, &flipped, Dropped::Fingerprint),
        ("203.0.113.1:30009", &good, Dropped::Local),
    ] {
        let handled = b.agent.handle_packet(now, addr(socket), addr(PEER), bytes);
        assert_eq!(handled, Handled::Dropped(why));
    }
    assert_eq!(b.agent.poll_transmit(), None);
}
