//! What goes into an agent and comes out of it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use arrayvec::ArrayVec;

use crate::credentials::Credentials;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::policy::Policy;
use crate::stun::ErrorCode;

/// Media has two at most (RFC 8445 §4); with rtcp-mux one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// 1.
    Rtp,
    /// 2.
    Rtcp,
}

impl Component {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Rtp, Self::Rtcp];

    /// As in `a=candidate`.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Rtp => 1,
            Self::Rtcp => 2,
        }
    }

    /// From `a=candidate`.
    #[must_use]
    pub const fn from_id(id: u32) -> Option<Self> {
        match id {
            1 => Some(Self::Rtp),
            2 => Some(Self::Rtcp),
            _ => None,
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// Who nominates (RFC 8445 §6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// We do.
    Controlling,
    /// The peer does.
    Controlled,
}

impl Role {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }
}

/// RFC 8445 §2.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Sends checks of its own.
    Full,
    /// Only answers.
    Lite,
}

/// How a selected pair is kept alive. A lite agent sends keepalives in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Liveness {
    /// By consent checks; without answers nothing is sent any more (RFC 7675).
    Consent,
    /// By indications that nobody answers (RFC 8445 §11).
    Keepalive,
}

/// What those get who ask without knowing our password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strangers {
    /// Nothing.
    Silence,
    /// 400 or 401, a few in a second, and none longer than the question.
    Bounded,
}

/// What an agent is made from.
#[derive(Clone)]
pub struct Config {
    /// Full or lite.
    pub mode: Mode,
    /// The role to begin with; conflicts are settled (RFC 8445 §7.3.1.1). A lite agent facing a full one is controlled.
    pub role: Role,
    /// SOFTWARE of every message, the first 96 bytes.
    pub software: String,
    /// What follows once a pair is selected.
    pub liveness: Liveness,
    /// What strangers get.
    pub strangers: Strangers,
    /// Whether nominations carry NOMINATION: only towards peers that said `renomination`.
    pub renomination: bool,
    /// Asked before every packet.
    pub policy: Arc<dyn Policy>,
    /// Seed of credentials, transaction ids and the tie-breaker. Secret, and never used twice.
    pub seed: [u8; 32],
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Config");
        out.field("mode", &self.mode).field("role", &self.role);
        out.finish_non_exhaustive()
    }
}

/// What a description says of the peer's agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// `a=ice-ufrag`, `a=ice-pwd`.
    pub credentials: Credentials,
    /// `a=ice-lite`.
    pub lite: bool,
}

/// A way to send media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// The bound address of our socket.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

/// How far an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is known of the peer.
    New,
    /// Looking for a way.
    Checking,
    /// Each component has its selected pair, possibly one from before a restart.
    Connected,
    /// A selected pair has lost consent. A check of the peer's may bring it back.
    Disconnected,
    /// No way was found in time. A check of the peer's may still lead to one.
    Failed,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Another state.
    State(State),
    /// The first valid pair of a component: media may begin before anything is selected.
    Usable(Component, Route),
    /// Media of the component goes this way from now on.
    Selected(Component, Route),
    /// The peer no longer answers on the selected pair: nothing may be sent there.
    ConsentLost(Component, Route),
    /// It answers again.
    ConsentRegained(Component, Route),
    /// A conflict was settled against us.
    Role(Role),
}

/// One packet to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The bound address of the socket to use.
    pub local: SocketAddr,
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: ArrayVec<u8, MESSAGE_BYTES_MAX>,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// An authenticated request, answered with success.
    Answered,
    /// A request that was answered with an error.
    Refused(ErrorCode),
    /// An answer to a check of ours.
    Response,
    /// A keepalive.
    Keepalive,
    /// Nothing came of it.
    Dropped(Dropped),
}

/// Why nothing came of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// Not a STUN Binding message.
    NotStun,
    /// FINGERPRINT is missing or wrong.
    Fingerprint,
    /// No such socket of ours.
    Local,
    /// The policy forbids any answer.
    Forbidden,
    /// A request of someone who does not know our password, or a response of someone who does not know theirs.
    Unauthenticated,
    /// A response to nothing that we asked.
    Transaction,
    /// A response from elsewhere than we asked.
    Source,
}

/// How far a pair is, for who wants to explain a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It has not been tried.
    Waiting,
    /// It is being tried.
    Asking,
    /// A check was answered.
    Valid,
    /// None was.
    Failed,
}

/// One pair, for who wants to explain a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairView {
    /// Of which component.
    pub component: Component,
    /// Ours and theirs.
    pub route: Route,
    /// How far it is.
    pub stage: Stage,
    /// The peer has asked here.
    pub heard: bool,
    /// The peer has nominated it.
    pub nominated: bool,
}

/// What an agent has done, for who wants to explain a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Checks sent, retransmissions and consent checks included.
    pub checks: u64,
    /// Among them those to addresses that had not answered.
    pub unproven: u64,
    /// Success responses sent.
    pub answers: u64,
    /// Error responses sent.
    pub errors: u64,
    /// Requests without valid credentials.
    pub strangers: u64,
    /// Candidates beyond a limit.
    pub candidates_over: u64,
    /// Candidates and packets that the policy forbade.
    pub forbidden: u64,
    /// Packets that did not fit into the queue.
    pub transmits_over: u64,
    /// Events that did not fit into the queue.
    pub events_over: u64,
}
