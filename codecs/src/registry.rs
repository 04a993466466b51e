//! The codecs we know by name.

use crate::CodecSpec;

/// What a codec carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures; never transcoded.
    Video,
    /// Goes with an audio codec of the same clock rate: telephone-event, CN, red.
    Supplemental,
}

/// How format parameters decide whether two formats are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FmtpRule {
    /// They do not: each side's parameters only tell what it likes to receive (opus, RFC 7587 §7.1).
    Ignore,
    /// We do not understand them: handed on untouched, formats that differ in them still match by name.
    Opaque,
    /// AMR, AMR-WB (RFC 4867 §8.1): packing must agree, mode sets must overlap.
    Amr,
    /// G.729 (RFC 4856 §2.1.9): `annexb`, yes by default.
    G729,
    /// iLBC (RFC 3952 §4.2): `mode`, 30 by default.
    Ilbc,
}

/// One codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecDef {
    /// Canonical encoding name.
    pub name: &'static str,
    /// What it carries.
    pub kind: Kind,
    /// Clock rate in Hz where none is given.
    pub clock_rate: u32,
    /// Sampling rate is clock rate times this (G.722: 2, RFC 3551 §4.5.2).
    pub rate_multiplier: u8,
    /// Channels where none are given.
    pub channels: u8,
    /// Packet time in ms where none is given; 0 = has none.
    pub ptime: u16,
    /// Bit rate in bit/s where none is given; 0 = fixed by the codec.
    pub bitrate: u32,
    /// Payload bytes of silence are all this one, where the codec has such a byte.
    pub silence: Option<u8>,
    /// Format parameters where none are given and we add the codec ourselves.
    pub fmtp: &'static str,
    /// Whether two formats with different parameters are the same.
    pub fmtp_rule: FmtpRule,
    /// Payload type by RFC 3551 table 4 or 5, where there is one for the default clock rate.
    pub static_pt: Option<u8>,
}

const fn def(name: &'static str, kind: Kind, clock_rate: u32, ptime: u16) -> CodecDef {
    CodecDef {
        name,
        kind,
        clock_rate,
        rate_multiplier: 1,
        channels: 1,
        ptime,
        bitrate: 0,
        silence: None,
        fmtp: "",
        fmtp_rule: FmtpRule::Ignore,
        static_pt: None,
    }
}

const fn audio(name: &'static str, clock_rate: u32, ptime: u16) -> CodecDef {
    def(name, Kind::Audio, clock_rate, ptime)
}

const fn video(name: &'static str) -> CodecDef {
    CodecDef {
        fmtp_rule: FmtpRule::Opaque,
        ..def(name, Kind::Video, 90_000, 0)
    }
}

const fn supplemental(name: &'static str) -> CodecDef {
    def(name, Kind::Supplemental, 8000, 0)
}

const fn fixed(base: CodecDef, static_pt: u8) -> CodecDef {
    CodecDef {
        static_pt: Some(static_pt),
        ..base
    }
}

/// Every codec, in no particular order of preference.
pub const CODECS: &[CodecDef] = &[
    fixed(
        CodecDef {
            silence: Some(0xff),
            ..audio("PCMU", 8000, 20)
        },
        0,
    ),
    fixed(
        CodecDef {
            silence: Some(0xd5),
            ..audio("PCMA", 8000, 20)
        },
        8,
    ),
    fixed(
        CodecDef {
            rate_multiplier: 2,
            ..audio("G722", 8000, 20)
        },
        9,
    ),
    fixed(
        CodecDef {
            bitrate: 6300,
            ..audio("G723", 8000, 30)
        },
        4,
    ),
    fixed(
        CodecDef {
            fmtp_rule: FmtpRule::G729,
            ..audio("G729", 8000, 20)
        },
        18,
    ),
    CodecDef {
        fmtp_rule: FmtpRule::G729,
        ..audio("G729a", 8000, 20)
    },
    audio("G726-16", 8000, 20),
    audio("G726-24", 8000, 20),
    audio("G726-32", 8000, 20),
    audio("G726-40", 8000, 20),
    audio("AAL2-G726-16", 8000, 20),
    audio("AAL2-G726-24", 8000, 20),
    audio("AAL2-G726-32", 8000, 20),
    audio("AAL2-G726-40", 8000, 20),
    fixed(audio("G728", 8000, 20), 15),
    fixed(audio("GSM", 8000, 20), 3),
    CodecDef {
        fmtp: "mode=30",
        fmtp_rule: FmtpRule::Ilbc,
        ..audio("iLBC", 8000, 30)
    },
    CodecDef {
        bitrate: 11_000,
        ..audio("speex", 16_000, 20)
    },
    CodecDef {
        channels: 2,
        bitrate: 32_000,
        fmtp: "useinbandfec=1",
        ..audio("opus", 48_000, 20)
    },
    CodecDef {
        bitrate: 6700,
        fmtp: "octet-align=1;mode-change-capability=2",
        fmtp_rule: FmtpRule::Amr,
        ..audio("AMR", 8000, 20)
    },
    CodecDef {
        bitrate: 14_250,
        fmtp: "octet-align=1;mode-change-capability=2",
        fmtp_rule: FmtpRule::Amr,
        ..audio("AMR-WB", 16_000, 20)
    },
    CodecDef {
        rate_multiplier: 3,
        bitrate: 16_400,
        fmtp_rule: FmtpRule::Opaque,
        ..audio("EVS", 16_000, 20)
    },
    CodecDef {
        static_pt: Some(11),
        ..audio("L16", 44_100, 20)
    },
    audio("X-L16", 44_100, 20),
    audio("PCM-U8", 8000, 20),
    fixed(audio("DVI4", 8000, 20), 5),
    fixed(audio("LPC", 8000, 20), 7),
    fixed(audio("QCELP", 8000, 20), 12),
    fixed(audio("MPA", 90_000, 20), 14),
    audio("EVRC", 8000, 20),
    audio("EVRC0", 8000, 20),
    audio("EVRC1", 8000, 20),
    audio("MP3", 48_000, 20),
    audio("ac3", 48_000, 20),
    audio("eac3", 48_000, 20),
    audio("vorbis", 48_000, 20),
    audio("ATRAC3", 44_100, 20),
    audio("ATRAC-X", 44_100, 20),
    CodecDef {
        fmtp: "0-15",
        ..supplemental("telephone-event")
    },
    fixed(supplemental("CN"), 13),
    supplemental("red"),
    fixed(video("CelB"), 25),
    fixed(video("JPEG"), 26),
    fixed(video("nv"), 28),
    fixed(video("H261"), 31),
    fixed(video("MPV"), 32),
    fixed(video("MP2T"), 33),
    fixed(video("H263"), 34),
    video("H263-1998"),
    video("H263-2000"),
    video("H264"),
    video("H265"),
    video("VP8"),
    video("VP9"),
    video("AV1"),
    video("rtx"),
    video("ulpfec"),
    video("flexfec-03"),
];

/// Static payload types that are a second use of a name (RFC 3551 §6 tables 4 and 5).
const MORE_STATIC: &[(u8, &str, u32, u8)] = &[
    (6, "DVI4", 16_000, 1),
    (10, "L16", 44_100, 2),
    (16, "DVI4", 11_025, 1),
    (17, "DVI4", 22_050, 1),
];

/// The codec of that name, letter case aside.
pub fn lookup(name: &str) -> Option<&'static CodecDef> {
    CODECS.iter().find(|c| c.name.eq_ignore_ascii_case(name))
}

/// What a payload type below 35 stands for without `rtpmap` (RFC 3551 §6).
pub fn static_payload_type(payload_type: u8) -> Option<CodecSpec> {
    let first = CODECS.iter().find(|c| c.static_pt == Some(payload_type));
    if let Some(def) = first {
        return Some(CodecSpec::new(def.name, def.clock_rate, def.channels));
    }
    let &(_, name, clock_rate, channels) = MORE_STATIC.iter().find(|row| row.0 == payload_type)?;
    Some(CodecSpec::new(name, clock_rate, channels))
}

/// The static payload type of a codec, if it has one with this clock rate and number of channels.
pub fn static_payload_type_of(spec: &CodecSpec) -> Option<u8> {
    (0..35).find(|&pt| static_payload_type(pt).is_some_and(|s| s.matches(spec)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_without_case() {
        for (at, def) in CODECS.iter().enumerate() {
            let found = lookup(&def.name.to_ascii_uppercase());
            assert_eq!(found, Some(def));
            assert!(
                CODECS
                    .iter()
                    .skip(at + 1)
                    .all(|d| !d.name.eq_ignore_ascii_case(def.name)),
                "{}",
                def.name
            );
        }
        assert_eq!(lookup("foo"), None);
    }

    /// RFC 3551 tables 4 and 5, written down once more.
    #[test]
    fn static_payload_types() {
        let table = [
            (0, "PCMU", 8000, 1),
            (3, "GSM", 8000, 1),
            (4, "G723", 8000, 1),
            (5, "DVI4", 8000, 1),
            (6, "DVI4", 16_000, 1),
            (7, "LPC", 8000, 1),
            (8, "PCMA", 8000, 1),
            (9, "G722", 8000, 1),
            (10, "L16", 44_100, 2),
            (11, "L16", 44_100, 1),
            (12, "QCELP", 8000, 1),
            (13, "CN", 8000, 1),
            (14, "MPA", 90_000, 1),
            (15, "G728", 8000, 1),
            (16, "DVI4", 11_025, 1),
            (17, "DVI4", 22_050, 1),
            (18, "G729", 8000, 1),
            (25, "CelB", 90_000, 1),
            (26, "JPEG", 90_000, 1),
            (28, "nv", 90_000, 1),
            (31, "H261", 90_000, 1),
            (32, "MPV", 90_000, 1),
            (33, "MP2T", 90_000, 1),
            (34, "H263", 90_000, 1),
        ];
        for payload_type in 0..=255 {
            let expected = table.iter().find(|row| row.0 == payload_type);
            let expected = expected.map(|&(_, name, rate, channels)| CodecSpec::new(name, rate, channels));
            assert_eq!(static_payload_type(payload_type), expected, "{payload_type}");
            if let Some(spec) = expected {
                assert_eq!(static_payload_type_of(&spec), Some(payload_type));
            }
        }
        assert_eq!(static_payload_type_of(&CodecSpec::new("pcmu", 16_000, 1)), None);
    }
}
