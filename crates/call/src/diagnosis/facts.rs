//! What a diagnosis reads: one call as plain values, taken at one moment. No keys are in here.

use std::net::SocketAddr;

use plan::{DropReason, Path, Refusal, Time};

/// One call.
#[derive(Clone, Debug, Default)]
pub struct CallFacts {
    /// When they were taken.
    pub now: Time,
    /// The call-id.
    pub call_id: String,
    /// When the call was created.
    pub created: Time,
    /// When signalling last spoke of it.
    pub last_signal: Time,
    /// It was answered.
    pub answered: bool,
    /// Its parties in order of creation.
    pub parties: Vec<PartyFacts>,
    /// Their media.
    pub medias: Vec<MediaFacts>,
    /// Who hears whom: source and sink, as indices of `medias`.
    pub links: Vec<(usize, usize)>,
}

/// One party.
#[derive(Clone, Debug, Default)]
pub struct PartyFacts {
    /// What it is called in texts: `the caller`, `the callee`, `party 3`.
    pub name: String,
    /// Its tag.
    pub tag: Option<String>,
    /// Name given by the controller.
    pub label: Option<String>,
    /// It was deleted and goes soon.
    pub ending: bool,
}

/// One media of one party.
#[derive(Clone, Debug, Default)]
pub struct MediaFacts {
    /// Whose, as an index of `parties`.
    pub party: usize,
    /// Position in its party's SDP, from 1.
    pub index: usize,
    /// `audio`, `video`, ...
    pub kind: String,
    /// `RTP/AVP`, ...
    pub protocol: String,
    /// Packets are expected without pause: RTP audio or video.
    pub continuous: bool,
    /// Direction as its party sees it, `sendrecv` and so on.
    pub direction: &'static str,
    /// Its party sends.
    pub sends: bool,
    /// Its party receives.
    pub receives: bool,
    /// Port zero.
    pub rejected: bool,
    /// Its party has described it in SDP of its own.
    pub described: bool,
    /// Hold in the old form: 0.0.0.0.
    pub null_address: bool,
    /// Blocked by command.
    pub blocked: bool,
    /// RTCP shares the RTP port.
    pub mux: bool,
    /// Other sources than the settled one are refused.
    pub strict: bool,
    /// Nothing is sent before the peer was heard.
    pub waits: bool,
    /// What its party can receive: payload type and name.
    pub codecs: Vec<(u8, String)>,
    /// How packets from its party are protected.
    pub recv: Protection,
    /// How packets to its party are protected.
    pub send: Protection,
    /// ICE, if it is in use with its party.
    pub ice: Option<IceFacts>,
    /// DTLS, if it is in use with its party.
    pub dtls: Option<DtlsFacts>,
    /// RTP.
    pub rtp: StreamFacts,
    /// RTCP, where it has a port of its own.
    pub rtcp: Option<StreamFacts>,
    /// What its party last reported about what it receives.
    pub report: Option<ReportFacts>,
}

/// How packets are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// They are not.
    #[default]
    Plain,
    /// SRTP, without keys so far.
    Pending,
    /// SRTP with this suite.
    Srtp(&'static str),
}

/// One stream: a port of ours towards a party.
#[derive(Clone, Debug, Default)]
pub struct StreamFacts {
    /// Our socket.
    pub local: Option<SocketAddr>,
    /// What the party was told instead, if that is another address.
    pub advertised: Option<SocketAddr>,
    /// Where the party wants its packets, by signalling.
    pub signalled: Option<SocketAddr>,
    /// Where its packets come from, and whether that is settled.
    pub learned: Option<(SocketAddr, bool)>,
    /// Where its packets came from before, and when that changed.
    pub moved: Option<Moved>,
    /// Where we send.
    pub destination: Option<SocketAddr>,
    /// The signalled address is one we never send to.
    pub forbidden: bool,
    /// Packets and bytes accepted.
    pub received: (u64, u64),
    /// Packets and bytes sent.
    pub sent: (u64, u64),
    /// When the last packet was accepted.
    pub last_in: Option<Time>,
    /// When the last packet was sent.
    pub last_out: Option<Time>,
    /// Which way its packets take through this host, and why not past us.
    pub way: Option<(Path, Option<Refusal>)>,
    /// Packets dropped.
    pub drops: Vec<Drop>,
    /// Where the last packet came from that was refused for its sender.
    pub refused: Option<(DropReason, SocketAddr)>,
    /// RTP payload types that have arrived.
    pub payload_types: Vec<u8>,
    /// RTP by SSRC, as received.
    pub ssrcs: Vec<SsrcFacts>,
    /// RTCP that came here although it has a port of its own.
    pub stray_rtcp: u64,
    /// STUN packets.
    pub stun: u64,
    /// DTLS packets.
    pub dtls: u64,
}

/// A change of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The source before.
    pub from: SocketAddr,
    /// When it changed.
    pub at: Time,
}

/// Packets dropped for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drop {
    /// Why.
    pub reason: DropReason,
    /// How many.
    pub packets: u64,
    /// When the last one, to the second.
    pub last: Time,
}

/// One SSRC, as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SsrcFacts {
    /// The SSRC.
    pub ssrc: u32,
    /// Packets.
    pub packets: u64,
    /// Packets missing from the sequence.
    pub lost: u64,
    /// Payload type of the last packet.
    pub payload_type: u8,
    /// How many packets in a row had it.
    pub run: u64,
    /// When the last packet came.
    pub last: Time,
}

/// What a party reported about its reception (RTCP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportFacts {
    /// When.
    pub at: Time,
    /// Fraction lost since its report before, in 1/256.
    pub fraction_lost: u8,
}

/// ICE with one party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceFacts {
    /// Where it stands.
    pub state: IceState,
    /// We are ICE-lite.
    pub lite: bool,
    /// The party is.
    pub lite_peer: bool,
    /// We are controlling.
    pub controlling: bool,
    /// The pair in use: our address and the party's.
    pub selected: Option<(SocketAddr, SocketAddr)>,
    /// Addresses of the party that have passed a check.
    pub proven: Vec<SocketAddr>,
    /// Candidates that the party has named.
    pub candidates: usize,
    /// When it began, or began anew.
    pub since: Time,
}

/// How far ICE is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IceState {
    /// Nothing to check yet.
    #[default]
    New,
    /// Checks are under way.
    Checking,
    /// A pair works.
    Connected,
    /// The pair in use does not answer any more (RFC 7675).
    Disconnected,
    /// Every pair has failed.
    Failed,
}

impl IceState {
    /// As it is printed.
    pub const fn text(self) -> &'static str {
        match self {
            Self::New => "waiting for candidates",
            Self::Checking => "checking",
            Self::Connected => "connected",
            Self::Disconnected => "consent lost",
            Self::Failed => "failed",
        }
    }
}

/// DTLS with one party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DtlsFacts {
    /// Where it stands.
    pub state: DtlsState,
    /// We begin (`setup:active`).
    pub active: bool,
    /// When it began, or began anew.
    pub since: Time,
}

/// How far a DTLS handshake is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DtlsState {
    /// Nothing has been sent or received.
    #[default]
    New,
    /// Under way.
    Handshaking,
    /// Done, but no fingerprint was signalled yet to verify it with.
    Unverified,
    /// Done; the peer's certificate is the one that its SDP has announced.
    Connected,
    /// Done, and the party has ended the session.
    Closed,
    /// Done, but the SDP has announced another certificate.
    WrongFingerprint,
    /// Given up, and why.
    Failed(String),
}

impl DtlsState {
    /// As it is printed.
    pub fn text(&self) -> &str {
        match self {
            Self::New => "not begun",
            Self::Handshaking => "handshake under way",
            Self::Unverified => "done, waiting for the fingerprint in SDP",
            Self::Connected => "connected, fingerprint verified",
            Self::Closed => "closed by the party, keys stay in use",
            Self::WrongFingerprint => "refused: wrong fingerprint",
            Self::Failed(why) => why,
        }
    }
}

impl StreamFacts {
    /// When the last RTP packet came; for what is not RTP, the last packet.
    pub fn last_media(&self) -> Option<Time> {
        self.ssrcs.iter().map(|s| s.last).max()
    }

    /// Packets that arrived and were dropped.
    pub fn dropped(&self) -> u64 {
        let arrived = self.drops.iter().filter(|d| d.reason != DropReason::SendError);
        arrived.map(|d| d.packets).sum()
    }

    /// RTP packets received, as far as their SSRCs are remembered.
    pub fn rtp_packets(&self) -> u64 {
        self.ssrcs.iter().map(|s| s.packets).sum()
    }

    /// The SSRC that was heard last.
    pub fn latest(&self) -> Option<&SsrcFacts> {
        self.ssrcs.iter().max_by_key(|s| s.last)
    }

    /// Something has come from the outside, whatever became of it.
    pub fn was_reached(&self) -> bool {
        self.received.0 > 0 || self.dropped() > 0 || self.stun > 0 || self.dtls > 0
    }
}
