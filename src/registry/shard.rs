//! One control shard: a thread, its calls, and everything that happens to them, in order.
//!
//! Invariant: after each input to a call its outputs are drained, plans to the driver first of all, and only then the
//! reply leaves. The shard waits for nobody but a worker whose queue is full and the recording writer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use call::{Config, EndReason, Ended, Notification, Output};
use crossbeam::channel::Receiver;
use ng_protocol::CallId;
use plan::{CallKey, Event, Path, Time};

use super::inputs::guarded;
use super::table::{Entry, Place, Table};
use super::{CommandJob, Control, Job};
use crate::clock;
use crate::control::cli;
use crate::control::reply::Replies;
use crate::control::udp::Front;
use crate::datapath::env::ShardEnv;
use crate::driver::Driver;
use crate::limits;
use crate::record::Recordings;
use crate::report::announce::{TimedOut, reason_text};
use crate::sys::epoll::{Epoll, Waker};

/// The token of the waker; no control socket has it.
const WAKER: u64 = u64::MAX;

/// What a shard is made of.
pub struct ShardParts {
    /// Its number.
    pub index: usize,
    /// What all share.
    pub control: Arc<Control>,
    /// Jobs for it.
    pub jobs: Receiver<Job>,
    /// Reports of the workers.
    pub events: Receiver<Event>,
    /// Others wake it with this.
    pub waker: Waker,
    /// The way to the workers.
    pub driver: Driver,
    /// The way to the recording writer.
    pub recordings: Recordings,
    /// The UDP sockets for ng, if this shard reads them.
    pub front: Option<Front>,
}

/// One control shard.
pub struct Shard {
    pub(super) parts: ShardParts,
    pub(super) env: ShardEnv,
    pub(super) table: Table,
    pub(super) replies: Replies,
    settings: Arc<Config>,
    next_key: u64,
}

impl Shard {
    /// A shard without calls.
    pub fn new(parts: ShardParts) -> Self {
        let control = &parts.control;
        let env = ShardEnv::new(Arc::clone(&control.pool), Arc::clone(&control.workers));
        let settings = parts.control.settings();
        Self {
            parts,
            env,
            table: Table::default(),
            replies: Replies::default(),
            settings,
            next_key: 1,
        }
    }

    /// Works until told to stop.
    pub fn run(mut self) -> io::Result<()> {
        let mut epoll = Epoll::new(16)?;
        epoll.add(self.parts.waker.fd(), WAKER)?;
        if let Some(front) = &self.parts.front {
            front.watch(&epoll)?;
        }
        loop {
            self.wait(&mut epoll)?;
            self.read(&epoll);
            let go_on = self.do_jobs();
            self.handle_events();
            self.handle_timeouts();
            if let Some(front) = &self.parts.front {
                front.handle_timeout(clock::now());
            }
            // The worker first: whoever has the reply to a delete soon finds the ports closed.
            self.parts.driver.flush(clock::now());
            self.replies.flush();
            if !go_on {
                return Ok(());
            }
        }
    }

    /// What all share.
    pub fn control(&self) -> &Arc<Control> {
        &self.parts.control
    }

    /// Its number.
    pub fn index(&self) -> usize {
        self.parts.index
    }

    /// Number of calls.
    pub fn calls(&self) -> usize {
        self.table.len()
    }

    /// All calls.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }

    /// The call of this name.
    pub fn entry(&self, name: &CallId) -> Option<&Entry> {
        match self.table.find(name)? {
            Place::Here(key) => self.table.get(key),
            Place::Shard(_) => None,
        }
    }

    /// All call-ids.
    pub fn names(&self) -> impl Iterator<Item = &CallId> {
        self.table.names()
    }

    /// Ends one call, or all, by order of the operator; how many.
    pub fn terminate(&mut self, name: Option<&CallId>) -> usize {
        let keys = match name.map(|n| self.table.find(n)) {
            None => self.table.keys(),
            Some(Some(Place::Here(key))) => vec![key],
            Some(_) => Vec::new(),
        };
        let now = clock::now();
        for key in &keys {
            if let Some(entry) = self.table.get_mut(*key) {
                entry.call.terminate(now, EndReason::Forced);
            }
            self.drain(*key);
        }
        keys.len()
    }

    fn wait(&mut self, epoll: &mut Epoll) -> io::Result<()> {
        let now = clock::now();
        let replies = self.parts.front.as_ref().and_then(Front::poll_timeout);
        let deadlines = [
            self.table.next_deadline(),
            self.parts.driver.poll_timeout(),
            replies,
        ];
        let timeout = deadlines.into_iter().flatten().min().map(|at| at.since(now));
        self.parts.waker.sleep();
        // What was queued before `sleep` did not wake us, so this look must come after it.
        let idle = self.parts.jobs.is_empty() && self.parts.events.is_empty();
        epoll.wait(if idle {
            timeout
        } else {
            Some(std::time::Duration::ZERO)
        })?;
        self.parts.waker.awake();
        Ok(())
    }

    fn read(&mut self, epoll: &Epoll) {
        for index in 0..epoll.ready() {
            match (epoll.token(index), &mut self.parts.front) {
                (WAKER, _) => self.parts.waker.clear(),
                (token, Some(front)) => front.read(token, &self.parts.control),
                (_, None) => {}
            }
        }
    }

    fn do_jobs(&mut self) -> bool {
        for _ in 0..limits::JOBS_PER_TURN {
            match self.parts.jobs.try_recv() {
                Ok(Job::Command(job)) => self.execute(*job),
                Ok(Job::Configure(settings)) => self.configure(&settings),
                Ok(Job::Visit(visit)) => drop(guarded("a look at the calls", || visit(self))),
                Ok(Job::Release(name, job)) => self.release(name, job),
                Ok(Job::Adopt(moved, job)) => self.adopt(moved, *job),
                Ok(Job::Return(entry)) => self.table.put(entry),
                Ok(Job::Forget(name)) => self.table.forget(&name),
                Ok(Job::Stop) => return false,
                Err(_) => break,
            }
        }
        true
    }

    fn configure(&mut self, settings: &Arc<Config>) {
        self.settings = Arc::clone(settings);
        for key in self.table.keys() {
            if let Some(entry) = self.table.get_mut(key) {
                entry.call.configure(clock::now(), Arc::clone(settings));
            }
            self.drain(key);
        }
    }

    /// A call of this shard, made if it is new. `Err` if a limit forbids that.
    pub(super) fn open(&mut self, job: &CommandJob, name: &CallId) -> Result<CallKey, ng_protocol::NgError> {
        if let Some(Place::Here(key)) = self.table.find(name) {
            return Ok(key);
        }
        if let Err(limit) = self.parts.control.admission.check() {
            self.parts.control.statistics.call_rejected();
            return Err(limit);
        }
        let key = CallKey((self.parts.index as u64) << 48 | self.next_key);
        self.next_key += 1;
        let call = call::Call::new(key, name.clone(), clock::now(), Arc::clone(&self.settings));
        self.table.insert(call, vec![name.clone()], job.client);
        self.parts.control.admission.count_session(1);
        Ok(key)
    }

    /// Does everything that a call wants done outside, then notes when it wants to be called again.
    pub(super) fn drain(&mut self, key: CallKey) {
        let mut ended = None;
        while let Some(output) = self.table.get_mut(key).and_then(|entry| entry.call.poll_output()) {
            match output {
                Output::Install(set) => {
                    if let Some(entry) = self.table.get_mut(key) {
                        entry.take_flows(&set, &self.parts.control.statistics);
                    }
                    self.parts.driver.install(set);
                }
                Output::Send(datagram) => self.parts.driver.send(datagram),
                Output::Remove(flows_of) => self.parts.driver.remove(flows_of),
                Output::Ended(end) => ended = Some(end),
                Output::Recording(command) => self.record(command),
                Output::Notify(Notification::Loop { tag }) => {
                    if let Some(entry) = self.table.get_mut(key) {
                        let tag = tag.unwrap_or_default();
                        tracing::warn!(call = %entry.call.call_id(), "media of '{tag}' runs in a loop, which was cut");
                    }
                }
            }
        }
        match ended {
            Some(end) => self.forget(key, end),
            None => self.table.schedule(key),
        }
    }

    pub(super) fn record(&self, command: call::RecordingCommand) {
        if let Err(error) = self.parts.recordings.command(command) {
            tracing::error!(%error, "recording failed");
        }
    }

    /// Brings the counters of a call up to date, if the kernel forwards packets of it.
    pub(super) fn pull(&mut self, key: CallKey) {
        let flows = self.table.get(key).map(|entry| &entry.flows);
        if flows.is_some_and(|flows| flows.iter().any(|f| f.path() == Path::Kernel)) {
            self.parts.driver.pull(key);
        }
    }

    /// The last words on a call that is over.
    fn forget(&mut self, key: CallKey, end: Ended) {
        let Some(entry) = self.table.remove(key) else {
            return;
        };
        let control = &self.parts.control;
        control.admission.count_session(-1);
        control.statistics.count_flows(-(entry.flows.len() as i64));
        let lasted = end.at.since(entry.call.created());
        control
            .statistics
            .call_ended(end.reason, lasted, entry.flows.iter().map(|f| &**f));
        control.statistics.add_quality(entry.call.quality());
        let reason = reason_text(end.reason);
        tracing::info!(call = %entry.call.call_id(), "call ended: {reason} after {:.1} s", lasted.as_secs_f64());
        if tracing::enabled!(tracing::Level::INFO) {
            log_last(entry.call.call_id(), &cli::parties(&entry));
        }
        self.forget_elsewhere(&entry);
        let by_timeout = !matches!(
            end.reason,
            EndReason::Deleted | EndReason::Forced | EndReason::Failed
        );
        if by_timeout {
            self.announce(&entry, end);
        }
    }

    fn announce(&mut self, entry: &Entry, end: Ended) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Time(start) = end.at;
        let cookie = start.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ COUNT.fetch_add(1, Relaxed);
        let ended = TimedOut {
            call_ids: entry.names.iter().map(|n| n.to_str().into_owned()).collect(),
            tags: end.tags,
            reason: end.reason,
            callback: entry.callback.unwrap_or(entry.client.ip()),
        };
        self.parts.control.announcer.timed_out(ended, cookie);
    }

    pub(super) fn driver(&mut self) -> &mut Driver {
        &mut self.parts.driver
    }
}

/// A call's last counters, line by line, in the reference's words.
pub(super) fn log_last(call: &CallId, parties: &str) {
    if !parties.is_empty() {
        tracing::info!(%call, "Final packet stats:");
    }
    for line in parties.lines() {
        tracing::info!(%call, "{line}");
    }
}
