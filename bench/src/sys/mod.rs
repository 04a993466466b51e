//! What the measurements need of the operating system, one concern per file.

pub(crate) mod clock;
pub(crate) mod cpu;
pub(crate) mod keys;
pub(crate) mod netns;
pub(crate) mod process;
pub(crate) mod signals;
