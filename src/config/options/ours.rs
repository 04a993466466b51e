//! Options that rtpengine does not have.

use super::{Opt, choice, flag, list};

pub(super) const OPTIONS: &[Opt] = &[
    choice(
        "offload",
        &["auto", "native", "tc", "generic", "afxdp", "off"],
        "Which fast path may forward packets beside the sockets; wins over table. With auto the best that each device has.",
    ),
    choice(
        "srtp-passthrough",
        &["verify", "blind"],
        "Authenticate SRTP also where its keys pass through, or forward it without a look.",
    )
    .default("verify"),
    list(
        "media-address-allow",
        "ADDRESS/BITS",
        "Send media to these loopback, link-local, multicast or broadcast addresses, which is refused otherwise.",
    ),
    flag(
        "strict-source-default",
        "Treat every call as if it had the flag strict-source.",
    ),
];
