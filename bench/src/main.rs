//! `patchbay-load`: a minimal caller and callee, load on the control port, load on the media ports, and the
//! comparison with another relay.
//!
//! Everything here speaks ng over UDP and RTP over IPv4 from outside, so it works against any daemon that speaks
//! them. Deliberately absent: any knowledge of how a relay works inside.

mod calls;
mod cli;
mod compare;
mod crypto;
mod demo;
mod hist;
mod limits;
mod live;
mod media;
mod ng;
mod ng_load;
mod plot;
mod report;
mod rtp_load;
mod sdp;
mod sys;

use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match cli::parse(lexopt::Parser::from_env()) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("patchbay-load: {error}\nTry `patchbay-load --help`.");
            return ExitCode::from(2);
        }
    };
    sys::signals::catch_interrupts();
    let outcome = match command {
        cli::Command::Help => {
            print!("{}", cli::HELP);
            Ok(true)
        }
        cli::Command::Demo(options) => demo::run(&options),
        cli::Command::Ng(options) => ng_load::run(&options),
        cli::Command::Rtp(options) => rtp_load::run(&options),
        cli::Command::Compare(options) => compare::run(&options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("patchbay-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}
