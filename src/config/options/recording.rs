//! Options about recording.

use super::{Opt, choice, flag, text};

pub(super) const OPTIONS: &[Opt] = &[
    text("recording-dir", "DIRECTORY", "Record calls below this directory. Without it nothing is recorded."),
    choice(
        "recording-method",
        &["pcap", "proc", "all"],
        "pcap: one file per call. proc needs the kernel module and rtpengine-recording: it is taken as pcap, with a \
         warning.",
    )
    .default("pcap"),
    choice("recording-format", &["raw", "eth"], "pcap files with IP packets, or with an Ethernet header before.")
        .default("raw"),
    flag("record-egress", "Record what is sent instead of what is received."),
    flag("record-both", "Record both."),
    text("vsc-start-rec", "DIGITS", "DTMF that starts a recording.").later(),
    text("vsc-stop-rec", "DIGITS", "DTMF that stops it.").later(),
    text("vsc-start-stop-rec", "DIGITS", "DTMF that starts and stops it.").later(),
    text("vsc-pause-rec", "DIGITS", "DTMF that pauses it.").later(),
    text("vsc-pause-resume-rec", "DIGITS", "DTMF that pauses and resumes it.").later(),
    text("vsc-start-pause-resume-rec", "DIGITS", "DTMF that starts, pauses and resumes it.").later(),
];
