//! Header extensions (RFC 8285): reading elements, and rewriting a packet with some removed or renumbered.

use crate::Packet;
use crate::bytes::Writer;

/// Profile word of the one-byte form.
const ONE_BYTE_PROFILE: u16 = 0xbede;
/// Profile word of the two-byte form, without its four application bits.
const TWO_BYTE_PROFILE: u16 = 0x1000;
/// Highest element id of the one-byte form.
pub const ONE_BYTE_ID_MAX: u8 = 14;
/// Longest element of the one-byte form, in bytes.
const ONE_BYTE_LEN_MAX: usize = 16;

/// How elements are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Id and length in one byte (RFC 8285 §4.2).
    OneByte,
    /// Id and length in a byte each (RFC 8285 §4.3).
    TwoByte,
}

impl Form {
    /// The form that a profile word announces; `None` if it is not RFC 8285 at all.
    pub const fn of(profile: u16) -> Option<Self> {
        match profile {
            ONE_BYTE_PROFILE => Some(Self::OneByte),
            p if p & 0xfff0 == TWO_BYTE_PROFILE => Some(Self::TwoByte),
            _ => None,
        }
    }
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Local identifier as negotiated by `a=extmap`.
    pub id: u8,
    /// Value.
    pub data: &'a [u8],
}

impl Element<'_> {
    const fn fits_one_byte(&self) -> bool {
        self.id >= 1
            && self.id <= ONE_BYTE_ID_MAX
            && !self.data.is_empty()
            && self.data.len() <= ONE_BYTE_LEN_MAX
    }
}

/// The elements of an extension's body, up to the first that does not fit in it.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    form: Form,
    body: &'a [u8],
}

impl<'a> Elements<'a> {
    /// Reads `body` as `form`.
    pub const fn new(form: Form, body: &'a [u8]) -> Self {
        Self { form, body }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            let (&first, rest) = self.body.split_first()?;
            // RFC 8285 §4.1.2: a zero byte is padding wherever an element could begin.
            if first == 0 {
                self.body = rest;
                continue;
            }
            let (id, len, rest) = match self.form {
                // RFC 8285 §4.2: id 15 stops all processing.
                Form::OneByte if first >> 4 == 15 => return None,
                Form::OneByte => (first >> 4, usize::from(first & 0x0f) + 1, rest),
                Form::TwoByte => {
                    let (&len, rest) = rest.split_first()?;
                    (first, usize::from(len), rest)
                }
            };
            let (data, rest) = rest.split_at_checked(len)?;
            self.body = rest;
            // RFC 8285 §4.2: id 0 with a length is skipped with its data.
            if id != 0 {
                return Some(Element { id, data });
            }
        }
    }
}

/// Copies the packet `bytes` into `out` with its extension elements passed through `map` (new id, or `None` to remove)
/// and `add` as a further one, and returns its length.
///
/// The result has the one-byte form if everything that is left fits it, otherwise the two-byte form if `two_byte`
/// allows it; if not, what does not fit is removed. Without an element left the extension goes. An extension that is
/// not RFC 8285 stays as it is. `None` if `bytes` is no RTP packet or `out` is too short ([`rewritten_len_max`]).
pub fn rewrite(
    bytes: &[u8],
    out: &mut [u8],
    two_byte: bool,
    add: Option<Element<'_>>,
    map: impl Fn(u8) -> Option<u8>,
) -> Option<usize> {
    let packet = Packet::parse(bytes)?;
    let (form, body) = match (packet.extension(), add) {
        (Some((profile, body)), _) if let Some(form) = Form::of(profile) => (form, body),
        (None, Some(_)) => (Form::OneByte, &[][..]),
        _ => {
            out.get_mut(..bytes.len())?.copy_from_slice(bytes);
            return Some(bytes.len());
        }
    };
    let kept = || {
        Elements::new(form, body)
            .filter_map(|e| Some(Element { id: map(e.id)?, ..e }))
            .chain(add)
            .filter(|e| e.id != 0)
    };
    let target = if two_byte && !kept().all(|e| e.fits_one_byte()) {
        Form::TwoByte
    } else {
        Form::OneByte
    };

    let mut w = Writer::new(out);
    w.put(packet.before_extension());
    let start = w.len();
    let profile = if target == Form::OneByte {
        ONE_BYTE_PROFILE
    } else {
        TWO_BYTE_PROFILE
    };
    w.put(&profile.to_be_bytes());
    w.put(&[0, 0]);
    let body_start = w.len();
    for element in kept().filter(|e| target == Form::TwoByte || e.fits_one_byte()) {
        put(&mut w, target, element);
    }
    let empty = w.len() == body_start;
    if empty {
        w.truncate(start);
    } else {
        w.pad(body_start);
        let words = (w.len() - body_start) / 4;
        w.patch_u16(start + 2, u16::try_from(words).ok()?);
    }
    w.put(packet.after_extension());
    let len = w.finish()?;
    if let Some(first) = out.first_mut() {
        *first = if empty { *first & !0x10 } else { *first | 0x10 };
    }
    Some(len)
}

/// The longest that [`rewrite`] makes a packet of `len` bytes: an element of the one-byte form is at least two bytes long
/// and grows by one if it has to take the other form; one that is added has at most 255 bytes, and may need an extension
/// around it.
pub const fn rewritten_len_max(len: usize) -> usize {
    len + len / 2 + 4 + 4 + 2 + 255 + 3
}

fn put(w: &mut Writer<'_>, form: Form, element: Element<'_>) {
    let len = element.data.len();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an element has at most 255 bytes in either form"
    )]
    match form {
        Form::OneByte => w.put(&[(element.id << 4) | (len as u8).wrapping_sub(1)]),
        Form::TwoByte => w.put(&[element.id, len as u8]),
    }
    w.put(element.data);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .bytes()
            .filter(|b| !b.is_ascii_whitespace())
            .map(|b| (b as char).to_digit(16).unwrap() as u8)
            .collect();
        digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect()
    }

    fn packet(ext: &str) -> Vec<u8> {
        let mut bytes = vec![
            if ext.is_empty() { 0x80 } else { 0x90 },
            8,
            0,
            1,
            0,
            0,
            0,
            2,
            0,
            0,
            0,
            3,
        ];
        bytes.extend(hex(ext));
        bytes.extend(*b"payload");
        bytes
    }

    /// What the extension of a packet becomes if `drop` is removed and `renumber` applied.
    fn check(ext: &str, two_byte: bool, drop: &[u8], renumber: &[(u8, u8)], expect: &str) {
        let map = |id: u8| {
            let new = renumber
                .iter()
                .find(|(from, _)| *from == id)
                .map_or(id, |(_, to)| *to);
            (!drop.contains(&id)).then_some(new)
        };
        let mut out = [0; 256];
        let len = rewrite(&packet(ext), &mut out, two_byte, None, map).expect("a valid packet");
        assert_eq!(out[..len], packet(expect), "{ext} without {drop:?}, {renumber:?}");
    }

    #[test]
    fn elements_are_removed_and_renumbered() {
        check("", true, &[1], &[], "");
        check("bede0001 12666f6f", true, &[], &[], "bede0001 12666f6f");
        check("bede0001 12666f6f", true, &[1], &[], "");
        let five = "bede0005 12666f6f 23776f6f74 326d6568 43797567680000";
        check(five, false, &[1, 3, 4], &[], "bede0002 23776f6f74 000000");
        check(five, false, &[1, 3, 4], &[(2, 7)], "bede0002 73776f6f74 000000");
    }

    #[test]
    fn the_form_follows_from_what_is_left_and_allowed() {
        let long = "1000000b 0103666f6f 0204626c6168 040461726768 03166f68206e6f207468697320697320746f6f206c6f6e67 000000";
        check(long, false, &[3, 4], &[], "bede0003 12666f6f 23626c6168 000000");
        check(long, false, &[4], &[], "bede0003 12666f6f 23626c6168 000000");
        check(
            long,
            true,
            &[2, 4],
            &[],
            "10000008 0103666f6f 03166f68206e6f207468697320697320746f6f206c6f6e67 000000",
        );
        check(
            "bede0001 12666f6f",
            true,
            &[],
            &[(1, 20)],
            "10000002 1403666f6f 000000",
        );
        check("bede0001 12666f6f", false, &[], &[(1, 20)], "");
    }

    #[test]
    fn an_element_is_added() {
        let mid = Element { id: 1, data: b"a" };
        let long = Element { id: 20, data: b"a" };
        for (ext, two_byte, add, expect) in [
            ("", false, mid, "bede0001 10610000"),
            ("bede0001 22666f6f", false, mid, "bede0002 22666f6f 10610000"),
            ("bede0001 12666f6f", false, mid, "bede0001 10610000"),
            ("", true, long, "10000001 14016100"),
            ("", false, long, ""),
            ("abcd0001 01020304", true, mid, "abcd0001 01020304"),
        ] {
            let map = |id: u8| (id != add.id).then_some(id);
            let mut out = [0; 256];
            let before = packet(ext);
            let len = rewrite(&before, &mut out, two_byte, Some(add), map).expect("a valid packet");
            assert_eq!(out[..len], packet(expect), "{ext} with {add:?}");
            assert!(len <= rewritten_len_max(before.len()));
        }
    }

    #[test]
    fn what_is_not_understood_stays_or_ends_the_list() {
        check("abcd0001 01020304", true, &[1], &[], "abcd0001 01020304");
        // Id 15 ends the list; an element that runs over the end is not one.
        check("bede0002 10aaf0bb 20cc0000", true, &[], &[], "bede0001 10aa0000");
        check("bede0001 10aa 2fcc", true, &[], &[], "bede0001 10aa0000");
        check("10000001 0100 0205", true, &[], &[], "10000001 01000000");
    }

    #[test]
    fn a_short_buffer_is_refused() {
        let bytes = packet("bede0001 12666f6f");
        for room in 0..bytes.len() {
            assert_eq!(
                rewrite(&bytes, &mut vec![0; room], true, None, Some),
                None,
                "{room}"
            );
        }
        assert_eq!(
            rewrite(&bytes, &mut vec![0; bytes.len()], true, None, Some),
            Some(bytes.len())
        );
    }
}
