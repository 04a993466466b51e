//! Agents against each other, against another implementation and against nobody, in virtual time.

mod abuse;
mod bench;
mod corpus;
mod interop;
mod net;
mod rules;
mod simulation;
#[path = "../walk/mod.rs"]
mod walk;

use std::net::SocketAddr;
use std::sync::Arc;

use ice::{
    Component, Config, Foundation, Kind, Liveness, Local, Mode, PublicInternet, RemoteCandidate, Role,
    Strangers,
};

/// An agent's configuration as the daemon would have it.
fn config(seed: u64, mode: Mode, role: Role) -> Config {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Config {
        mode,
        role,
        software: "rtpengine-patchbay".into(),
        liveness: Liveness::Consent,
        strangers: Strangers::Silence,
        renomination: false,
        policy: Arc::new(PublicInternet::default()),
        seed: bytes,
    }
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn local(component: Component, index: u16, bound: &str) -> Local {
    Local {
        component,
        index,
        bound: addr(bound),
        advertised: addr(bound),
        foundation: Foundation::new(&format!("local{index}")).expect("a foundation"),
    }
}

fn remote(component: Component, priority: u32, address: SocketAddr) -> RemoteCandidate {
    RemoteCandidate {
        foundation: Foundation::new(&address.ip().to_string()).expect("a foundation"),
        component,
        priority,
        address,
        kind: Kind::Host,
    }
}
