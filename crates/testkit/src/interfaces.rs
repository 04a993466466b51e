//! Configurations as short as a test wants to say them: addresses, and default for the rest.

use std::net::IpAddr;

use call::{Config, Interfaces, LocalAddress, PortRange};

/// Ports of an interface. Which of them sockets get is the environment's affair.
const PORTS: PortRange = PortRange {
    min: 30_000,
    max: 39_999,
};

/// Adds what `[NAME/]IP[!ADVERTISED]` names, as `--interface` has it; `None` if that is no address.
pub fn add_interface(interfaces: &mut Interfaces, spec: &str) -> Option<()> {
    let (name, address) = spec.split_once('/').unwrap_or(("default", spec));
    let (ip, advertised) = address.split_once('!').unwrap_or((address, address));
    let ip: IpAddr = ip.parse().ok()?;
    let advertised = advertised.parse().ok()?;
    interfaces.add(
        name,
        LocalAddress {
            ip,
            advertised,
            ports: PORTS,
            excluded: Vec::new(),
        },
    );
    Some(())
}

/// With these interfaces.
///
/// # Panics
/// If one of them has no address.
pub fn config(specs: &[&str]) -> Config {
    let mut interfaces = Interfaces::new();
    for spec in specs {
        add_interface(&mut interfaces, spec).expect("an interface");
    }
    Config {
        interfaces,
        ..Config::default()
    }
}
