//! Both ends of every suite over a network that loses, reorders, repeats and forges, across turns of the rollover
//! counter.

use std::collections::BTreeSet;

use proptest::prelude::*;
use srtp::limits::REPLAY_WINDOW;
use srtp::{Reject, Suite};

use crate::support::{pair, params, protect_rtcp, protect_rtp, rtcp, rtp, unprotect_rtcp, unprotect_rtp};

/// What the network does with the next packet.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    /// Arrives after that many others.
    Late(usize),
    Twice,
    /// Arrives, and before it a copy with one bit changed, at this place from the end.
    Forged(usize),
    /// Some numbers are skipped before it.
    Gap(u64),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        2 => (1usize..40).prop_map(Fate::Late),
        1 => Just(Fate::Twice),
        2 => (0usize..170).prop_map(Fate::Forged),
        1 => (1u64..30_000).prop_map(Fate::Gap),
    ]
}

/// The packets in the order of their arrival: the number of each, and where it was changed.
fn arrivals(fates: &[Fate], first: u64) -> Vec<(u64, Option<usize>)> {
    let mut number = first;
    let mut due = Vec::new();
    for (slot, fate) in fates.iter().enumerate() {
        let slot = slot * 2;
        match *fate {
            Fate::Arrives => due.push((slot, number, None)),
            Fate::Lost => {}
            Fate::Late(by) => due.push((slot + by * 2 + 1, number, None)),
            Fate::Twice => due.extend([(slot, number, None), (slot, number, None)]),
            Fate::Forged(at) => due.extend([(slot, number, Some(at)), (slot, number, None)]),
            Fate::Gap(by) => {
                number += by;
                due.push((slot, number, None));
            }
        }
        number += 1;
    }
    due.sort_by_key(|(slot, ..)| *slot);
    due.into_iter().map(|(_, number, at)| (number, at)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_sent_arrives_once_and_nothing_else(
        suite in prop::sample::select(Suite::all().collect::<Vec<_>>()),
        first in prop_oneof![0u64..10, 65_400u64..65_536],
        fates in prop::collection::vec(fate(), 1..300),
    ) {
        let (mut sender, mut receiver) = pair(&params(suite));
        let order = arrivals(&fates, first);
        let numbers: BTreeSet<u64> = order.iter().map(|(number, _)| *number).collect();
        let sent: std::collections::BTreeMap<u64, Vec<u8>> = numbers
            .iter()
            .map(|&n| (n, protect_rtp(&mut sender, &rtp(9, n, 160))))
            .collect();
        let mut taken = BTreeSet::new();
        for (number, forged) in order {
            let mut packet = sent[&number].clone();
            if let Some(at) = forged {
                let place = packet.len() - 1 - at % packet.len();
                packet[place] ^= 1;
                prop_assert!(unprotect_rtp(&mut receiver, &packet).is_err(), "forged {} at {}", number, place);
                continue;
            }
            let result = unprotect_rtp(&mut receiver, &packet);
            let highest = taken.last().copied();
            if highest.is_some_and(|highest| highest >= number + REPLAY_WINDOW) {
                // Too old; half a turn late it looks like half a turn early, and is not authentic as such.
                prop_assert!(result.is_err(), "{} after {:?}", number, highest);
                continue;
            }
            let again = taken.contains(&number);
            let expect = if again { Err(Reject::Replayed) } else { Ok(rtp(9, number, 160)) };
            prop_assert_eq!(&result, &expect, "{} after {:?}", number, highest);
            if result.is_ok() {
                taken.insert(number);
            }
        }
    }

    #[test]
    fn reports_arrive_once(
        suite in prop::sample::select(Suite::all().collect::<Vec<_>>()),
        order in Just((0u32..60).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let (mut sender, mut receiver) = pair(&params(suite));
        let sent: Vec<_> = (0..60).map(|n| protect_rtcp(&mut sender, &rtcp(n % 3, n))).collect();
        for &n in &order {
            let packet = &sent[n as usize];
            let mut forged = packet.clone();
            let place = (n as usize * 7) % forged.len();
            forged[place] ^= 0x10;
            prop_assert!(unprotect_rtcp(&mut receiver, &forged).is_err(), "forged {} at {}", n, place);
            prop_assert_eq!(unprotect_rtcp(&mut receiver, packet), Ok(rtcp(n % 3, n)));
            prop_assert_eq!(unprotect_rtcp(&mut receiver, packet), Err(Reject::Replayed));
        }
    }
}
