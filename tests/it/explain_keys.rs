//! Keys that do not fit, made for real, and the verdict on them.

use srtp::{MasterKey, Params, Protection, Sender, Suite};

use crate::explain::{Answer, net, until};
use crate::open_net::{ALICE, BOB, OpenNet, answer, media_address, offer, sdp};
use crate::rtp::{Party, packet};

/// Base64 of the key in alice's SDP: thirty times an A.
const ANNOUNCED: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB";

/// Alice, who encrypts, and bob, who does not.
struct Call {
    alice: Party,
    bob: Party,
    seq: u16,
}

impl Call {
    fn new(net: &OpenNet, id: &str) -> Self {
        let mut alice = Party::new(&net.world, &format!("{ALICE}:4000"), 1);
        let mut bob = Party::new(&net.world, &format!("{BOB}:5000"), 2);
        let secure = sdp(ALICE, 4000).replace("RTP/AVP", "RTP/SAVP")
            + &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{ANNOUNCED}\r\n");
        let request = offer(id, &secure, &[]).with("transport-protocol", "RTP/AVP");
        bob.call(media_address(net.relay.ng.ok(&request).text_of("sdp")));
        let reply = net.relay.ng.ok(&answer(id, &sdp(BOB, 5000), &[]));
        alice.call(media_address(reply.text_of("sdp")));
        Self { alice, bob, seq: 0 }
    }

    /// Both send one packet, alice one that is protected with `sender`.
    fn talk(&mut self, sender: Option<&mut Sender>) {
        self.bob.send();
        self.seq += 1;
        let mut buffer = packet(self.alice.ssrc, self.seq);
        let len = buffer.len();
        buffer.resize(len + 64, 0);
        let len = sender.map_or(len, |s| s.protect_rtp(&mut buffer, len).unwrap());
        let to = self.alice.peer().unwrap();
        self.alice.socket.send_to(&buffer[..len], to).unwrap();
    }
}

/// A sender with the key that thirty of this letter make.
fn sender(letter: u8) -> Sender {
    let key = MasterKey::joined(Suite::AesCm128HmacSha1_80, &[letter; 30]).unwrap();
    Sender::new(Params::new(vec![key], Protection::default()).unwrap())
}

#[test]
fn a_wrong_key() {
    let Some(net) = net("wrong-key") else { return };
    let mut call = Call::new(&net, "keys");
    let mut wrong = sender(b'B');
    let said = until(&net, "keys", "alice", "wrong-key", || call.talk(Some(&mut wrong)));
    said.shows(&[
        "VERDICT: The callee gets no audio from the caller.",
        "What the caller sends cannot be decrypted",
        "srtp-auth",
        "a=crypto",
    ]);
    assert_eq!(said.found("bob"), ["flows"]);
    let stats: serde_json::Value = serde_json::from_str(&Answer::ctl(&net, &["list", "jsonstats"])).unwrap();
    assert!(stats["dropstatistics"]["srtp-auth"].as_u64() > Some(0), "{stats}");
    // The right key: all is well, and the screen gives no key away.
    let mut right = sender(b'A');
    let said = until(&net, "keys", "alice", "flows", || call.talk(Some(&mut right)));
    said.shows(&["SRTP  in AES_CM_128_HMAC_SHA1_80, out AES_CM_128_HMAC_SHA1_80"]);
    assert!(
        said.is_healthy() && !said.screen.contains("QUFB"),
        "{}",
        said.screen
    );
}

#[test]
fn no_encryption_at_all() {
    let Some(net) = net("unencrypted") else { return };
    let mut call = Call::new(&net, "plain");
    let said = until(&net, "plain", "alice", "wrong-key", || call.talk(None));
    said.shows(&["or not at all"]);
}
