//! The one integration-test binary.

mod differential;
mod differential_bodies;
mod differential_cases;
mod differential_known;
mod lab;
mod nat;
mod ng;
mod peers_kamailio;
mod process;
mod relay;
mod rtp;
mod sip;
mod start;
mod tidy;
