//! Configuration as a whole: what operators write and what comes of it.

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
fn interfaces(config: &Config) -> Vec<String> {
    let table = &config.call.interfaces;
    let address = |id| table.address(id).expect("an address of the table");
    let print = |name: &str, a: &call::LocalAddress| format!("{name} {} {}", a.ip, a.advertised);
    table
        .logical()
        .iter()
        .flat_map(|l| l.addresses.iter().map(|id| print(&l.name, address(*id))))
        .collect()
}

#[test]
fn interfaces_in_all_forms() {
    for (line, expected) in [
        (
            "-i 203.0.113.1 -i 2001:db8::7",
            vec![
                "default 203.0.113.1 203.0.113.1",
                "default 2001:db8::7 2001:db8::7",
            ],
        ),
        ("-i pub/10.0.0.1!198.51.100.7", vec!["pub 10.0.0.1 198.51.100.7"]),
        (
            r"-i pub/10.0.0.1\!198.51.100.7",
            vec!["pub 10.0.0.1 198.51.100.7"],
        ),
        (
            "-i pub/10.0.0.1!media.example.net",
            vec!["pub 10.0.0.1 192.0.2.9"],
        ),
        ("-i [2001:db8::7]", vec!["default 2001:db8::7 2001:db8::7"]),
        (
            "-i ext/eth0",
            vec!["ext 192.0.2.1 192.0.2.1", "ext 2001:db8::1 2001:db8::1"],
        ),
        (
            "-i ext/eth0!198.51.100.7",
            vec!["ext 192.0.2.1 198.51.100.7", "ext 2001:db8::1 2001:db8::1"],
        ),
        ("-i lo", vec!["default 127.0.0.1 127.0.0.1", "default ::1 ::1"]),
        (
            "-i any",
            vec![
                "default 192.0.2.1 192.0.2.1",
                "default 2001:db8::1 2001:db8::1",
                "default 10.0.0.1 10.0.0.1",
            ],
        ),
        ("-i media.example.net", vec!["default 192.0.2.9 192.0.2.9"]),
        (
            "-i a/192.0.2.1;a/192.0.2.1;b/10.0.0.1",
            vec!["a 192.0.2.1 192.0.2.1", "b 10.0.0.1 10.0.0.1"],
        ),
        (
            "-i p:1/192.0.2.1 -i p:2/10.0.0.1",
            vec!["p:1 192.0.2.1 192.0.2.1", "p:2 10.0.0.1 10.0.0.1"],
        ),
    ] {
        assert_eq!(interfaces(&config(line)), expected, "{line}");
    }
    let config = config("-i foo/192.0.2.1 -i bar/10.0.0.1 -i blah=foo -i baz=bar");
    assert_eq!(
        config.call.interfaces.find("baz", 0).map(|l| l.name.as_str()),
        Some("bar")
    );
}

#[test]
fn interface_mistakes_are_explained() {
    for (line, part) in [
        ("", "nothing is configured for interface"),
        ("-i 0.0.0.0", "any stands for all"),
        ("-i eth7", "neither an address, nor a network device"),
        ("-i 192.0.2.1!2001:db8::1", "different families"),
        ("-i 192.0.2.1!0.0.0.0", "unspecified"),
        (
            "-i foo/192.0.2.1 -i bar=fo",
            "there is no option `fo`; did you mean `foo`?",
        ),
        ("-i /192.0.2.1", "the name before / is empty"),
        ("-i 192.0.2.1 -m 40000 -M 30000", "port-max is 30000"),
        ("-i 192.0.2.1 -m 0", "a whole number from 1 to 65535"),
        ("-i 192.0.2.1 --exclude-ports=9-5", "9 is more than 5"),
    ] {
        let error = error(line);
        assert!(error.contains(part), "{line}: {error}");
    }
}

#[test]
fn interface_sections() {
    let config = file(
        "[rtpengine]\ninterfaces-config = if\nlisten-ng = 127.0.0.1:3005\n[if-a]\naddress = 192.0.2.1\nport-min = 3000\n\
         port-max = 3009\nexclude-ports = 3001;3007-3008;4000\n[if-a-v6]\nname = a\naddress = 2001:db8::1\n[if-b]\n\
         address = 10.0.0.1\nadvertised = 198.51.100.7\n[if-c]\nalias = b\n[other]\nnonsense = 1\n",
    )
    .expect("a configuration");
    assert_eq!(
        interfaces(&config),
        [
            "a 192.0.2.1 192.0.2.1",
            "a 2001:db8::1 2001:db8::1",
            "b 10.0.0.1 198.51.100.7"
        ]
    );
    let table = &config.call.interfaces;
    let (_, first) = table.addresses().next().expect("an address");
    assert_eq!((first.ports.min, first.ports.max), (3000, 3009));
    assert_eq!(first.excluded, [3001, 3005, 3007, 3008]);
    assert_eq!(table.find("c", 0).map(|l| l.name.as_str()), Some("b"));
}

#[test]
fn only_the_chosen_section_and_those_it_names_count() {
    let head = "[rtpengine]\ninterface = 192.0.2.1\nlisten-ng = 2223\n";
    for (rest, part) in [
        (
            "port-mni = 5\n",
            Some("line 4, [rtpengine]: there is no option `port-mni`; did you mean `port-min`?"),
        ),
        ("[other]\nport-mni = 5\n", None),
        (
            "interfaces-config = x\n[x-1]\nadress = 192.0.2.1\n",
            Some("did you mean `address`?"),
        ),
        ("interfaces-config = x\n[y-1]\nadress = 192.0.2.1\n", None),
        (
            "transcode-config = tc\n[tc-1]\nsource = PCMU\nprefrence = 1\n",
            Some("did you mean `preference`?"),
        ),
        (
            "templates = t\n[tt]\n",
            Some("there is no section [t]; did you mean [tt]?"),
        ),
        (
            "timeout = 60 # seconds\n",
            Some("a comment needs a line of its own"),
        ),
        (
            "foreground = maybe\n",
            Some("`maybe` is not right for foreground: true or false"),
        ),
        (
            "endpoint-learning = fast\n",
            Some("one of delayed, immediate, off, heuristic"),
        ),
    ] {
        match (file(&format!("{head}{rest}")), part) {
            (Ok(_), None) => {}
            (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{rest}: {error}"),
            (Ok(_), Some(part)) => panic!("{rest}: no error, expected {part}"),
            (Err(error), None) => panic!("{rest}: {error}"),
        }
    }
}

#[test]
fn command_line_wins_over_the_file() {
    let mut machine = machine();
    let text = "[rtpengine]\ninterface = 192.0.2.1;10.0.0.1\nlisten-ng = 2223\ntimeout = 10\nforeground = true\n[test]\n\
                interface = 10.0.0.1\nlisten-ng = 4000\n";
    machine
        .files
        .insert("/etc/rtpengine/rtpengine.conf", text.to_owned());
    let config = run(&machine, "-i pub/10.0.0.1 -o 20").expect("a configuration");
    assert_eq!(interfaces(&config), ["pub 10.0.0.1 10.0.0.1"]);
    assert_eq!(config.call.timeouts.media, Duration::from_secs(20));
    assert!(config.foreground);
    let config = run(&machine, "--config-section test").expect("a configuration");
    assert_eq!(config.listen.ng.first().map(|l| l.addrs.len()), Some(2));
    assert!(
        run(&machine, "--config-section tset").is_err_and(|e| e.to_string().contains("did you mean [test]?"))
    );
    assert!(run(&machine, "--config-file=missing.conf -i 10.0.0.1 -n 2223").is_err());
    machine.files.clear();
    assert!(
        run(&machine, "-i 10.0.0.1 -n 2223").is_ok(),
        "a missing default file is no error"
    );
}

#[test]
fn values_are_typed() {
    let config = config(
        "-i 10.0.0.1 -t -1 -f -E -L9 --log-level-control=3 -T 184 -a 7200 -s 0 -d 0 --max-sessions=0 --max-cpu 90.5 \
         --endpoint-learning=delayed --mos LQ --mos legacy --b2b-url=http://127.0.0.1:8090/ -x 2 --log-facility=local3 \
         --media-address-allow=127.0.0.0/8;::1 --num-threads=2 --recording-format eth --recording-dir /tmp/r",
    );
    assert_eq!(config.offload, Offload::Off);
    assert_eq!(config.log.level, 7);
    assert_eq!(config.log.subsystems.get(&LogSubsystem::Control), Some(&3));
    assert_eq!(config.log.subsystems.get(&LogSubsystem::Internals), Some(&-1));
    assert_eq!(config.log.facility, Facility(19));
    assert_eq!(config.log.line_length_max, None);
    assert_eq!(config.call.tos, 184);
    assert_eq!(config.call.timeouts.last, Duration::from_secs(7200));
    assert_eq!(config.call.timeouts.silent, Duration::from_secs(3600));
    assert_eq!(config.call.timeouts.delete_delay, Duration::ZERO);
    assert_eq!(config.limits.sessions, Some(0));
    assert_eq!(config.limits.cpu_percent, Some(90.5));
    assert_eq!(config.limits.load, None);
    assert_eq!(config.call.learning, plan::Learning::Delayed);
    assert_eq!(
        config.call.mos,
        call::Mos {
            formula: call::MosFormula::Legacy,
            listening: true
        }
    );
    assert_eq!(
        config.timeout_notice.as_ref().map(|n| n.format),
        Some(XmlrpcFormat::Kamailio)
    );
    assert_eq!(
        config.call.media_policy.allow,
        [(ip("127.0.0.0"), 8), (ip("::1"), 128)]
    );
    assert_eq!(config.num_threads, Some(2));
    assert_eq!(config.record_format, RecordFormat::Eth);
    assert_eq!(config.call.recording.dir.as_deref(), Some("/tmp/r"));
}

#[test]
fn defaults_are_the_references() {
    let config = config("-i 10.0.0.1");
    let (_, address) = config.call.interfaces.addresses().next().expect("an address");
    assert_eq!((address.ports.min, address.ports.max), (30000, 39999));
    assert_eq!(config.call.timeouts, call::Timeouts::default());
    assert_eq!(config.call.learning, plan::Learning::Heuristic);
    assert_eq!(
        (config.limits.sessions, config.num_threads, config.offload),
        (None, None, Offload::Auto)
    );
    assert_eq!(config.log.line_length_max, Some(500));
    assert!(
        config.call.software_id.starts_with("rtpengine-"),
        "controllers look at the beginning"
    );
}

#[test]
fn listeners() {
    let config =
        config("-i 10.0.0.1 -n localhost:22222 -n [::1]:5 -N 10.0.0.1:9 -c 127.0.0.1:9900 --listen-http=80");
    let addrs: Vec<Vec<String>> = config
        .listen
        .ng
        .iter()
        .map(|l| l.addrs.iter().map(ToString::to_string).collect())
        .collect();
    let expected: [&[&str]; 3] = [
        &["0.0.0.0:2223", "[::]:2223"],
        &["127.0.0.1:22222", "[::1]:22222"],
        &["[::1]:5"],
    ];
    assert_eq!(addrs, expected);
    let open: Vec<_> = config
        .warnings
        .iter()
        .filter(|w| w.contains("controls all calls"))
        .collect();
    assert_eq!(open.len(), 2, "{open:?}");
    for (line, part) in [
        ("-i 10.0.0.1 -N nohost.invalid:5", "does not resolve"),
        ("-i 10.0.0.1 -N 0", "[HOST:]PORT"),
        ("-i 10.0.0.1 -N 2001:db8::1:5", "in brackets"),
    ] {
        let error = error(line);
        assert!(error.contains(part), "{line}: {error}");
    }
    assert!(
        run(&machine(), "--config-file=none -i 10.0.0.1 -c 5")
            .is_err_and(|e| e.to_string().contains("listen-ng"))
    );
}

#[test]
fn what_has_no_effect_is_said_once() {
    let config =
        config("-i 10.0.0.1 -N 127.0.0.1:5 -u 2222 --silence-detect=1 --thread-stack 5 --offload=tc -u 2224");
    let about = |name: &str| config.warnings.iter().filter(|w| w.contains(name)).count();
    for name in [
        "`listen-udp` is not implemented",
        "`silence-detect` is not",
        "`thread-stack` belongs",
        "offload tc",
    ] {
        assert_eq!(about(name), 1, "{name}: {:?}", config.warnings);
    }
}

#[test]
fn every_option_that_works_is_consulted() {
    let args = ["-i", "10.0.0.1", "-n", "127.0.0.1:5", "-b", "http://127.0.0.1/"];
    let consulted = load::consulted(args.map(OsString::from), &machine());
    for opt in options::all().filter(|opt| opt.state == State::Works) {
        let printed = ["help", "version", "codecs"].contains(&opt.name);
        assert!(
            printed || consulted.contains(opt.name),
            "{} is said to work and nobody reads it",
            opt.name
        );
    }
}

/// The committed files against what the table gives.
#[test]
fn generated_files_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, expected) in [
        ("packaging/man/patchbay.8", generate::man()),
        ("packaging/etc/rtpengine.conf", generate::sample()),
        ("docs/compatibility-options.md", generate::compatibility()),
    ] {
        let path = root.join(path);
        if std::env::var_os("PATCHBAY_REGENERATE").is_some() {
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("the directory can be made");
            std::fs::write(&path, &expected).expect("the file can be written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == expected,
            "{} is not what the option table gives: PATCHBAY_REGENERATE=1 cargo test -p patchbay generated",
            path.display()
        );
    }
}

#[test]
fn help_names_every_option() {
    let help = generate::help();
    for opt in options::all() {
        assert!(help.contains(&format!("--{}", opt.name)), "{}", opt.name);
    }
    assert!(help.lines().all(|line| line.chars().count() <= 150));
}

#[test]
fn the_sample_is_a_configuration_without_warnings() {
    let config = file(&generate::sample()).expect("a configuration");
    assert_eq!(config.warnings, Vec::<String>::new());
}

/// Debian's file as its package installs it.
#[test]
fn debians_configuration_is_accepted_as_it_is() {
    let path = "/etc/rtpengine/rtpengine.conf";
    let Ok(text) = std::fs::read_to_string(path) else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{path} is missing: install rtpengine-daemon"
        );
        eprintln!("SKIPPED: {path} is missing (package rtpengine-daemon)");
        return;
    };
    let mut machine = machine();
    machine.files.insert("/etc/rtpengine/rtpengine.conf", text);
    let config = run(
        &machine,
        "-f -E --no-log-timestamps --pidfile /run/x.pid --config-file /etc/rtpengine/rtpengine.conf",
    )
    .expect("a configuration");
    assert_eq!(
        config.listen.ng.first().map(|l| l.spec.as_str()),
        Some("localhost:2223")
    );
    assert_eq!(config.call.tos, 184);
    assert_eq!(interfaces(&config).len(), 3);
}
