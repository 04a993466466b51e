//! RFC 5769 §2.1 to §2.3 (§2.4 is about long-term credentials), and what must not pass.

use std::net::SocketAddr;

use super::{Class, ErrorCode, Key, Malformed, Message, TransactionId, Writer, attr};

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const ID: [u8; 12] = [
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
];

const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff\
    80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
const RESPONSE_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
    000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
const RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa\
    a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn request() {
    let bytes = bytes(REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.is_binding()), (Class::Request, true));
    assert_eq!(message.transaction(), TransactionId(ID));
    assert_eq!(message.software(), Some(&b"STUN test client"[..]));
    assert_eq!(message.priority(), Some(0x6e00_01ff));
    assert_eq!(message.controlled(), Some(0x932f_f9b1_5126_3b36));
    assert_eq!(message.controlling(), None);
    assert_eq!(message.username(), Some(&b"evtj:h6vY"[..]));
    assert!(!message.use_candidate());
    assert!(message.verify_integrity(&Key::new(PASSWORD)));
    assert!(message.verify_fingerprint());
}

#[test]
fn responses() {
    for (hex, mapped) in [
        (RESPONSE_V4, "192.0.2.1:32853"),
        (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let bytes = bytes(hex);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.class(), Class::Success);
        assert_eq!(message.xor_mapped_address(), Some(mapped.parse().unwrap()));
        assert_eq!(message.software(), Some(&b"test vector"[..]));
        assert!(message.verify_integrity(&Key::new(PASSWORD)), "{mapped}");
        assert!(message.verify_fingerprint(), "{mapped}");
    }
}

/// The response again, written by us, differs from the RFC's only in its padding byte (a blank there).
#[test]
fn written_as_the_vectors_are_read() {
    for (hex, mapped) in [
        (RESPONSE_V4, "192.0.2.1:32853"),
        (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let key = Key::new(PASSWORD);
        let (expect, mut buf) = (bytes(hex), [0; 128]);
        let mut writer = Writer::new(&mut buf, Class::Success, TransactionId(ID));
        let address: SocketAddr = mapped.parse().unwrap();
        writer
            .software("test vector")
            .xor_mapped_address(address, TransactionId(ID));
        let len = writer.finish(Some(&key)).unwrap();
        let covered = len - 32;
        assert_eq!(buf[..35], expect[..35], "{mapped}");
        assert_eq!(buf[36..covered], expect[36..covered], "{mapped}");
        let message = Message::parse(&buf[..len]).unwrap();
        assert!(message.verify_integrity(&key) && message.verify_fingerprint());
    }
}

/// Any flipped bit is noticed by FINGERPRINT, and any before it by MESSAGE-INTEGRITY too, if it parses at all.
#[test]
fn every_bit_counts() {
    let (good, key) = (bytes(REQUEST), Key::new(PASSWORD));
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let Ok(message) = Message::parse(&bad) else {
            continue;
        };
        assert!(!message.verify_fingerprint(), "bit {bit}");
        let covered = bit / 8 < good.len() - 8;
        assert!(!covered || !message.verify_integrity(&key), "bit {bit}");
    }
    let message = Message::parse(&good).unwrap();
    assert!(!message.verify_integrity(&Key::new(b"VOkJxbRl1RmTxUk/WvJxBu")));
}

#[test]
fn malformed() {
    let good = bytes(REQUEST);
    for len in 0..good.len() {
        assert!(Message::parse(&good[..len]).is_err(), "{len} bytes");
    }
    let with = |at: usize, value: u8| {
        let mut bad = good.clone();
        bad[at] = value;
        Message::parse(&bad).map(|_| ()).unwrap_err()
    };
    assert_eq!(with(0, 0x80), Malformed::NotStun);
    assert_eq!(with(4, 0x20), Malformed::NotStun);
    assert_eq!(with(3, 0x57), Malformed::Length);
    assert_eq!(with(3, 0x5c), Malformed::Length);
    assert_eq!(with(good.len() - 5, 0x08), Malformed::Attribute);
}

#[test]
fn what_stands_behind_the_integrity_is_nobodys_word() {
    let (key, mut buf) = (Key::new(b"p"), [0; 128]);
    let mut writer = Writer::new(&mut buf, Class::Request, TransactionId(ID));
    writer.priority(7);
    let len = writer.finish(Some(&key)).unwrap() - 8;
    let mut bytes = buf[..len].to_vec();
    bytes.extend([0x00, 0x25, 0, 0, 0x00, 0x24, 0, 4, 0, 0, 0, 9]);
    bytes[3] = u8::try_from(bytes.len() - 20).unwrap();
    let message = Message::parse(&bytes).unwrap();
    assert!(message.verify_integrity(&key));
    assert!(!message.use_candidate());
    assert_eq!(message.priority(), Some(7));
    assert!(!message.verify_fingerprint());
}

#[test]
fn errors_and_unknown_attributes() {
    for code in [
        ErrorCode::BadRequest,
        ErrorCode::Unauthenticated,
        ErrorCode::UnknownAttribute,
        ErrorCode::RoleConflict,
    ] {
        let mut buf = [0; 128];
        let mut writer = Writer::new(&mut buf, Class::Error, TransactionId(ID));
        writer.error(code).unknown_attributes(&[0x7001, 0x7002]);
        let len = writer.finish(None).unwrap();
        let message = Message::parse(&buf[..len]).unwrap();
        assert_eq!(message.error_code(), Some(code.number()));
        assert_eq!((message.class(), message.has_integrity()), (Class::Error, false));
    }
    let mut buf = [0; 128];
    let mut writer = Writer::new(&mut buf, Class::Request, TransactionId(ID));
    writer
        .attribute(0x7001, b"abc")
        .attribute(0x8001, b"")
        .attribute(0x7fff, b"");
    writer.nomination(5).use_candidate();
    let len = writer.finish(None).unwrap();
    let message = Message::parse(&buf[..len]).unwrap();
    assert!(message.unknown_required().eq([0x7001, 0x7fff]));
    assert_eq!((message.nomination(), message.use_candidate()), (Some(5), true));
    assert_eq!(
        message
            .attributes()
            .find(|(k, _)| *k == attr::NOMINATION)
            .map(|a| a.1.len()),
        Some(4)
    );
}

#[test]
fn a_buffer_too_small_is_refused() {
    for room in 0..76 {
        let mut buf = vec![0; room];
        let mut writer = Writer::new(&mut buf, Class::Request, TransactionId(ID));
        writer.username("abcd", "efgh").priority(1);
        let len = writer.finish(Some(&Key::new(b"p")));
        assert_eq!(len, None, "{room}");
    }
}
