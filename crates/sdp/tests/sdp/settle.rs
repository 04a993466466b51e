//! The property that holds for any bytes; shared with the fuzz target.

use sdp::{Fragment, Sdp};

/// Reading never panics, and what was read and printed once is read and printed the same from then on.
pub(crate) fn settles(body: &[u8]) {
    let _ = Fragment::parse(body);
    let Ok(tree) = Sdp::parse(body) else { return };
    let printed = tree.to_bytes();
    let again = Sdp::parse(&printed).expect("what was printed can be read");
    assert_eq!(again.to_bytes(), printed);
    for session in &again.sessions {
        for view in session.views() {
            let _ = (
                view.formats(),
                view.extmaps(),
                view.cryptos(),
                view.direction(),
                view.is_zero_address_hold(),
            );
        }
    }
}
