//! What a control shard is asked to do.

use std::net::SocketAddr;
use std::sync::Arc;

use ng_protocol::{CallId, Request};

use super::{Entry, Shard};
use crate::control::reply::Replier;

/// One job for a shard.
pub enum Job {
    /// A request of a controller.
    Command(Box<CommandJob>),
    /// Settings have changed.
    Configure(Arc<call::Config>),
    /// A look at the shard's calls, or an operator's order.
    Visit(Box<dyn FnOnce(&mut Shard) + Send>),
    /// A call is needed by another shard, to become one with a call there; then the command goes on there.
    Release(CallId, Box<CommandJob>),
    /// The call that was asked for, with all its names; `None` if there was none.
    Adopt(Option<Box<Entry>>, Box<CommandJob>),
    /// A call that was asked for comes home: it could not become one with another.
    Return(Box<Entry>),
    /// A call-id that was moved away is over.
    Forget(CallId),
    /// End.
    Stop,
}

/// A request and the way back.
pub struct CommandJob {
    /// What to do.
    pub request: Request,
    /// Who asks.
    pub client: SocketAddr,
    /// Who gets the reply.
    pub replier: Replier,
}
