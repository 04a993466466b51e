//! Options about the process itself and its log.

use super::{Opt, choice, flag, int, text};

const FACILITIES: &[&str] = &[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

pub(super) const OPTIONS: &[Opt] = &[
    flag("help", "Show all options and exit.")
        .short('h')
        .command_line_only(),
    flag("version", "Print the version and exit.")
        .short('v')
        .command_line_only(),
    flag("codecs", "Print the codecs that are built in and exit.").command_line_only(),
    flag(
        "check-config",
        "Read and check the configuration, try to bind every address it names, say what is wrong and exit: \
         status 0 if the daemon would start, 1 if not.",
    )
    .command_line_only(),
    flag(
        "check-offload",
        "Try which fast path each device with a local address has, say which one and what is missing for a better \
         one, and exit: status 0 if there is one, 1 if not.",
    )
    .command_line_only(),
    text(
        "config-file",
        "FILE",
        "Read options from this file as well. The word none stands for no file.",
    )
    .default("/etc/rtpengine/rtpengine.conf")
    .command_line_only(),
    text("config-section", "NAME", "The section of that file to read.")
        .default("rtpengine")
        .command_line_only(),
    flag("foreground", "Stay in the foreground.").short('f'),
    text("pidfile", "FILE", "Write the process id to this file.").short('p'),
    int(
        "num-threads",
        "NUM",
        "Packet workers. Without it, one for each core.",
    ),
    text(
        "software-id",
        "TEXT",
        "How we name ourselves to others. Without it, rtpengine-patchbay- and the version: some peers look at how \
         it begins.",
    ),
    int("media-num-threads", "NUM", "Threads for playback.").later(),
    int(
        "codec-num-threads",
        "NUM",
        "Threads for transcoding beside the packet workers.",
    )
    .later(),
    int("thread-stack", "KB", "Stack size of a thread.")
        .default("2048")
        .moot(),
    int("poller-size", "NUM", "Events taken from the kernel in one turn.")
        .default("128")
        .moot(),
    flag(
        "poller-per-thread",
        "Give each worker sockets of its own, which ours always have.",
    )
    .moot(),
    int("max-recv-iters", "NUM", "Packets read from one socket in a row.")
        .default("50")
        .moot(),
    int("timer-accuracy", "MICROSECONDS", "Shortest time a timer sleeps.")
        .default("500")
        .moot(),
    int(
        "socket-cpu-affinity",
        "NUM",
        "Spread media sockets over this many cores.",
    )
    .later(),
    flag("io-uring", "Use io_uring for packets, as with io=uring."),
    int(
        "io-uring-buffers",
        "NUM",
        "Packets of one worker that io_uring may have received and the worker not looked at, at most 1024.",
    )
    .default("16384"),
    choice(
        "scheduling",
        &["default", "none", "fifo", "rr", "other", "batch", "idle"],
        "Scheduling policy of packet threads.",
    )
    .later(),
    int("priority", "NUM", "Scheduling priority of packet threads.").later(),
    choice(
        "idle-scheduling",
        &["default", "none", "fifo", "rr", "other", "batch", "idle"],
        "Scheduling policy of housekeeping threads.",
    )
    .later(),
    int(
        "idle-priority",
        "NUM",
        "Scheduling priority of housekeeping threads.",
    )
    .later(),
];

pub(super) const LOGGING: &[Opt] = &[
    int(
        "log-level",
        "LEVEL",
        "Log up to this syslog level: 3 errors, 4 warnings, 6 what happens, 7 everything.",
    )
    .short('L')
    .default("6"),
    int(
        "log-level-core",
        "LEVEL",
        "Level for what belongs to no other part.",
    ),
    int("log-level-spandsp", "LEVEL", "Level for tone and fax processing."),
    int("log-level-ffmpeg", "LEVEL", "Level for codec libraries."),
    int("log-level-transcoding", "LEVEL", "Level for transcoding."),
    int("log-level-codec", "LEVEL", "Level for codec negotiation."),
    int("log-level-rtcp", "LEVEL", "Level for RTCP."),
    int("log-level-ice", "LEVEL", "Level for ICE."),
    int(
        "log-level-crypto",
        "LEVEL",
        "Level for the negotiation of SRTP and DTLS.",
    ),
    int(
        "log-level-srtp",
        "LEVEL",
        "Level for encryption and decryption of packets.",
    ),
    int(
        "log-level-internals",
        "LEVEL",
        "Level for noisy internals; nothing by default.",
    )
    .default("-1"),
    int("log-level-http", "LEVEL", "Level for HTTP."),
    int(
        "log-level-control",
        "LEVEL",
        "Level for the control protocols and the SDP in them.",
    ),
    int("log-level-dtx", "LEVEL", "Level for discontinuous transmission."),
    flag("log-stderr", "Log to standard error instead of syslog.").short('E'),
    flag("no-log-timestamps", "No time stamps on standard error."),
    choice("log-facility", FACILITIES, "Syslog facility.").default("daemon"),
    choice(
        "log-facility-cdr",
        FACILITIES,
        "Write a record of each ended call to this syslog facility.",
    )
    .later(),
    choice(
        "log-facility-rtcp",
        FACILITIES,
        "Write received RTCP to this syslog facility.",
    )
    .later(),
    choice(
        "log-facility-dtmf",
        FACILITIES,
        "Write DTMF events to this syslog facility.",
    )
    .later(),
    text("log-name", "NAME", "Name in syslog.").default("rtpengine"),
    choice(
        "log-format",
        &["default", "parsable"],
        "Style of the prefix that names the call.",
    )
    .default("default"),
    flag("split-logs", "Log each line of a message on its own."),
    int(
        "max-log-line-length",
        "BYTES",
        "Break longer log lines. 0: at 500 for syslog, never on standard error; negative: never.",
    )
    .default("0"),
    text(
        "log-mark-prefix",
        "TEXT",
        "Put before addresses, numbers and keys in the log.",
    )
    .later(),
    text(
        "log-mark-suffix",
        "TEXT",
        "Put after addresses, numbers and keys in the log.",
    )
    .later(),
];
