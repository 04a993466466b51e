//! The `patchbay` daemon.

use std::process::ExitCode;

use patchbay::config::{self, Action, Config, Host};
use patchbay::daemon;

/// A command is a few hundred small allocations, which end in a worker as often as where they began: a third of its
/// time with the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    patchbay::sys::memory::return_freed_soon();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("patchbay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check_offload(config: &Config) -> anyhow::Result<()> {
    let (lines, any) = daemon::check_offload(config);
    lines.iter().for_each(|line| println!("{line}"));
    anyhow::ensure!(any, "no device has a fast path");
    Ok(())
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
        Action::CheckOffload(config) => return check_offload(&config),
        Action::Print(text) => print!("{text}"),
        Action::ListCodecs => print!("{}", config::codec_list()),
    }
    Ok(())
}
