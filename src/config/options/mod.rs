//! The option table: the only place where an option's name, letter, kind, default and meaning are written down.
//! Parsing, defaults, `--help`, the manual page, the sample configuration and the compatibility list come from it.
//!
//! Invariant: a name and a letter occur once. Deliberately absent: what an option does.

mod calls;
mod media;
mod network;
mod ours;
mod process;
mod recording;
mod redis;
mod report;
mod security;

/// What kind of value an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// None on the command line; `true` or `false` in a file.
    Flag,
    /// A whole number, decimal or `0x` hexadecimal.
    Int,
    /// A number.
    Float,
    /// Text.
    Text,
    /// Several texts: given repeatedly, or separated by `;`.
    List,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
}

/// What becomes of an option that is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does what it says.
    Works,
    /// A function of rtpengine that we do not have yet: accepted with a warning.
    Later,
    /// Tunes a mechanism of rtpengine that we do not have: accepted with a warning.
    Moot,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// Long name, also the key in a file.
    pub name: &'static str,
    /// Letter, if it has one.
    pub short: Option<char>,
    /// What it takes.
    pub kind: Kind,
    /// What the value stands for in help; empty for flags and choices.
    pub value: &'static str,
    /// The value that applies if none is given; empty if there is none.
    pub default: &'static str,
    /// What it does, in one or two sentences.
    pub doc: &'static str,
    /// What becomes of it.
    pub state: State,
    /// It makes no sense in a file.
    pub command_line_only: bool,
}

/// Options that belong together.
#[derive(Debug)]
pub struct Section {
    /// Heading in help and manual.
    pub title: &'static str,
    /// Its options, in the order shown.
    pub options: &'static [Opt],
}

/// The table.
pub static SECTIONS: &[Section] = &[
    Section {
        title: "Configuration and process",
        options: process::OPTIONS,
    },
    Section {
        title: "Logging",
        options: process::LOGGING,
    },
    Section {
        title: "Media addresses and ports",
        options: network::MEDIA,
    },
    Section {
        title: "Control listeners",
        options: network::CONTROL,
    },
    Section {
        title: "Calls: learning, timeouts, limits",
        options: calls::OPTIONS,
    },
    Section {
        title: "Safety and offload",
        options: ours::OPTIONS,
    },
    Section {
        title: "Recording",
        options: recording::OPTIONS,
    },
    Section {
        title: "Reports and statistics",
        options: report::OPTIONS,
    },
    Section {
        title: "Codecs, playback and DTMF",
        options: media::OPTIONS,
    },
    Section {
        title: "SRTP and DTLS",
        options: security::OPTIONS,
    },
    Section {
        title: "Redis",
        options: redis::OPTIONS,
    },
    Section {
        title: "Kernel forwarding of rtpengine",
        options: network::KERNEL,
    },
];

/// All options in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Opt> {
    SECTIONS.iter().flat_map(|section| section.options)
}

/// The option of this long name.
pub fn by_name(name: &str) -> Option<&'static Opt> {
    all().find(|opt| opt.name == name)
}

/// The option of this letter.
pub fn by_letter(letter: char) -> Option<&'static Opt> {
    all().find(|opt| opt.short == Some(letter))
}

/// The name among `names` that a misspelt one most likely meant.
pub fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> &'a str {
    // Neither case, nor the separator, nor the order of the words counts as a mistake: whoever writes `listen_ng` or
    // `num-media-threads` means `listen-ng` and `media-num-threads`.
    let wrong = wrong.to_lowercase().replace(['_', ' '], "-");
    let wrong_sorted = sorted_words(&wrong);
    names
        .min_by_key(|name| {
            let plain = strsim::damerau_levenshtein(&wrong, name);
            plain.min(strsim::damerau_levenshtein(&wrong_sorted, &sorted_words(name)))
        })
        .unwrap_or("")
}

fn sorted_words(name: &str) -> String {
    let mut words: Vec<_> = name.split('-').collect();
    words.sort_unstable();
    words.join("-")
}

const fn opt(name: &'static str, kind: Kind, value: &'static str, doc: &'static str) -> Opt {
    Opt {
        name,
        short: None,
        kind,
        value,
        default: "",
        doc,
        state: State::Works,
        command_line_only: false,
    }
}

/// An option without a value.
const fn flag(name: &'static str, doc: &'static str) -> Opt {
    opt(name, Kind::Flag, "", doc)
}

/// A whole number of `unit`.
const fn int(name: &'static str, unit: &'static str, doc: &'static str) -> Opt {
    opt(name, Kind::Int, unit, doc)
}

/// A number.
const fn float(name: &'static str, unit: &'static str, doc: &'static str) -> Opt {
    opt(name, Kind::Float, unit, doc)
}

/// A text.
const fn text(name: &'static str, value: &'static str, doc: &'static str) -> Opt {
    opt(name, Kind::Text, value, doc)
}

/// Several texts.
const fn list(name: &'static str, value: &'static str, doc: &'static str) -> Opt {
    opt(name, Kind::List, value, doc)
}

/// One of several words.
const fn choice(name: &'static str, words: &'static [&'static str], doc: &'static str) -> Opt {
    opt(name, Kind::Choice(words), "", doc)
}

impl Opt {
    const fn short(mut self, letter: char) -> Opt {
        self.short = Some(letter);
        self
    }

    const fn default(mut self, value: &'static str) -> Opt {
        self.default = value;
        self
    }

    const fn later(mut self) -> Opt {
        self.state = State::Later;
        self
    }

    const fn moot(mut self) -> Opt {
        self.state = State::Moot;
        self
    }

    const fn command_line_only(mut self) -> Opt {
        self.command_line_only = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_letters_are_unique() {
        let mut names = BTreeSet::new();
        let mut letters = BTreeSet::new();
        for opt in all() {
            assert!(names.insert(opt.name), "{} twice", opt.name);
            if let Some(letter) = opt.short {
                assert!(letters.insert(letter), "-{letter} twice");
            }
        }
    }

    #[test]
    fn documentation_is_there_and_plain() {
        for opt in all() {
            assert!(opt.doc.ends_with('.'), "{}: {}", opt.name, opt.doc);
            assert!(!opt.doc.contains("  "), "{}", opt.name);
            assert_eq!(
                opt.value.is_empty(),
                matches!(opt.kind, Kind::Flag | Kind::Choice(_)),
                "{}: a value has a name",
                opt.name
            );
        }
    }

    /// The names, letters and arity that Debian's rtpengine 10.5 lists with `--help-all`.
    const DEBIAN_10_5: &str = include_str!("rtpengine-10.5.txt");

    #[test]
    fn everything_that_10_5_lists_is_known() {
        let mut count = 0;
        for line in DEBIAN_10_5.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let name = words.next().expect("a name");
            let opt = by_name(name).unwrap_or_else(|| panic!("{name} is not in the table"));
            for word in words {
                match word {
                    "flag" => assert_eq!(opt.kind, Kind::Flag, "{name}"),
                    "value" => assert_ne!(opt.kind, Kind::Flag, "{name}"),
                    letter => assert_eq!(opt.short, letter.chars().next(), "{name}"),
                }
            }
            count += 1;
        }
        assert!(count > 130, "{count} names");
    }

    #[test]
    fn nearest_ignores_case_and_separators() {
        let names = || all().map(|opt| opt.name);
        for (wrong, right) in [
            ("listen_ng", "listen-ng"),
            ("port-mn", "port-min"),
            ("PortMax", "port-max"),
            ("endpoint-learing", "endpoint-learning"),
            ("num-media-threads", "media-num-threads"),
            ("log-facilty", "log-facility"),
        ] {
            assert_eq!(nearest(wrong, names()), right, "{wrong}");
        }
    }
}
