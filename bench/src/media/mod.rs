//! The media generator: flows, paced sending, receiving, and the account of what came back.

pub(crate) mod account;
pub(crate) mod engine;
pub(crate) mod flows;
pub(crate) mod frame;
pub(crate) mod generator;
pub(crate) mod io;
pub(crate) mod link;
pub(crate) mod pacer;
pub(crate) mod payload;
pub(crate) mod pcap;
pub(crate) mod search;
pub(crate) mod stamp;
pub(crate) mod tone;
pub(crate) mod udp;
pub(crate) mod xdp;
