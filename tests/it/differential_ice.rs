//! ICE in the differential test: what is offered, answered, kept and passed on.

use crate::differential_bodies::{ALICE, ALICE_ICE, BOB};
use crate::differential_cases::Key::{List, Text};
use crate::differential_cases::{Case, answer, offer};

const BOB_ICE: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=-
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 50000 RTP/AVP 8
    a=ice-ufrag:efgh
    a=ice-pwd:efghijklmnopqrstuvwxyzab
    a=candidate:2 1 UDP 2130706431 198.51.100.2 50000 typ host
    a=candidate:2 2 UDP 2130706430 198.51.100.2 50001 typ host";
/// Other credentials: a restart.
const ALICE_RESTARTS: &str = "v=0
    o=alice 1 2 IN IP4 198.51.100.1
    s=ice
    c=IN IP4 198.51.100.1
    t=0 0
    a=ice-ufrag:ijkl
    a=ice-pwd:ijklmnopqrstuvwxyzabcdef
    m=audio 40000 RTP/AVP 8
    a=candidate:1 1 UDP 2130706431 198.51.100.1 40000 typ host
    a=candidate:1 2 UDP 2130706430 198.51.100.1 40001 typ host";
const ALICE_TRICKLES: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=ice
    t=0 0
    m=audio 9 RTP/AVP 8
    c=IN IP4 0.0.0.0
    a=ice-ufrag:abcd
    a=ice-pwd:abcdefghijklmnopqrstuvwx
    a=ice-options:trickle";
const FRAGMENT: &str = "a=ice-ufrag:abcd
    a=ice-pwd:abcdefghijklmnopqrstuvwx
    m=audio 9 RTP/AVP 8
    a=mid:0
    a=candidate:1 1 UDP 2130706431 198.51.100.1 40000 typ host";
/// Candidates without credentials are no ICE.
const ALICE_NO_UFRAG: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=ice
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    a=candidate:1 1 UDP 2130706431 198.51.100.1 40000 typ host";

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "ICE as it comes",
        steps: &[
            offer(ALICE_ICE),
            answer(BOB_ICE),
            offer(ALICE_ICE),
            answer(BOB_ICE),
        ],
    },
    Case {
        name: "ICE turned down",
        steps: &[offer(ALICE_ICE), answer(BOB), offer(ALICE_ICE), answer(BOB_ICE)],
    },
    Case {
        name: "ICE given up",
        steps: &[
            offer(ALICE_ICE),
            answer(BOB_ICE),
            offer(ALICE),
            answer(BOB_ICE),
            offer(BOB_ICE).tags("bob", "alice"),
            answer(ALICE_ICE).tags("bob", "alice"),
        ],
    },
    Case {
        name: "ICE restarted",
        steps: &[
            offer(ALICE_ICE),
            answer(BOB_ICE),
            offer(ALICE_RESTARTS),
            answer(BOB_ICE),
        ],
    },
    Case {
        name: "ICE=force",
        steps: &[
            offer(ALICE).keys(&[("ICE", Text("force"))]),
            answer(BOB_ICE),
            offer(ALICE),
            offer(BOB_ICE).tags("bob", "alice"),
        ],
    },
    Case {
        name: "ICE=force turned down",
        steps: &[
            offer(ALICE).keys(&[("ICE", Text("force"))]),
            answer(BOB),
            offer(ALICE),
            offer(BOB).tags("bob", "alice"),
        ],
    },
    Case {
        name: "ICE=optional without ICE",
        steps: &[offer(ALICE).keys(&[("ICE", Text("optional"))]), answer(BOB)],
    },
    Case {
        name: "ICE=remove in the answer",
        steps: &[offer(ALICE_ICE), answer(BOB_ICE).keys(&[("ICE", Text("remove"))])],
    },
    Case {
        name: "reject-ICE",
        steps: &[
            offer(ALICE_ICE).keys(&[("flags", List(&["reject-ICE"]))]),
            answer(BOB_ICE),
        ],
    },
    Case {
        name: "ICE-lite",
        steps: &[
            offer(ALICE_ICE).keys(&[("ICE-lite", Text("forward"))]),
            answer(BOB_ICE),
            offer(BOB_ICE).tags("bob", "alice"),
        ],
    },
    Case {
        name: "ICE with media-address",
        steps: &[offer(ALICE_ICE).keys(&[("media-address", Text("192.0.2.77"))])],
    },
    Case {
        name: "ICE with address-family",
        steps: &[
            offer(ALICE_ICE).keys(&[("address-family", Text("IP6"))]),
            answer(BOB_ICE),
        ],
    },
    Case {
        name: "ICE and rtcp-mux",
        steps: &[
            offer(ALICE_ICE).keys(&[("rtcp-mux", List(&["require"]))]),
            answer(BOB_ICE),
        ],
    },
    Case {
        name: "trickle",
        steps: &[offer(ALICE_TRICKLES), answer(BOB_ICE), offer(ALICE_TRICKLES)],
    },
    Case {
        name: "trickle-ICE",
        steps: &[
            offer(ALICE).keys(&[("ICE", Text("force")), ("flags", List(&["trickle-ICE"]))]),
            answer(BOB_ICE),
        ],
    },
    Case {
        name: "fragment",
        steps: &[
            offer(FRAGMENT).keys(&[("flags", List(&["fragment"]))]),
            offer(ALICE_TRICKLES),
            offer(FRAGMENT).keys(&[("flags", List(&["fragment"]))]),
        ],
    },
    Case {
        name: "candidates without credentials",
        steps: &[offer(ALICE_NO_UFRAG), answer(BOB)],
    },
];
