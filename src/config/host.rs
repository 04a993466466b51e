//! The real machine behind [`Machine`], and the test whether the configured addresses are its own.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::path::Path;

use super::{Config, ConfigError, DeviceAddress, Listener, Machine};

/// This host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

impl Machine for Host {
    fn device_addresses(&self) -> io::Result<Vec<DeviceAddress>> {
        let entries = if_addrs::get_if_addrs()?;
        Ok(entries
            .into_iter()
            .map(|entry| DeviceAddress {
                addr: entry.ip(),
                loopback: entry.is_loopback(),
                device: entry.name,
            })
            .collect())
    }

    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut ips: Vec<IpAddr> = Vec::new();
        for addr in (host, 0).to_socket_addrs()? {
            if !ips.contains(&addr.ip()) {
                ips.push(addr.ip());
            }
        }
        Ok(ips)
    }

    fn read_file(&self, path: &Path) -> io::Result<String> {
        // Bytes that are not UTF-8 stand in comments of old files; they are no reason not to start.
        std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Tries to bind every configured address, on a port of the system's choice: a port that is in use (by the daemon that
/// this one shall replace) is no mistake of the configuration, an address that is not of this host is one.
pub fn check_addresses(config: &Config) -> Result<(), ConfigError> {
    for logical in config.call.interfaces.logical() {
        for address in logical
            .addresses
            .iter()
            .filter_map(|id| config.call.interfaces.address(*id))
        {
            if let Err(e) = UdpSocket::bind((address.ip, 0)) {
                return Err(ConfigError::Bind(unbindable(&logical.name, address.ip, &e)));
            }
        }
    }
    check_listeners("listen-ng", &config.listen.ng, |addr| {
        UdpSocket::bind(addr).map(drop)
    })?;
    for (name, listeners) in [
        ("listen-tcp-ng", &config.listen.tcp_ng),
        ("listen-cli", &config.listen.cli),
        ("listen-http", &config.listen.http),
    ] {
        check_listeners(name, listeners, |addr| TcpListener::bind(addr).map(drop))?;
    }
    Ok(())
}

/// One address of each listener has to work.
fn check_listeners(
    name: &str,
    listeners: &[Listener],
    bind: impl Fn(SocketAddr) -> io::Result<()>,
) -> Result<(), ConfigError> {
    for listener in listeners {
        let results = listener
            .addrs
            .iter()
            .map(|addr| bind(SocketAddr::new(addr.ip(), 0)));
        let errors: Vec<io::Error> = results.filter_map(Result::err).collect();
        if let (true, Some(e)) = (errors.len() == listener.addrs.len(), errors.first()) {
            return Err(ConfigError::Bind(format!(
                "{name} {}: can't be bound on this host: {e}",
                listener.spec
            )));
        }
    }
    Ok(())
}

/// What to tell an operator who configured an address that this host does not have: mostly it is the public one of a
/// NAT, and the local one is what he has to add.
fn unbindable(name: &str, ip: IpAddr, error: &io::Error) -> String {
    let own = Host.device_addresses().unwrap_or_default();
    let local = own
        .iter()
        .find(|entry| !entry.loopback && entry.addr.is_ipv4() == ip.is_ipv4());
    let local = local.map_or("LOCAL".to_owned(), |entry| entry.addr.to_string());
    format!(
        "interface {name}/{ip}: {ip} can't be bound on this host ({error}). If it is the address by which others reach \
         this host, write the local one before it: {name}/{local}!{ip}"
    )
}
