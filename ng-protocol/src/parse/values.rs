//! Readers for single values, tolerant of the forms in which controllers send them.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::name::Name;
use crate::{CodecSpec, Digit, Text, Value};

/// The text of a string or an integer.
pub(crate) fn text<'v>(value: &'v Value<'_>) -> Option<Cow<'v, [u8]>> {
    match value {
        Value::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
        Value::Int(n) => Some(Cow::Owned(n.to_string().into_bytes())),
        Value::List(_) | Value::Dict(_) => None,
    }
}

/// [`text`] to keep.
pub(crate) fn owned(value: &Value<'_>) -> Option<Text> {
    text(value).map(|bytes| Text::from(&*bytes))
}

/// Calls `each` for the members of a list, or of a string split at commas. `false` if it, or a member of it, is
/// neither text nor number.
pub(crate) fn members(value: &Value<'_>, mut each: impl FnMut(&[u8])) -> bool {
    let Value::List(items) = value else {
        let Some(bytes) = text(value) else {
            return false;
        };
        let items = bytes.split(|&b| b == b',').map(<[u8]>::trim_ascii);
        items.filter(|item| !item.is_empty()).for_each(each);
        return true;
    };
    let mut readable = true;
    for item in items {
        match text(item) {
            Some(item) => each(item.trim_ascii()),
            None => readable = false,
        }
    }
    readable
}

/// The members of a list (or comma string) as texts.
pub(crate) fn texts(value: &Value<'_>) -> Vec<Text> {
    let mut out = Vec::new();
    members(value, |item| out.push(Text::from(item)));
    out
}

/// An integer in the range of `N`, also if written as a string.
pub(crate) fn int<N: TryFrom<i64>>(value: &Value<'_>) -> Option<N> {
    value.as_int().and_then(|n| N::try_from(n).ok())
}

/// Yes or no in its many spellings.
pub(crate) fn boolean(value: &Value<'_>) -> Option<bool> {
    let bytes = text(value)?;
    match &*Name::new(&bytes) {
        "yes" | "y" | "on" | "true" | "enable" | "enabled" | "1" | "start" => Some(true),
        "no" | "n" | "off" | "false" | "disable" | "disabled" | "0" | "stop" => Some(false),
        _ => None,
    }
}

/// An IP address, also in brackets.
pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok()
}

/// `received-from`: `[IP4, address]`, an address alone, or nothing usable.
pub(crate) fn received_from(value: &Value<'_>) -> Option<IpAddr> {
    match value {
        // Also `[address]`: whatever stands last.
        Value::List(items) => address(items.last()?.as_bytes()?),
        _ => address(value.as_bytes()?.split(|&b| b == b',').next_back()?),
    }
}

/// `destination` of `transform`: `{family, address, port}`.
pub(crate) fn destination(value: &Value<'_>) -> Option<SocketAddr> {
    let ip = address(value.get("address")?.as_bytes()?)?;
    Some(SocketAddr::new(ip, int(value.get("port")?)?))
}

/// A DTMF event: `0`–`15`, `*`, `#`, `A`–`D`.
pub(crate) fn digit(value: &Value<'_>) -> Option<Digit> {
    let bytes = text(value)?;
    let code = match bytes.trim_ascii() {
        b"*" => 10,
        b"#" => 11,
        [letter @ (b'A'..=b'D' | b'a'..=b'd')] => 12 + (letter.to_ascii_uppercase() - b'A'),
        number => std::str::from_utf8(number).ok()?.parse().ok()?,
    };
    (code <= 15).then_some(Digit(code))
}

/// Undoes the escapes of flag strings, where `=` and space can't be written: `--` is `=`, `..` is a space.
pub(crate) fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    let escaped = |pair: &[u8]| pair == b"--" || pair == b"..";
    if !bytes.windows(2).any(escaped) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'-', b'-', tail @ ..] => {
                out.push(b'=');
                tail
            }
            [b'.', b'.', tail @ ..] => {
                out.push(b' ');
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
            [] => return Cow::Owned(out),
        };
    }
}

/// A codec as `name[/clock[/channels[/bitrate[/ptime[/fmtp[/options]]]]]]`, escapes undone. Fields that are no
/// numbers where numbers belong count as not given.
pub(crate) fn codec(bytes: &[u8]) -> CodecSpec {
    let bytes = unescape(bytes);
    let mut fields = bytes.splitn(7, |&b| b == b'/').map(<[u8]>::trim_ascii);
    let mut next = || fields.next().unwrap_or(&[]);
    CodecSpec {
        name: next().into(),
        clock: number(next()),
        channels: number(next()),
        bitrate: number(next()),
        ptime: number(next()),
        fmtp: next().into(),
        options: next().into(),
    }
}

fn number<N: std::str::FromStr>(bytes: &[u8]) -> Option<N> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Decodes base64 (RFC 4648 §4), with or without padding, ignoring white space.
pub(crate) fn base64(bytes: &[u8]) -> Option<Vec<u8>> {
    const TOLERANT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let digits: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    GeneralPurpose::new(&STANDARD, TOLERANT).decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs() {
        let check = |text: &str, expected: CodecSpec| assert_eq!(codec(text.as_bytes()), expected);
        let named = |name: &str| CodecSpec {
            name: name.into(),
            ..CodecSpec::default()
        };
        check("PCMA", named("PCMA"));
        check("", named(""));
        check(
            "opus/48000",
            CodecSpec {
                clock: Some(48_000),
                ..named("opus")
            },
        );
        check(
            "AMR-WB/16000/1/23850//mode-set--0,1,2/CMR-interval--500",
            CodecSpec {
                clock: Some(16_000),
                channels: Some(1),
                bitrate: Some(23_850),
                fmtp: "mode-set=0,1,2".into(),
                options: "CMR-interval=500".into(),
                ..named("AMR-WB")
            },
        );
        check(
            "x/8000/one/99999999999/20/a/b/c",
            CodecSpec {
                clock: Some(8000),
                ptime: Some(20),
                fmtp: "a".into(),
                options: "b/c".into(),
                ..named("x")
            },
        );
    }

    #[test]
    fn escapes() {
        for (text, plain) in [
            ("a--b..c", "a=b c"),
            ("a-b.c", "a-b.c"),
            ("---", "=-"),
            ("....", "  "),
            ("fmtp:98..0-16>fmtp:98..0-15", "fmtp:98 0-16>fmtp:98 0-15"),
        ] {
            assert_eq!(&*unescape(text.as_bytes()), plain.as_bytes());
        }
    }

    #[test]
    fn addresses_of_messages() {
        let ip = |text: &str| Some(text.parse().expect("address"));
        let list = |items: &[&'static str]| items.iter().copied().collect::<Value<'_>>();
        for (value, expected) in [
            (list(&["IP4", "192.0.2.10"]), ip("192.0.2.10")),
            (list(&["IP6", "[2001:db8::1]"]), ip("2001:db8::1")),
            (list(&["192.0.2.10"]), ip("192.0.2.10")),
            (list(&["?", ""]), None),
            (list(&[]), None),
            (Value::from("192.0.2.10"), ip("192.0.2.10")),
            (Value::from("IP4,192.0.2.10"), ip("192.0.2.10")),
            (Value::from("?"), None),
            (Value::from(""), None),
            (Value::Int(4), None),
        ] {
            assert_eq!(received_from(&value), expected, "{value:?}");
        }
    }

    #[test]
    fn digits() {
        for (value, expected) in [
            (Value::from("*"), Some(10)),
            (Value::from("#"), Some(11)),
            (Value::from("d"), Some(15)),
            (Value::from("9"), Some(9)),
            (Value::Int(15), Some(15)),
            (Value::Int(16), None),
            (Value::Int(-1), None),
            (Value::from("x"), None),
            (Value::from(""), None),
        ] {
            assert_eq!(digit(&value), expected.map(Digit), "{value:?}");
        }
    }

    #[test]
    fn base64_with_and_without_padding() {
        for (text, plain) in [("", ""), ("Zg==", "f"), ("Zm8", "fo"), ("Zm9v\nYmFy", "foobar")] {
            assert_eq!(base64(text.as_bytes()).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(base64(b"a!"), None);
    }
}
