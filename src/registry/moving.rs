//! Calls that move between shards, because a command makes one call of two.
//!
//! The shard of the command's call-id asks the other one for its call and gets it with all its names; the other one
//! keeps a note of where each name went, until the call is over.

use std::sync::Arc;

use ng_protocol::{CallId, NgError, reply};

use super::job::Moved;
use super::table::{Entry, Place};
use super::{CommandJob, Job, Shard};

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
        let moved = key.and_then(|key| self.table.remove(key)).map(|entry| {
            for name in &entry.names {
                self.table.moved_away(name.clone(), home);
            }
            Box::new(Moved {
                call: entry.call,
                names: entry.names,
            })
        });
        if let Err(Job::Adopt(moved, job)) = control.post(home, Job::Adopt(moved, job)) {
            if let Some(moved) = moved {
                self.table.insert(moved.call, moved.names, job.client);
            }
            job.replier.send(&reply::error(&NgError::Internal));
        }
    }

    /// The call that we asked another shard for has come.
    pub(super) fn adopt(&mut self, moved: Option<Box<Moved>>, job: CommandJob) {
        let Some(moved) = moved else {
            return job.replier.send(&reply::error(&NgError::UnknownCallId));
        };
        self.table.insert(moved.call, moved.names, job.client);
        self.execute(job);
    }
}
