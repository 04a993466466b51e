//! The command line: what was given, checked against the option table.

use std::ffi::OsString;

use lexopt::{Arg, Parser};

use super::options::{self, Kind, Opt};
use super::values::Values;
use super::{ConfigError, generate};

/// What the command line says.
pub(super) enum CommandLine {
    /// Run or check with these values.
    Values(Values),
    /// Print this and exit.
    Print(String),
    /// Print the codecs and exit.
    ListCodecs,
}

/// Parses the arguments after the program's name.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<CommandLine, ConfigError> {
    let mut parser = Parser::from_args(args);
    let mut values = Values::default();
    while let Some(arg) = parser.next().map_err(wrong)? {
        let opt = match arg {
            // COMPAT(rtpengine): GLib offers `--help-all` beside `--help`; we have one help.
            Arg::Long("help-all") => return Ok(CommandLine::Print(generate::help())),
            Arg::Long(name) => options::by_name(name).ok_or_else(|| unknown(&format!("--{name}"), name))?,
            Arg::Short(letter) => {
                options::by_letter(letter).ok_or_else(|| ConfigError::CommandLine(no_letter(letter)))?
            }
            Arg::Value(value) => {
                let text = value.to_string_lossy();
                return Err(ConfigError::CommandLine(format!(
                    "`{text}` is not an option and belongs to none"
                )));
            }
        };
        match opt.name {
            "help" => return Ok(CommandLine::Print(generate::help())),
            "version" => return Ok(CommandLine::Print(generate::version())),
            "codecs" => return Ok(CommandLine::ListCodecs),
            _ => values.add_from_command_line(opt, value_of(opt, &mut parser)?),
        }
    }
    Ok(CommandLine::Values(values))
}

/// The value of an option: attached (`-L7`, `--table=-1`) or the next argument, whatever it begins with (`-t -1`).
fn value_of(opt: &Opt, parser: &mut Parser) -> Result<String, ConfigError> {
    if opt.kind == Kind::Flag {
        return Ok("true".to_owned());
    }
    let value = parser.value().map_err(wrong)?;
    value
        .into_string()
        .map_err(|_| ConfigError::CommandLine(format!("the value of --{} is not UTF-8", opt.name)))
}

fn wrong(error: lexopt::Error) -> ConfigError {
    ConfigError::CommandLine(error.to_string())
}

fn unknown(given: &str, name: &str) -> ConfigError {
    let nearest = options::nearest(name, options::all().map(|opt| opt.name));
    ConfigError::Unknown {
        origin: "command line".to_owned(),
        name: given.to_owned(),
        nearest: format!("--{nearest}"),
    }
}

fn no_letter(letter: char) -> String {
    let other = if letter.is_lowercase() {
        letter.to_ascii_uppercase()
    } else {
        letter.to_ascii_lowercase()
    };
    match options::by_letter(other) {
        Some(opt) => format!("there is no option -{letter}; -{other} is --{}", opt.name),
        None => format!("there is no option -{letter}; see --help"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Values {
        match parse(line.split_whitespace().map(OsString::from)) {
            Ok(CommandLine::Values(values)) => values,
            Ok(_) => panic!("{line}: prints something"),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    #[test]
    fn all_spellings_of_a_value() {
        for line in [
            "-t -1",
            "-t-1",
            "-t=-1",
            "--table=-1",
            "--table -1",
            "-fEt -1",
            "-t 5 -t -1",
            "--table=-0x1 -t -1",
        ] {
            assert_eq!(values(line).int("table", -1, 100), Ok(-1), "{line}");
        }
        for line in ["-L 7", "-L7", "-fL7", "-EfL 7"] {
            let values = values(line);
            assert_eq!(values.int("log-level", 0, 7), Ok(7), "{line}");
        }
    }

    #[test]
    fn bundles_and_lists() {
        let given = values("-fE -i a/192.0.2.1 --interface=b/192.0.2.2;c/192.0.2.3 -n 2223 -n [::1]:2223");
        assert_eq!(given.flag("foreground"), Ok(true));
        assert_eq!(given.flag("log-stderr"), Ok(true));
        assert_eq!(given.flag("no-fallback"), Ok(false));
        assert_eq!(
            given.list("interface"),
            ["a/192.0.2.1", "b/192.0.2.2", "c/192.0.2.3"]
        );
        assert_eq!(given.list("listen-ng"), ["2223", "[::1]:2223"]);
    }

    #[test]
    fn mistakes_say_what_was_meant() {
        for (line, part) in [
            ("--listen_ng=2223", "did you mean `--listen-ng`?"),
            ("--recording-directory x", "did you mean `--recording-dir`?"),
            ("-I x", "-i is --interface"),
            ("-f stray", "`stray` is not an option"),
            ("-p", "missing argument"),
            ("--foreground=yes", "unexpected argument"),
        ] {
            let error = parse(line.split_whitespace().map(OsString::from))
                .err()
                .expect(line)
                .to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
