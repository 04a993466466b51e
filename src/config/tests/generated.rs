//! What is generated from the option table.

use super::*;

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
