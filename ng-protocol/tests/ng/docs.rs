//! docs/compatibility-ng.md, generated from the tables.

use std::fmt::{Display, Write as _};
use std::path::Path;

use ng_protocol::{CommandKind, flags, keys};

const HEAD: &str = "\
# Commands, keys and flags

Generated from the tables in `ng-protocol` (see `ng-protocol/tests/ng/docs.rs`). What is not listed is logged as a
warning and otherwise ignored, as in rtpengine.

The case of a name does not matter, and hyphen, space and underscore are the same in it. Numbers may be strings, strings
may be numbers, and a list may be one string with commas. Where the key's value is a list of words, `KEY-WORD` may also
stand among the flags (last column of the keys). Templates come first (`default`, then the command's), then the
request's own keys in their order; what comes later wins, lists grow. Of several `call-id`, `from-tag`, `to-tag`,
`via-branch`, `sdp` and `command` in one dictionary the first counts.

What differs from rtpengine on purpose:

- The cookie cache looks at the source address as well: two controllers may use the same cookie.
- Over TCP a message may come in pieces of any size; JSON ends with its last brace.
- Names in any case and with underscores are known throughout; rtpengine knows some of the spellings.
- A flag with a prefix is known wherever the key is (`ICE-remove`); rtpengine knows some of the prefixes.
- More than 32 levels, 32,768 values, 1 MiB over TCP or 1,024 entries in a list are refused.
";

fn document() -> String {
    let mut out = String::from(HEAD);
    out.push_str("\n## Commands\n\n| command | in statistics | state |\n|---|---|---|\n");
    for kind in CommandKind::ALL {
        row(&mut out, &[&code(kind.name()), &kind.short_name(), &kind.state()]);
    }
    out.push_str("\n## Keys\n\n| key | meaning | state | as flag |\n|---|---|---|---|\n");
    for key in keys::table() {
        let prefix = if key.is_prefix() {
            format!("`{}-…`", key.name)
        } else {
            String::new()
        };
        row(
            &mut out,
            &[&names(key.name, key.aliases), &key.doc, &key.state, &prefix],
        );
    }
    out.push_str("\n## Words of `codec`\n\n| word | meaning | state | as flag |\n|---|---|---|---|\n");
    for (word, doc, state) in keys::codec_words() {
        let short = if word == "transcode" {
            ", `transcode-…`"
        } else {
            ""
        };
        row(
            &mut out,
            &[&code(word), &doc, &state, &format!("`codec-{word}-…`{short}")],
        );
    }
    out.push_str("\n## Flags\n\n| flag | meaning | state |\n|---|---|---|\n");
    for flag in flags::table() {
        row(
            &mut out,
            &[&names(flag.name, flag.aliases), &flag.doc, &flag.state],
        );
    }
    out
}

fn row(out: &mut String, cells: &[&dyn Display]) {
    for cell in cells {
        let _ = write!(out, "| {} ", cell.to_string().replace('|', "\\|"));
    }
    out.push_str("|\n");
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

fn names(name: &str, aliases: &[&str]) -> String {
    let mut out = code(name);
    for alias in aliases {
        let _ = write!(out, ", `{alias}`");
    }
    out
}

#[test]
fn generated_files_are_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility-ng.md");
    let expected = document();
    if std::env::var_os("PATCHBAY_REGENERATE").is_some() {
        std::fs::write(&path, &expected).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == expected,
        "docs/compatibility-ng.md is not what the tables give: PATCHBAY_REGENERATE=1 cargo test -p ng-protocol generated"
    );
}
