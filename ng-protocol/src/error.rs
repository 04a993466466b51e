//! The error reasons and warnings of the wire, word for word.

use thiserror::Error;

/// Why a request was refused. Its `Display` is the `error-reason` on the wire.
///
/// Controllers match on some of these texts byte for byte (`Parallel session limit reached`, `Ran out of ports`),
/// scripts on others; they are the reference's, including its inconsistent spelling.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NgError {
    /// The body begins neither like bencode nor like JSON.
    #[error("Invalid NG data format")]
    InvalidFormat,
    /// There is a cookie, but nothing behind it.
    #[error("Invalid data (no payload)")]
    NoPayload,
    /// Broken bencode, or bencode that is not a dictionary.
    #[error("Could not decode bencode dictionary")]
    BadBencode,
    /// Broken JSON.
    #[error("Failed to parse JSON document")]
    BadJson,
    /// JSON that is not an object.
    #[error("Could not decode JSON dictionary")]
    JsonNotDict,
    /// No `command` key.
    #[error("Dictionary contains no key \"command\"")]
    NoCommand,
    /// A command that does not exist.
    #[error("Unrecognized command")]
    UnrecognizedCommand,
    /// A command without an implementation behind it.
    #[error("No command handler")]
    NoHandler,
    /// A command of ours to come. Argument: the command's name.
    #[error("Command '{0}' is not implemented yet")]
    NotImplemented(&'static str),
    /// `sdp` is missing.
    #[error("No SDP body in message")]
    NoSdp,
    /// `call-id` is missing.
    #[error("No call-id in message")]
    NoCallId,
    /// `from-tag` is missing.
    #[error("No from-tag in message")]
    NoFromTag,
    /// `to-tag` is missing.
    #[error("No to-tag in message")]
    NoToTag,
    /// `source-tag` is missing.
    #[error("No source-tag in message")]
    NoSourceTag,
    /// The call does not exist (answer, query, recording).
    #[error("Unknown call-id")]
    UnknownCallId,
    /// The call does not exist (blocking, forwarding, playback, subscriptions: the reference spells it so there).
    #[error("Unknown call-ID")]
    UnknownCallID,
    /// The SDP has no usable syntax.
    #[error("Failed to parse SDP")]
    BadSdp,
    /// The SDP lacks an address or a port.
    #[error("Incomplete SDP specification")]
    IncompleteSdp,
    /// The two tags belong to no common dialogue.
    #[error("Invalid dialogue association")]
    InvalidDialogue,
    /// The outgoing SDP could not be made.
    #[error("Error rewriting SDP")]
    RewriteFailed,
    /// No port left on an interface that is needed. The call is destroyed.
    #[error("Ran out of ports")]
    OutOfPorts,
    /// `--max-sessions` is reached.
    #[error("Parallel session limit reached")]
    SessionLimit,
    /// `--max-cpu` is reached.
    #[error("CPU usage limit exceeded")]
    CpuLimit,
    /// `--max-load` is reached.
    #[error("Load limit exceeded")]
    LoadLimit,
    /// `--max-bandwidth` is reached.
    #[error("Bandwidth limit exceeded")]
    BandwidthLimit,
    /// Delete found nothing to delete (an error with the flag `fatal`, else a warning).
    #[error("Call-ID not found or tags didn't match")]
    NotFound,
    /// Participant selection by label failed.
    #[error("No monologue matching the given label")]
    NoSuchLabel,
    /// Participant selection: the address has no address syntax.
    #[error("Failed to parse network address")]
    BadAddress,
    /// Participant selection by address failed.
    #[error("Failed to match address to any tag")]
    NoSuchAddress,
    /// Participant selection by from-tag failed.
    #[error("From-tag given, but no such tag exists")]
    NoSuchFromTag,
    /// Participant selection by to-tag failed.
    #[error("To-tag given, but no such tag exists")]
    NoSuchToTag,
    /// Playback without a party to play to.
    #[error("No participant party specified")]
    NoParty,
    /// One media flow was selected that does not exist. Argument: which end is unknown.
    #[error("Media flow not found ({0})")]
    FlowNotFound(&'static str),
    /// Selected flows carry no media subscription.
    #[error("No eligible media subscriptions found")]
    NoSubscriptions,
    /// `stop media` without playback.
    #[error("Not currently playing media")]
    NotPlaying,
    /// `stop media` during music on hold.
    #[error("Currently MoH ongoing, ignore stop media.")]
    MohOngoing,
    /// `connect` or `mesh` across calls that share a tag.
    #[error("Failed to merge two calls into one (tag collision)")]
    TagCollision,
    /// `transform` asked by ourselves.
    #[error("Transform loop detected")]
    TransformLoop,
    /// A value that the command needs and can't read. Argument: the key.
    #[error("Invalid value for key \"{0}\"")]
    BadValue(&'static str),
    /// A required key that has no text of its own in the reference. Argument: the key.
    #[error("Dictionary contains no key \"{0}\"")]
    MissingKey(&'static str),
    /// A command failed inside; other calls are not affected.
    #[error("Internal error")]
    Internal,
    /// Any other reason.
    #[error("{0}")]
    Other(String),
}

/// Something odd in a request that does not stop it: logged, never sent as an error.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Warning {
    /// A main key that nobody knows.
    #[error("unknown key '{0}'")]
    UnknownKey(String),
    /// A member of `flags` that nobody knows.
    #[error("unknown flag '{0}'")]
    UnknownFlag(String),
    /// A known key or flag with a value it does not have.
    #[error("unknown value '{value}' for '{key}'")]
    UnknownValue {
        /// The key in its documented spelling.
        key: String,
        /// The value as it came.
        value: String,
    },
    /// A key or flag that has no effect any more.
    #[error("'{0}' is obsolete and ignored")]
    Obsolete(String),
    /// A template that is not configured.
    #[error("no template named '{0}'")]
    UnknownTemplate(String),
    /// Malformed `rtpp-flags` syntax; what could be read was used.
    #[error("malformed rtpp-flags near '{0}'")]
    Syntax(String),
    /// More values than the limit; the rest was ignored.
    #[error("too many values for '{0}'")]
    TooMany(String),
}
