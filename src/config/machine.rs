//! What configuration asks of the machine, as a trait so that tests need none.

use std::io;
use std::net::IpAddr;
use std::path::Path;

/// One address of one network device of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAddress {
    /// The device, `eth0`.
    pub device: String,
    /// One of its addresses.
    pub addr: IpAddr,
    /// It is the loopback device.
    pub loopback: bool,
}

/// The machine as far as configuration needs to know it.
pub trait Machine {
    /// All addresses of all network devices that are up.
    fn device_addresses(&self) -> io::Result<Vec<DeviceAddress>>;
    /// The addresses of a host name, in the resolver's order.
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
    /// The text of a file.
    fn read_file(&self, path: &Path) -> io::Result<String>;
}
