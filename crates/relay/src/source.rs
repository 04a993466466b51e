//! Who may send to a flow, and where its peer is: endpoint learning.
//!
//! The reference's rules (off, immediate, delayed, heuristic; strict source, media handover) with one difference:
//! *who cannot see a call can neither inject into it nor pull its media away*. A source that is not the learned one
//! gets a packet through only if the packet continues the learned source's stream, or while that source is silent; and
//! it becomes the learned one only by continuing the stream (a NAT that chose a new port), by standing closer to the
//! signalled address within the learning window, or if the plan says `handover`. What a stream is, is the caller's
//! business: it says for each packet what claim it has.

use std::net::SocketAddr;

use plan::{DropReason, Learning, SourcePolicy, Time};

use crate::limits;

/// How close a source is to the signalled address. Better is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Exact,
    SameAddress,
    SamePort,
    Any,
}

impl Rank {
    fn of(from: SocketAddr, signalled: Option<SocketAddr>) -> Self {
        match signalled {
            Some(s) if s == from => Self::Exact,
            Some(s) if s.ip() == from.ip() => Self::SameAddress,
            Some(s) if s.port() == from.port() => Self::SamePort,
            _ => Self::Any,
        }
    }
}

/// What speaks for a packet whose source is not the learned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It continues the learned source's stream.
    Continues,
    /// It stands where another media of the same party is said to be.
    Friend,
    /// It may take the place of a source that is silent.
    Newcomer,
    /// Nothing; silence does not help it.
    Stranger,
}

/// How a packet was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// From the learned source.
    Known,
    /// From another one, which was not learned.
    Guest,
    /// From a source that was learned just now. `fresh` = it has nothing to do with the one before.
    Learned {
        /// See above.
        fresh: bool,
    },
}

/// Packets to the peer go where those of the peer come from.
pub(crate) fn follows(policy: &SourcePolicy) -> bool {
    policy.learning != Learning::Off && !policy.asymmetric
}

/// One arrival, as far as its source matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) now: Time,
    pub(crate) from: SocketAddr,
    /// Which of the flow's sockets.
    pub(crate) local: u8,
    /// Where the peer is, by signalling.
    pub(crate) signalled: Option<SocketAddr>,
    /// How long the learned source must be silent before a newcomer gets in, in µs.
    pub(crate) patience_us: u64,
}

/// The source that was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) addr: SocketAddr,
    pub(crate) local: u8,
    /// It stays until signalling says otherwise.
    pub(crate) settled: bool,
    rank: Rank,
    heard: Time,
}

/// What is known of the sources of one flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources {
    /// When signalling last armed learning.
    armed: Time,
    learned: Option<Learned>,
    /// A source that was let in while the learned one was silent, and when it was last heard.
    guest: Option<(SocketAddr, Time)>,
    /// When a proven source that is not the peer was last told of.
    told: Time,
    /// Packets go to the learned source although others have been proven, too: it has come by a way that the plan allows.
    followed: bool,
}

impl Sources {
    pub(crate) const fn new(now: Time) -> Self {
        Self {
            armed: now,
            learned: None,
            guest: None,
            told: Time(0),
            followed: false,
        }
    }

    /// A packet of a source that has passed a connectivity check: always let in. Where it is not the peer that control
    /// has named, control is told, now and then as long as that lasts. `may_follow` = packets to the peer may go there
    /// from now on; that happens once, then it is control's turn.
    #[inline]
    pub(crate) fn note_proven(&mut self, arrived: &Arrived, may_follow: impl FnOnce() -> bool) -> Admitted {
        if arrived.signalled == Some(arrived.from) {
            return Admitted::Known;
        }
        let follows = !self.followed && may_follow();
        let recently = arrived.now.0.saturating_sub(self.told.0) < limits::PROVEN_NEWS_US;
        // As long as packets go elsewhere than control has said, that is the news.
        let elsewhere = self.followed().is_some_and(|f| f.addr != arrived.from);
        if elsewhere || recently && !follows {
            return Admitted::Known;
        }
        self.followed |= follows;
        self.told = arrived.now;
        self.learned = Some(Learned {
            addr: arrived.from,
            local: arrived.local,
            settled: true,
            rank: Rank::Any,
            heard: arrived.now,
        });
        Admitted::Learned { fresh: false }
    }

    pub(crate) const fn learned(&self) -> Option<&Learned> {
        self.learned.as_ref()
    }

    /// The learned source, where packets to the peer follow it although the plan names another.
    pub(crate) fn followed(&self) -> Option<&Learned> {
        self.learned.as_ref().filter(|_| self.followed)
    }

    /// The plan says where packets to the peer go.
    pub(crate) const fn return_to_plan(&mut self) {
        self.followed = false;
    }

    /// The learned source, if it stays the one until another says or does something.
    pub(crate) fn settled(&self, policy: &SourcePolicy) -> Option<&Learned> {
        let stays = |learned: &&Learned| learned.settled || policy.learning == Learning::Off;
        self.learned.as_ref().filter(stays)
    }

    /// The learned source was heard elsewhere.
    pub(crate) fn note_heard(&mut self, at: Time) {
        if let Some(learned) = &mut self.learned {
            learned.heard = learned.heard.max(at);
        }
    }

    /// The flow's sockets have changed: `moved` says where the old one stands now.
    pub(crate) fn renumber(&mut self, moved: impl FnOnce(u8) -> u8) {
        if let Some(learned) = &mut self.learned {
            learned.local = moved(learned.local);
        }
    }

    /// Decides on one packet, and learns from it.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        arrived: &Arrived,
        policy: &SourcePolicy,
        claim: impl FnOnce() -> Claim,
    ) -> Result<Admitted, DropReason> {
        if let Some(learned) = &mut self.learned
            && learned.settled
            && learned.addr == arrived.from
            && learned.local == arrived.local
        {
            learned.heard = arrived.now;
            return Ok(Admitted::Known);
        }
        self.weigh(arrived, policy, claim)
    }

    /// Like [`admit`](Self::admit) for a packet that must not teach anything: stray RTCP on an RTP port.
    pub(crate) fn tolerate(
        &self,
        arrived: &Arrived,
        policy: &SourcePolicy,
        claim: Claim,
    ) -> Result<Admitted, DropReason> {
        match self.learned {
            Some(learned) if learned.addr == arrived.from => Ok(Admitted::Known),
            Some(_) if policy.strict => Err(DropReason::StrictSource),
            Some(_) if !matches!(claim, Claim::Continues | Claim::Friend) => Err(DropReason::ForeignSource),
            _ => Ok(Admitted::Guest),
        }
    }

    fn weigh(
        &mut self,
        arrived: &Arrived,
        policy: &SourcePolicy,
        claim: impl FnOnce() -> Claim,
    ) -> Result<Admitted, DropReason> {
        let off = policy.learning == Learning::Off;
        let rank = Rank::of(arrived.from, arrived.signalled);
        if off && policy.strict && arrived.signalled.is_some() && rank != Rank::Exact {
            return Err(DropReason::StrictSource);
        }
        let Some(learned) = &mut self.learned else {
            // Nobody was heard yet: the first one is taken, unless others vouch for the stream and not for this one.
            return match claim() {
                Claim::Friend if !policy.strict && rank != Rank::Exact => Ok(Admitted::Guest),
                Claim::Stranger if rank > Rank::SameAddress => Err(DropReason::ForeignSource),
                _ => Ok(self.learn(arrived, policy, rank, true)),
            };
        };
        if learned.addr == arrived.from {
            let moved = learned.local != arrived.local;
            let settles = !learned.settled && self.settles(arrived, policy, rank);
            return Ok(self.hear(arrived, moved, settles));
        }
        if learned.settled {
            self.weigh_settled(arrived, policy, rank, claim)
        } else {
            self.weigh_open(arrived, policy, rank, claim)
        }
    }

    /// The learned source is settled and this is another one.
    fn weigh_settled(
        &mut self,
        arrived: &Arrived,
        policy: &SourcePolicy,
        rank: Rank,
        claim: impl FnOnce() -> Claim,
    ) -> Result<Admitted, DropReason> {
        let exact_before = self.learned.is_some_and(|l| l.rank == Rank::Exact);
        if rank == Rank::Exact && !exact_before && self.is_open(arrived.now) {
            // Somebody else was quicker than the party that the SDP names.
            return Ok(self.learn(arrived, policy, rank, true));
        }
        // COMPAT(rtpengine): handover is looked at before strict.
        if policy.strict && !policy.handover {
            return Err(DropReason::StrictSource);
        }
        let silent = self.is_silent(arrived);
        match claim() {
            Claim::Continues if silent || policy.handover => Ok(self.learn(arrived, policy, rank, false)),
            Claim::Continues | Claim::Friend => Ok(Admitted::Guest),
            Claim::Newcomer if silent && policy.handover => Ok(self.learn(arrived, policy, rank, true)),
            Claim::Newcomer if silent && self.guest_is_free(arrived) => {
                self.guest = Some((arrived.from, arrived.now));
                Ok(Admitted::Guest)
            }
            Claim::Newcomer | Claim::Stranger => Err(DropReason::ForeignSource),
        }
    }

    /// The learned source may still be displaced and this is another one.
    fn weigh_open(
        &mut self,
        arrived: &Arrived,
        policy: &SourcePolicy,
        rank: Rank,
        claim: impl FnOnce() -> Claim,
    ) -> Result<Admitted, DropReason> {
        let before = self.learned.map_or(Rank::Any, |l| l.rank);
        let heuristic = policy.learning == Learning::Heuristic;
        let better = rank < before && (heuristic || rank == Rank::Exact);
        // COMPAT(rtpengine): with strict source, the heuristic mode drops a worse source even before settling.
        let barred = policy.strict && heuristic && rank > before;
        match claim() {
            Claim::Friend if !policy.strict && rank != Rank::Exact => Ok(Admitted::Guest),
            claim if better => Ok(self.learn(arrived, policy, rank, claim != Claim::Continues)),
            _ if barred => Err(DropReason::StrictSource),
            Claim::Continues if heuristic && rank > before && !self.is_silent(arrived) => Ok(Admitted::Guest),
            Claim::Continues => Ok(self.learn(arrived, policy, rank, false)),
            Claim::Newcomer | Claim::Friend if self.is_silent(arrived) => {
                Ok(self.learn(arrived, policy, rank, true))
            }
            Claim::Newcomer | Claim::Friend | Claim::Stranger => Err(DropReason::ForeignSource),
        }
    }

    fn learn(&mut self, arrived: &Arrived, policy: &SourcePolicy, rank: Rank, fresh: bool) -> Admitted {
        let settled = self.learned.is_some_and(|l| l.settled) || self.settles(arrived, policy, rank);
        let &Arrived { now, from, local, .. } = arrived;
        self.learned = Some(Learned {
            addr: from,
            local,
            settled,
            rank,
            heard: now,
        });
        self.guest = None;
        Admitted::Learned { fresh }
    }

    fn hear(&mut self, arrived: &Arrived, moved: bool, settles: bool) -> Admitted {
        if let Some(learned) = &mut self.learned {
            learned.heard = arrived.now;
            learned.local = arrived.local;
            learned.settled |= settles;
        }
        if moved || settles {
            Admitted::Learned { fresh: false }
        } else {
            Admitted::Known
        }
    }

    fn settles(&self, arrived: &Arrived, policy: &SourcePolicy, rank: Rank) -> bool {
        match policy.learning {
            Learning::Off => false,
            Learning::Immediate => true,
            Learning::Delayed => !self.is_open(arrived.now),
            Learning::Heuristic => rank == Rank::Exact || !self.is_open(arrived.now),
        }
    }

    const fn is_open(&self, now: Time) -> bool {
        now.0.saturating_sub(self.armed.0) < limits::LEARNING_WINDOW_US
    }

    fn is_silent(&self, arrived: &Arrived) -> bool {
        let heard = self.learned.map_or(Time(0), |l| l.heard);
        arrived.now.0.saturating_sub(heard.0) >= arrived.patience_us
    }

    fn guest_is_free(&self, arrived: &Arrived) -> bool {
        self.guest.is_none_or(|(addr, heard)| {
            addr == arrived.from || arrived.now.0.saturating_sub(heard.0) >= arrived.patience_us
        })
    }
}
