//! The 33 commands.

use crate::args::*;
use crate::{CallId, State, Text, Warning};

/// A parsed request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// What every command may carry.
    pub common: Common,
    /// Oddities, to be logged.
    pub warnings: Vec<Warning>,
}

/// Keys and flags that every command may carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// `supports` has `load limit`: limits may be answered with `result: load limit`.
    pub load_limit: bool,
    /// Flag `debug`: log this call in detail.
    pub debug: bool,
    /// Flag `no-redis-update`: skip persistence for this request.
    pub no_redis_update: bool,
}

macro_rules! commands {
    ($( $(#[$doc:meta])* $variant:ident $( ($args:ty) )?, $name:literal, $short:literal; )*) => {
        /// A command with its arguments.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Command { $( $(#[$doc])* $variant $( (Box<$args>) )?, )* }

        /// A command's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CommandKind { $( $(#[$doc])* $variant, )* }

        impl CommandKind {
            /// All commands, in the order of the documentation.
            pub const ALL: &[CommandKind] = &[ $( Self::$variant, )* ];

            /// Name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// Name in statistics.
            pub const fn short_name(self) -> &'static str {
                match self { $( Self::$variant => $short, )* }
            }
        }

        impl Command {
            /// Which command this is.
            pub const fn kind(&self) -> CommandKind {
                match self { $( commands!(@pattern $variant $($args)?) => CommandKind::$variant, )* }
            }
        }
    };
    (@pattern $variant:ident) => { Self::$variant };
    (@pattern $variant:ident $args:ty) => { Self::$variant(_) };
}

commands! {
    /// Is the daemon there?
    Ping, "ping", "Ping";
    /// SDP of the party that offers.
    Offer(OfferArgs), "offer", "Offer";
    /// SDP of the party that answers.
    Answer(AnswerArgs), "answer", "Answer";
    /// End of a call or of some of its parties.
    Delete(DeleteArgs), "delete", "Delete";
    /// State and statistics of a call.
    Query(QueryArgs), "query", "Query";
    /// Call-ids.
    List(ListArgs), "list", "List";
    /// Start or resume recording.
    StartRecording(RecordingArgs), "start recording", "StartRec";
    /// Stop recording.
    StopRecording(RecordingArgs), "stop recording", "StopRec";
    /// Pause recording.
    PauseRecording(RecordingArgs), "pause recording", "PauseRec";
    /// Start forwarding to the recording daemon.
    StartForwarding(SelectionArgs), "start forwarding", "StartFwd";
    /// Stop forwarding to the recording daemon.
    StopForwarding(SelectionArgs), "stop forwarding", "StopFwd";
    /// Block DTMF.
    BlockDtmf(DtmfArgs), "block DTMF", "BlkDTMF";
    /// Unblock DTMF.
    UnblockDtmf(DtmfArgs), "unblock DTMF", "UnblkDTMF";
    /// Block media.
    BlockMedia(SelectionArgs), "block media", "BlkMedia";
    /// Unblock media.
    UnblockMedia(SelectionArgs), "unblock media", "UnblkMedia";
    /// Replace media by silence.
    SilenceMedia(SelectionArgs), "silence media", "SlnMedia";
    /// Stop replacing media by silence.
    UnsilenceMedia(SelectionArgs), "unsilence media", "UnslnMedia";
    /// Play a file to a party.
    PlayMedia(PlayMediaArgs), "play media", "PlayMedia";
    /// Stop playing.
    StopMedia(StopMediaArgs), "stop media", "StopMedia";
    /// Send a DTMF digit.
    PlayDtmf(PlayDtmfArgs), "play DTMF", "PlayDTMF";
    /// Statistics of the daemon.
    Statistics, "statistics", "Stats";
    /// Offer media without a recipient.
    Publish(PublishArgs), "publish", "Pub";
    /// Ask for media of a call.
    SubscribeRequest(SubscribeRequestArgs), "subscribe request", "SubReq";
    /// Answer of a subscriber.
    SubscribeAnswer(SubscribeAnswerArgs), "subscribe answer", "SubAns";
    /// End of a subscription.
    Unsubscribe(UnsubscribeArgs), "unsubscribe", "Unsub";
    /// Start mixing a source into a stream.
    InjectStart(InjectArgs), "inject start", "InjStart";
    /// Stop mixing a source into a stream.
    InjectStop(InjectArgs), "inject stop", "InjStop";
    /// Connect two parties.
    Connect(ConnectArgs), "connect", "Conn";
    /// A line of the command line interface.
    Cli(CliArgs), "cli", "CLI";
    /// Convert codecs for another daemon.
    Transform(TransformArgs), "transform", "Trnsfm";
    /// Make an offer of our own.
    Create(CreateArgs), "create", "Create";
    /// The answer to an offer of our own.
    CreateAnswer(CreateAnswerArgs), "create answer", "CrtAnsw";
    /// Connect many parties.
    Mesh(MeshArgs), "mesh", "Mesh";
}

impl Command {
    /// The call that this command belongs to; `None` if there is none or it is to be invented.
    pub fn call_id(&self) -> Option<&CallId> {
        use Command as C;
        match self {
            C::Ping | C::List(_) | C::Statistics | C::Cli(_) => None,
            C::Offer(a) => Some(&a.call_id),
            C::Answer(a) => Some(&a.call_id),
            C::Delete(a) => Some(&a.call_id),
            C::Query(a) => Some(&a.call_id),
            C::StartRecording(a) | C::StopRecording(a) | C::PauseRecording(a) => Some(&a.call_id),
            C::StartForwarding(a)
            | C::StopForwarding(a)
            | C::BlockMedia(a)
            | C::UnblockMedia(a)
            | C::SilenceMedia(a)
            | C::UnsilenceMedia(a) => Some(&a.call_id),
            C::BlockDtmf(a) | C::UnblockDtmf(a) => Some(&a.call_id),
            C::PlayMedia(a) => Some(&a.call_id),
            C::StopMedia(a) => Some(&a.call_id),
            C::PlayDtmf(a) => Some(&a.call_id),
            C::Publish(a) => a.call_id.as_ref(),
            C::SubscribeRequest(a) => Some(&a.call_id),
            C::SubscribeAnswer(a) => Some(&a.call_id),
            C::Unsubscribe(a) => Some(&a.call_id),
            C::InjectStart(a) | C::InjectStop(a) => Some(&a.call_id),
            C::Connect(a) => Some(&a.call_id),
            C::Transform(a) => Some(&a.call_id),
            C::Create(a) => a.call_id.as_ref(),
            C::CreateAnswer(a) => Some(&a.call_id),
            C::Mesh(a) => a.calls.first(),
        }
    }
}

impl CommandKind {
    /// How far the command is implemented.
    pub const fn state(self) -> State {
        use CommandKind as K;
        match self {
            K::Ping | K::Offer | K::Answer | K::Delete | K::Query | K::List | K::Statistics | K::Cli => {
                State::Yes
            }
            K::StartRecording | K::StopRecording | K::PauseRecording => State::Yes,
            K::Connect => State::Differs("`from-tags`, `all` and `bidirectional` have no effect yet"),
            _ => State::Missing,
        }
    }
}

impl std::fmt::Display for CommandKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl From<CommandKind> for Text {
    fn from(kind: CommandKind) -> Self {
        kind.name().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_thirty_three() {
        assert_eq!(CommandKind::ALL.len(), 33);
    }
}
