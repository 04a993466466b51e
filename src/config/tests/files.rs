//! Configuration files: which sections count, what wins, what Debian ships.

use super::*;

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
    assert_eq!(addresses(&config), ["pub 10.0.0.1 10.0.0.1"]);
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
    assert_eq!(addresses(&config).len(), 3);
}
