//! Configuration as a whole: what operators write and what comes of it.

mod files;
mod generated;
mod interfaces;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::options::{self, State};
use super::*;

/// A machine made of tables.
#[derive(Default)]
struct Fake {
    devices: Vec<(&'static str, &'static str)>,
    hosts: BTreeMap<&'static str, Vec<&'static str>>,
    files: BTreeMap<&'static str, String>,
}

impl Machine for Fake {
    fn device_addresses(&self) -> io::Result<Vec<DeviceAddress>> {
        let entry = |(device, addr): &(&str, &str)| DeviceAddress {
            device: (*device).to_owned(),
            addr: ip(addr),
            loopback: *device == "lo",
        };
        Ok(self.devices.iter().map(entry).collect())
    }

    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = self
            .hosts
            .get(host)
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(found.iter().map(|text| ip(text)).collect())
    }

    fn read_file(&self, path: &Path) -> io::Result<String> {
        let path = path.to_str().unwrap_or_default();
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

fn machine() -> Fake {
    Fake {
        devices: vec![
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("eth0", "192.0.2.1"),
            ("eth0", "2001:db8::1"),
            ("eth0", "fe80::1"),
            ("eth1", "10.0.0.1"),
        ],
        hosts: BTreeMap::from([
            ("localhost", vec!["127.0.0.1", "::1"]),
            ("media.example.net", vec!["192.0.2.9"]),
        ]),
        files: BTreeMap::new(),
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn run(machine: &Fake, line: &str) -> Result<Config, ConfigError> {
    match from_args(line.split_whitespace().map(OsString::from), machine)? {
        Action::Run(config) | Action::Check(config) => Ok(*config),
        _ => panic!("{line}: prints something"),
    }
}

fn config(line: &str) -> Config {
    run(&machine(), &format!("--config-file=none -n 2223 {line}")).unwrap_or_else(|e| panic!("{line}: {e}"))
}

fn error(line: &str) -> String {
    let result = run(&machine(), &format!("--config-file=none -n 2223 {line}"));
    result
        .err()
        .unwrap_or_else(|| panic!("{line}: no error"))
        .to_string()
}

fn file(text: &str) -> Result<Config, ConfigError> {
    let mut machine = machine();
    machine.files.insert("t.conf", text.to_owned());
    run(&machine, "--config-file=t.conf")
}

/// `name ip advertised`, one for each address.
fn addresses(config: &Config) -> Vec<String> {
    let table = &config.call.interfaces;
    let address = |id| table.address(id).expect("an address of the table");
    let print = |name: &str, a: &call::LocalAddress| format!("{name} {} {}", a.ip, a.advertised);
    table
        .logical()
        .iter()
        .flat_map(|l| l.addresses.iter().map(|id| print(&l.name, address(*id))))
        .collect()
}
