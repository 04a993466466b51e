//! The SDP bodies a caller and callee need, and where a relay's answer says media should go.
//!
//! Deliberately no SDP library: this is the one shape we send, and a relay under test should not be read with the
//! same code that it was written with.

use std::net::{IpAddr, SocketAddr};

use crate::crypto::Crypto;

/// A session with one G.711 µ-law audio stream and telephone events, to be received at `addr`.
pub(crate) fn audio(addr: SocketAddr) -> String {
    session(addr, "RTP/AVP", "")
}

/// The same with a key.
pub(crate) fn secure_audio(addr: SocketAddr, crypto: &Crypto) -> String {
    session(addr, "RTP/SAVP", &format!("a=crypto:{}\r\n", crypto.attribute()))
}

fn session(addr: SocketAddr, profile: &str, more: &str) -> String {
    let family = if addr.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (addr.ip(), addr.port());
    format!(
        "v=0\r\no=load 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} {profile} 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n{more}"
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
            assert_eq!(media_address(&audio(addr)), Some(addr));
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
