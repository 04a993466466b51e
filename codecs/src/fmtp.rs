//! Whether two formats of one codec are the same, going by their parameters.

use crate::{FmtpRule, lookup};

/// How well two sets of format parameters go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FmtpMatch {
    /// One can't decode what the other sends.
    Incompatible,
    /// Different, but packets of one can be given to the other.
    Compatible,
    /// The same in everything that the codec cares about.
    Equal,
}

/// Compares the format parameters of two formats of the codec `name`. Absent parameters are the codec's defaults.
pub fn compare_fmtp(name: &str, a: Option<&str>, b: Option<&str>) -> FmtpMatch {
    let rule = lookup(name).map_or(FmtpRule::Opaque, |def| def.fmtp_rule);
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    match rule {
        FmtpRule::Ignore => FmtpMatch::Equal,
        FmtpRule::Opaque => equal_or(same_set(a, b), FmtpMatch::Compatible),
        FmtpRule::G729 => equal_or(g729_annexb(a) == g729_annexb(b), FmtpMatch::Compatible),
        FmtpRule::Ilbc => equal_or(ilbc_mode(a) == ilbc_mode(b), FmtpMatch::Incompatible),
        FmtpRule::Amr => Amr::parse(a).compare(&Amr::parse(b)),
    }
}

const fn equal_or(equal: bool, otherwise: FmtpMatch) -> FmtpMatch {
    if equal { FmtpMatch::Equal } else { otherwise }
}

/// The parameters of an `fmtp`, separated by semicolons; a parameter without `=` has an empty value.
pub fn parameters(fmtp: &str) -> impl Iterator<Item = (&str, &str)> {
    fmtp.split(';').map(str::trim).filter(|p| !p.is_empty()).map(|p| {
        let (name, value) = p.split_once('=').unwrap_or((p, ""));
        (name.trim(), value.trim())
    })
}

/// The value of the parameter `name`, letter case aside.
pub fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    parameters(fmtp)
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The same parameters, in whatever order.
fn same_set(a: &str, b: &str) -> bool {
    let sorted = |s| {
        let mut all: Vec<(&str, &str)> = parameters(s).collect();
        all.sort_unstable();
        all
    };
    a == b || sorted(a) == sorted(b)
}

/// RFC 4856 §2.1.9: silence compression by annex B, yes unless denied.
fn g729_annexb(fmtp: &str) -> bool {
    parameter(fmtp, "annexb").is_none_or(|v| !v.eq_ignore_ascii_case("no"))
}

/// RFC 3952 §4.2: frame size in ms, 30 unless it says 20.
fn ilbc_mode(fmtp: &str) -> u8 {
    if parameter(fmtp, "mode") == Some("20") {
        20
    } else {
        30
    }
}

/// What decides how AMR and AMR-WB frames look in a packet (RFC 4867 §8.1).
#[derive(Debug, PartialEq, Eq)]
struct Amr {
    octet_align: bool,
    crc: bool,
    robust_sorting: bool,
    interleaving: Option<u32>,
    /// Bit per mode; all of them if there is no `mode-set`.
    modes: u16,
}

impl Amr {
    fn parse(fmtp: &str) -> Self {
        let on = |name| parameter(fmtp, name) == Some("1");
        let interleaving = parameter(fmtp, "interleaving").and_then(|v| v.parse().ok());
        let (crc, robust_sorting) = (on("crc"), on("robust-sorting"));
        // Each of the three demands octet-aligned operation.
        let octet_align = on("octet-align") || crc || robust_sorting || interleaving.is_some();
        let modes = parameter(fmtp, "mode-set")
            .map(mode_bits)
            .filter(|&bits| bits != 0);
        Self {
            octet_align,
            crc,
            robust_sorting,
            interleaving,
            modes: modes.unwrap_or(u16::MAX),
        }
    }

    fn compare(&self, other: &Self) -> FmtpMatch {
        let framing = |amr: &Self| (amr.octet_align, amr.crc, amr.robust_sorting, amr.interleaving);
        if framing(self) != framing(other) || self.modes & other.modes == 0 {
            return FmtpMatch::Incompatible;
        }
        equal_or(self.modes == other.modes, FmtpMatch::Compatible)
    }
}

fn mode_bits(list: &str) -> u16 {
    list.split(',')
        .filter_map(|mode| mode.trim().parse::<u32>().ok())
        .filter_map(|mode| 1_u16.checked_shl(mode))
        .fold(0, |bits, bit| bits | bit)
}

#[cfg(test)]
mod tests {
    use super::FmtpMatch::{self, *};

    #[test]
    fn rules_of_each_codec() {
        let cases: &[(&str, Option<&str>, Option<&str>, FmtpMatch)] = &[
            ("PCMU", None, Some("x=1"), Equal),
            (
                "opus",
                Some("useinbandfec=1"),
                Some("stereo=1;useinbandfec=0"),
                Equal,
            ),
            ("telephone-event", Some("0-15"), Some("0-16"), Equal),
            ("G729", None, Some("annexb=yes"), Equal),
            ("g729", None, Some("annexb=no"), Compatible),
            ("G729", Some("annexb=NO"), Some("annexb=no"), Equal),
            ("iLBC", None, Some("mode=30"), Equal),
            ("iLBC", Some("mode=20"), None, Incompatible),
            ("AMR", None, Some("octet-align=0"), Equal),
            ("AMR", None, Some("octet-align=1"), Incompatible),
            ("AMR", Some("crc=1"), Some("crc=1; octet-align=1"), Equal),
            ("AMR", Some("mode-set=0,2,4,7"), Some("mode-set=7"), Compatible),
            ("AMR", Some("mode-set=0,2"), Some("mode-set=2,0"), Equal),
            ("AMR", Some("mode-set=0,2"), Some("mode-set=4"), Incompatible),
            ("AMR-WB", None, Some("mode-set=8"), Compatible),
            ("AMR-WB", Some("max-red=0"), Some("mode-change-period=2"), Equal),
            ("AMR", Some("mode-set=99,x"), None, Equal),
            (
                "H264",
                Some("packetization-mode=1;profile-level-id=42e01f"),
                None,
                Compatible,
            ),
            ("H264", Some("a=1; b=2"), Some("b=2;a=1"), Equal),
            ("who-knows", Some("a"), Some("a"), Equal),
            ("who-knows", Some("a"), Some("b"), Compatible),
        ];
        for &(name, a, b, expected) in cases {
            assert_eq!(super::compare_fmtp(name, a, b), expected, "{name} {a:?} {b:?}");
            assert_eq!(super::compare_fmtp(name, b, a), expected, "{name} {b:?} {a:?}");
        }
    }
}
