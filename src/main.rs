//! The `patchbay` daemon.

use std::process::ExitCode;

use patchbay::config::{self, Action, Host};
use patchbay::daemon;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("patchbay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    match config::from_args(std::env::args_os().skip(1), &Host)? {
        Action::Run(config) => {
            config::check_addresses(&config)?;
            daemon::run(*config)?;
        }
        Action::Check(config) => {
            config::check_addresses(&config)?;
            config
                .warnings
                .iter()
                .for_each(|warning| eprintln!("patchbay: {warning}"));
            println!("the configuration is good");
        }
        Action::Print(text) => print!("{text}"),
        Action::ListCodecs => print!("{}", config::codec_list()),
    }
    Ok(())
}
