//! Lines to bytes.
//!
//! [`Writer`] is what generated bodies are written with; a tree prints itself with it in RFC 8866's order. Every line
//! ends in CRLF, and no value can begin a line of its own: CR and LF within values become blanks.

use std::fmt::{self, Write as _};

use crate::{Attribute, Media, Sdp, Session};

/// What becomes of an attribute line that is about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Written as it is.
    Keep,
    /// Not written.
    Remove,
    /// This is written instead (without `a=`).
    Replace(Vec<u8>),
}

/// Looks at each attribute line as it is written: `sdp-attr` removals and substitutions.
pub trait LineFilter {
    /// What becomes of `attribute`, everything after `a=`.
    fn edit(&self, attribute: &[u8]) -> Edit;
}

/// Builds a body.
#[derive(Default)]
pub struct Writer<'f> {
    out: Vec<u8>,
    filter: Option<&'f dyn LineFilter>,
}

impl<'f> Writer<'f> {
    /// An empty body.
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on attribute lines pass `filter`; set it anew at each section.
    pub fn set_filter(&mut self, filter: Option<&'f dyn LineFilter>) {
        self.filter = filter;
    }

    /// `LETTER=VALUE`
    pub fn line(&mut self, letter: u8, value: impl fmt::Display) {
        let start = self.begin(letter);
        // Writing to a vector can't fail, and a `Display` that fails leaves what it had written.
        let _ = write!(Utf8(&mut self.out), "{value}");
        self.end(start);
    }

    /// `LETTER=VALUE` with bytes that need not be UTF-8.
    pub fn bytes(&mut self, letter: u8, value: &[u8]) {
        let start = self.begin(letter);
        self.out.extend_from_slice(value);
        self.end(start);
    }

    /// `a=NAME`
    pub fn flag(&mut self, name: &str) {
        self.attribute(name.as_bytes());
    }

    /// `a=NAME:VALUE`
    pub fn value(&mut self, name: &str, value: impl fmt::Display) {
        let start = self.begin(b'a');
        let _ = write!(Utf8(&mut self.out), "{name}:{value}");
        self.end_attribute(start);
    }

    /// `a=ATTRIBUTE`, bytes that need not be UTF-8.
    pub fn attribute(&mut self, attribute: &[u8]) {
        let start = self.begin(b'a');
        self.out.extend_from_slice(attribute);
        self.end_attribute(start);
    }

    /// `a=ATTRIBUTE`, past the filter.
    pub fn unfiltered(&mut self, attribute: &[u8]) {
        self.bytes(b'a', attribute);
    }

    /// What has been written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// The body.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn begin(&mut self, letter: u8) -> usize {
        self.out.extend_from_slice(&[letter, b'=']);
        self.out.len()
    }

    fn end_attribute(&mut self, start: usize) {
        let edit = self
            .filter
            .map_or(Edit::Keep, |f| f.edit(self.out.get(start..).unwrap_or_default()));
        match edit {
            Edit::Keep => {}
            Edit::Remove => return self.out.truncate(start - 2),
            Edit::Replace(new) => {
                self.out.truncate(start);
                self.out.extend_from_slice(&new);
            }
        }
        self.end(start);
    }

    fn end(&mut self, start: usize) {
        for byte in self
            .out
            .iter_mut()
            .skip(start)
            .filter(|b| matches!(**b, b'\r' | b'\n'))
        {
            *byte = b' ';
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Formats into bytes.
struct Utf8<'a>(&'a mut Vec<u8>);

impl fmt::Write for Utf8<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.extend_from_slice(s.as_bytes());
        Ok(())
    }
}

impl Sdp {
    /// All sessions in RFC 8866's line order, values as received.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.sessions
            .iter()
            .for_each(|session| session.print(&mut writer));
        writer.finish()
    }
}

impl Session {
    /// Writes this session, lines in RFC 8866 §5's order, values as received.
    pub fn print(&self, w: &mut Writer<'_>) {
        w.line(b'v', "0");
        let optional = |w: &mut Writer<'_>, letter, value: Option<&[u8]>| {
            if let Some(value) = value {
                w.bytes(letter, value);
            }
        };
        optional(w, b'o', self.origin.as_ref().map(|o| o.text.as_bytes()));
        optional(w, b's', self.name.as_deref());
        for (letter, values) in [
            (b'i', &self.info),
            (b'u', &self.uris),
            (b'e', &self.emails),
            (b'p', &self.phones),
        ] {
            values.iter().for_each(|value| w.bytes(letter, value));
        }
        optional(w, b'c', self.connection.as_ref().map(|c| c.text.as_bytes()));
        self.bandwidths.iter().for_each(|b| w.bytes(b'b', &b.text));
        self.timings.iter().for_each(|t| w.bytes(b't', t));
        self.dropped
            .iter()
            .for_each(|line| w.bytes(line.letter, &line.value));
        print_attributes(w, &self.attributes);
        self.medias.iter().for_each(|media| media.print(w));
    }
}

impl Media {
    /// Writes this section, lines in RFC 8866 §5's order, values as received.
    pub fn print(&self, w: &mut Writer<'_>) {
        w.bytes(b'm', &self.text);
        self.info.iter().for_each(|i| w.bytes(b'i', i));
        if let Some(connection) = &self.connection {
            w.bytes(b'c', &connection.text);
        }
        self.bandwidths.iter().for_each(|b| w.bytes(b'b', &b.text));
        self.dropped
            .iter()
            .for_each(|line| w.bytes(line.letter, &line.value));
        print_attributes(w, &self.attributes);
    }
}

fn print_attributes(w: &mut Writer<'_>, attributes: &[Attribute]) {
    attributes.iter().for_each(|a| w.attribute(&a.text));
}
