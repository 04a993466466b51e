//! Behaviour of the crate at its boundary: bytes in, tree and bytes out.

mod accept;
mod attributes;
mod corpus;
mod hostile;
mod keys_and_candidates;
mod oracle;
mod roundtrip;
mod settle;
mod views;
mod writer;

/// A plain body: one audio media.
const PLAIN: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=x\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

/// [`PLAIN`] with one part replaced.
fn plain_with(part: &str, other: &str) -> String {
    assert!(PLAIN.contains(part), "{part:?} is not in the plain body");
    PLAIN.replacen(part, other, 1)
}

/// [`PLAIN`] with lines in the session's and in the media's section.
fn plain_and(of_session: &str, of_media: &str) -> String {
    plain_with("m=audio", &format!("{of_session}m=audio")) + of_media
}

/// Reads a body that must be readable.
fn parse(body: impl AsRef<[u8]>) -> sdp::Sdp {
    let body = body.as_ref();
    sdp::Sdp::parse(body).unwrap_or_else(|e| panic!("{e}: {}", body.escape_ascii()))
}
