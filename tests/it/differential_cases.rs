//! The exchanges of the differential test, as data. Every case is one call; its name is the call-id.

/// One call's worth of requests.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [Step],
}

/// One request.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) command: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) branch: &'static str,
    pub(crate) keys: &'static [(&'static str, Key)],
    /// Lines, indented as one likes; none = no `sdp` key.
    pub(crate) sdp: &'static str,
}

/// The value of a further key.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Text(&'static str),
    List(&'static [&'static str]),
    Map(&'static [(&'static str, &'static [&'static str])]),
}
use Key::{List, Map, Text};

use crate::differential_bodies::*;

/// An offer of alice's.
pub(crate) const fn offer(sdp: &'static str) -> Step {
    Step {
        command: "offer",
        from: "alice",
        to: "",
        branch: "",
        keys: &[],
        sdp,
    }
}

/// Bob's answer to it.
pub(crate) const fn answer(sdp: &'static str) -> Step {
    Step {
        command: "answer",
        from: "alice",
        to: "bob",
        branch: "",
        keys: &[],
        sdp,
    }
}

/// A request without SDP.
const fn command(command: &'static str) -> Step {
    Step {
        command,
        from: "",
        to: "",
        branch: "",
        keys: &[],
        sdp: "",
    }
}

impl Step {
    pub(crate) const fn keys(self, keys: &'static [(&'static str, Key)]) -> Self {
        Self { keys, ..self }
    }

    pub(crate) const fn tags(self, from: &'static str, to: &'static str) -> Self {
        Self { from, to, ..self }
    }

    const fn branch(self, branch: &'static str) -> Self {
        Self { branch, ..self }
    }
}

const REPLACE: &[(&str, Key)] = &[("replace", List(&["origin", "session-connection"]))];

/// All of them.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "plain audio",
        steps: &[
            offer(ALICE),
            answer(BOB),
            command("query"),
            command("delete").tags("alice", ""),
        ],
    },
    Case {
        name: "replace origin",
        steps: &[offer(ALICE).keys(REPLACE), answer(BOB).keys(REPLACE)],
    },
    Case {
        name: "replace session-name and username",
        steps: &[
            offer(ALICE).keys(&[("replace", List(&["username", "session-name"]))]),
            answer(BOB).keys(&[("replace", List(&["username", "session-name"]))]),
            offer(ALICE_HOLDS)
                .tags("alice", "bob")
                .keys(&[("replace", List(&["username", "session-name"]))]),
        ],
    },
    Case {
        name: "SDP-version",
        steps: &[
            offer(ALICE).keys(&[("replace", List(&["SDP-version"]))]),
            answer(BOB).keys(&[("replace", List(&["SDP-version"]))]),
            offer(ALICE)
                .tags("alice", "bob")
                .keys(&[("replace", List(&["SDP-version"]))]),
            offer(ALICE_HOLDS)
                .tags("alice", "bob")
                .keys(&[("replace", List(&["SDP-version"]))]),
        ],
    },
    Case {
        name: "hold and resume",
        steps: &[
            offer(ALICE),
            answer(BOB),
            offer(ALICE_HOLDS).tags("alice", "bob"),
            answer(BOB_IS_HELD),
            offer(ALICE).tags("alice", "bob"),
            answer(BOB),
        ],
    },
    Case {
        name: "hold by 0.0.0.0",
        steps: &[
            offer(ALICE),
            answer(BOB),
            offer(ALICE_HOLDS_AS_OF_OLD).tags("alice", "bob"),
            answer(BOB),
            offer(ALICE_HOLDS_AS_OF_OLD)
                .tags("alice", "bob")
                .keys(&[("replace", List(&["zero-address"]))]),
        ],
    },
    Case {
        name: "original-sendrecv",
        steps: &[
            offer(ALICE).keys(&[("flags", List(&["original-sendrecv"]))]),
            answer(BOB_IS_HELD).keys(&[("flags", List(&["original-sendrecv"]))]),
        ],
    },
    Case {
        name: "video",
        steps: &[offer(ALICE_VIDEO), answer(BOB_VIDEO), command("query")],
    },
    Case {
        name: "video rejected",
        steps: &[offer(ALICE_VIDEO), answer(BOB_NO_VIDEO)],
    },
    Case {
        name: "media added and removed",
        steps: &[
            offer(ALICE),
            answer(BOB),
            offer(ALICE_VIDEO).tags("alice", "bob"),
            answer(BOB_VIDEO),
            offer(ALICE_DROPS_VIDEO).tags("alice", "bob"),
            answer(BOB_NO_VIDEO),
            offer(ALICE_VIDEO).tags("alice", "bob"),
            answer(BOB_VIDEO),
        ],
    },
    Case {
        name: "callee's re-INVITE",
        steps: &[
            offer(ALICE),
            answer(BOB),
            offer(BOB).tags("bob", "alice"),
            answer(ALICE).tags("bob", "alice"),
        ],
    },
    Case {
        name: "branches",
        steps: &[
            offer(ALICE).branch("z9hG4bK1"),
            offer(ALICE).branch("z9hG4bK2"),
            answer(BOB).branch("z9hG4bK2").tags("alice", "bob2"),
            answer(BOB).branch("z9hG4bK1").tags("alice", "bob1"),
            command("delete").branch("z9hG4bK1").tags("alice", ""),
            command("delete").tags("alice", ""),
            command("delete").tags("alice", ""),
        ],
    },
    Case {
        name: "fork without branches",
        steps: &[
            offer(ALICE),
            answer(BOB).tags("alice", "bob1"),
            answer(BOB).tags("alice", "bob2"),
        ],
    },
    Case {
        name: "early media",
        steps: &[offer(ALICE), answer(BOB), answer(BOB)],
    },
    Case {
        name: "media-address",
        steps: &[
            offer(ALICE).keys(&[("media-address", Text("192.0.2.99"))]),
            answer(BOB),
        ],
    },
    Case {
        name: "to IPv6",
        steps: &[
            offer(ALICE).keys(&[("address-family", Text("IP6"))]),
            answer(ALICE_V6),
        ],
    },
    Case {
        name: "from IPv6",
        steps: &[
            offer(ALICE_V6).keys(&[("address-family", Text("IP4"))]),
            answer(BOB),
        ],
    },
    Case {
        name: "interfaces",
        steps: &[
            offer(ALICE).keys(&[("direction", List(&["default", "priv"]))]),
            answer(BOB),
            command("query"),
        ],
    },
    Case {
        name: "SIP-source-address",
        steps: &[
            offer(ALICE_PRIVATE).keys(&[
                ("flags", List(&["SIP-source-address"])),
                ("received-from", List(&["IP4", "198.51.100.77"])),
                ("replace", List(&["origin"])),
            ]),
            answer(BOB),
        ],
    },
    Case {
        name: "trust-address",
        steps: &[
            offer(ALICE).keys(&[("flags", List(&["trust address"]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "loop-protect",
        steps: &[
            offer(ALICE).keys(&[("flags", List(&["loop-protect"]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "flags about sources",
        steps: &[
            offer(ALICE).keys(&[("flags", List(&["asymmetric", "strict-source", "port-latching"]))]),
            answer(BOB).keys(&[(
                "flags",
                List(&["media-handover", "symmetric", "unidirectional", "pierce-NAT"]),
            )]),
        ],
    },
    Case {
        name: "rtcp-mux kept",
        steps: &[offer(ALICE_MUX), answer(BOB_MUX)],
    },
    Case {
        name: "rtcp-mux refused",
        steps: &[offer(ALICE_MUX), answer(BOB)],
    },
    Case {
        name: "rtcp-mux offer",
        steps: &[
            offer(ALICE).keys(&[("rtcp-mux", List(&["offer"]))]),
            answer(BOB_MUX),
        ],
    },
    Case {
        name: "rtcp-mux require",
        steps: &[
            offer(ALICE).keys(&[("rtcp-mux", List(&["require"]))]),
            answer(BOB_MUX),
        ],
    },
    Case {
        name: "rtcp-mux demux",
        steps: &[
            offer(ALICE_MUX).keys(&[("rtcp-mux", List(&["demux"]))]),
            answer(BOB).keys(&[("rtcp-mux", List(&["accept"]))]),
        ],
    },
    Case {
        name: "rtcp-mux reject",
        steps: &[
            offer(ALICE_MUX),
            answer(BOB_MUX).keys(&[("rtcp-mux", List(&["reject"]))]),
        ],
    },
    Case {
        name: "no-rtcp-attribute",
        steps: &[
            offer(ALICE).keys(&[("flags", List(&["no-rtcp-attribute"]))]),
            answer(BOB).keys(&[("flags", List(&["no-rtcp-attribute"]))]),
        ],
    },
    Case {
        name: "full-rtcp-attribute",
        steps: &[
            offer(ALICE).keys(&[("flags", List(&["full-rtcp-attribute"]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "generate-mid",
        steps: &[
            offer(ALICE_VIDEO).keys(&[("flags", List(&["generate-mid"]))]),
            answer(BOB_VIDEO),
        ],
    },
    Case {
        name: "codec-strip",
        steps: &[
            offer(ALICE).keys(&[("codec", Map(&[("strip", &["PCMU"])]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "codec-strip all but",
        steps: &[
            offer(ALICE).keys(&[("codec", Map(&[("strip", &["all"]), ("except", &["PCMA"])]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "codec-offer",
        steps: &[
            offer(ALICE).keys(&[("codec", Map(&[("strip", &["all"]), ("offer", &["PCMA", "PCMU"])]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "codec flags in one string",
        steps: &[
            offer(ALICE).keys(&[("flags", List(&["codec-strip-telephone-event", "trust-address"]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "feedback kept",
        steps: &[offer(ALICE_AVPF), answer(BOB_AVP)],
    },
    Case {
        name: "AVPF to AVP",
        steps: &[
            offer(ALICE_AVPF).keys(&[("transport-protocol", Text("RTP/AVP"))]),
            answer(BOB_AVP),
        ],
    },
    Case {
        name: "AVP to AVPF",
        steps: &[
            offer(ALICE).keys(&[("transport-protocol", Text("RTP/AVPF"))]),
            answer(BOB),
        ],
    },
    Case {
        name: "ICE=remove",
        steps: &[offer(ALICE_ICE).keys(&[("ICE", Text("remove"))]), answer(BOB)],
    },
    Case {
        name: "fax",
        steps: &[offer(ALICE_FAX), answer(BOB_FAX)],
    },
    Case {
        name: "not over UDP",
        steps: &[offer(ALICE_MESSAGES), answer(BOB_MESSAGES)],
    },
    Case {
        name: "every kind of line",
        steps: &[offer(ALICE_EVERYTHING), answer(BOB_EVERYTHING)],
    },
    Case {
        name: "late offer",
        steps: &[
            // The 200 brings bob's offer, the ACK alice's answer; the proxy has swapped the tags.
            offer(BOB).tags("bob", "alice"),
            answer(ALICE).tags("bob", "alice"),
            command("delete").tags("alice", ""),
        ],
    },
    Case {
        name: "unknown to-tag",
        steps: &[
            offer(ALICE),
            answer(BOB),
            offer(ALICE).tags("alice", "stranger"),
            answer(BOB).tags("alice", "stranger"),
        ],
    },
    Case {
        name: "refusals",
        steps: &[
            command("ping"),
            command("no such command"),
            command("offer").tags("alice", ""),
            answer(BOB),
            offer(ALICE).tags("", ""),
            answer(BOB).tags("alice", ""),
            offer("this is no SDP"),
            offer("v=0\n o=- 1 1 IN IP4 198.51.100.1\n s=-\n m=audio 40000 RTP/AVP 8"),
            command("query"),
            command("delete").tags("alice", ""),
            command("delete").keys(&[("flags", List(&["fatal"]))]),
        ],
    },
    Case {
        name: "unknown keys and flags",
        steps: &[
            offer(ALICE).keys(&[
                ("flags", List(&["no-such-flag", "trust_address"])),
                ("no-such-key", Text("x")),
                ("replace", List(&["no-such-thing"])),
            ]),
            answer(BOB),
        ],
    },
    Case {
        name: "labels and metadata",
        steps: &[
            offer(ALICE).keys(&[("label", Text("caller")), ("metadata", Text("k:v"))]),
            answer(BOB).keys(&[("label", Text("callee"))]),
            command("query"),
        ],
    },
    Case {
        name: "extmap",
        steps: &[offer(ALICE_EXTMAP), answer(BOB)],
    },
    Case {
        name: "strip-extmap",
        steps: &[
            offer(ALICE_EXTMAP).keys(&[("flags", List(&["strip-extmap"]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "direction of the session",
        steps: &[offer(ALICE_INACTIVE), answer(BOB_TWO)],
    },
    Case {
        name: "rtcp elsewhere",
        steps: &[offer(ALICE_RTCP), answer(BOB), command("query")],
    },
    Case {
        name: "party moves",
        steps: &[
            offer(ALICE),
            answer(BOB),
            offer(ALICE_MOVED).tags("alice", "bob"),
            answer(BOB),
        ],
    },
    Case {
        name: "party moves, no-port-latching",
        steps: &[
            offer(ALICE),
            answer(BOB),
            offer(ALICE_MOVED)
                .tags("alice", "bob")
                .keys(&[("flags", List(&["no-port-latching"]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "party moves, port-latching",
        steps: &[
            offer(ALICE),
            answer(BOB),
            offer(ALICE_MOVED)
                .tags("alice", "bob")
                .keys(&[("flags", List(&["port-latching"]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "unknown protocol over UDP",
        steps: &[offer(ALICE_FLOOR), answer(BOB_FLOOR)],
    },
    Case {
        name: "media offered as rejected",
        steps: &[offer(ALICE_REJECTS), answer(BOB_NO_AUDIO)],
    },
    Case {
        name: "ICE=force-relay",
        steps: &[
            offer(ALICE_ICE).keys(&[("ICE", Text("force-relay"))]),
            answer(BOB),
        ],
    },
    Case {
        name: "single-codec",
        steps: &[
            offer(ALICE),
            answer(ALICE).keys(&[("flags", List(&["single-codec"]))]),
        ],
    },
    Case {
        name: "internal and external",
        steps: &[
            offer(ALICE).keys(&[("direction", List(&["internal", "external"]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "unknown interface",
        steps: &[
            offer(ALICE).keys(&[("direction", List(&["default", "nowhere"]))]),
            answer(BOB),
        ],
    },
    Case {
        name: "delete by branch and by tags",
        steps: &[
            offer(ALICE).branch("z9hG4bK1"),
            offer(ALICE).branch("z9hG4bK2"),
            command("delete").branch("z9hG4bKother").tags("alice", ""),
            command("delete").branch("z9hG4bK1").tags("alice", ""),
            answer(BOB).branch("z9hG4bK2"),
            command("delete").tags("bob", "alice"),
            command("query"),
        ],
    },
    Case {
        name: "delete after the answer of a fork",
        steps: &[
            offer(ALICE).branch("z9hG4bK1"),
            offer(ALICE).branch("z9hG4bK2"),
            answer(BOB).branch("z9hG4bK2"),
            command("delete").tags("alice", "bob"),
            command("query"),
        ],
    },
    Case {
        name: "query of one party",
        steps: &[
            offer(ALICE),
            answer(BOB),
            command("query").tags("bob", ""),
            command("query").tags("nobody", ""),
        ],
    },
    Case {
        name: "rtcp-mux reject in the offer",
        steps: &[
            offer(ALICE_MUX).keys(&[("rtcp-mux", List(&["reject"]))]),
            answer(BOB_MUX),
        ],
    },
    Case {
        name: "rtcp-mux accept in the answer",
        steps: &[
            offer(ALICE_MUX),
            answer(BOB).keys(&[("rtcp-mux", List(&["accept"]))]),
        ],
    },
    Case {
        name: "rtcp-mux demux, then reject and offer in the answer",
        steps: &[
            offer(ALICE_MUX).keys(&[("rtcp-mux", List(&["demux"]))]),
            answer(BOB).keys(&[("rtcp-mux", List(&["reject", "offer"]))]),
            offer(BOB).tags("bob", "alice"),
            answer(ALICE_MUX).tags("bob", "alice"),
        ],
    },
];
