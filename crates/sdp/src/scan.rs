//! Small readers of words and numbers in bytes.

use std::net::IpAddr;

/// The first word of `s` and the rest behind it; blanks before either are skipped.
pub(crate) fn word(s: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = s.iter().position(|&b| b != b' ')?;
    let s = s.get(start..)?;
    let end = memchr::memchr(b' ', s).unwrap_or(s.len());
    let (word, rest) = s.split_at_checked(end)?;
    Some((word, trim_start(rest)))
}

/// The words of `s`, separated by any number of blanks.
pub(crate) fn words(s: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    s.split(|&b| b == b' ').filter(|w| !w.is_empty())
}

/// What stands before and after the first `sep`.
pub(crate) fn split_once(s: &[u8], sep: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(sep, s)?;
    Some((s.get(..at)?, s.get(at + 1..)?))
}

/// Without leading blanks.
pub(crate) fn trim_start(s: &[u8]) -> &[u8] {
    let start = s.iter().position(|&b| b != b' ').unwrap_or(s.len());
    s.get(start..).unwrap_or_default()
}

/// Without trailing blanks.
pub(crate) fn trim_end(s: &[u8]) -> &[u8] {
    let end = s.iter().rposition(|&b| b != b' ').map_or(0, |last| last + 1);
    s.get(..end).unwrap_or_default()
}

/// A decimal number of only digits, not larger than `max`.
pub(crate) fn number(s: &[u8], max: u64) -> Option<u64> {
    if s.is_empty() || !s.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(s).ok()?.parse().ok().filter(|&n| n <= max)
}

/// A port.
pub(crate) fn port(s: &[u8]) -> Option<u16> {
    number(s, u16::MAX.into())?.try_into().ok()
}

/// An RTP payload type, 0 to 127.
pub(crate) fn payload_type(s: &[u8]) -> Option<u8> {
    number(s, 127)?.try_into().ok()
}

/// Milliseconds: a number that may have a fraction, which is cut off.
pub(crate) fn milliseconds(s: &[u8]) -> Option<u32> {
    let whole = words(s).next()?.split(|&b| b == b'.').next()?;
    number(whole, u32::MAX.into())?.try_into().ok()
}

/// An address of either family.
pub(crate) fn ip(s: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(s).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_skip_blanks() {
        assert_eq!(word(b"  a  b c"), Some((&b"a"[..], &b"b c"[..])));
        assert_eq!(word(b"a"), Some((&b"a"[..], &b""[..])));
        assert_eq!(word(b"  "), None);
        assert_eq!(words(b" a  b ").collect::<Vec<_>>(), [b"a", b"b"]);
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(number(b"65535", 65_535), Some(65_535));
        for bad in [
            &b""[..],
            b"+1",
            b"-1",
            b"1x",
            b" 1",
            b"65536",
            b"99999999999999999999999",
        ] {
            assert_eq!(number(bad, 65_535), None, "{}", bad.escape_ascii());
        }
        assert_eq!(milliseconds(b"20.5"), Some(20));
        assert_eq!(milliseconds(b"x"), None);
    }
}
