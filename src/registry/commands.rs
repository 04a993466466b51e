//! What each ng command does to the calls of its shard.

use std::time::Instant;

use call::SdpReply;
use ng_protocol::{
    CallId, Command, ConnectArgs, DeleteArgs, Dict, NgError, OfferArgs, RecordingArgs, Value, reply,
};
use plan::CallKey;

use super::inputs::guarded;
use super::shard::log_last;
use super::table::{Entry, Place};
use super::{CommandJob, Job, Shard, ask_all};
use crate::clock;
use crate::control::cli;
use crate::report::json;
use crate::report::throttle::REFUSALS;

type Reply = Result<Dict<'static>, NgError>;

impl Shard {
    /// Executes a request and sees to its reply.
    pub(super) fn execute(&mut self, job: CommandJob) {
        let Some(job) = self.elsewhere(job) else { return };
        let started = Instant::now();
        let kind = job.request.command.kind();
        log(&job, || format!("Received command '{kind}' from {}", job.client));
        let result = guarded(kind.name(), || self.command(&job)).unwrap_or_else(|| {
            if let Some(Place::Here(key)) = job.request.command.call_id().and_then(|id| self.table.find(id)) {
                self.abandon(key);
            }
            self.env.undo();
            Err(NgError::Internal)
        });
        let dict = match &result {
            Ok(dict) => dict,
            Err(error) => &refusal(error, job.request.common.load_limit),
        };
        if let Err(error) = &result {
            match job.request.command.call_id() {
                Some(call) => REFUSALS.log(|| tracing::warn!(%call, "'{kind}' refused: {error}")),
                None => REFUSALS.log(|| tracing::warn!("'{kind}' refused: {error}")),
            }
        }
        let (client, took) = (job.client, started.elapsed());
        log(&job, || {
            format!(
                "Replying to '{kind}' from {client} (elapsed time {:.6} sec)",
                took.as_secs_f64()
            )
        });
        self.control()
            .statistics
            .request_done(client.ip(), kind, took, result.is_err());
        job.replier.queue(dict, &mut self.replies);
    }

    /// Passes on what this shard cannot do alone; gives back the rest.
    fn elsewhere(&mut self, job: CommandJob) -> Option<CommandJob> {
        match &job.request.command {
            Command::List(args) => self.list(args.limit, job),
            Command::Statistics => self.statistics(job),
            Command::Cli(args) => {
                let line = args.body.to_str().into_owned();
                let control = self.control().clone();
                cli::execute(&control, &line, move |text| {
                    job.replier.send(&reply::ok().with("response", text))
                });
            }
            Command::Connect(args) => {
                if let Some((name, shard)) = self.call_to_fetch(args) {
                    self.fetch(name, shard, job);
                } else {
                    return Some(job);
                }
            }
            command => match command.call_id().map(|id| (id, self.table.find(id))) {
                Some((_, Some(Place::Shard(shard)))) => self.pass_on(shard, job),
                // It was passed on to us because the call was here for a while.
                Some((id, None)) if self.control().shard_for(Some(id)) != self.index() => {
                    self.pass_on(self.control().shard_for(Some(id)), job);
                }
                _ => return Some(job),
            },
        }
        None
    }

    fn pass_on(&self, shard: usize, job: CommandJob) {
        if let Err(Job::Command(job)) = self.control().post(shard, Job::Command(Box::new(job))) {
            job.replier.send(&reply::error(&NgError::Internal));
        }
    }

    /// The second call of a `connect`, if another shard has it.
    fn call_to_fetch(&self, args: &ConnectArgs) -> Option<(CallId, usize)> {
        let name = args.to_call_id.as_ref()?;
        match self.table.find(name) {
            Some(Place::Here(_)) => None,
            Some(Place::Shard(shard)) => Some((name.clone(), shard)),
            None => {
                let shard = self.control().shard_for(Some(name));
                // Not here although it belongs here: it does not exist.
                (shard != self.index()).then(|| (name.clone(), shard))
            }
        }
    }

    fn fetch(&self, name: CallId, shard: usize, job: CommandJob) {
        if let Err(Job::Release(_, job)) = self.control().post(shard, Job::Release(name, Box::new(job))) {
            job.replier.send(&reply::error(&NgError::Internal));
        }
    }

    fn command(&mut self, job: &CommandJob) -> Reply {
        match &job.request.command {
            Command::Ping => Ok(reply::pong()),
            Command::Offer(args) => self.offer(job, args),
            Command::Answer(args) => {
                let key = self.existing(&args.call_id, NgError::UnknownCallId)?;
                self.with_env(key, |call, now, env| call.answer(now, env, args))
                    .map(sdp_reply)
            }
            Command::Delete(args) => self.delete(args),
            Command::Query(args) => {
                let key = self.existing(&args.call_id, NgError::UnknownCallId)?;
                self.pull(key);
                self.with_env(key, |call, now, _| call.query(now, args))
                    .map(ok_with)
            }
            Command::Connect(args) => self.connect(args),
            Command::StartRecording(args) => {
                let key = self.recorded(args)?;
                self.with_env(key, |call, now, env| call.start_recording(now, env, args))
                    .map(ok_with)
            }
            Command::StopRecording(args) => {
                let key = self.recorded(args)?;
                self.with_env(key, |call, now, _| call.stop_recording(now, args))
                    .map(ok_with)
            }
            Command::PauseRecording(args) => {
                let key = self.recorded(args)?;
                self.with_env(key, |call, now, _| call.pause_recording(now, args))
                    .map(ok_with)
            }
            other => Err(NgError::NotImplemented(other.kind().name())),
        }
    }

    fn offer(&mut self, job: &CommandJob, args: &OfferArgs) -> Reply {
        let key = self.open(job, &args.call_id)?;
        if let (Some(entry), Some(ip)) = (self.table.get_mut(key), args.settings.addressing.xmlrpc_callback) {
            entry.callback = Some(ip);
        }
        self.with_env(key, |call, now, env| call.offer(now, env, args))
            .map(sdp_reply)
    }

    fn delete(&mut self, args: &DeleteArgs) -> Reply {
        let key = self.existing(&args.call_id, NgError::NotFound);
        if let Ok(key) = key {
            self.pull(key);
        }
        // A call that goes takes its parties along.
        let last = match key {
            Ok(key) if tracing::enabled!(tracing::Level::INFO) => self.table.get(key).map(cli::parties),
            _ => None,
        };
        let found = key.and_then(|key| self.with_env(key, |call, now, _| call.delete(now, args)));
        if let Some(last) = last.filter(|_| self.table.find(&args.call_id).is_none()) {
            log_last(&args.call_id, &last);
        }
        match found {
            Ok(dict) => Ok(ok_with(dict)),
            Err(NgError::NotFound) if !args.fatal => Ok(reply::warning(NgError::NotFound.to_string())),
            Err(error) => Err(error),
        }
    }

    fn connect(&mut self, args: &ConnectArgs) -> Reply {
        let key = self.existing(&args.call_id, NgError::UnknownCallId)?;
        if let Some(other) = args.to_call_id.as_ref().filter(|other| **other != args.call_id) {
            let other = self.existing(other, NgError::UnknownCallId)?;
            if other != key {
                self.merge(key, other)?;
            }
        }
        self.with_env(key, |call, now, _| call.connect(now, args))
            .map(|()| reply::ok())
    }

    /// Makes one call of two.
    fn merge(&mut self, into: CallKey, from: CallKey) -> Result<(), NgError> {
        let Some(entry) = self.table.remove(from) else {
            return Err(NgError::UnknownCallId);
        };
        let Some(target) = self.table.get_mut(into) else {
            self.send_home(entry);
            return Err(NgError::UnknownCallId);
        };
        let Entry {
            call,
            names,
            client,
            callback,
            flows,
            families,
            tos,
            deadline,
        } = *entry;
        match target.call.merge(call) {
            Ok(()) => {
                self.table.add_names(into, names);
                self.control().admission.count_session(-1);
                // They come again with the next plan of the call they are part of now.
                self.control().statistics.count_flows(-(flows.len() as i64));
                self.driver().merge(from, into);
                Ok(())
            }
            Err((call, error)) => {
                self.send_home(Box::new(Entry {
                    call: *call,
                    names,
                    client,
                    callback,
                    flows,
                    families,
                    tos,
                    deadline,
                }));
                Err(error)
            }
        }
    }

    fn recorded(&self, args: &RecordingArgs) -> Result<CallKey, NgError> {
        self.existing(&args.call_id, NgError::UnknownCallId)
    }

    fn existing(&self, name: &CallId, error: NgError) -> Result<CallKey, NgError> {
        match self.table.find(name) {
            Some(Place::Here(key)) => Ok(key),
            _ => Err(error),
        }
    }

    /// Lets a call do something, and does what it wants done outside.
    fn with_env<T>(
        &mut self,
        key: CallKey,
        step: impl FnOnce(&mut call::Call, plan::Time, &mut dyn call::Env) -> Result<T, NgError>,
    ) -> Result<T, NgError> {
        let Some(entry) = self.table.get_mut(key) else {
            return Err(NgError::UnknownCallId);
        };
        self.env.begin();
        let result = step(&mut entry.call, clock::now(), &mut self.env);
        self.drain(key);
        result
    }

    fn list(&self, limit: u32, job: CommandJob) {
        let limit = limit as usize;
        let ask = move |shard: &mut Shard| shard.names().take(limit).cloned().collect::<Vec<CallId>>();
        ask_all(self.control(), ask, move |lists| {
            let calls: Value<'static> = lists.into_iter().flatten().take(limit).collect();
            job.replier.send(&reply::ok().with("calls", calls));
        });
    }

    fn statistics(&self, job: CommandJob) {
        let control = self.control();
        control.statistics.request_done(
            job.client.ip(),
            job.request.command.kind(),
            std::time::Duration::ZERO,
            false,
        );
        job.replier
            .send(&reply::ok().with("statistics", json::statistics(control)));
    }
}

/// One line about a request, in the reference's words: operators follow calls by them.
fn log(job: &CommandJob, text: impl FnOnce() -> String) {
    const TARGET: &str = "patchbay::control::ng";
    if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
        return;
    }
    match job.request.command.call_id() {
        Some(call) => tracing::info!(target: TARGET, %call, "{}", text()),
        None => tracing::info!(target: TARGET, "{}", text()),
    }
}

fn refusal(error: &NgError, load_limit: bool) -> Dict<'static> {
    match error {
        NgError::SessionLimit | NgError::CpuLimit | NgError::LoadLimit | NgError::BandwidthLimit => {
            reply::load_limit(error, load_limit)
        }
        _ => reply::error(error),
    }
}

fn sdp_reply(sdp: SdpReply) -> Dict<'static> {
    let recordings =
        (!sdp.recordings.is_empty()).then(|| sdp.recordings.into_iter().collect::<Value<'static>>());
    let warning = (!sdp.warnings.is_empty()).then(|| sdp.warnings.join("; "));
    reply::ok()
        .with_some("sdp", (!sdp.sdp.is_empty()).then_some(sdp.sdp))
        .with_some("recordings", recordings)
        .with_some("warning", warning)
}

/// `result: ok` and what the call has to say.
fn ok_with(dict: Dict<'static>) -> Dict<'static> {
    dict.with("result", "ok")
}
