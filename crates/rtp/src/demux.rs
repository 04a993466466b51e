//! What a datagram is, by its first bytes.

/// The protocol of a datagram on a media port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// STUN: first byte 0..=3.
    Stun,
    /// DTLS: first byte 20..=63.
    Dtls,
    /// RTP or SRTP with a whole fixed header.
    Rtp,
    /// RTCP or SRTCP with a whole first header and sender SSRC.
    Rtcp,
    /// None of these.
    Other,
}

/// Shortest RTCP packet: header and sender SSRC.
const RTCP_MIN_LEN: usize = 8;

/// Classifies a datagram (RFC 7983 §7; RTP against RTCP by packet type, RFC 5761 §4).
#[inline]
pub fn classify(bytes: &[u8]) -> Kind {
    let [first, second, rest @ ..] = bytes else {
        return Kind::Other;
    };
    match first {
        0..=3 => Kind::Stun,
        20..=63 => Kind::Dtls,
        128..=191 if matches!(second, 192..=223) => {
            if rest.len() + 2 >= RTCP_MIN_LEN {
                Kind::Rtcp
            } else {
                Kind::Other
            }
        }
        128..=191 if rest.len() + 2 >= crate::HEADER_LEN => Kind::Rtp,
        _ => Kind::Other,
    }
}

/// The datagram has STUN's leading bits and magic cookie (RFC 8489 §5).
pub fn has_stun_cookie(bytes: &[u8]) -> bool {
    matches!(bytes, [0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_decide() {
        for (bytes, kind) in [
            (&[][..], Kind::Other),
            (&[0x80], Kind::Other),
            (&[0, 1], Kind::Stun),
            (&[3, 0, 0, 0], Kind::Stun),
            (&[4, 0, 0, 0], Kind::Other),
            (&[22, 254, 253], Kind::Dtls),
            (&[64, 0, 0, 0], Kind::Other),
            (&[0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], Kind::Rtp),
            (&[0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0], Kind::Other),
            (&[0x80, 0xc8, 0, 1, 0, 0, 0, 2], Kind::Rtcp),
            (&[0x80, 0xc8, 0, 1, 0, 0, 0], Kind::Other),
            (&[0x80, 0x80 | 63, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], Kind::Rtp),
            (&[0x80, 0x80 | 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], Kind::Rtp),
            (&[0xc0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], Kind::Other),
        ] {
            assert_eq!(classify(bytes), kind, "{bytes:02x?}");
        }
    }
}
