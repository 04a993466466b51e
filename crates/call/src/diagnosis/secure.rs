//! The facts of ICE and DTLS, taken from their state machines.

use dtls::{Failure, Role};
use plan::{Component, Time};

use super::{DtlsFacts, DtlsState, IceFacts, IceState};
use crate::model::{self, Media};

/// ICE with the party of the media that owns the transport. `since` is when signalling last spoke of it.
pub(super) fn ice(carrier: &Media, since: Time) -> Option<IceFacts> {
    let agent = carrier.ice.agent.as_ref()?;
    let said = carrier.ice.said.as_ref();
    let state = match agent.state() {
        ice::State::New => IceState::New,
        ice::State::Checking => IceState::Checking,
        ice::State::Connected => IceState::Connected,
        ice::State::Disconnected => IceState::Disconnected,
        ice::State::Failed => IceState::Failed,
    };
    let mut proven: Vec<_> = agent
        .sources(ice::Component::Rtp)
        .filter(|s| s.port() != 0)
        .collect();
    proven.dedup();
    Some(IceFacts {
        state,
        lite: agent.mode() == ice::Mode::Lite,
        lite_peer: said.is_some_and(|s| s.lite),
        controlling: agent.role() == ice::Role::Controlling,
        selected: agent.selected(ice::Component::Rtp).map(|r| (r.local, r.remote)),
        proven,
        candidates: said.map_or(0, |s| s.candidates.len()),
        since,
    })
}

/// DTLS with the party of the media that owns the transport.
pub(super) fn dtls(carrier: &Media, component: Component, since: Time) -> Option<DtlsFacts> {
    use model::DtlsState as Of;
    let dtls = &carrier.keying.dtls;
    let state = match dtls.state(component) {
        Of::Off => return None,
        Of::Awaiting | Of::NoAddress => DtlsState::New,
        Of::Handshaking => DtlsState::Handshaking,
        Of::Unverified => DtlsState::Unverified,
        Of::Connected => DtlsState::Connected,
        Of::Closed => DtlsState::Closed,
        Of::Failed(Failure::Fingerprint) => DtlsState::WrongFingerprint,
        Of::Failed(failure) => DtlsState::Failed(failure.to_string()),
    };
    Some(DtlsFacts {
        state,
        active: dtls.role == Some(Role::Client),
        since,
    })
}
