//! `a=` lines under `sdp-attr` manipulation: every line passes here while it is printed, generated or copied.

use ng_protocol::{AttrAction, AttrRule, AttrScope};
use sdp::MediaKind;

use super::{push, push_parts};

/// Prints the attributes of one section.
pub(crate) struct Attributes<'a> {
    actions: Vec<&'a AttrAction>,
    printed: Vec<Vec<u8>>,
}

impl<'a> Attributes<'a> {
    /// For the session level.
    pub(crate) fn of_session(rules: &'a [AttrRule]) -> Self {
        Self::new(rules, |scope| *scope == AttrScope::Session)
    }

    /// For a media of this kind.
    pub(crate) fn of_media(rules: &'a [AttrRule], kind: &MediaKind) -> Self {
        Self::new(rules, |scope| match scope {
            AttrScope::Session => false,
            AttrScope::Media(name) => name.eq_ignore_ascii_case(kind.name().as_bytes()),
        })
    }

    fn new(rules: &'a [AttrRule], applies: impl Fn(&AttrScope) -> bool) -> Self {
        let actions = rules
            .iter()
            .filter(|r| applies(&r.scope))
            .map(|r| &r.action)
            .collect();
        Self {
            actions,
            printed: Vec::new(),
        }
    }

    /// A line of the sender's, copied.
    pub(crate) fn copy(&mut self, out: &mut Vec<u8>, text: &[u8]) {
        self.print(out, text, true);
    }

    /// A generated line, in pieces. COMPAT(rtpengine): one that starts with a tag (`rtpmap:8 …`) is only found by name
    /// and tag.
    pub(crate) fn generate(&mut self, out: &mut Vec<u8>, parts: &[&str]) {
        if self.actions.is_empty() {
            return push_parts(out, 'a', parts);
        }
        let text = parts.concat();
        self.print(out, text.as_bytes(), !text.contains(' '));
    }

    /// The lines to add, unless they are there.
    pub(crate) fn add(&mut self, out: &mut Vec<u8>) {
        for action in &self.actions {
            if let AttrAction::Add(text) = action
                && !self.printed.iter().any(|p| p[..] == **text)
            {
                push(out, 'a', text);
                self.printed.push(text.to_vec());
            }
        }
    }

    fn print(&mut self, out: &mut Vec<u8>, text: &[u8], by_name: bool) {
        let mut text = text;
        for action in &self.actions {
            match action {
                AttrAction::Remove(what) if matches(what, text, by_name) => return,
                AttrAction::Substitute { from, to } if matches(from, text, by_name) => {
                    text = to;
                    break;
                }
                _ => {}
            }
        }
        push(out, 'a', text);
        if self.actions.iter().any(|a| matches!(a, AttrAction::Add(_))) {
            self.printed.push(text.to_vec());
        }
    }
}

/// Whether `what` is the whole line, its name, or its name and first word.
fn matches(what: &[u8], line: &[u8], by_name: bool) -> bool {
    let until = |end: fn(&u8) -> bool| line.split(end).next().unwrap_or_default();
    let is = |part: &[u8]| part.eq_ignore_ascii_case(what);
    is(line) || is(until(|b| *b == b' ')) || by_name && is(until(|b| *b == b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_text_name_and_tag() {
        for (what, line, by_name, expected) in [
            ("test", "test", true, true),
            ("rather", "rather:else", true, true),
            ("or", "or:some such", true, true),
            ("or:some", "or:some such", true, true),
            ("fmtp:101", "fmtp:101 0-15", false, true),
            ("fmtp", "fmtp:101 0-15", false, false),
            ("fmtp:10", "fmtp:101 0-15", false, false),
            ("ptime", "ptime:20", true, true),
            ("tes", "test", true, false),
        ] {
            assert_eq!(
                matches(what.as_bytes(), line.as_bytes(), by_name),
                expected,
                "{what} in {line}"
            );
        }
    }
}
