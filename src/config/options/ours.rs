//! Options that rtpengine does not have.

use super::{Opt, choice, flag, int, list};

pub(super) const OPTIONS: &[Opt] = &[
    choice(
        "io",
        &["auto", "epoll", "uring"],
        "How media sockets are served: by epoll, by io_uring, or by what measured best where it works.",
    )
    .default("auto"),
    int(
        "wake-delay-us",
        "MICROSECONDS",
        "Longest pause in which a busy worker lets packets gather, so that one wake-up serves several; 0 for none.",
    )
    .default("500"),
    flag("pin-workers", "Keep each packet worker on a core of its own."),
    choice(
        "offload",
        &["auto", "native", "tc", "generic", "afxdp", "off"],
        "Fast paths beside the sockets; wins over table. native, tc, generic: the kernel forwards what needs no work, by a \
         program of this kind. afxdp: nothing is forwarded in the kernel, all packets come by AF_XDP rings. auto: the \
         best program that each device takes, and rings where it is native. off: sockets only.",
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
