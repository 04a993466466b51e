//! The first packet of a DTLS client, read before any session exists for it, and the answer that asks for a cookie
//! (RFC 6347 §4.2.1).
//!
//! A ClientHello in fragments is not understood here: to put it together would take memory for a source that has proven
//! nothing.

/// Length of a record's header.
const RECORD_HEADER: usize = 13;
/// Length of a handshake message's header.
const MESSAGE_HEADER: usize = 12;
const CONTENT_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY_REQUEST: u8 = 3;
const RANDOM_LEN: usize = 32;
/// DTLS 1.0: what a HelloVerifyRequest says whatever will be agreed on (RFC 6347 §4.2.1).
const VERSION_1_0: [u8; 2] = [0xfe, 0xff];

/// What a packet that arrives at a DTLS port begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First<'a> {
    /// A whole ClientHello.
    Hello(ClientHello<'a>),
    /// The first or another fragment of a ClientHello.
    HelloFragment,
    /// Another DTLS record.
    Other,
    /// Not DTLS.
    Foreign,
}

/// A ClientHello that stands in one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientHello<'a> {
    record: &'a [u8],
    /// Random bytes of the client: they tell one handshake from another.
    pub(crate) random: &'a [u8],
    /// What stands before the cookie: version, random, session id.
    before: &'a [u8],
    /// The cookie; empty in the first ClientHello.
    pub(crate) cookie: &'a [u8],
    /// What stands behind the cookie: suites, compression, extensions.
    after: &'a [u8],
}

/// Looks at the first record of a packet.
pub(crate) fn first(packet: &[u8]) -> First<'_> {
    read(packet).unwrap_or(First::Foreign)
}

fn read(packet: &[u8]) -> Option<First<'_>> {
    let (header, rest) = packet.split_at_checked(RECORD_HEADER)?;
    let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
    // RFC 7983 §7; a record of DTLS 1.3 may have another header (RFC 9147 §4).
    if !(20..=63).contains(&header[0]) {
        return None;
    }
    let epoch = u16::from_be_bytes([header[3], header[4]]);
    if header[0] != CONTENT_HANDSHAKE || header[1] != 0xfe || epoch != 0 {
        return Some(First::Other);
    }
    let body = rest.get(..len)?;
    let record = packet.get(..RECORD_HEADER + len)?;
    let (message, body) = body.split_at_checked(MESSAGE_HEADER)?;
    if message[0] != CLIENT_HELLO {
        return Some(First::Other);
    }
    let (length, offset, fragment) = (u24(&message[1..]), u24(&message[6..]), u24(&message[9..]));
    if offset != 0 || fragment != length {
        return Some(First::HelloFragment);
    }
    let body = body.get(..length)?;
    let session_at = 2 + RANDOM_LEN;
    let session_len = usize::from(*body.get(session_at)?);
    let cookie_at = session_at + 1 + session_len;
    let cookie_len = usize::from(*body.get(cookie_at)?);
    let after_at = cookie_at + 1 + cookie_len;
    Some(First::Hello(ClientHello {
        record,
        random: body.get(2..session_at)?,
        before: body.get(..cookie_at)?,
        cookie: body.get(cookie_at + 1..after_at)?,
        after: body.get(after_at..)?,
    }))
}

fn u24(bytes: &[u8]) -> usize {
    match bytes {
        [a, b, c, ..] => usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c),
        _ => 0,
    }
}

impl ClientHello<'_> {
    /// What a cookie has to vouch for besides the address: the client's parameters (RFC 6347 §4.2.1).
    pub(crate) fn parameters(&self) -> [&[u8]; 2] {
        [self.before, self.after]
    }

    /// The HelloVerifyRequest that answers it, under the record number of its own.
    pub(crate) fn verify_request(&self, cookie: &[u8]) -> Vec<u8> {
        let cookie_len = u8::try_from(cookie.len()).unwrap_or(0);
        let mut body = VERSION_1_0.to_vec();
        body.push(cookie_len);
        body.extend_from_slice(&cookie[..usize::from(cookie_len)]);
        let mut packet = vec![CONTENT_HANDSHAKE];
        packet.extend_from_slice(&VERSION_1_0);
        packet.extend_from_slice(&self.record[3..11]);
        message(&mut packet, HELLO_VERIFY_REQUEST, 0, &body);
        packet
    }

    /// The ClientHello that must have come before this one: the same without the cookie (RFC 6347 §4.2.1: "the client
    /// MUST use the same parameter values"). A session that has seen it, and has asked for a cookie, understands this one.
    pub(crate) fn without_cookie(&self) -> Vec<u8> {
        let mut body = self.before.to_vec();
        body.push(0);
        body.extend_from_slice(self.after);
        let mut packet = self.record[..3].to_vec();
        packet.extend_from_slice(&[0; 8]);
        message(&mut packet, CLIENT_HELLO, 0, &body);
        packet
    }
}

/// Appends length and content of a record that holds one whole handshake message.
fn message(packet: &mut Vec<u8>, kind: u8, number: u16, body: &[u8]) {
    // What is wrapped here came out of a record, whose length fits.
    let record_len = u16::try_from(body.len() + MESSAGE_HEADER).unwrap_or(u16::MAX);
    let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    packet.extend_from_slice(&record_len.to_be_bytes());
    packet.push(kind);
    packet.extend_from_slice(&length[1..]);
    packet.extend_from_slice(&number.to_be_bytes());
    packet.extend_from_slice(&[0; 3]);
    packet.extend_from_slice(&length[1..]);
    packet.extend_from_slice(body);
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ClientHello as a client would send it.
    pub(crate) fn client_hello(random: u8, cookie: &[u8]) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&[random; RANDOM_LEN]);
        body.push(0);
        body.push(cookie.len() as u8);
        body.extend_from_slice(cookie);
        body.extend_from_slice(&[0, 2, 0xc0, 0x2b, 1, 0]);
        let mut packet = vec![CONTENT_HANDSHAKE, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 7];
        message(&mut packet, CLIENT_HELLO, u16::from(!cookie.is_empty()), &body);
        packet
    }

    fn hello(packet: &[u8]) -> ClientHello<'_> {
        match first(packet) {
            First::Hello(hello) => hello,
            other => panic!("no ClientHello: {other:?}"),
        }
    }

    #[test]
    fn a_cookie_comes_and_goes() {
        let (bare, with) = (client_hello(9, b""), client_hello(9, b"cookie"));
        assert_eq!(hello(&bare).cookie, b"");
        assert_eq!(hello(&with).cookie, b"cookie");
        assert_eq!(hello(&bare).random, [9; 32]);
        assert_eq!(hello(&bare).parameters(), hello(&with).parameters());
        let again = hello(&with).without_cookie();
        // The same but for the number of the record, which is the first.
        assert_eq!(again[11..], bare[11..]);
        assert_eq!(again[3..11], [0; 8]);
    }

    #[test]
    fn the_answer_is_smaller_than_the_question() {
        let bare = client_hello(1, b"");
        let answer = hello(&bare).verify_request(&[7; 20]);
        assert_eq!(answer[3..11], bare[3..11], "the record number is the client's");
        assert_eq!(answer.len(), 13 + 12 + 3 + 20);
        assert!(answer.len() < bare.len());
        assert_eq!(first(&answer), First::Other);
    }

    #[test]
    fn kinds_of_first_records() {
        let hello = client_hello(1, b"");
        let changed = |at: usize, to: u8| {
            let mut packet = hello.clone();
            packet[at] = to;
            packet
        };
        for (what, packet, expected) in [
            ("nothing", vec![], First::Foreign),
            ("cut off", hello[..40].to_vec(), First::Foreign),
            ("RTP", changed(0, 0x80), First::Foreign),
            ("STUN", changed(0, 0), First::Foreign),
            ("an alert", changed(0, 21), First::Other),
            ("a later epoch", changed(4, 1), First::Other),
            ("a ServerHello", changed(13, 2), First::Other),
            ("the first fragment", changed(24, 40), First::HelloFragment),
            ("another fragment", changed(21, 1), First::HelloFragment),
            ("a session id beyond the end", changed(59, 250), First::Foreign),
        ] {
            assert_eq!(first(&packet), expected, "{what}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(mut packet in proptest::collection::vec(any::<u8>(), 0..200), shaped: bool) {
            if shaped && packet.len() > 25 {
                packet[..5].copy_from_slice(&[CONTENT_HANDSHAKE, 0xfe, 0xff, 0, 0]);
                packet[13] = CLIENT_HELLO;
            }
            if let First::Hello(hello) = first(&packet) {
                prop_assert!(hello.without_cookie().len() <= packet.len());
                let _ = hello.verify_request(&[0; 20]);
            }
        }
    }
}
