//! baresip calls baresip through Debian's Kamailio: each kind of protection on one side or on both. Kamailio's script
//! says towards whom what is to be offered; both phones must hear each other's tone.
//! This baresip does not understand a key of AES-256 without its padding, hence `SDES-pad`.

use crate::baresip::{Baresip, Setup};
use crate::lab::{Host, Lab, have};
use crate::nat;
use crate::relay::{Relay, under_test};
use crate::sip::kamailio_between;

const ALICE_HZ: u32 = 440;
const BOB_HZ: u32 = 700;

/// One row: what the phones insist on, and what the script asks of the relay in offers and answers.
struct Case {
    alice: &'static str,
    bob: &'static str,
    toward_bob: &'static str,
    toward_alice: &'static str,
    /// What alice's and bob's logs must tell.
    said: [&'static str; 2],
}

fn place(lab: &mut Lab, core: &Host, name: &str, ip: &str) -> Host {
    let host = lab.host(name);
    lab.wire((core, name), (&host, "eth0"));
    core.ip(&format!("link set {name} master public"));
    host.ip(&format!("addr add {ip}/24 dev eth0"));
    host
}

fn call(topic: &str, case: &Case) {
    let program = under_test();
    if !have(&["kamailio", "baresip", &program]) {
        return;
    }
    let mut lab = Lab::new(topic);
    let core = nat::core(&mut lab);
    let hosts = [("alice", "203.0.113.31"), ("bob", "203.0.113.32")]
        .map(|(name, ip)| place(&mut lab, &core, name, ip));
    let relay = Relay::start(&lab, &core, &program, &[]);
    let before = relay.descriptors();
    let _proxy = kamailio_between(&lab, &core, case.toward_bob, case.toward_alice);
    let setup = |user, ip, hz, account| Setup {
        user,
        ip,
        hz,
        account,
    };
    let mut bob = Baresip::start(&lab, &hosts[1], &setup("bob", "203.0.113.32", BOB_HZ, case.bob));
    let mut alice = Baresip::start(
        &lab,
        &hosts[0],
        &setup("alice", "203.0.113.31", ALICE_HZ, case.alice),
    );
    alice.tell("dial", "bob");
    alice.saw("CALL_ESTABLISHED");
    bob.saw("CALL_ESTABLISHED");
    alice.hears(f64::from(BOB_HZ));
    bob.hears(f64::from(ALICE_HZ));
    for (phone, words) in [(&alice, case.said[0]), (&bob, case.said[1])] {
        assert!(phone.said().contains(words), "no {words} in\n{}", phone.said());
    }
    alice.tell("hangup", "");
    alice.saw("CALL_CLOSED");
    bob.saw("CALL_CLOSED");
    relay.assert_nothing_left(before);
}

#[test]
fn rtp() {
    let case = Case {
        alice: "",
        bob: "",
        toward_bob: "RTP/AVP",
        toward_alice: "RTP/AVP",
        said: ["", ""],
    };
    call("baresip-rtp", &case);
}

#[test]
fn rtp_calls_sdes() {
    let case = Case {
        alice: "",
        bob: ";mediaenc=srtp-mand",
        toward_bob: "RTP/SAVP SDES-pad",
        toward_alice: "RTP/AVP",
        said: ["", "SRTP is Enabled"],
    };
    call("baresip-rtp-sdes", &case);
}

#[test]
fn sdes_calls_rtp() {
    let case = Case {
        alice: ";mediaenc=srtp-mand",
        bob: "",
        toward_bob: "RTP/AVP",
        toward_alice: "RTP/SAVP SDES-pad",
        said: ["SRTP is Enabled", ""],
    };
    call("baresip-sdes-rtp", &case);
}

#[test]
fn sdes_calls_sdes() {
    let case = Case {
        alice: ";mediaenc=srtp-mand",
        bob: ";mediaenc=srtp-mand",
        toward_bob: "RTP/SAVP SDES-pad",
        toward_alice: "RTP/SAVP SDES-pad",
        said: ["SRTP is Enabled"; 2],
    };
    call("baresip-sdes-sdes", &case);
}

#[test]
fn rtp_calls_dtls() {
    let case = Case {
        alice: "",
        bob: ";mediaenc=dtls_srtp",
        toward_bob: "UDP/TLS/RTP/SAVP SDES-off",
        toward_alice: "RTP/AVP",
        said: ["", "DTLS-SRTP"],
    };
    call("baresip-rtp-dtls", &case);
}

#[test]
fn dtls_calls_rtp() {
    let case = Case {
        alice: ";mediaenc=dtls_srtp",
        bob: "",
        toward_bob: "RTP/AVP",
        toward_alice: "UDP/TLS/RTP/SAVP",
        said: ["DTLS-SRTP", ""],
    };
    call("baresip-dtls-rtp", &case);
}

#[test]
fn dtls_with_ice_calls_sdes() {
    let case = Case {
        alice: ";mediaenc=dtls_srtp;medianat=ice",
        bob: ";mediaenc=srtp-mand",
        toward_bob: "RTP/SAVP SDES-pad ICE=remove DTLS=passive",
        toward_alice: "UDP/TLS/RTP/SAVP ICE=force DTLS=passive",
        said: ["DTLS-SRTP", "SRTP is Enabled"],
    };
    call("baresip-dtls-ice-sdes", &case);
}

#[test]
fn ice_calls_no_ice() {
    let case = Case {
        alice: ";medianat=ice",
        bob: "",
        toward_bob: "RTP/AVP ICE=remove",
        toward_alice: "RTP/AVP ICE=force",
        said: ["", ""],
    };
    call("baresip-ice", &case);
}

#[test]
fn no_ice_calls_ice() {
    let case = Case {
        alice: "",
        bob: ";medianat=ice",
        toward_bob: "RTP/AVP ICE=force",
        toward_alice: "RTP/AVP ICE=remove",
        said: ["", ""],
    };
    call("baresip-no-ice", &case);
}
