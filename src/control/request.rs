//! From the bytes of a request to the shard that executes it.

use std::net::SocketAddr;

use ng_protocol::envelope;
use ng_protocol::{CommandKind, NgError, Request, reply};

use super::reply::Replier;
use crate::registry::{CommandJob, Control, Job};
use crate::report::throttle::REFUSALS;

/// Decodes one payload (what follows the cookie) and queues it to its shard; what cannot be decoded is answered here.
pub fn handle_payload(control: &Control, payload: &[u8], client: SocketAddr, replier: Replier) {
    let parsed = envelope::decode(payload).and_then(|dict| control.parse(&dict));
    match parsed {
        Ok(request) => dispatch(control, request, client, replier),
        Err(error) => {
            REFUSALS.log(|| tracing::warn!(%client, "request refused: {error}"));
            control.statistics.request_failed(client.ip());
            replier.send(&reply::error(&error));
        }
    }
}

fn dispatch(control: &Control, request: Request, client: SocketAddr, replier: Replier) {
    for warning in &request.warnings {
        match request.command.call_id() {
            Some(call) => REFUSALS.log(|| tracing::warn!(%call, "{warning}")),
            None => REFUSALS.log(|| tracing::warn!(%client, "{warning}")),
        }
    }
    if request.command.kind() == CommandKind::Ping {
        control
            .statistics
            .request_done(client.ip(), CommandKind::Ping, std::time::Duration::ZERO, false);
        return replier.send(&reply::pong());
    }
    let shard = control.shard_for(request.command.call_id());
    let job = Job::Command(Box::new(CommandJob {
        request,
        client,
        replier,
    }));
    if let Err(Job::Command(job)) = control.post(shard, job) {
        REFUSALS.log(|| tracing::error!("too many requests are waiting"));
        job.replier
            .send(&reply::error(&NgError::Other("Too many requests".to_owned())));
    }
}
