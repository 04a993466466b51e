//! What can be found out about a path: one name, one severity and one piece of advice each.

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// As it should be.
    Good,
    /// Nothing wrong, or not known to be; worth knowing.
    Note,
    /// Somebody hears nothing, or not what he should.
    Trouble,
}

impl Severity {
    /// As `query` prints it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Trouble => "trouble",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $severity:ident $text:literal $next:literal,)*) => {
        /// What was found out about a path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind { $($(#[$doc])* $name,)* }
        impl FindingKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// Its name, for machines; never changes.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
            /// How much it matters.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
            /// What to look at next, in an operator's words; empty if there is nothing to do.
            pub const fn next(self) -> &'static str {
                match self { $(Self::$name => $next,)* }
            }
        }
    };
}

kinds! {
    /// Packets arrive and go on.
    Flows Good "flows" "",
    /// Nothing has arrived, but signalling was only a moment ago.
    TooEarly Note "too-early" "Ask again in a few seconds.",
    /// One side has not answered.
    NotAnswered Note "not-answered"
        "If the callee has picked up, its answer never reached this relay: look at the SIP proxy's `answer` command.",
    /// The direction of the media, or a hold, says that nothing flows this way.
    NotExpected Note "not-expected"
        "If both should talk, compare the directions (sendrecv, sendonly, inactive) in the SIP messages of both sides.",
    /// Port zero.
    Rejected Note "rejected" "If this media is wanted, find out from the SIP messages who put port 0 into its SDP.",
    /// A party was deleted and goes soon.
    Ending Note "ending" "",
    /// The last packet announced silence.
    SilenceSuppressed Note "silence-suppressed" "",
    /// The party is not where its SDP says, and we follow.
    BehindNat Note "behind-nat" "",
    /// The party's address has changed and we have followed.
    SourceMoved Note "source-moved" "",
    /// RTCP comes to the other port than agreed; it is carried all the same.
    RtcpMuxMismatch Note "rtcp-mux-mismatch"
        "Check rtcp-mux in the SDP of both sides; RTCP is forwarded in spite of it.",
    /// Somebody else sends to our port and is ignored, while media flows.
    Strangers Note "strangers" "Harmless unless that address belongs to one of the parties.",
    /// Media flows, but some packets are dropped.
    SomeDropped Note "some-dropped" "Look at the reasons below if something is missing from what is heard.",

    /// Blocked by a command.
    Blocked Trouble "blocked" "Ask the controller why it has sent `drop-traffic` or `block media` for this call.",
    /// ICE has given up.
    IceFailed Trouble "ice-failed"
        "Check that UDP reaches this relay's media ports from the party's network, or that the party has a TURN server.",
    /// ICE is at it for longer than it should take.
    IceNotConnected Trouble "ice-not-connected"
        "Check that UDP passes both ways between the candidates below; a firewall in between is the usual cause.",
    /// The pair in use has stopped answering.
    IceLost Trouble "ice-lost"
        "The party's network has changed or is gone; an ICE restart (a re-INVITE from it) would find a new way.",
    /// Packets come from addresses that have not passed a connectivity check.
    IceUnproven Trouble "ice-unproven"
        "The party sends from another address than it has checked: look at its ICE candidates and at NATs in between.",
    /// DTLS was agreed and the party, who has to begin, is silent.
    DtlsNotStarted Trouble "dtls-not-started"
        "The party should send a ClientHello: check its a=setup, and whether its UDP packets reach us at all.",
    /// The DTLS handshake began and does not end.
    DtlsStuck Trouble "dtls-stuck"
        "Usually large packets are lost (certificates): check the MTU and that fragments or UDP both ways pass the firewall.",
    /// The DTLS handshake is done and cannot be verified.
    DtlsUnverified Trouble "dtls-unverified" "The party's SDP with its a=fingerprint has not come: look for the missing answer.",
    /// The DTLS handshake has failed.
    DtlsFailed Trouble "dtls-failed" "Compare DTLS versions, ciphers and SRTP profiles that the party offers with --dtls-ciphers.",
    /// The certificate is not the one the SDP has announced.
    WrongFingerprint Trouble "wrong-fingerprint"
        "Something between the party and this relay changes the SDP or terminates DTLS: compare a=fingerprint at both ends.",
    /// SRTP packets do not authenticate.
    WrongKey Trouble "wrong-key"
        "Compare the a=crypto lines (or DTLS roles) at both ends: the party uses another key or suite, or does not encrypt.",
    /// SRTP packets come twice.
    Replayed Trouble "replayed" "The same packets arrive again: look for a loop or a sender that restarts with the same key.",
    /// SRTP was agreed and there are no keys.
    NoKeys Trouble "no-keys" "Compare the suites in the a=crypto lines of offer and answer: no common key was agreed.",
    /// Packets come from another source than the settled one, and strict-source forbids that.
    StrictSource Trouble "strict-source"
        "If that address is the party's (its NAT chose another one), drop the flag strict-source or send a re-INVITE.",
    /// Packets come from another source that does not continue the stream.
    ForeignSource Trouble "foreign-source"
        "If that address is the party's, send a re-INVITE or use the flag media-handover; if not, somebody is probing.",
    /// What arrives is not RTP.
    NotRtp Trouble "not-rtp" "Capture the packets at this port: the party sends something else than its SDP says.",
    /// STUN or DTLS arrives where none was agreed.
    UnexpectedIce Trouble "unexpected-ice"
        "The party uses ICE or DTLS although its SDP, as it reached us, did not say so: check ICE= and DTLS= flags.",
    /// The packet has been here before.
    Loop Trouble "loop" "The SDP points the media back at this relay: look for a call that is routed to itself.",
    /// The peer's address is one we never send to.
    ForbiddenPeer Trouble "forbidden-peer"
        "The SDP names a loopback, link-local or multicast address; if that is meant, allow it with media-address-allow.",
    /// We are told to wait for the peer's first packet.
    WaitsForPeer Trouble "waits-for-peer" "The flag NAT-wait holds packets back until the party sends; look why it does not.",
    /// Its payload type passes to nobody.
    PayloadFiltered Trouble "payload-filtered" "Compare the codecs of offer and answer with what the party sends.",
    /// It belongs to no media of the bundle.
    NoBundleMember Trouble "no-bundle-member"
        "Compare a=mid, payload types and a=ssrc in the party's SDP with what it sends.",
    /// The relay is overloaded.
    Overload Trouble "overload" "Look at the relay's CPU; STUN and DTLS packets wait longer than they should.",
    /// Payload types arrive that the receiver did not agree to.
    CodecMismatch Trouble "codec-mismatch"
        "The party sends a codec that was not negotiated: check codec settings at both ends; transcoding may be needed.",
    /// Nothing has ever arrived from this party.
    NothingArrives Trouble "nothing-arrives"
        "Look at the firewall or NAT between this party and the relay, and whether the party got our SDP with this address.",
    /// Nothing has ever arrived from anybody.
    NothingArrivesAtAll Trouble "nothing-arrives-at-all"
        "Check that the advertised address is reachable from outside and that the firewall here lets UDP to the port range in.",
    /// Something arrives, but no RTP.
    NoRtp Trouble "no-rtp" "The party is reachable but sends no media: is it muted, without a microphone, or waiting for a key?",
    /// RTP has stopped, the party is still there.
    SenderStopped Trouble "sender-stopped"
        "The party is there but sends no media: muted, on hold without telling, or its voice activity detection cuts silence.",
    /// Everything from the party has stopped.
    PartyGone Trouble "party-gone" "The party's network is gone, its NAT has closed, or it has hung up without a BYE.",
    /// We send to a private address that nobody was heard from.
    PrivateAddress Trouble "private-address"
        "The party's SDP names an address inside its own network and it has not sent anything that would show another one.",
    /// We send to where the SDP says although the party is elsewhere.
    SentElsewhere Trouble "sent-elsewhere"
        "The flag asymmetric (or endpoint-learning off) makes us ignore where the party really is: drop it.",
    /// The kernel refuses to send.
    SendRefused Trouble "send-refused"
        "Look at routes, firewall rules (OUTPUT) and ICMP errors on this host for that address.",
    /// The receiver reports that everything is lost.
    ReceiverLosesAll Trouble "receiver-loses-all"
        "The packets leave here and do not arrive: look at the firewall or NAT in front of the receiver.",
    /// Packets arrive and are not sent on, for no reason that was counted.
    NotForwarded Trouble "not-forwarded" "Please report this with the output of this command.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_trouble_has_advice() {
        for (at, kind) in FindingKind::ALL.iter().enumerate() {
            assert!(FindingKind::ALL[..at].iter().all(|k| k.name() != kind.name()));
            assert!(
                kind.severity() != Severity::Trouble || kind.next().ends_with(['.', '?']),
                "{kind:?}"
            );
        }
    }
}
