//! Options about how calls are treated.

use super::{Opt, choice, flag, float, int, list, text};

pub(super) const OPTIONS: &[Opt] = &[
    choice(
        "endpoint-learning",
        &["delayed", "immediate", "off", "heuristic"],
        "How the real address of a peer behind NAT is found out.",
    )
    .default("heuristic"),
    flag("sip-source", "Trust the address SIP came from over the one in SDP."),
    text("templates", "SECTION", "Section of the file with signalling templates: NAME = flags."),
    flag("reject-invalid-sdp", "Refuse SDP with lines that do not parse."),
    int("timeout", "SECONDS", "End a call after so long without packets.").short('o').default("60"),
    int("silent-timeout", "SECONDS", "The same for calls on hold.").short('s').default("3600"),
    int("final-timeout", "SECONDS", "End a call at this age; 0: never.").short('a').default("0"),
    int("offer-timeout", "SECONDS", "End a call that was not answered after so long.").default("3600"),
    int("delete-delay", "SECONDS", "Release a call so long after its deletion.").short('d').default("30"),
    int("max-sessions", "NUM", "Refuse new calls beyond this number; -1: no limit.").default("-1"),
    float("max-load", "LOAD", "Refuse new calls above this load average; 0: no limit.").default("0"),
    float("max-cpu", "PERCENT", "Refuse new calls above this use of the CPUs; 0: no limit.").default("0"),
    int("max-bandwidth", "BYTES", "Refuse new calls above this many received bytes per second; 0: no limit.")
        .default("0"),
    int("rtcp-interval", "MILLISECONDS", "Time between RTCP reports of ours; up to a second is added at random.")
        .default("5000"),
    list("mos", "CQ|LQ|G.107|G.107.2|legacy", "How MOS is computed: with (CQ) or without (LQ) delay, and by which \
         formula.")
    .default("CQ"),
    flag("measure-rtp", "Measure plain RTP streams too, not only decoded ones."),
    choice(
        "ssrc-reporting",
        &["full", "inline", "global", "none"],
        "Where query and delete report on each SSRC: with its stream (inline), for the call (global) or both.",
    )
    .default("full"),
    text("b2b-url", "URL", "Announce the end of a call by timeout to this XMLRPC server.").short('b'),
    int("xmlrpc-format", "NUM", "Form of that request: 0 SEMS, 1 call-id only, 2 Kamailio.").short('x').default("0"),
];
