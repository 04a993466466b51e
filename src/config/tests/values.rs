//! Values: types, defaults, listeners, warnings.

use super::*;

#[test]
fn values_are_typed() {
    let config = config(
        "-i 10.0.0.1 -t -1 -f -E -L9 --log-level-control=3 -T 184 -a 7200 -s 0 -d 0 --max-sessions=0 --max-cpu 90.5 \
         --endpoint-learning=delayed --mos LQ --mos legacy --b2b-url=http://127.0.0.1:8090/ -x 2 --log-facility=local3 \
         --media-address-allow=127.0.0.0/8;::1 --num-threads=2 --recording-format eth --recording-dir /tmp/r \
         --srtp-passthrough=blind",
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
    assert_eq!(config.call.srtp_passthrough, call::SrtpPassthrough::Blind);
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
        ("-i 10.0.0.1 -N 65536", "[HOST:]PORT"),
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
    let config = config("-i 10.0.0.1 -N 127.0.0.1:5 -u 2222 --silence-detect=1 --thread-stack 5 -u 2224");
    let about = |name: &str| config.warnings.iter().filter(|w| w.contains(name)).count();
    for name in [
        "`listen-udp` is not implemented",
        "`silence-detect` is not",
        "`thread-stack` belongs",
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
