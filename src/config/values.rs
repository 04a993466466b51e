//! Options as given: collected from the command line and the file, checked for their kind when asked for.
//!
//! Invariant: a value from the command line replaces the file's, lists as a whole.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::ConfigError;
use super::keyfile::Entry;
use super::options::{self, Kind, Opt, State};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    CommandLine,
    File {
        path: String,
        section: String,
        line: usize,
    },
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::CommandLine => f.write_str("command line"),
            Origin::File { path, section, line } => write!(f, "{path}, line {line}, [{section}]"),
            Origin::Default => f.write_str("default"),
        }
    }
}

#[derive(Debug)]
struct Given {
    origin: Origin,
    values: Vec<String>,
}

/// All values that were given.
#[derive(Debug, Default)]
pub(super) struct Values {
    given: BTreeMap<&'static str, Given>,
    /// Which options were asked for; a test compares it with the table.
    asked: RefCell<BTreeSet<&'static str>>,
}

impl Values {
    /// Adds one occurrence on the command line.
    pub(super) fn add_from_command_line(&mut self, opt: &'static Opt, value: String) {
        let given = self.given.entry(opt.name).or_insert_with(|| Given {
            origin: Origin::CommandLine,
            values: Vec::new(),
        });
        if opt.kind == Kind::List {
            given.values.extend(
                value
                    .split(';')
                    .map(|item| item.trim().to_owned())
                    .filter(|item| !item.is_empty()),
            );
        } else {
            given.values = vec![value];
        }
    }

    /// Adds a key of the file, unless the command line has it.
    pub(super) fn add_from_file(&mut self, opt: &'static Opt, entry: &Entry, path: &str, section: &str) {
        let values = if opt.kind == Kind::List {
            entry.list()
        } else {
            vec![entry.text().trim_end().to_owned()]
        };
        let origin = Origin::File {
            path: path.to_owned(),
            section: section.to_owned(),
            line: entry.line,
        };
        self.given.entry(opt.name).or_insert(Given { origin, values });
    }

    /// Warnings about given options that have no effect.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (name, given) in &self.given {
            let Some(opt) = options::by_name(name) else {
                continue;
            };
            let file = matches!(given.origin, Origin::File { .. });
            let what = match opt.state {
                _ if opt.command_line_only && file => "only has an effect on the command line",
                State::Works => continue,
                State::Later => "is not implemented yet and has no effect",
                State::Moot => {
                    "belongs to a mechanism of rtpengine that does not exist here and has no effect"
                }
            };
            warnings.push(format!("{}: option `{name}` {what}", given.origin));
        }
        warnings
    }

    /// Where the value of an option came from.
    pub(super) fn origin(&self, name: &str) -> Origin {
        self.given
            .get(name)
            .map_or(Origin::Default, |given| given.origin.clone())
    }

    /// Whether it was given at all.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// An error about the value of an option.
    pub(super) fn error(&self, name: &str, value: &str, why: impl Into<String>) -> ConfigError {
        let mut why = why.into();
        if value.contains(" #") && matches!(self.origin(name), Origin::File { .. }) {
            why.push_str(" (a comment needs a line of its own)");
        }
        ConfigError::Value {
            origin: self.origin(name).to_string(),
            name: name.to_owned(),
            value: value.to_owned(),
            why,
        }
    }

    /// The values of a list.
    pub(super) fn list(&self, name: &'static str) -> Vec<String> {
        match self.given.get(name) {
            Some(given) => {
                self.asked.borrow_mut().insert(name);
                given.values.clone()
            }
            None => self.text(name).into_iter().collect(),
        }
    }

    /// A text; `None` if it is empty or not given and has no default.
    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        self.asked.borrow_mut().insert(name);
        let value = match self.given.get(name) {
            Some(given) => given.values.last().cloned().unwrap_or_default(),
            None => options::by_name(name)
                .map(|opt| opt.default.to_owned())
                .unwrap_or_default(),
        };
        Some(value).filter(|value| !value.is_empty())
    }

    /// Whether a flag is set.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.text(name).map(|value| value.to_lowercase()).as_deref() {
            None | Some("false" | "0" | "no" | "off") => Ok(false),
            Some("true" | "1" | "yes" | "on") => Ok(true),
            Some(value) => Err(self.error(name, value, "true or false")),
        }
    }

    /// A whole number between `min` and `max`; `None` if not given and without default.
    pub(super) fn int_or_none(
        &self,
        name: &'static str,
        min: i64,
        max: i64,
    ) -> Result<Option<i64>, ConfigError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        let number = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => value.parse().ok(),
        };
        match number {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(self.error(name, &value, format!("a whole number from {min} to {max}"))),
        }
    }

    /// A whole number between `min` and `max`; 0 without a default.
    pub(super) fn int(&self, name: &'static str, min: i64, max: i64) -> Result<i64, ConfigError> {
        Ok(self.int_or_none(name, min, max)?.unwrap_or(0))
    }

    /// A number of at least 0; 0 without a default.
    pub(super) fn float(&self, name: &'static str) -> Result<f64, ConfigError> {
        let Some(value) = self.text(name) else {
            return Ok(0.0);
        };
        match value.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
            _ => Err(self.error(name, &value, "a number of at least 0")),
        }
    }

    /// One of the words of a choice, as the table spells it.
    pub(super) fn choice(&self, name: &'static str) -> Result<Option<&'static str>, ConfigError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        let Some(Opt {
            kind: Kind::Choice(words),
            ..
        }) = options::by_name(name)
        else {
            return Ok(None);
        };
        match words.iter().find(|word| word.eq_ignore_ascii_case(&value)) {
            Some(word) => Ok(Some(word)),
            None => Err(self.error(name, &value, format!("one of {}", words.join(", ")))),
        }
    }

    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeSet<&'static str> {
        self.asked.borrow().clone()
    }
}
