//! Every backend that this machine has passes every test, in a process of its own.

use std::process::Command;
use std::sync::Once;

use srtp::Backend;

/// Names the backend that a process tests.
const FORCED: &str = "SRTP_TEST_BACKEND";

/// Chooses the backend that this process was started for, if it was. Whoever makes a key calls this first.
pub(crate) fn force() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Ok(name) = std::env::var(FORCED) {
            let backend = Backend::ALL.into_iter().find(|b| format!("{b:?}") == name);
            let backend = backend.expect("the name of a backend");
            assert!(backend.choose(), "{backend:?} is not here");
            assert_eq!(Backend::chosen(), backend);
        }
    });
}

#[test]
fn every_backend_passes_every_test() {
    if std::env::var(FORCED).is_ok() {
        return;
    }
    let here = std::env::current_exe().expect("a path");
    assert!(Backend::chosen().is_here());
    for backend in Backend::ALL {
        if !backend.is_here() {
            eprintln!("left out: this machine has no {backend:?}");
            assert!(!backend.choose(), "what is not here is not used");
            continue;
        }
        let done = Command::new(&here).env(FORCED, format!("{backend:?}")).output();
        let done = done.expect("the tests run");
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{backend:?}: {said}");
    }
}
