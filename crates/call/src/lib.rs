//! The session model: what an ng command means for a call, and the compiler that turns a call into plans.
//!
//! A [`Call`] has parties (monologues, one per SIP tag), each with its media (one per `m=` line), each with its
//! streams (RTP, RTCP). Subscriptions between media decide who hears whom. Commands change that model, `rewrite`
//! prints SDP from it, `compile` turns it into a [`plan::PlanSet`].
//!
//! Absent on purpose: sockets, clocks, files, threads (they come in through [`Env`] and as `now`), and packets
//! (they belong to `relay`, which this crate does not know).
#![forbid(unsafe_code)]

mod base64;
mod call;
mod carrier;
mod compile;
mod config;
mod connectivity;
mod delete;
pub mod diagnosis;
mod dialogue;
mod env;
mod exchange;
mod fragment;
mod handshakes;
mod interfaces;
pub mod limits;
mod model;
mod mos;
mod negotiate;
mod offer_answer;
mod output;
mod poll;
mod protection;
mod reception;
mod recording;
mod reset;
mod rewrite;
mod text;
mod topology;
mod view;

pub use call::{Call, SdpReply};
pub use config::{
    Config, MediaPolicy, Mos, MosFormula, RecordingConfig, SrtpPassthrough, SsrcReporting, Timeouts,
};
pub use env::{Env, LocalSockets, PortError, PortRequest, Ports};
pub use handshakes::{DtlsCounters, DtlsHost};
pub use interfaces::{AddressId, Family, Interfaces, LocalAddress, LogicalInterface, PortRange};
pub use output::{
    EndReason, Ended, Notification, Output, RecordingAction, RecordingCommand, SdpDirection, SdpText,
};
pub use reception::{Moments, Quality};
