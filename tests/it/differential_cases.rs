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

/// An offer of alice's.
const fn offer(sdp: &'static str) -> Step {
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
const fn answer(sdp: &'static str) -> Step {
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
    const fn keys(self, keys: &'static [(&'static str, Key)]) -> Self {
        Self { keys, ..self }
    }

    const fn tags(self, from: &'static str, to: &'static str) -> Self {
        Self { from, to, ..self }
    }

    const fn branch(self, branch: &'static str) -> Self {
        Self { branch, ..self }
    }
}

const ALICE: &str = "v=0
    o=alice 2890844526 2890844526 IN IP4 198.51.100.1
    s=call
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 0 8 101
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15";
const BOB: &str = "v=0
    o=bob 2808844564 2808844564 IN IP4 198.51.100.2
    s=answer
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8 101
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15";
const ALICE_HOLDS: &str = "v=0
    o=alice 2890844526 2890844527 IN IP4 198.51.100.1
    s=call
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 0 8
    a=sendonly";
const BOB_IS_HELD: &str = "v=0
    o=bob 2808844564 2808844565 IN IP4 198.51.100.2
    s=answer
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    a=recvonly";
const ALICE_HOLDS_AS_OF_OLD: &str = "v=0
    o=alice 2890844526 2890844528 IN IP4 198.51.100.1
    s=call
    c=IN IP4 0.0.0.0
    t=0 0
    m=audio 40000 RTP/AVP 0 8";
const ALICE_VIDEO: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=video
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    m=video 40002 RTP/AVP 96
    b=AS:512
    a=rtpmap:96 H264/90000
    a=fmtp:96 profile-level-id=42e01f;packetization-mode=1";
const BOB_VIDEO: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=video
    t=0 0
    m=audio 42000 RTP/AVP 8
    c=IN IP4 198.51.100.2
    m=video 42002 RTP/AVP 96
    c=IN IP4 198.51.100.3
    a=rtpmap:96 H264/90000
    a=rtcp:42013";
const BOB_NO_VIDEO: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=video
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    m=video 0 RTP/AVP 96";
const ALICE_DROPS_VIDEO: &str = "v=0
    o=alice 1 2 IN IP4 198.51.100.1
    s=video
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    m=video 0 RTP/AVP 96";
const ALICE_PRIVATE: &str = "v=0
    o=- 7 7 IN IP4 10.0.0.7
    s=-
    c=IN IP4 10.0.0.7
    t=0 0
    m=audio 40000 RTP/AVP 8";
const ALICE_V6: &str = "v=0
    o=alice 1 1 IN IP6 2001:db8:1::5
    s=six
    c=IN IP6 2001:db8:1::5
    t=0 0
    m=audio 40000 RTP/AVP 8";
const ALICE_MUX: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=mux
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    a=rtcp-mux";
const BOB_MUX: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=mux
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    a=rtcp-mux";
const ALICE_AVPF: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=feedback
    c=IN IP4 198.51.100.1
    t=0 0
    m=video 40000 RTP/AVPF 97
    a=rtpmap:97 VP8/90000
    a=rtcp-fb:97 nack
    a=rtcp-fb:97 nack pli
    a=rtcp-fb:* ccm fir";
const BOB_AVP: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=feedback
    c=IN IP4 198.51.100.2
    t=0 0
    m=video 42000 RTP/AVP 97
    a=rtpmap:97 VP8/90000";
const ALICE_ICE: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=ice
    c=IN IP4 198.51.100.1
    t=0 0
    a=ice-ufrag:abcd
    a=ice-pwd:abcdefghijklmnopqrstuvwx
    m=audio 40000 RTP/AVP 8
    a=candidate:1 1 UDP 2130706431 198.51.100.1 40000 typ host
    a=candidate:1 2 UDP 2130706430 198.51.100.1 40001 typ host";
const ALICE_FAX: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=fax
    c=IN IP4 198.51.100.1
    t=0 0
    m=image 40000 udptl t38
    a=T38FaxVersion:0
    a=T38MaxBitRate:14400";
const BOB_FAX: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=fax
    c=IN IP4 198.51.100.2
    t=0 0
    m=image 42000 udptl t38
    a=T38FaxVersion:0";
const ALICE_MESSAGES: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=messages
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    m=message 7654 TCP/MSRP *
    a=accept-types:text/plain
    a=path:msrp://198.51.100.1:7654/s;tcp";
const BOB_MESSAGES: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=messages
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    m=message 7655 TCP/MSRP *
    a=accept-types:text/plain
    a=path:msrp://198.51.100.2:7655/s;tcp";
const ALICE_EVERYTHING: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=a session
    i=about it
    u=http://example.org/
    e=alice@example.org
    p=+1 555 0100
    c=IN IP4 198.51.100.1
    b=CT:1000
    t=0 0
    a=tool:something
    a=unknown-to-all
    m=audio 40000 RTP/AVP 8 0 9 18 96
    i=the audio
    b=AS:64
    a=rtpmap:96 opus/48000/2
    a=fmtp:96 useinbandfec=1
    a=fmtp:18 annexb=no
    a=ptime:30
    a=maxptime:60
    a=quality:10
    a=sendrecv";
const BOB_EVERYTHING: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=a session
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 18 96
    a=rtpmap:96 opus/48000/2
    a=fmtp:96 useinbandfec=1
    a=fmtp:18 annexb=no
    a=ptime:20
    a=sendrecv";

const ALICE_EXTMAP: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=extensions
    c=IN IP4 198.51.100.1
    t=0 0
    a=extmap-allow-mixed
    m=audio 40000 RTP/AVP 8
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
    a=extmap:3/recvonly urn:ietf:params:rtp-hdrext:sdes:mid";
const ALICE_INACTIVE: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=direction of all
    c=IN IP4 198.51.100.1
    t=0 0
    a=inactive
    m=audio 40000 RTP/AVP 8
    m=audio 40010 RTP/AVP 0
    a=recvonly";
const BOB_TWO: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=direction of all
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    a=inactive
    m=audio 42010 RTP/AVP 0
    a=sendonly";
const ALICE_RTCP: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=rtcp elsewhere
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    a=rtcp:40007 IN IP4 198.51.100.9";
const ALICE_MOVED: &str = "v=0
    o=alice 2890844526 2890844527 IN IP4 198.51.100.8
    s=call
    c=IN IP4 198.51.100.8
    t=0 0
    m=audio 40100 RTP/AVP 0 8 101
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15";
const ALICE_FLOOR: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=floor control
    c=IN IP4 198.51.100.1
    t=0 0
    m=application 40000 UDP/BFCP *
    a=floorctrl:c-only";
const BOB_FLOOR: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=floor control
    c=IN IP4 198.51.100.2
    t=0 0
    m=application 42000 UDP/BFCP *
    a=floorctrl:s-only";
const ALICE_REJECTS: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=nothing
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 0 RTP/AVP 8
    m=video 40002 RTP/AVP 96
    a=rtpmap:96 H264/90000";

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
        steps: &[offer(ALICE_REJECTS), answer(BOB_VIDEO)],
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
];
