//! Options about codecs, playback and DTMF. None of them works yet.

use super::{Opt, choice, flag, float, int, list, text};

pub(super) const OPTIONS: &[Opt] = &[
    text(
        "transcode-config",
        "PREFIX",
        "Read preferences for transcoding from the sections [PREFIX-NAME].",
    )
    .later(),
    int("jitter-buffer", "PACKETS", "Size of the jitter buffer.")
        .default("0")
        .later(),
    flag("jb-clock-drift", "Compensate for the sender's clock.").later(),
    flag("jb-adaptive", "Let the jitter buffer grow and shrink.").later(),
    int("jb-adaptive-min", "MILLISECONDS", "Down to this.")
        .default("0")
        .later(),
    int("jb-adaptive-max", "MILLISECONDS", "Up to this.")
        .default("300")
        .later(),
    int(
        "dtx-delay",
        "MILLISECONDS",
        "Take a late packet for a pause after so long.",
    )
    .default("0")
    .later(),
    int("max-dtx", "SECONDS", "Fill pauses up to this length.")
        .default("30")
        .later(),
    int("dtx-buffer", "PACKETS", "Packets held for that.")
        .default("10")
        .later(),
    int("dtx-lag", "MILLISECONDS", "Time held for that.")
        .default("100")
        .later(),
    int("dtx-shift", "MILLISECONDS", "Shift after too much or too little.")
        .default("5")
        .later(),
    list("dtx-cn-params", "NUM", "Comfort noise for pauses.").later(),
    choice("amr-dtx", &["native", "CN"], "Pauses in AMR.")
        .default("native")
        .later(),
    choice("evs-dtx", &["native", "CN"], "Pauses in EVS.")
        .default("native")
        .later(),
    float(
        "silence-detect",
        "PERCENT",
        "Take audio below this level for silence.",
    )
    .default("0")
    .later(),
    list("cn-payload", "NUM", "Comfort noise for silence.")
        .default("32")
        .later(),
    int(
        "audio-buffer-length",
        "MILLISECONDS",
        "Buffer of the audio player.",
    )
    .default("500")
    .later(),
    int(
        "audio-buffer-delay",
        "MILLISECONDS",
        "Its delay for a new source.",
    )
    .default("5")
    .later(),
    choice(
        "audio-player",
        &["on-demand", "play-media", "transcoding", "always"],
        "When it is used.",
    )
    .default("on-demand")
    .later(),
    flag("player-cache", "Keep encoded files in memory.").later(),
    list("preload-media-files", "FILE", "Load these at start.").later(),
    int(
        "media-files-reload",
        "SECONDS",
        "Look for changes of them so often.",
    )
    .later(),
    int(
        "media-files-expire",
        "SECONDS",
        "Forget unused ones after so long.",
    )
    .later(),
    int("expiry-timer", "SECONDS", "How often to look for unused ones.").later(),
    list(
        "preload-db-media",
        "NUM",
        "Load these from the database at start.",
    )
    .later(),
    int("db-media-reload", "SECONDS", "Load them again so often.").later(),
    int("db-media-expire", "SECONDS", "Forget unused ones after so long.").later(),
    text("db-media-cache", "DIRECTORY", "Keep media of the database here.").later(),
    list(
        "preload-db-cache",
        "NUM",
        "Fill that directory with these at start.",
    )
    .later(),
    int("db-cache-reload", "SECONDS", "Fill it again so often.").later(),
    int("db-cache-expire", "SECONDS", "Remove unused files after so long.").later(),
    text("mysql-host", "HOST", "Database of media files.").later(),
    int("mysql-port", "PORT", "Its port.").later(),
    text("mysql-user", "NAME", "User name.").later(),
    text("mysql-pass", "TEXT", "Password.").later(),
    text(
        "mysql-query",
        "SQL",
        "Query for a media file, with one %llu for its number.",
    )
    .later(),
    int("moh-max-duration", "MILLISECONDS", "Longest music on hold.")
        .default("1800000")
        .later(),
    int("moh-max-repeats", "NUM", "How often it repeats.")
        .default("999")
        .later(),
    text("moh-attr-name", "NAME", "Session attribute that marks it.").later(),
    flag(
        "moh-prevent-double-hold",
        "No music for a party that plays its own.",
    )
    .later(),
    text("evs-lib-path", "FILE", "Library of the EVS codec.").later(),
    text("codec-chain-lib-path", "FILE", "Library for codecs on a GPU.").moot(),
    int("codec-chain-runners", "NUM", "Its runners per codec.").moot(),
    int("codec-chain-concurrency", "NUM", "Its jobs per runner.").moot(),
    int("codec-chain-async", "NUM", "Its callback threads.").moot(),
    flag("codec-chain-nonblock", "Never wait for it.").moot(),
    int("codec-chain-interval", "NUM", "How often it is asked.").moot(),
    choice(
        "codec-chain-opus-application",
        &["default", "VoIP", "audio", "low-delay"],
        "Its mode for Opus.",
    )
    .moot(),
    int("codec-chain-opus-complexity", "NUM", "Its effort for Opus.").moot(),
    text("dtmf-log-dest", "HOST:PORT", "Send DTMF events there over UDP.").later(),
    flag("dtmf-log-ng-tcp", "Send DTMF events to clients of listen-tcp-ng.").later(),
    flag("dtmf-no-log-injects", "Leave out injected ones.").later(),
    flag("dtmf-no-suppress", "Pass audio while an event lasts.").later(),
    int(
        "dtmf-digit-delay",
        "MILLISECONDS",
        "Longest time between digits of a trigger.",
    )
    .default("2500")
    .later(),
];
