//! Interfaces: every way to write them, and every mistake.

use super::*;

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
        assert_eq!(addresses(&config(line)), expected, "{line}");
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
        addresses(&config),
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
