//! The one integration-test binary.
//!
//! Whatever needs hosts of its own gets them from [`lab`], as network namespaces: run it as root. `peers_*`,
//! `browser_*` and `differential` need what Debian 12 has: kamailio, sip-tester, rtpengine-daemon, chromium,
//! baresip-core, tshark, nftables. What is missing is said, and fails where `CI=true`.
//! `PATCHBAY_IT_RELAY=/usr/bin/rtpengine` drives another relay, to try the tests themselves; `PATCHBAY_IT_SEED` repeats
//! a random test.

mod baresip;
mod browser;
mod browser_calls;
mod browser_changes;
mod cable;
mod cdp;
mod daemon;
mod daemon_control;
mod daemon_media;
mod differential;
mod differential_bodies;
mod differential_cases;
mod differential_ice;
mod differential_known;
mod dtls_peer;
mod explain;
mod explain_causes;
mod explain_dtls;
mod explain_keys;
mod families;
mod fixtures;
mod io_allocation;
mod kernel_here;
mod kernel_net;
mod kernel_path;
mod lab;
mod moves;
mod nat;
mod nexthop;
mod ng;
mod offload_attach;
mod open_net;
mod peers_baresip;
mod peers_kamailio;
mod phone;
mod process;
mod relay;
mod rings;
mod rtp;
mod security_addresses;
mod security_dtls;
mod security_floods;
mod security_ice;
mod security_idle;
mod security_recording;
mod security_requests;
mod security_sdp;
mod security_srtp;
mod security_strangers;
mod security_tcp;
mod sip;
mod start;
mod tidy;
mod xdp;
