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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::{Action, from_args};

    fn check(line: &str) -> Result<(), ConfigError> {
        match from_args(line.split_whitespace().map(OsString::from), &Host).expect("a configuration") {
            Action::Run(config) => check_addresses(&config),
            _ => panic!("{line}: does not run"),
        }
    }

    #[test]
    fn a_foreign_address_is_named_with_the_way_out() {
        // RFC 5737 and RFC 3849: documentation addresses, which no host has.
        for (line, ip) in [
            ("-i pub/198.51.100.77", "198.51.100.77"),
            ("-i pub/2001:db8:7::77", "2001:db8:7::77"),
        ] {
            let error = check(&format!("--config-file=none -n 127.0.0.1:2223 {line}"))
                .expect_err(line)
                .to_string();
            assert!(
                error.starts_with(&format!("interface pub/{ip}: {ip} can't be bound")),
                "{error}"
            );
            assert!(
                error.ends_with(&format!("!{ip}")) && error.contains("pub/"),
                "{error}"
            );
        }
        let error = check("--config-file=none -i 127.0.0.1 -n 198.51.100.77:2223")
            .expect_err("listener")
            .to_string();
        assert!(
            error.starts_with("listen-ng 198.51.100.77:2223: can't be bound"),
            "{error}"
        );
    }

    #[test]
    fn loopback_and_every_address_can_be_bound() {
        assert_eq!(
            check("--config-file=none -i 127.0.0.1 -n 2223 -c 127.0.0.1:5 --listen-http=7"),
            Ok(())
        );
    }
}
