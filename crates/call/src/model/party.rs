//! One party of a call: a SIP tag, or a branch that has none yet.

use ng_protocol::{CallId, Tag, Text};
use plan::Time;

use super::{Bundling, Id, MediaId};

pub(crate) type PartyId = Id<Party>;

/// A monologue: what one party has said and what it was told.
#[derive(Debug)]
pub(crate) struct Party {
    /// Its tag, once known.
    pub(crate) tag: Option<Tag>,
    /// Tags it is known by as well.
    pub(crate) aliases: Vec<Tag>,
    /// Branch of the request that created it, if the controller told.
    pub(crate) branch: Option<Text>,
    /// Name given by the controller.
    pub(crate) label: Option<Text>,
    /// Free-form text given by the controller.
    pub(crate) metadata: Option<Text>,
    /// The call-id it was created under; calls can merge.
    pub(crate) call_id: CallId,
    /// When it was created.
    pub(crate) created: Time,
    /// Its media by position in its SDP.
    pub(crate) medias: Vec<MediaId>,
    /// Parties it has exchanged offers and answers with, the latest last.
    pub(crate) partners: Vec<PartyId>,
    /// Logical interface on its side, remembered from the first command that named one.
    pub(crate) interface: Option<Text>,
    /// What is agreed about bundling on its side.
    pub(crate) bundling: Bundling,
    /// It has sent SDP of its own.
    pub(crate) spoken: bool,
    /// A final response has been seen in the dialogue it offered.
    pub(crate) settled: bool,
    /// Recognises its SDP when it comes under another tag (`alias-key`).
    pub(crate) sdp_hash: Option<u64>,
    /// What it was sent so far.
    pub(crate) printed: Printed,
    /// When it goes, after a delete command.
    pub(crate) ends: Option<Time>,
}

impl Party {
    pub(crate) fn new(tag: Option<Tag>, branch: Option<Text>, call_id: CallId, now: Time) -> Self {
        Self {
            tag,
            aliases: Vec::new(),
            branch,
            label: None,
            metadata: None,
            call_id,
            created: now,
            medias: Vec::new(),
            partners: Vec::new(),
            interface: None,
            bundling: Bundling::default(),
            spoken: false,
            settled: false,
            sdp_hash: None,
            printed: Printed::default(),
            ends: None,
        }
    }

    /// Whether this is its tag or an alias of it.
    pub(crate) fn is_called(&self, tag: &[u8]) -> bool {
        self.tag.as_deref() == Some(tag) || self.aliases.iter().any(|a| **a == *tag)
    }

    /// Makes `other` the partner it talks with now.
    pub(crate) fn turn_to(&mut self, other: PartyId) {
        self.partners.retain(|p| *p != other);
        self.partners.push(other);
    }
}

/// What stays the same, or must count up, over the bodies sent to one party (`replace`).
#[derive(Debug, Default)]
pub(crate) struct Printed {
    /// User name of the first `o=`.
    pub(crate) username: Option<sdp::Text>,
    /// Session id of the first `o=`.
    pub(crate) session_id: Option<sdp::Text>,
    /// Address of the first `o=` sent with ours in it.
    pub(crate) address: Option<std::net::IpAddr>,
    /// First `s=`.
    pub(crate) session_name: Option<sdp::Text>,
    /// Version sent last.
    pub(crate) version: Option<u64>,
    /// Hash of the last body without its version.
    pub(crate) body_hash: Option<u64>,
}
