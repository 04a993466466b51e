//! Configuration: command line and ini file in, a typed [`Config`] out.
//!
//! Invariant: everything is checked here, once, so that the rest of the daemon cannot meet a value that makes no
//! sense. What has to be asked of the machine (addresses of its interfaces, names, files) goes through [`Machine`].
//! Deliberately absent: changing values at run time (`control/cli` does that on its own state) and binding sockets.

mod args;
mod build;
mod error;
mod generate;
mod host;
mod interfaces;
mod keyfile;
mod limits;
mod listeners;
mod load;
mod machine;
mod model;
pub mod options;
mod values;

#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub use generate::codec_list;
pub use host::{Host, check_addresses};
pub use keyfile::{Entry, KeyFile, KeySection};
pub use load::from_args;
pub use machine::{DeviceAddress, Machine};
pub use model::{
    Action, Config, DtlsSettings, Facility, IoChoice, LimitSettings, Listener, Listeners, LogFormat,
    LogSettings, LogSubsystem, Offload, RecordFormat, SocketSettings, TimeoutNotice, XmlrpcFormat,
};
