//! What a request says, before it is known whether its command needs it.
//!
//! Setters of the key and flag tables write here; `finish` takes from here what a command's arguments are.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::limits::{LIST_ENTRIES_MAX, WARNING_CHARS_MAX, WARNINGS_MAX};
use crate::{AllScope, CallId, CodecList, Common, MediaSpec, PlaySource, Settings, Tag, Text, Warning};

/// Everything that keys and flags can say.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) identity: Identity,
    pub(crate) common: Common,
    pub(crate) settings: Settings,
    pub(crate) who: Who,
    pub(crate) play: Play,
    pub(crate) delete: Delete,
    pub(crate) multi: Multi,
    pub(crate) media: MediaAsked,
    pub(crate) sdp: Option<Vec<u8>>,
    /// `limit` of `list`.
    pub(crate) limit: Option<u32>,
    /// `body` of `cli`.
    pub(crate) body: Option<Text>,
    pub(crate) warnings: Vec<Warning>,
}

/// Which dialogue.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    pub(crate) call_id: Option<CallId>,
    pub(crate) from_tag: Option<Tag>,
    pub(crate) to_tag: Option<Tag>,
    pub(crate) via_branch: Option<Text>,
}

/// Which parties, beyond the dialogue; and flags about them.
#[derive(Debug, Default)]
pub(crate) struct Who {
    pub(crate) from_tags: Vec<Tag>,
    /// The text if it is no address.
    pub(crate) address: Option<Result<IpAddr, ()>>,
    pub(crate) all: AllScope,
    pub(crate) directional: bool,
    pub(crate) bidirectional: bool,
    pub(crate) unsubscribe: bool,
    pub(crate) siprec: bool,
    pub(crate) mix: bool,
    pub(crate) inactive: bool,
    pub(crate) egress: bool,
}

/// Playback.
#[derive(Debug, Default)]
pub(crate) struct Play {
    pub(crate) source: Option<PlaySource>,
    pub(crate) repeat_times: Option<u32>,
    pub(crate) repeat_duration: Option<u32>,
    pub(crate) start_pos: Option<u32>,
    pub(crate) codec_set: CodecList,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) pause_ms: Option<i64>,
}

/// Flags and keys of `delete` only.
#[derive(Debug, Default)]
pub(crate) struct Delete {
    pub(crate) delay_s: Option<u32>,
    pub(crate) match_to_tag: bool,
    pub(crate) fatal: bool,
    pub(crate) fast: bool,
}

/// Commands about several calls.
#[derive(Debug, Default)]
pub(crate) struct Multi {
    pub(crate) calls: Vec<CallId>,
    pub(crate) tags: Vec<(Tag, Vec<Tag>)>,
    pub(crate) to_call_id: Option<CallId>,
    pub(crate) source_tag: Option<Tag>,
    pub(crate) source_call_id: Option<CallId>,
}

/// Media asked of us rather than described by an SDP.
#[derive(Debug, Default)]
pub(crate) struct MediaAsked {
    pub(crate) medias: Vec<MediaSpec>,
    pub(crate) instance: Option<Text>,
    pub(crate) interface: Option<Text>,
}

impl Draft {
    /// Notes an oddity; beyond the bound they are dropped.
    pub(crate) fn warn(&mut self, warning: Warning) {
        if self.warnings.len() < WARNINGS_MAX && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Notes a value that `key` does not have.
    pub(crate) fn warn_value(&mut self, key: &str, value: &[u8]) {
        self.warn(Warning::UnknownValue {
            key: key.to_owned(),
            value: excerpt(value),
        });
    }

    /// Adds to a list with a bound.
    pub(crate) fn push<T>(&mut self, list: fn(&mut Self) -> &mut Vec<T>, name: &str, item: T) {
        let items = list(self);
        if items.len() < LIST_ENTRIES_MAX {
            items.push(item);
        } else {
            self.warn(Warning::TooMany(name.to_owned()));
        }
    }
}

/// A foreign text fit for a log line: bounded, control characters escaped.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let bounded = bytes.get(..4 * WARNING_CHARS_MAX).unwrap_or(bytes);
    let text: Cow<'_, str> = String::from_utf8_lossy(bounded);
    let mut out = String::new();
    for c in text.chars().take(WARNING_CHARS_MAX) {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_bounded_and_harmless() {
        let mut draft = Draft::default();
        for n in 0..10_000 {
            draft.warn(Warning::UnknownKey(n.to_string()));
        }
        assert_eq!(draft.warnings.len(), WARNINGS_MAX);
        assert_eq!(excerpt(b"a\r\nb\0"), "a\\r\\nb\\u{0}");
        assert_eq!(excerpt(&[b'x'; 5000]).len(), WARNING_CHARS_MAX);
    }
}
