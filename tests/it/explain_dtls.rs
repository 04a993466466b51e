//! DTLS and ICE that come to nothing, made for real, and the verdict on them.

use std::sync::Arc;

use dtls::{
    Config, Digest, Endpoint, Event, HashFunction, Identity, KeyKind, Request as Certificate, Role, Settings,
};
use srtp::Sender;

use crate::explain::{net, until};
use crate::open_net::{ALICE, BOB, OpenNet, answer, media_address, offer, sdp};
use crate::rtp::{Party, packet};

/// Alice, who speaks DTLS, and bob, who speaks plain RTP.
struct Call {
    alice: Party,
    bob: Party,
    seq: u16,
}

impl Call {
    /// Alice's SDP has these lines besides.
    fn new(net: &OpenNet, id: &str, protocol: &str, lines: &str) -> Self {
        let mut alice = Party::new(&net.world, &format!("{ALICE}:4000"), 1);
        let mut bob = Party::new(&net.world, &format!("{BOB}:5000"), 2);
        let described = sdp(ALICE, 4000).replace("RTP/AVP", protocol) + lines;
        let request = offer(id, &described, &[])
            .with("transport-protocol", "RTP/AVP")
            .with("ICE", "remove");
        bob.call(media_address(net.relay.ng.ok(&request).text_of("sdp")));
        let reply = net.relay.ng.ok(&answer(id, &sdp(BOB, 5000), &[]));
        alice.call(media_address(reply.text_of("sdp")));
        Self { alice, bob, seq: 0 }
    }
}

fn identity() -> Arc<Identity> {
    let request = Certificate {
        key: KeyKind::P256,
        digest: Digest::Sha256,
        name: "alice".to_owned(),
    };
    Arc::new(Identity::generate(&request, now().as_micros() / 1_000_000).unwrap())
}

fn now() -> dtls::Time {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    dtls::Time::from_micros(since.as_micros() as u64)
}

/// The lines of an SDP that announce this certificate; its owner begins.
fn announced(identity: &Identity) -> String {
    let fingerprint = identity.fingerprint(HashFunction::Sha256).unwrap();
    format!("a=setup:active\r\na=fingerprint:sha-256 {fingerprint}\r\n")
}

/// Alice's half of a handshake, and the packets that she protects with its keys.
struct Handshake {
    endpoint: Endpoint,
    sender: Option<Sender>,
}

impl Handshake {
    fn new(identity: Arc<Identity>) -> Self {
        let config = Arc::new(Config::new(identity, &Settings::default()).unwrap());
        Self {
            endpoint: Endpoint::new(&config, Role::Client, now()),
            sender: None,
        }
    }

    /// Takes in and sends what there is; once there are keys, media too.
    fn go_on(&mut self, call: &mut Call) {
        let mut buffer = [0; 2048];
        while let Ok(len) = call.alice.socket.recv(&mut buffer) {
            if (20..64).contains(&buffer[0]) {
                self.endpoint.handle_packet(now(), &buffer[..len]);
            }
        }
        self.endpoint.handle_timeout(now());
        let relay = call.alice.peer().unwrap();
        while let Some(datagram) = self.endpoint.poll_transmit() {
            call.alice.socket.send_to(&datagram, relay).unwrap();
        }
        while let Some(event) = self.endpoint.poll_event() {
            if let Event::Connected { keys, .. } = event {
                self.sender = Some(Sender::new(keys.send));
            }
        }
        call.seq += 1;
        let mut media = packet(call.alice.ssrc, call.seq);
        let len = media.len();
        media.resize(len + 64, 0);
        if let Some(sender) = &mut self.sender {
            let len = sender.protect_rtp(&mut media, len).unwrap();
            call.alice.socket.send_to(&media[..len], relay).unwrap();
        }
        call.bob.send();
    }
}

#[test]
fn a_fingerprint_that_fits_and_one_that_does_not() {
    let Some(net) = net("fingerprint") else { return };
    let (own, other) = (identity(), identity());
    let mut call = Call::new(&net, "right", "UDP/TLS/RTP/SAVP", &announced(&own));
    let mut handshake = Handshake::new(Arc::clone(&own));
    let said = until(&net, "right", "alice", "flows", || handshake.go_on(&mut call));
    said.shows(&[
        "DTLS  connected, fingerprint verified, we are passive",
        "SRTP  in A",
        "VERDICT: Healthy",
    ]);
    drop(call);

    let mut call = Call::new(&net, "wrong", "UDP/TLS/RTP/SAVP", &announced(&other));
    let mut handshake = Handshake::new(own);
    let said = until(&net, "wrong", "alice", "wrong-fingerprint", || {
        handshake.go_on(&mut call)
    });
    said.shows(&[
        "VERDICT: The callee gets no audio from the caller; the caller gets no audio from the callee.",
        "The certificate of the caller is not the one that its SDP has announced",
        "DTLS  refused: wrong fingerprint",
    ]);
    assert_eq!(
        said.found("bob").first().map(String::as_str),
        Some("wrong-fingerprint")
    );
}

#[test]
fn a_handshake_that_never_begins_or_never_ends() {
    let Some(net) = net("handshake") else { return };
    let mut call = Call::new(&net, "mute", "UDP/TLS/RTP/SAVP", &announced(&identity()));
    let said = until(&net, "mute", "alice", "dtls-not-started", || {
        call.bob.send();
    });
    said.shows(&[
        "The caller has not begun the DTLS handshake: no ClientHello has arrived",
        "a=setup",
    ]);
    drop(call);
    // The first flight arrives, and nothing after it.
    let own = identity();
    let mut call = Call::new(&net, "stuck", "UDP/TLS/RTP/SAVP", &announced(&own));
    let mut first = Handshake::new(own);
    let said = until(&net, "stuck", "alice", "dtls-stuck", || {
        while let Some(datagram) = first.endpoint.poll_transmit() {
            call.alice
                .socket
                .send_to(&datagram, call.alice.peer().unwrap())
                .unwrap();
        }
        call.bob.send();
    });
    said.shows(&["does not come to an end", "MTU"]);
}

#[test]
fn ice_that_finds_no_way() {
    let Some(net) = net("ice") else { return };
    let lines = format!(
        "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n\
         a=candidate:1 1 UDP 2130706431 {ALICE} 4000 typ host\r\na=rtcp-mux\r\n"
    );
    let mut call = Call::new(&net, "ice", "RTP/AVP", &lines);
    let said = until(&net, "ice", "alice", "ice-not-connected", || {
        call.bob.send();
    });
    said.shows(&[
        "ICE with the caller finds no pair that works",
        "1 candidate was signalled",
        "ICE   checking",
    ]);
    assert!(!said.is_healthy());
}
