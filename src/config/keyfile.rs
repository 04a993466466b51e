//! The ini dialect of GLib's key files, which rtpengine's configuration is written in.
//!
//! `[section]`, `key = value`, comments that begin a line with `#`. Quotes mean nothing. Backslash escapes `\s \n \t \r
//! \\`, and `\;` in lists. A section or key that comes again continues or replaces the earlier one.
//! Deliberately absent: comments behind a value, line continuation, translated keys (they are skipped).

use std::collections::BTreeMap;

use super::ConfigError;
use super::limits::FILE_BYTES_MAX;

/// A parsed file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyFile {
    sections: Vec<KeySection>,
}

/// One section: its keys with their values and the line they stand in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeySection {
    /// Its name.
    pub name: String,
    /// Unescaped not yet: whether `;` separates depends on the key.
    pub keys: BTreeMap<String, Entry>,
}

/// A value as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Line number, from 1.
    pub line: usize,
    raw: String,
}

impl KeyFile {
    /// Parses the text of the file called `path` (for messages).
    pub fn parse(path: &str, text: &str) -> Result<KeyFile, ConfigError> {
        let syntax = |line: usize, what: &str| ConfigError::Syntax {
            path: path.to_owned(),
            line,
            what: what.to_owned(),
        };
        if text.len() > FILE_BYTES_MAX {
            return Err(syntax(1, "the file is too large for a configuration"));
        }
        let mut file = KeyFile::default();
        let mut current = None;
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                let name = rest
                    .strip_suffix(']')
                    .ok_or_else(|| syntax(number, "a section ends with ]"))?;
                current = Some(file.section_index(name));
                continue;
            }
            let (key, raw) = line
                .split_once('=')
                .ok_or_else(|| syntax(number, "neither [section], key = value nor # comment"))?;
            let key = key.trim_end();
            if key.is_empty() {
                return Err(syntax(number, "no key before ="));
            }
            if key.ends_with(']') {
                continue;
            }
            let section = current.ok_or_else(|| syntax(number, "a key before the first [section]"))?;
            let entry = Entry {
                line: number,
                raw: raw.trim_start().to_owned(),
            };
            if let Some(section) = file.sections.get_mut(section) {
                section.keys.insert(key.to_owned(), entry);
            }
        }
        Ok(file)
    }

    /// The section of this name.
    pub fn section(&self, name: &str) -> Option<&KeySection> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// All sections in the order they first appear.
    pub fn sections(&self) -> &[KeySection] {
        &self.sections
    }

    fn section_index(&mut self, name: &str) -> usize {
        self.sections
            .iter()
            .position(|section| section.name == name)
            .unwrap_or_else(|| {
                self.sections.push(KeySection {
                    name: name.to_owned(),
                    keys: BTreeMap::new(),
                });
                self.sections.len() - 1
            })
    }
}

impl Entry {
    /// The value as one text.
    pub fn text(&self) -> String {
        unescape(&self.raw, None).pop().unwrap_or_default()
    }

    /// The value as a list separated by `;`, blanks around the items and empty items removed.
    pub fn list(&self) -> Vec<String> {
        let items = unescape(&self.raw, Some(';'));
        items
            .iter()
            .map(|item| item.trim().to_owned())
            .filter(|item| !item.is_empty())
            .collect()
    }
}

/// Resolves escapes and splits at `separator`. An unknown escape stays as it is, as people write `\!` for their shell.
fn unescape(raw: &str, separator: Option<char>) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if Some(c) == separator {
            items.push(String::new());
            continue;
        }
        let Some(item) = items.last_mut() else { break };
        if c != '\\' {
            item.push(c);
            continue;
        }
        match chars.next() {
            Some('s') => item.push(' '),
            Some('n') => item.push('\n'),
            Some('t') => item.push('\t'),
            Some('r') => item.push('\r'),
            Some('\\') | None => item.push('\\'),
            Some(';') if separator.is_some() => item.push(';'),
            Some(other) => item.extend(['\\', other]),
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_glib_reads() {
        let file = KeyFile::parse(
            "t.conf",
            "# first\n\n[a]\nx = 1\n y=\"quoted # here\"\nlist = one ; two\\;half ;; three;\n[b]\nx=\n[a]\nx = 2\nname[de]=n\n",
        )
        .expect("parses");
        let a = file.section("a").expect("section a");
        assert_eq!(a.keys["x"].text(), "2");
        assert_eq!(a.keys["x"].line, 10);
        assert_eq!(a.keys["y"].text(), "\"quoted # here\"");
        assert_eq!(a.keys["list"].list(), ["one", "two;half", "three"]);
        assert!(!a.keys.contains_key("name[de]"));
        assert_eq!(file.section("b").expect("section b").keys["x"].text(), "");
        assert_eq!(file.sections().len(), 2);
    }

    #[test]
    fn escapes() {
        for (raw, text) in [
            (r"a\sb", "a b"),
            (r"a\!b", r"a\!b"),
            (r"a\\b", r"a\b"),
            ("a\\", "a\\"),
            (r"\t\n", "\t\n"),
        ] {
            assert_eq!(unescape(raw, None), [text], "{raw}");
        }
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line) in [
            ("x = 1\n", 1),
            ("[a\n", 1),
            ("[a]\nfoo\n", 2),
            ("[a]\n\n = 3\n", 3),
        ] {
            match KeyFile::parse("t.conf", text) {
                Err(ConfigError::Syntax { line: at, .. }) => assert_eq!(at, line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }
}
