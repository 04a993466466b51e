//! The one integration-test binary.

mod lab;
mod nat;
mod ng;
mod peers_kamailio;
mod process;
mod relay;
mod rtp;
mod sip;
