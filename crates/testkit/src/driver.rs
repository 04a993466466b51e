//! Calls driven by requests, without a daemon: what the registry does, in its simplest form.

use std::collections::BTreeMap;
use std::sync::Arc;

use call::{Call, Config, Output, SdpReply};
use ng_protocol::{CallId, Command, CommandKind, Dict, NgError, Request, Templates};
use plan::{CallKey, PlanSet, SocketId, Time};

use crate::TestEnv;

/// Calls by call-id, their plans, and the ports they hold.
#[derive(Debug)]
pub struct TestCalls {
    /// Settings of every call.
    pub config: Arc<Config>,
    /// Ports and randomness.
    pub env: TestEnv,
    /// Virtual time.
    pub now: Time,
    /// Templates of the configuration.
    pub templates: Templates,
    calls: BTreeMap<CallId, Call>,
    plans: BTreeMap<CallKey, PlanSet>,
    keys: u64,
}

/// What a request led to.
#[derive(Debug)]
pub struct Exchange {
    /// The reply; the error is the wire's.
    pub reply: Result<Dict<'static>, NgError>,
    /// What the call wanted done, plans aside.
    pub outputs: Vec<Output>,
}

impl TestCalls {
    /// No calls yet.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            env: TestEnv::new(&config.interfaces, seed),
            config: Arc::new(config),
            now: Time::from_secs(1_000_000),
            templates: Templates::default(),
            calls: BTreeMap::new(),
            plans: BTreeMap::new(),
            keys: 0,
        }
    }

    /// The plans of a call as its worker would have them.
    pub fn plans(&self, call_id: &str) -> Option<&PlanSet> {
        self.calls
            .get(call_id.as_bytes())
            .and_then(|c| self.plans.get(&c.key()))
    }

    /// A call.
    pub fn call(&self, call_id: &str) -> Option<&Call> {
        self.calls.get(call_id.as_bytes())
    }

    /// How many calls there are.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// A worker's report.
    pub fn report(&mut self, event: &plan::Event) -> Vec<Output> {
        let now = self.now;
        let of_event = |call: &&mut Call| call.key() == event.call();
        let Some(call) = self.calls.values_mut().find(of_event) else {
            return Vec::new();
        };
        call.handle_event(now, event);
        let id = call.call_id().clone();
        self.drain(&id)
    }

    /// Lets time pass; calls whose time has come are told. What they want done then.
    pub fn pass(&mut self, time: std::time::Duration) -> Vec<Output> {
        self.now = self.now + time;
        let ids: Vec<CallId> = self.calls.keys().cloned().collect();
        let mut outputs = Vec::new();
        for id in ids {
            let Some(call) = self.calls.get_mut(&id) else {
                continue;
            };
            if call.poll_timeout().is_some_and(|t| t <= self.now) {
                call.handle_timeout(self.now);
            }
            outputs.extend(self.drain(&id));
        }
        outputs
    }

    /// Handles one request.
    pub fn handle(&mut self, dict: &Dict<'_>) -> Exchange {
        let request = CommandKind::of(dict).and_then(|kind| Request::parse(kind, dict, &self.templates));
        let (call_id, reply) = match request {
            Ok(request) => self.run(&request.command),
            Err(error) => (None, Err(error)),
        };
        let outputs = call_id.map(|id| self.drain(&id)).unwrap_or_default();
        Exchange { reply, outputs }
    }

    fn run(&mut self, command: &Command) -> (Option<CallId>, Result<Dict<'static>, NgError>) {
        let now = self.now;
        match command {
            Command::Ping => (None, Ok(ng_protocol::reply::pong())),
            Command::Offer(args) => {
                let (keys, config) = (&mut self.keys, &self.config);
                let call = self.calls.entry(args.call_id.clone()).or_insert_with(|| {
                    *keys += 1;
                    Call::new(CallKey(*keys), args.call_id.clone(), now, Arc::clone(config))
                });
                let reply = call.offer(now, &mut self.env, args).map(sdp_dict);
                (Some(args.call_id.clone()), reply)
            }
            Command::Answer(args) => {
                let env = &mut self.env;
                let step = |call: &mut Call| call.answer(now, env, args).map(sdp_dict);
                (
                    Some(args.call_id.clone()),
                    known(&mut self.calls, &args.call_id, step),
                )
            }
            Command::Delete(args) => {
                let reply = known(&mut self.calls, &args.call_id, |call| call.delete(now, args));
                let reply = match reply {
                    Err(NgError::NotFound | NgError::UnknownCallId) if args.fatal => Err(NgError::NotFound),
                    Err(NgError::NotFound | NgError::UnknownCallId) => {
                        Ok(ng_protocol::reply::warning(NgError::NotFound.to_string()))
                    }
                    reply => reply,
                };
                (Some(args.call_id.clone()), reply)
            }
            Command::Query(args) => (
                None,
                known(&mut self.calls, &args.call_id, |call| call.query(now, args)),
            ),
            Command::Connect(args) => {
                let step = |call: &mut Call| call.connect(now, args).map(|()| Dict::new());
                (
                    Some(args.call_id.clone()),
                    known(&mut self.calls, &args.call_id, step),
                )
            }
            Command::StartRecording(args) => {
                let env = &mut self.env;
                let step = |call: &mut Call| call.start_recording(now, env, args);
                (
                    Some(args.call_id.clone()),
                    known(&mut self.calls, &args.call_id, step),
                )
            }
            Command::StopRecording(args) => {
                let step = |call: &mut Call| call.stop_recording(now, args);
                (
                    Some(args.call_id.clone()),
                    known(&mut self.calls, &args.call_id, step),
                )
            }
            Command::PauseRecording(args) => {
                let step = |call: &mut Call| call.pause_recording(now, args);
                (
                    Some(args.call_id.clone()),
                    known(&mut self.calls, &args.call_id, step),
                )
            }
            other => (None, Err(NgError::NotImplemented(other.kind().name()))),
        }
    }

    /// Applies plans as a worker does, and releases the sockets that are no longer named.
    fn drain(&mut self, call_id: &CallId) -> Vec<Output> {
        let mut outputs = Vec::new();
        let Some(call) = self.calls.get_mut(call_id) else {
            return outputs;
        };
        let mut over = false;
        while let Some(output) = call.poll_output() {
            match output {
                Output::Install(set) => {
                    let now: Vec<SocketId> = sockets_of(&set);
                    let before = self.plans.insert(set.call, set);
                    let before = before.iter().flat_map(sockets_of);
                    before
                        .filter(|s| !now.contains(s))
                        .for_each(|s| self.env.ports.close(s));
                }
                Output::Remove(key) => {
                    let before = self.plans.remove(&key);
                    before
                        .iter()
                        .flat_map(sockets_of)
                        .for_each(|s| self.env.ports.close(s));
                }
                Output::Ended(ended) => {
                    over = true;
                    outputs.push(Output::Ended(ended));
                }
                other => outputs.push(other),
            }
        }
        if over {
            self.calls.remove(call_id);
        }
        outputs
    }
}

fn known<T>(
    calls: &mut BTreeMap<CallId, Call>,
    id: &CallId,
    step: impl FnOnce(&mut Call) -> Result<T, NgError>,
) -> Result<T, NgError> {
    calls.get_mut(id).ok_or(NgError::UnknownCallId).and_then(step)
}

fn sockets_of(set: &PlanSet) -> Vec<SocketId> {
    set.plans
        .iter()
        .flat_map(|p| p.sockets.iter().map(|s| s.id))
        .collect()
}

fn sdp_dict(reply: SdpReply) -> Dict<'static> {
    let mut dict = ng_protocol::reply::ok();
    if !reply.sdp.is_empty() {
        dict.push("sdp", reply.sdp);
    }
    if let Some(warning) = reply.warnings.first() {
        dict.push("warning", warning.clone());
    }
    dict
}
