//! Calls that move between shards, because a command makes one call of two.
//!
//! The shard of the command's call-id asks the other one for its call and gets it with all its names; the other one
//! keeps a note of where each name went, until the call is over. If the two cannot become one the call goes home again:
//! workers report to the shard that made a call.

use std::sync::Arc;

use ng_protocol::{CallId, NgError, reply};

use super::table::{Entry, Place};
use super::{CommandJob, Job, Shard};
use crate::datapath::worker::shard_of;

impl Shard {
    /// Names that lead here from other shards lead nowhere now.
    pub(super) fn forget_elsewhere(&self, entry: &Entry) {
        let control = &self.parts.control;
        for name in entry.names.iter().skip(1) {
            let shard = control.shard_for(Some(name));
            if shard != self.parts.index && control.post(shard, Job::Forget(name.clone())).is_err() {
                tracing::error!(call = %name, "a name of the call could not be taken back");
            }
        }
    }

    /// Another shard needs a call of ours.
    pub(super) fn release(&mut self, name: CallId, job: Box<CommandJob>) {
        let control = Arc::clone(&self.parts.control);
        let home = control.shard_for(job.request.command.call_id());
        let key = match self.table.find(&name) {
            Some(Place::Here(key)) => Some(key),
            // It was merged already, over there.
            Some(Place::Shard(shard)) if shard != home => {
                if let Err(Job::Release(_, job)) = control.post(shard, Job::Release(name, job)) {
                    job.replier.send(&reply::error(&NgError::Internal));
                }
                return;
            }
            _ => None,
        };
        let moved = key.and_then(|key| self.table.remove(key));
        for name in moved.iter().flat_map(|entry| &entry.names) {
            self.table.moved_away(name.clone(), home);
        }
        if let Err(Job::Adopt(moved, job)) = control.post(home, Job::Adopt(moved, job)) {
            if let Some(entry) = moved {
                self.table.put(entry);
            }
            job.replier.send(&reply::error(&NgError::Internal));
        }
    }

    /// The call that we asked another shard for has come.
    pub(super) fn adopt(&mut self, moved: Option<Box<Entry>>, job: CommandJob) {
        let Some(entry) = moved else {
            return job.replier.send(&reply::error(&NgError::UnknownCallId));
        };
        self.table.put(entry);
        self.execute(job);
    }

    /// A call that could not become one with another stays on its own, where the workers' reports about it arrive.
    pub(super) fn send_home(&mut self, entry: Box<Entry>) {
        let home = shard_of(entry.call.key());
        if home == self.parts.index {
            return self.table.put(entry);
        }
        let control = Arc::clone(&self.parts.control);
        if let Err(Job::Return(entry)) = control.post(home, Job::Return(entry)) {
            tracing::error!(call = %entry.call.call_id(), "reports of workers about this call are lost");
            self.table.put(entry);
        }
    }
}
