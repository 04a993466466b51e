//! The one integration-test binary.

mod daemon;
mod daemon_control;
mod daemon_media;
mod differential;
mod differential_bodies;
mod differential_cases;
mod differential_known;
mod lab;
mod nat;
mod ng;
mod open_net;
mod peers_kamailio;
mod process;
mod relay;
mod rtp;
mod security_addresses;
mod security_floods;
mod security_recording;
mod security_requests;
mod security_sdp;
mod security_strangers;
mod security_tcp;
mod sip;
mod start;
mod tidy;
