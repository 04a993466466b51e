//! Configuration: command line and ini file in, a typed [`Config`] out.
//!
//! Invariant: everything is checked here, once, so that the rest of the daemon cannot meet a value that makes no
//! sense. What has to be asked of the machine (addresses of its interfaces, names, files) goes through [`Machine`].
//! Deliberately absent: changing values at run time (`control/cli` does that on its own state) and binding sockets.

mod error;
mod keyfile;
mod limits;
mod machine;
mod model;
pub mod options;
mod values;

pub use error::ConfigError;
pub use machine::{DeviceAddress, Machine};
pub use model::{
    Action, Config, Facility, LimitSettings, Listener, Listeners, LogFormat, LogSettings, LogSubsystem,
    Offload, RecordFormat, SrtpPassthrough, TimeoutNotice, XmlrpcFormat,
};
