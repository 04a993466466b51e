//! Texts that come from the option table: help, the manual page, the sample configuration, the compatibility list.
//!
//! The committed files have to equal what stands here; a test compares them, and writes them anew when it is run with
//! `PATCHBAY_REGENERATE=1 cargo test -p patchbay generated`.

use std::fmt::Write;

use super::options::{Kind, Opt, SECTIONS, State};

/// Width of a help line in characters.
const WIDTH: usize = 100;

/// What `--version` prints.
pub(super) fn version() -> String {
    format!("Version: patchbay {}\n", env!("CARGO_PKG_VERSION"))
}

/// What `--codecs` prints: a line for each codec.
pub fn codec_list() -> String {
    codecs::CODECS.iter().fold(String::new(), |mut out, codec| {
        let _ = writeln!(
            out,
            "{:>20}: negotiated and forwarded, not transcoded",
            codec.name
        );
        out
    })
}

/// What `--help` prints.
pub(super) fn help() -> String {
    let mut out = String::from(
        "Usage: patchbay [OPTION]...\n\nRelays RTP and other media between parties, as an rtpengine would.\nOptions may \
         stand in the file given by --config-file too, by their long names.\n",
    );
    for section in SECTIONS {
        let _ = writeln!(out, "\n{}:", section.title);
        for opt in section.options {
            let _ = writeln!(out, "  {}", usage(opt));
            let mut doc = opt.doc.to_owned();
            if !opt.default.is_empty() {
                let _ = write!(doc, " Default: {}.", opt.default);
            }
            if opt.state != State::Works {
                let _ = write!(doc, " [{}]", state(opt.state));
            }
            for line in wrap(&doc, WIDTH - 10) {
                let _ = writeln!(out, "          {line}");
            }
        }
    }
    out
}

/// packaging/man/patchbay.8
#[cfg(test)]
pub(super) fn man() -> String {
    let mut out = format!(
        ".\\\" Generated from the option table in src/config/options; see src/config/generate.rs.\n\
         .TH PATCHBAY 8 \"\" \"patchbay {}\" \"System Administration\"\n{MAN_HEAD}",
        env!("CARGO_PKG_VERSION")
    );
    out.push_str(".SH OPTIONS\n");
    for section in SECTIONS {
        let _ = writeln!(out, ".SS {}", roff(section.title));
        for opt in section.options {
            let _ = writeln!(out, ".TP\n.B {}\n{}", roff(&usage(opt)), roff(opt.doc));
            if !opt.default.is_empty() {
                let _ = writeln!(out, "Default: {}.", roff(opt.default));
            }
            if opt.state != State::Works {
                let _ = writeln!(out, "({}.)", roff(state(opt.state)));
            }
        }
    }
    out.push_str(MAN_TAIL);
    out
}

/// packaging/etc/rtpengine.conf
#[cfg(test)]
pub(super) fn sample() -> String {
    let mut out = String::from(SAMPLE_HEAD);
    for section in SECTIONS {
        let working = || {
            section
                .options
                .iter()
                .filter(|opt| opt.state == State::Works && !opt.command_line_only)
        };
        if working().next().is_none() {
            continue;
        }
        let _ = writeln!(out, "\n### {}", section.title);
        for opt in working() {
            let _ = writeln!(out);
            for line in wrap(opt.doc, WIDTH) {
                let _ = writeln!(out, "# {line}");
            }
            match SAMPLE_VALUES.iter().find(|(name, _)| *name == opt.name) {
                Some((name, value)) => {
                    let _ = writeln!(out, "{name} = {value}");
                }
                None => {
                    let _ = writeln!(out, "# {} = {}", opt.name, example(opt));
                }
            }
        }
    }
    out
}

/// docs/compatibility-options.md
#[cfg(test)]
pub(super) fn compatibility() -> String {
    let mut out = String::from(COMPATIBILITY_HEAD);
    for section in SECTIONS {
        let _ = writeln!(
            out,
            "\n## {}\n\n| option | default | state |\n|---|---|---|",
            section.title
        );
        for opt in section.options {
            let short = opt
                .short
                .map_or(String::new(), |letter| format!(" (`-{letter}`)"));
            let default = if opt.default.is_empty() {
                String::new()
            } else {
                format!("`{}`", opt.default.replace('|', "\\|"))
            };
            let _ = writeln!(
                out,
                "| `{}`{short} | {default} | {} |",
                opt.name,
                state(opt.state)
            );
        }
    }
    let count = |state| super::options::all().filter(|opt| opt.state == state).count();
    let _ = writeln!(
        out,
        "\nTogether: {} work, {} are accepted and not implemented yet, {} are accepted and have no meaning here.",
        count(State::Works),
        count(State::Later),
        count(State::Moot)
    );
    out
}

/// `-t, --table=NUM`.
fn usage(opt: &Opt) -> String {
    let value = match opt.kind {
        Kind::Flag => String::new(),
        Kind::Choice(words) => format!("={}", words.join("|")),
        _ => format!("={}", opt.value),
    };
    let short = opt.short.map_or(String::new(), |letter| format!("-{letter}, "));
    format!("{short}--{}{value}", opt.name)
}

fn state(state: State) -> &'static str {
    match state {
        State::Works => "works",
        State::Later => "accepted, not implemented yet",
        State::Moot => "accepted, has no meaning here",
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Escapes for roff: hyphens that are meant as such, backslashes, dots and quotes at the beginning of a line.
#[cfg(test)]
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

/// What stands behind `#key =`: the default, or what would be a value.
#[cfg(test)]
fn example(opt: &Opt) -> String {
    match opt.kind {
        _ if !opt.default.is_empty() => opt.default.to_owned(),
        Kind::Flag => "false".to_owned(),
        Kind::Choice(words) => words.join("|"),
        _ => opt.value.to_owned(),
    }
}

/// What the sample sets; everything else stands in it as a comment.
#[cfg(test)]
const SAMPLE_VALUES: &[(&str, &str)] = &[
    ("interface", "any"),
    ("listen-ng", "127.0.0.1:2223"),
    ("listen-cli", "127.0.0.1:9900"),
    ("listen-http", "127.0.0.1:2225"),
];

#[cfg(test)]
const SAMPLE_HEAD: &str = "\
# Configuration of patchbay, in rtpengine's format: an existing rtpengine.conf works as it is.
# Comments stand on lines of their own. Several values are separated by semicolons.
# `patchbay --check-config` says whether the daemon would start with this file, `man patchbay` what else there is.

[rtpengine]
";

#[cfg(test)]
const COMPATIBILITY_HEAD: &str = "\
# Options

Generated from the option table in `src/config/options` (see `src/config/generate.rs`). Everything that rtpengine 10.5
lists with `--help-all` and everything of 26.3 is known. An option without effect is accepted with one warning that says
so; an unknown one is an error that names the nearest real one.

What differs from rtpengine on purpose:

- An unknown key in the chosen section, or in a section it names, is an error; rtpengine ignores it.
- `G.107` in `mos` selects G.107; in rtpengine it selects the legacy formula by mistake.
- `recording-method = proc` and `all` need rtpengine's kernel module: recordings are written as pcap files, with a warning.
- `offload`, `srtp-passthrough`, `media-address-allow`, `strict-source-default`, `check-config` and `check-offload` exist only here.
";

#[cfg(test)]
const MAN_HEAD: &str = r".SH NAME
patchbay \- relay for RTP and other media, a drop\-in replacement for rtpengine
.SH SYNOPSIS
.B patchbay
.BI \-\-interface= ADDRESS
.BI \-\-listen\-ng= PORT
.RI [ OPTION ]...
.SH DESCRIPTION
.B patchbay
relays media between the parties of calls. A SIP proxy such as Kamailio tells it by the ng protocol which calls there
are; it rewrites their SDP so that media flows through it. Command line, configuration file and protocol are those of
rtpengine.
.PP
At least one local address
.RB ( \-\-interface )
and one control listener
.RB ( \-\-listen\-ng )
have to be given. The control protocols know no authentication: let them listen on 127.0.0.1 or a trusted network only.
";

#[cfg(test)]
const MAN_TAIL: &str = r".SH INTERFACES
.B \-\-interface
is
.IR [NAME/]ADDRESS[!ADVERTISED] .
ADDRESS is an IPv4 or IPv6 address, a network device (all its addresses but link\-local ones), a host name (looked up once,
at start), or
.B any
(all addresses of this host but loopback). Without NAME it is called
.BR default ;
the first interface given is the one that calls use unless they name another. ADVERTISED is what SDP says instead of
ADDRESS, for a host behind a one\-to\-one NAT. Of several addresses under one name the first of a family is preferred.
.PP
Names of the form BASE:SUFFIX take turns when a call asks for BASE. ALIAS=NAME gives an interface a second name.
.PP
With
.BR interfaces\-config = PREFIX
each section [PREFIX\-NAME] of the file describes an address too, with the keys address, name (if it is not that of the
section), advertised, port\-min, port\-max and exclude\-ports, or an alias, with the key alias.
.SH CONFIGURATION FILE
The file has sections in brackets with lines of the form key = value. Keys are the long names of options. Flags are
true or false. Several values are separated by semicolons. Lines that begin with # are comments. What the command line
gives wins over the file. Other sections than the chosen one, and those it names, are not looked at.
.SH SIGNALS
SIGTERM and SIGINT end the daemon, with status 0.
.SH EXIT STATUS
0 after an orderly end, 1 if the daemon could not start or the configuration is wrong.
.SH FILES
.I /etc/rtpengine/rtpengine.conf
";
