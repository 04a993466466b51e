//! Which sockets a party is told: the same as long as the other party's address stays, others when it changes.

use std::net::SocketAddr;

use ng_protocol::NgError;
use plan::SocketId;

use crate::limits::SOCKET_SETS_MAX;
use crate::model::{Media, SocketSet};
use crate::{AddressId, Env, LocalSockets, PortError, PortRequest};

/// What is wanted for one media.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Local address.
    pub(crate) address: AddressId,
    /// 1, or 2 with a port of its own for RTCP.
    pub(crate) count: u8,
    /// The other party's address, if it is known.
    pub(crate) stands_for: Option<SocketAddr>,
    /// Keep the current sockets even if that address changes (`port-latching`, ICE, other party not receiving).
    pub(crate) latch: bool,
    /// Further local addresses (ICE).
    pub(crate) others: Vec<AddressId>,
}

/// Makes the right sockets the current ones of `media`. Sockets bound on the way are added to `fresh`, so that they can
/// be given back if the command fails.
pub(crate) fn settle(
    media: &mut Media,
    wanted: Wanted,
    env: &mut dyn Env,
    fresh: &mut Vec<SocketId>,
) -> Result<(), NgError> {
    if let Some(at) = choose(&media.sockets, &wanted) {
        let mut set = media.sockets.remove(at);
        if set.stands_for.is_none() {
            set.stands_for = wanted.stands_for;
        }
        open_others(&mut set, &wanted, env, fresh);
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
    let mut set = SocketSet {
        stands_for: wanted.stands_for,
        address: wanted.address,
        sockets,
        others: Vec::new(),
    };
    open_others(&mut set, &wanted, env, fresh);
    media.sockets.insert(0, set);
    media.sockets.truncate(SOCKET_SETS_MAX);
    Ok(())
}

/// Sockets at the further addresses, where there are none yet. An address where none is to be had is no candidate, which
/// is less than losing the call.
fn open_others(set: &mut SocketSet, wanted: &Wanted, env: &mut dyn Env, fresh: &mut Vec<SocketId>) {
    set.others.retain(|(known, _)| wanted.others.contains(known));
    for (index, address) in wanted.others.iter().copied().enumerate() {
        let fits = |(known, sockets): &(AddressId, LocalSockets)| {
            *known == address && sockets.len() >= usize::from(wanted.count)
        };
        if set.others.iter().any(fits) {
            continue;
        }
        let request = PortRequest {
            address,
            count: wanted.count,
        };
        if let Ok(sockets) = env.ports().allocate(&request) {
            fresh.extend(sockets.iter().map(|s| s.id));
            set.others.retain(|(known, _)| *known != address);
            set.others.insert(index.min(set.others.len()), (address, sockets));
        }
    }
}

/// The set to go on with: one that stands for this very address, the current one if it may stay, or the current one if
/// it does not stand for anybody yet.
fn choose(sets: &[SocketSet], wanted: &Wanted) -> Option<usize> {
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
