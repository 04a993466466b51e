//! The SDP bodies a caller and callee need, and where a relay's answer says media should go.
//!
//! Deliberately no SDP library: this is the one shape we send, and a relay under test should not be read with the
//! same code that it was written with.

use std::net::{IpAddr, SocketAddr};

use crate::crypto::Crypto;

/// The codec of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Codec {
    pub(crate) payload_type: u8,
    /// Name, clock and channels as in `a=rtpmap`; a static payload type may go without.
    pub(crate) encoding: Option<&'static str>,
    pub(crate) ptime_ms: u32,
}

impl Default for Codec {
    /// 20 ms of G.711 µ-law.
    fn default() -> Self {
        Self {
            payload_type: 0,
            encoding: Some("PCMU/8000"),
            ptime_ms: 20,
        }
    }
}

/// A session with one audio stream and telephone events, to be received at `addr`, with a key if there is one.
pub(crate) fn audio(addr: SocketAddr, codec: &Codec, crypto: Option<&Crypto>) -> String {
    let family = if addr.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (addr.ip(), addr.port());
    let profile = crypto.map_or("RTP/AVP", |_| "RTP/SAVP");
    let crypto = crypto.map_or(String::new(), |crypto| {
        format!("a=crypto:{}\r\n", crypto.attribute())
    });
    let Codec {
        payload_type,
        ptime_ms,
        ..
    } = codec;
    let rtpmap = codec.encoding.map_or(String::new(), |encoding| {
        format!("a=rtpmap:{payload_type} {encoding}\r\n")
    });
    format!(
        "v=0\r\no=load 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} {profile} {payload_type} 101\r\n{rtpmap}a=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:{ptime_ms}\r\na=sendrecv\r\n{crypto}"
    )
}

/// Where the first media of a body is to be sent: its port at its own `c=`, or else at the session's.
pub(crate) fn media_address(body: &str) -> Option<SocketAddr> {
    let mut port = None;
    let mut ip = None;
    for line in body.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            if port.is_some() {
                break;
            }
            port = Some(media.split_ascii_whitespace().nth(1)?.parse::<u16>().ok()?);
        } else if let Some(connection) = line.strip_prefix("c=") {
            ip = Some(
                connection
                    .split_ascii_whitespace()
                    .nth(2)?
                    .parse::<IpAddr>()
                    .ok()?,
            );
        }
    }
    Some(SocketAddr::new(ip?, port.filter(|port| *port != 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_says_where_it_wants_its_media() {
        for text in ["192.0.2.1:4000", "[2001:db8::1]:4002"] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(media_address(&audio(addr, &Codec::default(), None)), Some(addr));
        }
    }

    #[test]
    fn connection_lines_of_the_media_win_and_other_media_are_not_looked_at() {
        let body = "v=0\nc=IN IP4 192.0.2.1\nm=audio 10 RTP/AVP 0\nc=IN IP4 192.0.2.2\n\
                    m=video 20 RTP/AVP 96\nc=IN IP4 192.0.2.3\n";
        assert_eq!(media_address(body), Some("192.0.2.2:10".parse().unwrap()));
    }

    #[test]
    fn nothing_usable_is_none() {
        for body in [
            "",
            "m=audio 10 RTP/AVP 0",
            "c=IN IP4 192.0.2.1",
            "c=IN IP4 x\nm=audio 1 a 0",
            "m=\nc=\n",
        ] {
            assert_eq!(media_address(body), None, "{body:?}");
        }
        assert_eq!(
            media_address("c=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 0"),
            None,
            "a rejected media"
        );
    }
}
