//! Lines to bytes.

use sdp::{Edit, LineFilter, Text, Writer};

use crate::parse;

struct Rules;

impl LineFilter for Rules {
    fn edit(&self, attribute: &[u8]) -> Edit {
        match attribute {
            b"drop" => Edit::Remove,
            b"ptime:20" => Edit::Replace(b"ptime:30".to_vec()),
            _ => Edit::Keep,
        }
    }
}

#[test]
fn lines_and_filters() {
    let mut w = Writer::new();
    w.line(b'v', 0);
    w.flag("drop");
    w.set_filter(Some(&Rules));
    w.flag("drop");
    w.flag("keep");
    w.value("ptime", 20);
    w.unfiltered(b"drop");
    w.set_filter(None);
    w.attribute(b"caf\xe9");
    w.bytes(b'i', b"\xff\0");
    assert_eq!(
        w.as_bytes(),
        b"v=0\r\na=drop\r\na=keep\r\na=ptime:30\r\na=drop\r\na=caf\xe9\r\ni=\xff\0\r\n"
    );
}

#[test]
fn no_value_begins_a_line() {
    let mut w = Writer::new();
    w.line(b's', "x\r\na=candidate:evil");
    w.value("label", "y\nm=audio 1 RTP/AVP 0");
    let out = String::from_utf8(w.finish()).expect("text");
    assert_eq!(out, "s=x  a=candidate:evil\r\na=label:y m=audio 1 RTP/AVP 0\r\n");
    // Not even what came through the parser does.
    let tree = parse("v=0\r\ns=x\ra=evil\r\r\n");
    assert_eq!(tree.to_bytes(), b"v=0\r\ns=x a=evil\r\n");
}

#[test]
fn latin1_and_nul_are_kept() {
    let body = b"v=0\r\ns=caf\xe9\0\r\nm=audio 1 RTP/AVP 0\r\na=x:\xe9\0\r\n";
    let tree = parse(body);
    assert_eq!(tree.to_bytes(), body);
    let name = tree.sessions[0].name.as_ref().map(Text::to_string);
    assert_eq!(name.as_deref(), Some("caf\u{e9}\0"));
}
