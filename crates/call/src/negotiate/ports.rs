//! Which sockets a party is told: the same as long as the other party's address stays, others when it changes.

use std::net::SocketAddr;

use ng_protocol::NgError;
use plan::SocketId;

use crate::limits::SOCKET_SETS_MAX;
use crate::model::{Media, SocketSet};
use crate::{AddressId, Env, PortError, PortRequest};

/// What is wanted for one media.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Local address.
    pub(crate) address: AddressId,
    /// 1, or 2 with a port of its own for RTCP.
    pub(crate) count: u8,
    /// The other party's address, if it is known.
    pub(crate) stands_for: Option<SocketAddr>,
    /// Keep the current sockets even if that address changes (`port-latching`, ICE, other party not receiving).
    pub(crate) latch: bool,
}

/// Makes the right sockets the current ones of `media`. Sockets bound on the way are added to `fresh`, so that they can
/// be given back if the command fails.
pub(crate) fn settle(
    media: &mut Media,
    wanted: Wanted,
    env: &mut dyn Env,
    fresh: &mut Vec<SocketId>,
) -> Result<(), NgError> {
    if let Some(at) = choose(&media.sockets, wanted) {
        let mut set = media.sockets.remove(at);
        if set.stands_for.is_none() {
            set.stands_for = wanted.stands_for;
        }
        media.sockets.insert(0, set);
        return Ok(());
    }
    let request = PortRequest {
        address: wanted.address,
        count: wanted.count,
    };
    let sockets = env.ports().allocate(&request).map_err(|error| match error {
        PortError::Exhausted => NgError::OutOfPorts,
        PortError::Bind(reason) => NgError::Other(reason),
    })?;
    fresh.extend(sockets.iter().map(|s| s.id));
    media.sockets.insert(
        0,
        SocketSet {
            stands_for: wanted.stands_for,
            address: wanted.address,
            sockets,
        },
    );
    media.sockets.truncate(SOCKET_SETS_MAX);
    Ok(())
}

/// The set to go on with: one that stands for this very address, the current one if it may stay, or the current one if
/// it does not stand for anybody yet.
fn choose(sets: &[SocketSet], wanted: Wanted) -> Option<usize> {
    let fits = |s: &SocketSet| s.address == wanted.address && s.sockets.len() >= usize::from(wanted.count);
    let current = sets.first().filter(|s| fits(s));
    let stays = |s: &SocketSet| {
        wanted.latch
            || s.stands_for.is_none()
            || wanted.stands_for.is_none()
            || s.stands_for == wanted.stands_for
    };
    if wanted.latch && current.is_some() {
        return Some(0);
    }
    sets.iter()
        .position(|s| fits(s) && s.stands_for.is_some() && s.stands_for == wanted.stands_for)
        .or_else(|| current.filter(|s| stays(s)).map(|_| 0))
}
