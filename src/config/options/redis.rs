//! Options about sharing calls through Redis. None of them works yet.

use super::{Opt, choice, flag, int, list, text};

pub(super) const OPTIONS: &[Opt] = &[
    text("redis", "[PASSWORD@]HOST:PORT/DB", "Keep calls in this database.")
        .short('r')
        .later(),
    text("redis-write", "[PASSWORD@]HOST:PORT/DB", "Write to this one.")
        .short('w')
        .later(),
    text(
        "redis-subscribe",
        "[PASSWORD@]HOST:PORT[/DB]",
        "Take notifications from this one.",
    )
    .later(),
    list("subscribe-keyspace", "NUM", "Keyspaces whose calls are followed.")
        .short('k')
        .later(),
    int("redis-num-threads", "NUM", "Threads that restore calls.")
        .default("4")
        .later(),
    int("redis-expires", "SECONDS", "Life of a key.")
        .default("86400")
        .later(),
    flag("no-redis-required", "Start without the database.")
        .short('q')
        .later(),
    int(
        "redis-allowed-errors",
        "NUM",
        "Errors in a row before the database is left alone.",
    )
    .default("-1")
    .later(),
    int("redis-disable-time", "SECONDS", "How long it is left alone.")
        .default("10")
        .later(),
    int("redis-cmd-timeout", "MILLISECONDS", "Time for a command.")
        .default("0")
        .later(),
    int("redis-connect-timeout", "MILLISECONDS", "Time for a connection.")
        .default("1000")
        .later(),
    flag(
        "redis-resolve-on-reconnect",
        "Look the host up again for each connection.",
    )
    .later(),
    choice(
        "redis-format",
        &["native", "bencode", "JSON"],
        "Format of stored calls.",
    )
    .default("bencode")
    .later(),
    int(
        "redis-tcp-keepalive-time",
        "SECONDS",
        "TCP keep-alive: idle time.",
    )
    .later(),
    int(
        "redis-tcp-keepalive-intvl",
        "SECONDS",
        "TCP keep-alive: interval.",
    )
    .later(),
    int("redis-tcp-keepalive-probes", "NUM", "TCP keep-alive: probes.").later(),
    int("redis-delete-async", "NUM", "Delete keys in the background.")
        .short('y')
        .later(),
    int("redis-delete-async-interval", "SECONDS", "How often.").later(),
    flag(
        "active-switchover",
        "Take a call over when anything happens on it.",
    )
    .later(),
];
