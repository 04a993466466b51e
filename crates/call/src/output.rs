//! What a call wants done outside: drained with `Call::poll_output` after each input.

use std::collections::BTreeMap;

use plan::{CallKey, Datagram, PlanSet, TapId, Time};

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Give these plans to the call's worker. The reply to the command leaves after this is queued.
    Install(PlanSet),
    /// Send this from one of the call's sockets, after the plans that came before it.
    Send(Datagram),
    /// The call's flows are over.
    Remove(CallKey),
    /// The call is over: forget it once the outputs are drained.
    Ended(Ended),
    /// For the recording writer.
    Recording(RecordingCommand),
    /// For whoever listens.
    Notify(Notification),
}

/// The end of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The call.
    pub call: CallKey,
    /// Why.
    pub reason: EndReason,
    /// When.
    pub at: Time,
    /// The parties' tags in order of creation, untagged ones left out.
    pub tags: Vec<String>,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// By a delete command.
    Deleted,
    /// By the operator.
    Forced,
    /// No media.
    Timeout,
    /// No media while on hold.
    SilentTimeout,
    /// Too old.
    FinalTimeout,
    /// Never answered.
    OfferTimeout,
    /// Its first offer failed, or a later one ran out of ports.
    Failed,
}

/// Something a controller may want to know without asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// A loop was found and cut on a media of this party.
    Loop {
        /// The party.
        tag: Option<String>,
    },
}

/// One step of a recording. Steps of one recording come in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingCommand {
    /// Which recording: the id in the taps of the call's plans.
    pub tap: TapId,
    /// What to do.
    pub action: RecordingAction,
}

/// What to do with a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingAction {
    /// Create the file.
    Start {
        /// The call-id, for the metadata.
        call_id: String,
        /// Full path of the pcap file; inside the recording folder.
        path: String,
        /// Full path of the metadata file.
        metadata_path: String,
        /// When.
        at: Time,
    },
    /// An SDP body passed; belongs into the metadata file.
    Sdp(SdpText),
    /// Free-form metadata from the controller, replacing what was there.
    Metadata(String),
    /// Keep the file open, write nothing.
    Pause,
    /// Write again.
    Resume,
    /// Finish the file and write the metadata file.
    Stop {
        /// When.
        at: Time,
    },
    /// Delete what was written.
    Discard,
}

/// An SDP body for the recording's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SdpText {
    /// When it passed.
    pub at: Time,
    /// Which way it went.
    pub direction: SdpDirection,
    /// Whose it is.
    pub tag: String,
    /// The text.
    pub text: String,
    /// Labels of its streams by index, for the metadata.
    pub labels: BTreeMap<u32, String>,
}

/// Which way an SDP body went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpDirection {
    /// From the offerer, as it came in.
    OfferIn,
    /// To the answerer, as rewritten.
    OfferOut,
    /// From the answerer, as it came in.
    AnswerIn,
    /// To the offerer, as rewritten.
    AnswerOut,
}
