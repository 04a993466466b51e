//! Options about addresses, ports and listeners.

use super::{Opt, choice, flag, int, list, text};

pub(super) const MEDIA: &[Opt] = &[
    list(
        "interface",
        "[NAME/]ADDRESS[!ADVERTISED]",
        "A local address for media: an IP address, a device, a host name or any. Several may share a name; \
         BASE:SUFFIX takes turns with others of the same BASE; ALIAS=NAME gives an interface a second name.",
    )
    .short('i'),
    text(
        "interfaces-config",
        "PREFIX",
        "Read interfaces from the sections [PREFIX-NAME] of the file, with the keys address, name, alias, \
         advertised, port-min, port-max and exclude-ports.",
    ),
    int("port-min", "PORT", "Lowest UDP port for media.").short('m').default("30000"),
    int("port-max", "PORT", "Highest UDP port for media.").short('M').default("39999"),
    list("exclude-ports", "PORT", "Ports in that range that are never used."),
    flag(
        "save-interface-ports",
        "Use only the first address of an interface that has a free port, which leaves ICE a single candidate.",
    )
    .short('S')
    .later(),
    int("tos", "NUM", "IP TOS or traffic class of media; 184 is expedited forwarding.").short('T').default("0"),
    text("iptables-chain", "CHAIN", "Accept each media port in this iptables chain.").later(),
];

pub(super) const CONTROL: &[Opt] = &[
    list("listen-ng", "[HOST:]PORT", "Take ng commands over UDP here.").short('n'),
    list("listen-tcp-ng", "[HOST:]PORT", "Take ng commands over TCP here.").short('N'),
    list(
        "listen-cli",
        "[HOST:]PORT",
        "Take operator's commands over TCP here.",
    )
    .short('c'),
    list(
        "listen-http",
        "[HOST:]PORT",
        "Serve HTTP here: /ping and /metrics.",
    ),
    int("control-tos", "NUM", "IP TOS or traffic class of ng replies.").default("0"),
    choice(
        "control-pmtu",
        &["want", "dont"],
        "Path MTU discovery on control sockets.",
    )
    .later(),
    list(
        "listen-udp",
        "[HOST:]PORT",
        "Take the older rtpproxy protocol here.",
    )
    .short('u')
    .later(),
    list("listen-tcp", "[HOST:]PORT", "Take the mediaproxy protocol here.")
        .short('l')
        .later(),
    list("listen-https", "[HOST:]PORT", "Serve HTTPS here.").later(),
    text("https-cert", "FILE", "Certificate for HTTPS.").later(),
    text("https-key", "FILE", "Private key for HTTPS.").later(),
    int("http-threads", "NUM", "Threads for HTTP.").moot(),
    int("http-buf-size", "KB", "Send buffer of an HTTP connection.").moot(),
    int("http-idle-timeout", "SECONDS", "Close idle HTTP connections.").later(),
    text("janus-secret", "TEXT", "Admin secret of the Janus protocol.").later(),
    int(
        "ng-client-timeout",
        "MILLISECONDS",
        "Wait so long for a remote transcoder's reply.",
    )
    .default("50")
    .later(),
    int("ng-client-retries", "NUM", "Ask a remote transcoder so often.")
        .default("5")
        .later(),
];

pub(super) const KERNEL: &[Opt] = &[
    int(
        "table",
        "NUM",
        "Negative: as offload=off. Otherwise, and without it, as offload=auto; the number has no meaning, as there \
         is no kernel module.",
    )
    .short('t')
    .default("0"),
    flag(
        "no-fallback",
        "Start only if at least one device has a fast path (see offload), where rtpengine wants its kernel module.",
    )
    .short('F'),
    text("nftables-chain", "CHAIN", "Chain that leads packets to the kernel module.").moot(),
    text("nftables-base-chain", "CHAIN", "Chain from which that one is reached.").moot(),
    flag("nftables-append", "Append to that chain.").moot(),
    choice("nftables-family", &["ip", "ip4", "ip6", "ip,ip6", "ip6,ip", "ip4,ip6"], "Families of these rules.").moot(),
    flag("nftables-start", "Make these rules and exit.").moot(),
    flag("nftables-stop", "Remove these rules and exit.").moot(),
    flag("nftables-status", "Look for these rules and exit.").moot(),
    flag("xtables", "Use the x_tables interface of the kernel module.").moot(),
    int("kernel-num-threads", "NUM", "Threads that read from the kernel module.").moot(),
    int("kernel-slots", "NUM", "Slots of its ring buffers.").moot(),
    int("kernel-player", "NUM", "Streams its player may play.").moot(),
    int("kernel-player-media", "NUM", "Files its player may hold.").moot(),
];
