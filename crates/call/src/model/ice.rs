//! ICE of one media with its party: what was said about it, and the agent while there is one.
//!
//! The agent belongs to the media that owns the transport; a media that is bundled into another one has none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ice::{Agent, Component, Credentials, RemoteCandidate, Route, State};
use plan::{Follow, LocalSocket, Time};
use smallvec::{SmallVec, smallvec};

/// ICE of one media.
#[derive(Debug, Default)]
pub(crate) struct Ice {
    /// Its party is told candidates of ours.
    pub(crate) active: bool,
    /// Its party offers ICE and is to be answered with it.
    pub(crate) welcome: bool,
    /// We are a lite agent towards it.
    pub(crate) lite: bool,
    /// It is told that we trickle.
    pub(crate) trickle: bool,
    /// What it said last; `None` if it does without ICE.
    pub(crate) said: Option<Box<Description>>,
    /// Runs once our credentials were told.
    pub(crate) agent: Option<Box<Agent>>,
    /// What the last plans were made from.
    pub(crate) planned: Option<Box<Reach>>,
}

/// What a description or a fragment says of ICE.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// `a=ice-ufrag` and `a=ice-pwd`.
    pub(crate) credentials: Credentials,
    /// `a=ice-lite`.
    pub(crate) lite: bool,
    /// `a=ice-options:trickle`.
    pub(crate) trickle: bool,
    /// `a=ice-options:renomination`.
    pub(crate) renomination: bool,
    /// The candidates that are of use.
    pub(crate) candidates: Vec<RemoteCandidate>,
    /// No more will follow.
    pub(crate) complete: bool,
}

/// How packets reach a party by ICE, and from where they may come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    rtp: Way,
    rtcp: Way,
}

/// The same for one component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where packets go; `None` before anything was proven.
    pub(crate) route: Option<Route>,
    /// Nothing may be sent: the party has stopped answering.
    pub(crate) lost: bool,
    /// Where packets may come from.
    pub(crate) sources: SmallVec<[SocketAddr; 1]>,
    /// Other ways that the party may take by itself, and not before when.
    pub(crate) others: Option<Box<(Time, Vec<Route>)>>,
}

impl Way {
    /// Where packets go: over what was proven; until then to the address that was signalled.
    pub(crate) fn peer(&self, signalled: Option<SocketAddr>) -> Option<SocketAddr> {
        match self.route {
            Some(route) => Some(route.remote),
            None => signalled.filter(|_| !self.lost),
        }
    }

    /// Where packets may come from: who was proven; until then only who was signalled, or nobody.
    pub(crate) fn proven(&self, signalled: Option<SocketAddr>) -> SmallVec<[SocketAddr; 1]> {
        const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        if self.sources.is_empty() {
            return smallvec![signalled.unwrap_or(NOBODY)];
        }
        self.sources.clone()
    }

    /// The other ways, by these sockets.
    pub(crate) fn follow(&self, sockets: &[LocalSocket]) -> Option<Box<Follow>> {
        let (since, routes) = self.others.as_deref()?;
        let socket = |route: &Route| sockets.iter().find(|s| s.addr == route.local).map(|s| s.id);
        let ways = routes.iter().filter_map(|r| Some((socket(r)?, r.remote)));
        Some(Box::new(Follow {
            since: *since,
            ways: ways.collect(),
        }))
    }
}

/// Whether a section passes with the addresses of its sender, and how we put ourselves into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Passing {
    /// It does not: we stand between the parties.
    #[default]
    No,
    /// `ICE=optional`: at our port, with our candidates below those of the sender.
    Beside,
    /// `ICE=force-relay`: at the sender's port, with us as a relay.
    Relay,
}

impl Passing {
    /// Whether connectivity checks go from party to party.
    pub(crate) fn is_on(self) -> bool {
        self != Self::No
    }
}

impl Ice {
    /// Whether packets from there are the party's: true without ICE, where every source may be.
    #[allow(dead_code, reason = "asked by whoever takes in DTLS")]
    pub(crate) fn is_proven(&self, local: SocketAddr, from: SocketAddr) -> bool {
        let Some(agent) = &self.agent else { return true };
        let component = agent
            .locals()
            .iter()
            .find(|l| l.bound == local)
            .map(|l| l.component);
        component.is_some_and(|c| agent.sources(c).any(|known| known == from))
    }

    /// ICE with this party is over, or begins from nothing.
    pub(crate) fn stop(&mut self) {
        self.active = false;
        self.agent = None;
    }

    /// How the party is reached; `None` without ICE.
    pub(crate) fn reach(&self) -> Option<Reach> {
        let agent = self.agent.as_ref()?;
        let way = |component| {
            let mut sources = SmallVec::new();
            for source in agent.sources(component).filter(|s| s.port() != 0) {
                if !sources.contains(&source) && sources.len() < crate::limits::PROVEN_SOURCES_MAX {
                    sources.push(source);
                }
            }
            let route = agent.route(component);
            Way {
                route,
                lost: route.is_none() && agent.state() == State::Disconnected,
                sources,
                others: agent.alternatives(component).map(|(since, mut routes)| {
                    routes.truncate(crate::limits::PROVEN_SOURCES_MAX);
                    Box::new((since, routes))
                }),
            }
        };
        Some(Reach {
            rtp: way(Component::Rtp),
            rtcp: way(Component::Rtcp),
        })
    }
}

impl Reach {
    /// Of one flow.
    pub(crate) fn of(&self, component: plan::Component) -> &Way {
        match component {
            plan::Component::Rtp | plan::Component::Mux => &self.rtp,
            plan::Component::Rtcp => &self.rtcp,
        }
    }
}
