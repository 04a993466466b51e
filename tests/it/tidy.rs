//! The rules of ARCHITECTURE.md that a compiler does not check, checked over the source text.
//!
//! The text is read line by line, comments cut off; an item behind `#[cfg(test)]` counts as test code. That is crude and
//! has been enough: a rule that needs more belongs into clippy.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Which of our packages a package may depend on. Who is not listed may depend on all.
const ARROWS: &[(&str, &[&str])] = &[
    ("ng-protocol", &[]),
    ("codecs", &[]),
    ("crates/moment", &[]),
    ("crates/rtp", &[]),
    ("crates/sdp", &[]),
    ("crates/srtp", &["rtp"]),
    ("crates/ice", &["moment"]),
    ("crates/dtls", &["moment", "srtp"]),
    ("crates/plan", &["moment", "rtp", "srtp", "codecs"]),
    ("crates/relay", &["plan", "rtp", "srtp", "codecs"]),
    (
        "crates/call",
        &["plan", "ng-protocol", "sdp", "ice", "dtls", "srtp", "codecs"],
    ),
];

const OURS: &[&str] = &[
    "patchbay",
    "ng-protocol",
    "codecs",
    "moment",
    "rtp",
    "sdp",
    "srtp",
    "ice",
    "dtls",
    "plan",
    "relay",
    "call",
    "testkit",
    "allocations",
    "bench",
];

/// What a pure crate has no business with. Split, so that this file does not find itself.
const IMPURE: &[&str] = &[
    concat!("Udp", "Socket"),
    concat!("Tcp", "Stream"),
    concat!("Tcp", "Listener"),
    concat!("std::", "fs"),
    concat!("std::", "thread"),
    concat!("std::", "env"),
    concat!("std::", "process"),
    concat!("Instant", "::now"),
    concat!("System", "Time"),
    concat!("print", "ln!"),
    concat!("print", "!("),
];

/// The one module of a pure crate that may say `unsafe`, because some of OpenSSL's functions are wrapped by nobody; its
/// library reads the clock (docs/decisions/0006-dtls.md).
const OPENSSL: &str = "crates/dtls/src/backend/openssl.rs";

/// The one folder of a pure crate that may say `unsafe`, because functions for instructions that not every machine has
/// cannot be called without it (docs/decisions/0010-simd.md).
const SIMD: &str = "crates/srtp/src/simd/";

const UNBOUNDED: &[&str] = &[
    concat!("unbounded", "("),
    concat!("unbounded", "_channel"),
    concat!("unbounded", "::<"),
    concat!("mpsc::", "channel()"),
    concat!("Seg", "Queue"),
];

const UNFINISHED: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("FIX", "ME"),
];

const LINES_MAX: usize = 600;

/// One source file, its path relative to the workspace, with `/`.
struct Source {
    path: String,
    text: String,
}

/// One line of code: number, what is left of it without its comment, and whether it is test code.
struct Line<'a> {
    number: usize,
    code: &'a str,
    test: bool,
}

impl Source {
    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let test_file = self.path.contains("/tests/") || self.path.starts_with("tests/");
        // The item behind `#[cfg(test)]` ends, formatted as it is, with a brace in the attribute's column or, if it has
        // no body, with a semicolon.
        let (mut item, mut body) = (None, false);
        self.text.lines().enumerate().map(move |(at, line)| {
            let code = without_comment(line);
            let indent = line.len() - line.trim_start().len();
            if item.is_none() && code.trim() == "#[cfg(test)]" {
                (item, body) = (Some(indent), false);
            }
            let test = test_file || item.is_some();
            body |= code.contains('{');
            let ends = if body {
                code.trim_end().ends_with('}')
            } else {
                code.trim_end().ends_with(';')
            };
            if item.is_some_and(|column| ends && (!body || column == indent)) {
                item = None;
            }
            Line {
                number: at + 1,
                code,
                test,
            }
        })
    }

    /// Lines that have any of the words.
    fn with_any(&self, words: &[&str]) -> Vec<String> {
        let hits = self.lines().filter(|l| words.iter().any(|w| l.code.contains(w)));
        hits.map(|l| self.at(&l)).collect()
    }

    fn at(&self, line: &Line<'_>) -> String {
        format!("{}:{}: {}", self.path, line.number, line.code.trim())
    }

    fn is_pure(&self) -> bool {
        ARROWS
            .iter()
            .any(|(dir, _)| self.path.starts_with(&format!("{dir}/src/")))
    }
}

fn without_comment(line: &str) -> &str {
    let starts = line.match_indices("//").map(|(at, _)| at);
    let comment = starts.into_iter().find(|&at| !line[..at].ends_with(':'));
    comment.map_or(line, |at| &line[..at])
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for dir in ["src", "ng-protocol", "codecs", "crates", "bench", "tests", "fuzz"] {
        collect(&root().join(dir), &mut files);
    }
    files.sort();
    let read = |path: PathBuf| {
        let relative = path
            .strip_prefix(root())
            .expect("below the root")
            .to_string_lossy()
            .replace('\\', "/");
        Source {
            text: fs::read_to_string(&path).expect("a readable source file"),
            path: relative,
        }
    };
    files.into_iter().map(read).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.map(|entry| entry.expect("a directory entry").path()) {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Fails with all offences at once.
fn none(rule: &str, offences: impl IntoIterator<Item = String>) {
    let mut list = String::new();
    for offence in offences {
        let _ = writeln!(list, "  {offence}");
    }
    assert!(list.is_empty(), "{rule}:\n{list}");
}

/// Names in the `[dependencies]` and `[build-dependencies]` tables of a manifest.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if inside && !line.starts_with('#') {
            names.extend(line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty()));
        }
    }
    names
}

#[test]
fn arrows_point_one_way() {
    none(
        "depends on what it must not know (invariant 2)",
        ARROWS.iter().flat_map(|(dir, allowed)| {
            let manifest = fs::read_to_string(root().join(dir).join("Cargo.toml")).expect("a manifest");
            let names = dependencies(&manifest)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>();
            let bad = names
                .into_iter()
                .filter(|n| OURS.contains(&n.as_str()) && !allowed.contains(&n.as_str()));
            bad.map(move |name| format!("{dir} -> {name}"))
                .collect::<Vec<_>>()
        }),
    );
}

#[test]
fn pure_crates_stay_pure() {
    let sources = sources();
    let pure = sources.iter().filter(|s| s.is_pure());
    none(
        "IO, clocks, threads or output in a pure crate (invariant 1)",
        pure.flat_map(|source| {
            let hits = source
                .lines()
                .filter(|l| !l.test && IMPURE.iter().any(|w| l.code.contains(w)));
            hits.map(|l| source.at(&l)).collect::<Vec<_>>()
        }),
    );
    none(
        "a pure crate without #![forbid(unsafe_code)]",
        ARROWS
            .iter()
            .map(|(dir, _)| format!("{dir}/src/lib.rs"))
            .filter(|path| {
                // What is forbidden cannot be allowed again for one module.
                let rule = if ["crates/dtls/", "crates/srtp/"]
                    .iter()
                    .any(|c| path.starts_with(c))
                {
                    "#![deny(unsafe_code)]"
                } else {
                    "#![forbid(unsafe_code)]"
                };
                let lib = sources.iter().find(|s| s.path == *path);
                !lib.is_some_and(|s| s.text.contains(rule))
            }),
    );
    let other = |s: &&Source| s.is_pure() && s.path != OPENSSL && !s.path.starts_with(SIMD);
    none(
        concat!("un", "safe code in a pure crate"),
        sources.iter().filter(other).flat_map(|s| {
            let has = |l: &Line<'_>| l.code.split(' ').any(|w| w == concat!("un", "safe"));
            let hits = s.lines().filter(has);
            hits.map(|l| s.at(&l)).collect::<Vec<_>>()
        }),
    );
}

#[test]
fn only_the_compiler_makes_plans() {
    let other_uses = ["struct ", "impl ", "for ", "-> "];
    let exempt = [
        "crates/call/src/compile.rs",
        "crates/call/src/compile/",
        "crates/testkit/",
        "bench/",
        "fuzz/",
    ];
    let sources = sources();
    let bound = sources
        .iter()
        .filter(|s| !exempt.iter().any(|e| s.path.starts_with(e)) && !s.path.contains("/benches/"));
    none(
        "makes a Plan outside call/compile.rs (invariant 3)",
        bound.flat_map(|source| {
            let makes = |code: &str| {
                code.match_indices(concat!("Plan", " {")).any(|(at, _)| {
                    let before = &code[..at];
                    let longer_name = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
                    !longer_name && !other_uses.iter().any(|u| before.ends_with(u))
                }) || code.contains(concat!("Plan", "::new("))
            };
            let hits = source.lines().filter(|l| !l.test && makes(l.code));
            hits.map(|l| source.at(&l)).collect::<Vec<_>>()
        }),
    );
}

#[test]
fn every_queue_has_a_bound() {
    none(
        "an unbounded queue (invariant 8)",
        sources().iter().flat_map(|s| s.with_any(UNBOUNDED)),
    );
}

#[test]
fn nothing_is_left_unfinished() {
    none(
        "unfinished",
        sources().iter().flat_map(|s| s.with_any(UNFINISHED)),
    );
}

#[test]
fn modules_say_what_they_are() {
    let silent = |s: &&Source| !s.text.starts_with("//!");
    none(
        "no module documentation",
        sources().iter().filter(silent).map(|s| s.path.clone()),
    );
}

#[test]
fn files_stay_short() {
    let lengths = sources().into_iter().map(|s| (s.text.lines().count(), s.path));
    let long = lengths
        .filter(|(n, _)| *n > LINES_MAX)
        .map(|(n, path)| format!("{path}: {n} lines"));
    none("longer than 600 lines", long);
}

/// Whether line `at` says `unsafe` and neither it nor the comment and attributes above it say why that is sound.
fn lacks_safety(lines: &[&str], at: usize) -> bool {
    let code = without_comment(lines[at]);
    let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    // What such a function does inside stands in blocks of its own (`unsafe_op_in_unsafe_fn` is denied), and the type of
    // a pointer to one does nothing.
    let declares = code.contains(concat!("un", "safe fn")) || code.starts_with("type ");
    if !words.any(|w| w == concat!("un", "safe")) || declares || code.trim_start().starts_with("#") {
        return false;
    }
    let says_why = |line: &str| line.contains("SAFETY:") || line.contains("# Safety");
    // The statement may have begun a few lines before the keyword.
    let above = lines[..at].iter().rev().enumerate();
    let near = above.take_while(|(n, l)| {
        let l = l.trim_start();
        l.starts_with("//") || l.starts_with('#') || (*n < 3 && !l.is_empty() && !l.ends_with(['}', ';']))
    });
    !says_why(lines[at]) && !near.map(|(_, l)| l).any(|l| says_why(l))
}

#[test]
fn every_unsafe_says_why() {
    none(
        "no SAFETY comment",
        sources().iter().flat_map(|source| {
            let lines: Vec<&str> = source.text.lines().collect();
            let bad = (0..lines.len()).filter(|&at| lacks_safety(&lines, at));
            bad.map(|at| format!("{}:{}: {}", source.path, at + 1, lines[at].trim()))
                .collect::<Vec<_>>()
        }),
    );
}

/// The checks find what they look for.
#[test]
fn the_scanner_sees() {
    let manifest =
        "[dependencies]\nplan.workspace = true\nsdp = \"1\"\n# x\n[dev-dependencies]\ncall = \"1\"\n";
    assert_eq!(dependencies(manifest), ["plan", "sdp"]);
    let test_items = "#[cfg(test)]\nmod y;\n#[cfg(test)]\nmod z {\n    f(|| {});\n}\nfn f() {}\n";
    let text = format!(
        "//! x\nlet a = {}); // {}\n{test_items}",
        UNFINISHED[0], UNBOUNDED[0]
    );
    let source = Source {
        path: "crates/sdp/src/x.rs".into(),
        text,
    };
    assert!(source.is_pure());
    assert_eq!(source.with_any(UNFINISHED).len(), 1);
    assert!(source.with_any(UNBOUNDED).is_empty());
    let test_lines: Vec<usize> = source.lines().filter(|l| l.test).map(|l| l.number).collect();
    assert_eq!(test_lines, [3, 4, 5, 6, 7, 8]);
    let keyword = concat!("un", "safe");
    let block = format!("    {keyword} {{ f() }}");
    for (above, bad) in [
        ("// SAFETY: f has no demands.", false),
        ("// why", true),
        ("g();", true),
        ("", true),
    ] {
        assert_eq!(lacks_safety(&[above, &block], 1), bad, "{above}");
    }
    assert!(!lacks_safety(&["// SAFETY: x", "let y =", &block], 2));
    assert!(!lacks_safety(
        &[&format!("type F = {keyword} extern \"C\" fn();")],
        0
    ));
}
