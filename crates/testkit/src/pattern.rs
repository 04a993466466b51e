//! Expected text with `${CLASS}` placeholders for what differs from run to run.

use std::collections::BTreeMap;

/// Values by name.
pub type Captures = BTreeMap<String, String>;

/// Matches `text` against `pattern`. `${CLASS}` stands for a text of that class, `${CLASS:name}` also keeps it under
/// that name; `${name}` is what was kept before. Returns the first place where they part, as `(pattern, text)`.
pub fn match_text(pattern: &str, text: &str, captures: &mut Captures) -> Result<(), (String, String)> {
    let (mut pattern, mut text) = (pattern, text);
    let parted = |p: &str, t: &str| Err((excerpt(p), excerpt(t)));
    while !pattern.is_empty() {
        let Some(rest) = pattern.strip_prefix("${") else {
            let literal = pattern.find("${").unwrap_or(pattern.len());
            let (head, tail) = pattern.split_at(literal);
            match text.strip_prefix(head) {
                Some(left) => (pattern, text) = (tail, left),
                None => {
                    let same = head.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
                    let line = head.get(..same).and_then(|s| s.rfind('\n')).map_or(0, |n| n + 1);
                    return parted(pattern.get(line..).unwrap_or(""), text.get(line..).unwrap_or(""));
                }
            }
            continue;
        };
        let Some((name, tail)) = rest.split_once('}') else {
            return parted(pattern, text);
        };
        let (class, keep) = match name.split_once(':') {
            Some((class, keep)) => (class, Some(keep)),
            None => (name, None),
        };
        let length = match length_of(class, text) {
            Some(length) => length,
            None => match captures.get(class) {
                Some(known) if text.starts_with(known.as_str()) => known.len(),
                _ => return parted(pattern, text),
            },
        };
        let (value, left) = text.split_at(length);
        if let Some(keep) = keep {
            captures.insert(keep.to_owned(), value.to_owned());
        }
        (pattern, text) = (tail, left);
    }
    if text.is_empty() { Ok(()) } else { parted("", text) }
}

/// Length of the text of this class at the beginning of `text`.
fn length_of(class: &str, text: &str) -> Option<usize> {
    let run = |ok: fn(u8) -> bool| text.bytes().take_while(|b| ok(*b)).count();
    let exactly = |n: usize, ok: fn(u8) -> bool| (run(ok) >= n).then_some(n);
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let hex_pairs = |b: u8| b.is_ascii_hexdigit() || b == b':';
    match class {
        "PORT" => Some(run(|b| b.is_ascii_digit())).filter(|n| (1..=5).contains(n)),
        "ICEBASE" => exactly(16, |b| b.is_ascii_alphanumeric()),
        "ICEUFRAG" => exactly(8, |b| b.is_ascii_alphanumeric()),
        "ICEPWD" => exactly(26, |b| b.is_ascii_alphanumeric()),
        "CRYPTO128" => exactly(40, base64),
        "CRYPTO128S" => exactly(38, base64),
        "CRYPTO192" => exactly(51, base64),
        "CRYPTO256" => exactly(62, base64),
        "CRYPTO256S" => exactly(59, base64),
        "FINGERPRINT256" => exactly(95, hex_pairs),
        "FINGERPRINT" => exactly(59, hex_pairs),
        "TLS_ID" => exactly(32, |b| b.is_ascii_hexdigit()),
        "LOOPER" => exactly(12, |b| b.is_ascii_hexdigit()),
        "SDP_VERSION" => Some(run(|b| b.is_ascii_digit() || b == b' ')),
        "RTPE_VERSION" => text
            .starts_with("rtpengine-")
            .then(|| run(|b| b != b'\r' && b != b'\n')),
        "BGROUPS" => Some(run(|b| b.is_ascii_digit() || b == b' ')),
        "ANY" => text.chars().next().map(char::len_utf8),
        _ => None,
    }
}

fn excerpt(text: &str) -> String {
    text.lines().take(3).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_match_and_keep() {
        let mut captures = Captures::new();
        assert!(
            match_text(
                "m=audio ${PORT:p} RTP/AVP 0",
                "m=audio 30000 RTP/AVP 0",
                &mut captures
            )
            .is_ok()
        );
        assert_eq!(captures.get("p").map(String::as_str), Some("30000"));
        assert!(match_text("a=rtcp:${p}", "a=rtcp:30000", &mut captures).is_ok());
        assert!(match_text("a=rtcp:${p}", "a=rtcp:30001", &mut captures).is_err());
        let parted = match_text("a\nb\nc", "a\nx\nc", &mut captures);
        assert_eq!(parted, Err(("b | c".to_owned(), "x | c".to_owned())));
    }
}
