//! From arguments and files to a checked [`Config`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::args::{self, CommandLine};
use super::keyfile::{KeyFile, KeySection};
use super::values::{Origin, Values};
use super::{Action, Config, ConfigError, Machine, build, interfaces, options};

/// The keys of a section with a preference for transcoding.
const TRANSCODE_KEYS: &[&str] = &[
    "source",
    "destination",
    "preference",
    "transform",
    "local-interface",
    "remote-interface",
    "address-family",
    "codec-chain",
];

/// The configuration file, if there is one, and what it is called.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) file: KeyFile,
}

/// Reads the arguments after the program's name, and the file that they name or the default one.
pub fn from_args(
    args: impl IntoIterator<Item = OsString>,
    machine: &dyn Machine,
) -> Result<Action, ConfigError> {
    let mut values = match args::parse(args)? {
        CommandLine::Values(values) => values,
        CommandLine::Print(text) => return Ok(Action::Print(text)),
        CommandLine::ListCodecs => return Ok(Action::ListCodecs),
    };
    let check = values.flag("check-config")?;
    let check_offload = values.flag("check-offload")?;
    let source = read(&mut values, machine)?;
    let config = Box::new(config(&values, source.as_ref(), machine)?);
    Ok(if check {
        Action::Check(config)
    } else if check_offload {
        Action::CheckOffload(config)
    } else {
        Action::Run(config)
    })
}

fn config(values: &Values, source: Option<&Source>, machine: &dyn Machine) -> Result<Config, ConfigError> {
    let templates = templates(values, source)?;
    for (_, section) in named_sections(values, source, "transcode-config") {
        interfaces::check_keys(source.map_or("", |s| &s.path), section, TRANSCODE_KEYS)?;
    }
    let sections = named_sections(values, source, "interfaces-config");
    build::config(
        values,
        templates,
        &sections,
        source.map_or("", |s| &s.path),
        machine,
    )
}

/// Reads the file and puts the chosen section's keys beneath what the command line said.
fn read(values: &mut Values, machine: &dyn Machine) -> Result<Option<Source>, ConfigError> {
    let path = values.text("config-file").unwrap_or_default();
    let name = values.text("config-section").unwrap_or_default();
    if path == "none" {
        return Ok(None);
    }
    let text = match machine.read_file(Path::new(&path)) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound && !values.is_given("config-file") => return Ok(None),
        Err(e) => {
            return Err(ConfigError::File {
                path,
                what: e.to_string(),
            });
        }
    };
    let file = KeyFile::parse(&path, &text)?;
    match file.section(&name) {
        Some(section) => add_section(values, &path, section)?,
        None if !values.is_given("config-file") && !values.is_given("config-section") => {}
        None => return Err(no_section(&path, &name, &file)),
    }
    Ok(Some(Source { path, file }))
}

fn add_section(values: &mut Values, path: &str, section: &KeySection) -> Result<(), ConfigError> {
    for (key, entry) in &section.keys {
        let Some(opt) = options::by_name(key) else {
            let nearest = options::nearest(key, options::all().map(|opt| opt.name)).to_owned();
            let origin = Origin::File {
                path: path.to_owned(),
                section: section.name.clone(),
                line: entry.line,
            };
            return Err(ConfigError::Unknown {
                origin: origin.to_string(),
                name: key.clone(),
                nearest,
            });
        };
        values.add_from_file(opt, entry, path, &section.name);
    }
    Ok(())
}

/// The sections `[PREFIX-suffix]` of the prefix that `option` gives, with their suffixes, in the file's order.
fn named_sections<'a>(
    values: &Values,
    source: Option<&'a Source>,
    option: &'static str,
) -> Vec<(&'a str, &'a KeySection)> {
    let (Some(prefix), Some(source)) = (values.text(option), source) else {
        return Vec::new();
    };
    let suffix = |section: &'a KeySection| section.name.strip_prefix(&prefix)?.strip_prefix('-');
    source
        .file
        .sections()
        .iter()
        .filter_map(|section| Some((suffix(section)?, section)))
        .collect()
}

fn templates(values: &Values, source: Option<&Source>) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(name) = values.text("templates") else {
        return Ok(BTreeMap::new());
    };
    let Some(source) = source else {
        return Err(values.error(
            "templates",
            &name,
            "there is no configuration file with that section",
        ));
    };
    match source.file.section(&name) {
        Some(section) => Ok(section
            .keys
            .iter()
            .map(|(key, entry)| (key.clone(), entry.text()))
            .collect()),
        None => Err(no_section(&source.path, &name, &source.file)),
    }
}

fn no_section(path: &str, name: &str, file: &KeyFile) -> ConfigError {
    let nearest = options::nearest(name, file.sections().iter().map(|section| section.name.as_str()));
    let hint = if nearest.is_empty() {
        String::new()
    } else {
        format!("; did you mean [{nearest}]?")
    };
    ConfigError::File {
        path: path.to_owned(),
        what: format!("there is no section [{name}]{hint}"),
    }
}

/// The options that a run asks for, whatever comes of it.
#[cfg(test)]
pub(super) fn consulted(
    args: impl IntoIterator<Item = OsString>,
    machine: &dyn Machine,
) -> std::collections::BTreeSet<&'static str> {
    let Ok(CommandLine::Values(mut values)) = args::parse(args) else {
        panic!("a command line that runs")
    };
    let _ = (values.flag("check-config"), values.flag("check-offload"));
    let source = read(&mut values, machine).expect("a file that can be read");
    config(&values, source.as_ref(), machine).expect("a configuration");
    values.asked()
}
