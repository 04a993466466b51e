//! Local addresses for media: from `[NAME/]ADDRESS[!ADVERTISED]`, `ALIAS=NAME` and interface sections to the table of
//! logical interfaces.
//!
//! Invariant: every alias names an interface (or round-robin base) that exists, and there is at least one address.

use std::net::IpAddr;

use call::{Interfaces, LocalAddress, PortRange};

use super::keyfile::KeySection;
use super::limits::INTERFACE_ADDRESSES_MAX;
use super::listeners::parse_ip;
use super::{ConfigError, Machine, options};

/// The keys of an interface section.
const SECTION_KEYS: &[&str] = &[
    "address",
    "name",
    "alias",
    "advertised",
    "port-min",
    "port-max",
    "exclude-ports",
    "advertised-address",
];

/// Ports of interfaces that do not say otherwise.
#[derive(Clone, Debug)]
pub(super) struct DefaultPorts {
    pub(super) range: PortRange,
    pub(super) excluded: Vec<u16>,
}

/// Collects the addresses.
pub(super) struct Builder<'a> {
    machine: &'a dyn Machine,
    ports: DefaultPorts,
    /// Ports that our own listeners have.
    taken: Vec<u16>,
    table: Interfaces,
    aliases: Vec<(String, String)>,
}

/// One address as written, before the machine was asked what it means.
struct Spec<'a> {
    name: &'a str,
    address: &'a str,
    advertised: Option<&'a str>,
    ports: PortRange,
    excluded: Vec<u16>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(machine: &'a dyn Machine, ports: DefaultPorts, taken: Vec<u16>) -> Self {
        Builder {
            machine,
            ports,
            taken,
            table: Interfaces::new(),
            aliases: Vec::new(),
        }
    }

    /// Adds what one `--interface` says.
    pub(super) fn add_option(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        if text.contains(char::is_whitespace) {
            return Err("several interfaces are separated by ;".to_owned());
        }
        // A `=` is an alias only where it comes before a `/`.
        if let Some(at) = text.find(['/', '=']).filter(|at| text[*at..].starts_with('=')) {
            let (alias, name) = (&text[..at], &text[at + 1..]);
            if alias.is_empty() || name.is_empty() {
                return Err("an alias is ALIAS=NAME".to_owned());
            }
            self.aliases.push((alias.to_owned(), name.to_owned()));
            return Ok(());
        }
        let (name, rest) = text.split_once('/').unwrap_or(("default", text));
        // COMPAT(rtpengine): its manual shows `\!` for shells; some copy the backslash into the file.
        let (address, advertised) = match rest.split_once('!') {
            Some((address, advertised)) => (address.trim_end_matches('\\'), Some(advertised)),
            None => (rest, None),
        };
        let (ports, excluded) = (self.ports.range, self.ports.excluded.clone());
        self.add(Spec {
            name,
            address,
            advertised,
            ports,
            excluded,
        })
    }

    /// Adds what the section `[PREFIX-suffix]` says.
    pub(super) fn add_section(
        &mut self,
        path: &str,
        suffix: &str,
        section: &KeySection,
    ) -> Result<(), ConfigError> {
        let error = |key: &str, value: &str, why: String| ConfigError::Value {
            origin: match section.keys.get(key) {
                Some(entry) => format!("{path}, line {}, [{}]", entry.line, section.name),
                None => format!("{path}, [{}]", section.name),
            },
            name: key.to_owned(),
            value: value.to_owned(),
            why,
        };
        check_keys(path, section, SECTION_KEYS)?;
        let get = |key: &str| section.keys.get(key).map(|entry| entry.text().trim().to_owned());
        if let Some(name) = get("alias") {
            self.aliases.push((suffix.to_owned(), name));
            return Ok(());
        }
        let name = get("name").unwrap_or_else(|| suffix.to_owned());
        let address = get("address")
            .ok_or_else(|| ConfigError::Missing(format!("address in [{}] of {path}", section.name)))?;
        let advertised = [
            "advertised",
            "advertised-address",
            "advertised address",
            "advertised_address",
        ]
        .iter()
        .find_map(|key| get(key));
        let port = |key: &str, default: u16| match get(key) {
            None => Ok(default),
            Some(text) => parse_port(&text).map_err(|why| error(key, &text, why)),
        };
        let ports = PortRange {
            min: port("port-min", self.ports.range.min)?,
            max: port("port-max", self.ports.range.max)?,
        };
        if ports.min > ports.max {
            return Err(error(
                "port-min",
                &ports.min.to_string(),
                format!("port-max is {}, which is less", ports.max),
            ));
        }
        let mut excluded = self.ports.excluded.clone();
        for text in section
            .keys
            .get("exclude-ports")
            .map(|entry| entry.list())
            .unwrap_or_default()
        {
            excluded.extend(parse_ports(&text).map_err(|why| error("exclude-ports", &text, why))?);
        }
        let spec = Spec {
            name: &name,
            address: &address,
            advertised: advertised.as_deref(),
            ports,
            excluded,
        };
        self.add(spec).map_err(|why| error("address", &address, why))
    }

    /// The table, once everything was added.
    pub(super) fn finish(mut self) -> Result<Interfaces, ConfigError> {
        if self.table.addresses().next().is_none() {
            return Err(ConfigError::Missing(
                "interface: at least one local address is needed, -i ADDRESS".to_owned(),
            ));
        }
        for (alias, name) in &self.aliases {
            if self.table.find(name, 0).is_none() {
                let names = self.table.logical().iter().map(|logical| logical.name.as_str());
                return Err(ConfigError::Unknown {
                    origin: format!("interface alias {alias}"),
                    name: name.clone(),
                    nearest: options::nearest(name, names).to_owned(),
                });
            }
            self.table.alias(alias, name);
        }
        Ok(self.table)
    }

    fn add(&mut self, spec: Spec<'_>) -> Result<(), String> {
        if spec.name.is_empty() {
            return Err("the name before / is empty".to_owned());
        }
        let found = self.addresses_of(spec.address)?;
        let advertised = spec.advertised.map(|text| self.advertised(text)).transpose()?;
        let mut excluded = spec.excluded;
        excluded.extend(&self.taken);
        excluded.retain(|port| (spec.ports.min..=spec.ports.max).contains(port));
        excluded.sort_unstable();
        excluded.dedup();
        let several = found.len() > 1;
        for ip in found {
            let told = match advertised {
                // Behind one name there may be both families; the other one is not behind that NAT.
                Some(told) if told.is_ipv4() == ip.is_ipv4() => told,
                Some(told) if !several => return Err(format!("{ip} and {told} are of different families")),
                _ => ip,
            };
            let address = LocalAddress {
                ip,
                advertised: told,
                ports: spec.ports,
                excluded: excluded.clone(),
            };
            if self.has(spec.name, &address) {
                continue;
            }
            if self.table.addresses().count() >= INTERFACE_ADDRESSES_MAX {
                return Err(format!("more than {INTERFACE_ADDRESSES_MAX} addresses"));
            }
            self.table.add(spec.name, address);
        }
        Ok(())
    }

    /// The same address twice under one name is configured once.
    fn has(&self, name: &str, address: &LocalAddress) -> bool {
        let same = |id| self.table.address(id).is_some_and(|other| other == address);
        let logical = self.table.logical().iter().find(|logical| logical.name == name);
        logical.is_some_and(|logical| logical.addresses.iter().any(|id| same(*id)))
    }

    /// What an address as written stands for: itself, `any`, a device, a host name; asked for in this order.
    fn addresses_of(&self, text: &str) -> Result<Vec<IpAddr>, String> {
        if let Some(ip) = parse_ip(text) {
            return if ip.is_unspecified() {
                Err("media needs a real address; any stands for all of this host".to_owned())
            } else {
                Ok(vec![ip])
            };
        }
        if text.is_empty() {
            return Err("an address, a device, a host name or any".to_owned());
        }
        let devices = self
            .machine
            .device_addresses()
            .map_err(|e| format!("can't list network devices: {e}"))?;
        let any = text == "any";
        let found: Vec<IpAddr> = devices
            .iter()
            .filter(|entry| {
                if any {
                    !entry.loopback
                } else {
                    entry.device == text
                }
            })
            .map(|entry| entry.addr)
            // Link-local addresses mean nothing to a peer on another link.
            .filter(|ip| !is_link_local(*ip))
            .collect();
        if !found.is_empty() {
            return Ok(found);
        }
        if any {
            return Err("this host has no address but loopback".to_owned());
        }
        if devices.iter().any(|entry| entry.device == text) {
            return Err("this device has no address that peers could reach".to_owned());
        }
        match self.machine.resolve(text) {
            Ok(found) if !found.is_empty() => Ok(found),
            _ => Err(
                "neither an address, nor a network device of this host, nor a host name that resolves"
                    .to_owned(),
            ),
        }
    }

    fn advertised(&self, text: &str) -> Result<IpAddr, String> {
        let ip = parse_ip(text)
            .or_else(|| {
                self.machine
                    .resolve(text)
                    .ok()
                    .and_then(|found| found.first().copied())
            })
            .ok_or_else(|| format!("`{text}` after ! is neither an address nor a host name that resolves"))?;
        if ip.is_unspecified() {
            Err("nobody can send to an unspecified address".to_owned())
        } else {
            Ok(ip)
        }
    }
}

/// Every key of `section` is one of `known`, up to blanks and underscores for hyphens.
pub(super) fn check_keys(path: &str, section: &KeySection, known: &[&str]) -> Result<(), ConfigError> {
    for (key, entry) in &section.keys {
        if !known.contains(&key.replace([' ', '_'], "-").as_str()) {
            return Err(ConfigError::Unknown {
                origin: format!("{path}, line {}, [{}]", entry.line, section.name),
                name: key.clone(),
                nearest: options::nearest(key, known.iter().copied()).to_owned(),
            });
        }
    }
    Ok(())
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| "a port from 1 to 65535".to_owned())
}

/// A port or a range `A-B`.
pub(super) fn parse_ports(text: &str) -> Result<std::ops::RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (parse_port(first.trim())?, parse_port(last.trim())?);
    if first > last {
        Err(format!("{first} is more than {last}"))
    } else {
        Ok(first..=last)
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
