//! The vocabulary between control and packets: plans down, events up.
//!
//! `call` compiles a call into a [`PlanSet`]; `relay` executes it and reports [`Event`]s. This crate is data
//! only: no behaviour beyond constructors and plain reads. Only `call/compile.rs` makes a [`Plan`] (tests,
//! benches and the testkit excepted).
#![forbid(unsafe_code)]

mod event;
mod ids;
mod path;
mod plan;
mod refused;
mod stats;

pub use event::{Event, PuntKind};
pub use ids::{CallKey, FlowId, SocketId, WorkerId};
pub use moment::Time;
pub use path::{Path, Refusal};
pub use plan::{
    Bundle, BundleMember, Command, Component, Datagram, ExtMap, Follow, Framing, Learning, LocalSocket,
    MediaState, Plan, PlanSet, Process, RtcpPolicy, RtcpReports, Security, Sink, Sinks, SourcePolicy, Tap,
    TapId, TapPoint,
};
pub use refused::Refused;
pub use stats::{DropReason, FlowStats, SSRC_SLOTS, SsrcStats};
