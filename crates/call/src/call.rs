//! One call: the entry points of commands, events and time.

use std::collections::VecDeque;
use std::sync::Arc;

use ng_protocol::{
    AnswerArgs, CallId, ConnectArgs, DeleteArgs, Dict, NgError, OfferArgs, QueryArgs, RecordingArgs,
};
use plan::{CallKey, Event, Time};

use crate::{Config, EndReason, Env, Output};

/// What an offer or an answer yields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SdpReply {
    /// The rewritten body.
    pub sdp: Vec<u8>,
    /// Paths of the recordings that are running.
    pub recordings: Vec<String>,
    /// Oddities that did not stop the command; for `warning` in the reply and the log.
    pub warnings: Vec<String>,
}

/// A call. After each input drain [`Call::poll_output`]; the reply to a command may leave once that is done.
#[derive(Debug)]
pub struct Call {
    key: CallKey,
    call_id: CallId,
    created: Time,
    config: Arc<Config>,
    outputs: VecDeque<Output>,
}

impl Call {
    /// A call without parties. The first `offer` fills it.
    pub fn new(key: CallKey, call_id: CallId, now: Time, config: Arc<Config>) -> Self {
        Self {
            key,
            call_id,
            created: now,
            config,
            outputs: VecDeque::new(),
        }
    }

    /// Its key.
    pub fn key(&self) -> CallKey {
        self.key
    }

    /// The call-id it was created under.
    pub fn call_id(&self) -> &CallId {
        &self.call_id
    }

    /// When it was created.
    pub fn created(&self) -> Time {
        self.created
    }

    /// Whether it is over; it then answers to nothing any more.
    pub fn is_ended(&self) -> bool {
        false
    }

    /// Replaces the settings, e.g. after a change of timeouts.
    pub fn configure(&mut self, config: Arc<Config>) {
        self.config = config;
    }

    /// `offer`. On `Err` of the first offer of a call the outputs say that it is over.
    pub fn offer(&mut self, _now: Time, _env: &mut dyn Env, _args: &OfferArgs) -> Result<SdpReply, NgError> {
        Err(NgError::NotImplemented("offer"))
    }

    /// `answer`.
    pub fn answer(
        &mut self,
        _now: Time,
        _env: &mut dyn Env,
        _args: &AnswerArgs,
    ) -> Result<SdpReply, NgError> {
        Err(NgError::NotImplemented("answer"))
    }

    /// `delete`: marks parties and, at the latest with the last of them, the call as over. The reply is that of
    /// `query`, or empty with the flag `fast`.
    pub fn delete(&mut self, _now: Time, _args: &DeleteArgs) -> Result<Dict<'static>, NgError> {
        Err(NgError::NotImplemented("delete"))
    }

    /// `query`.
    pub fn query(&self, _args: &QueryArgs) -> Result<Dict<'static>, NgError> {
        Err(NgError::NotImplemented("query"))
    }

    /// `connect` within this call (merge first if the parties are in two).
    pub fn connect(&mut self, _now: Time, _args: &ConnectArgs) -> Result<(), NgError> {
        Err(NgError::NotImplemented("connect"))
    }

    /// Takes over everything of another call, which becomes an alias. Fails if both have the same tag.
    pub fn merge(&mut self, other: Call) -> Result<(), (Box<Call>, NgError)> {
        Err((Box::new(other), NgError::TagCollision))
    }

    /// `start recording`.
    pub fn start_recording(
        &mut self,
        _now: Time,
        _env: &mut dyn Env,
        _args: &RecordingArgs,
    ) -> Result<Dict<'static>, NgError> {
        Err(NgError::NotImplemented("start recording"))
    }

    /// `stop recording`.
    pub fn stop_recording(&mut self, _now: Time, _args: &RecordingArgs) -> Result<Dict<'static>, NgError> {
        Err(NgError::NotImplemented("stop recording"))
    }

    /// `pause recording`.
    pub fn pause_recording(&mut self, _now: Time, _args: &RecordingArgs) -> Result<Dict<'static>, NgError> {
        Err(NgError::NotImplemented("pause recording"))
    }

    /// Ends the call at once, e.g. by the operator or at shutdown.
    pub fn terminate(&mut self, _now: Time, _reason: EndReason) {}

    /// A report of the worker.
    pub fn handle_event(&mut self, _now: Time, _event: &Event) {}

    /// Time has come. Call it at [`Call::poll_timeout`] or later.
    pub fn handle_timeout(&mut self, _now: Time) {}

    /// When [`Call::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// The next thing to do outside, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}
