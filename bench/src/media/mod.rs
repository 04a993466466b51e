//! The media generator: flows, paced sending, receiving, and the account of what came back.

pub(crate) mod account;
pub(crate) mod engine;
pub(crate) mod flows;
pub(crate) mod frame;
pub(crate) mod io;
pub(crate) mod pacer;
pub(crate) mod ring;
pub(crate) mod search;
pub(crate) mod stamp;
pub(crate) mod tone;
pub(crate) mod udp;
