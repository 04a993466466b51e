//! Templates: flag strings from the configuration that are applied before a request's own keys.

use std::collections::BTreeMap;

use crate::parse::Name;
use crate::rtpp_flags::RawFlags;
use crate::{CommandKind, Warning};

/// The configured templates, by name. `default` and the names of commands are applied without being asked for.
#[derive(Clone, Debug, Default)]
pub struct Templates(BTreeMap<String, RawFlags<'static>>);

impl Templates {
    /// Adds a template; a later one of the same name replaces the earlier. Returns what is malformed in it.
    pub fn insert(&mut self, name: &str, text: &str) -> Vec<Warning> {
        let flags = RawFlags::parse(text.as_bytes()).into_owned();
        let warnings = flags.warnings.clone();
        self.0.insert(Name::new(name.as_bytes()).into_string(), flags);
        warnings
    }

    /// The template of this name.
    pub fn named(&self, name: &[u8]) -> Option<&RawFlags<'static>> {
        self.0.get(&*Name::new(name))
    }

    /// The templates that apply to every request of a kind, in order.
    pub(crate) fn implicit(&self, kind: CommandKind) -> impl Iterator<Item = &RawFlags<'static>> {
        ["default", kind.name()]
            .into_iter()
            .filter_map(|name| self.named(name.as_bytes()))
    }
}
