//! RFC 7714 §16, §17: the vectors start from session keys.

use super::*;
use crate::frame::{ENCRYPTED, Shape};
use crate::gcm::Gcm;
use crate::transform::Salt;
use crate::vectors::hex;
use crate::{Params, Suite};

const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070
                   61727465 73207472 6573";
const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef
                    deadbeef deadbeef deadbeef";
/// ROC 0, sequence number of the header.
const RTP_INDEX: u64 = 0xf17b;
const RTCP_INDEX: u32 = 0x5d4;

fn session(suite: Suite, protection: Protection) -> (Session, Shape) {
    let key: Vec<u8> = (0u8..).take(suite.spec().key_len).collect();
    let salt = hex("51756964 2070726f 2071756f");
    let master = MasterKey::new(suite, &key, &salt).expect("the suite's lengths");
    let transform = || Transform::Gcm {
        gcm: Box::new(Gcm::new(&key).expect("a key")),
        salt: Salt(
            salt.iter()
                .fold(0, |number, byte| number << 8 | u128::from(*byte)),
        ),
    };
    let session = Session {
        mki: Vec::new(),
        protection,
        rtp: transform(),
        rtcp: transform(),
    };
    let params = Params::new(vec![master], protection).expect("one key");
    (session, Shape::new(&params))
}

const fn encrypted(yes: bool) -> Protection {
    Protection {
        encrypt_rtp: yes,
        encrypt_rtcp: yes,
        authenticate_rtp: true,
    }
}

#[test]
fn rtp_is_sealed_and_opened_as_published() {
    let (long, tag_only) = (
        "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f
         1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        [RTP, "a866d591 0f887463 067ceefe c45215d4"].concat(),
    );
    let short = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
                 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
    for (suite, protection, expect) in [
        (Suite::AeadAes128Gcm, encrypted(true), short),
        (Suite::AeadAes256Gcm, encrypted(true), long),
        (Suite::AeadAes256Gcm, encrypted(false), &tag_only),
    ] {
        let (session, shape) = session(suite, protection);
        let plain = hex(RTP);
        let mut buf = plain.clone();
        buf.resize(plain.len() + shape.rtp_overhead(), 0);
        let at = RtpAt {
            header_len: 12,
            body_end: plain.len(),
            trailer: shape.rtp(plain.len()),
            ssrc: 0x5501_a0b2,
        };
        session.encrypt_rtp(&mut buf, at, RTP_INDEX).expect("it fits");
        assert_eq!(buf, hex(expect), "{suite:?}, {protection:?}");
        assert_eq!(
            session.verify_rtp(&buf, at, &[7, RTP_INDEX], None),
            Some(RTP_INDEX)
        );
        session.decrypt_rtp(&mut buf, at, RTP_INDEX).expect("it is whole");
        assert_eq!(buf[..plain.len()], plain);
    }
}

#[test]
fn rtcp_is_sealed_and_opened_as_published() {
    let short = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
                 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
    let long = "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be
                8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";
    let tag_only = [RTCP, "841dd968 3dd78ec9 2ae58790 125f62b3 000005d4"].concat();
    for (suite, protection, expect) in [
        (Suite::AeadAes128Gcm, encrypted(true), short),
        (Suite::AeadAes256Gcm, encrypted(true), long),
        (Suite::AeadAes128Gcm, encrypted(false), &tag_only),
    ] {
        let (session, shape) = session(suite, protection);
        let plain = hex(RTCP);
        let mut buf = plain.clone();
        buf.resize(plain.len() + shape.rtcp_overhead(), 0);
        let at = RtcpAt {
            body_end: plain.len(),
            trailer: shape.rtcp(plain.len()),
            ssrc: 0x4d61_7273,
            word: RTCP_INDEX | if protection.encrypt_rtcp { ENCRYPTED } else { 0 },
        };
        session.encrypt_rtcp(&mut buf, at).expect("it fits");
        assert_eq!(buf, hex(expect), "{suite:?}, {protection:?}");
        assert_eq!(session.verify_rtcp(&buf, at, None), Some(()));
        session.decrypt_rtcp(&mut buf, at).expect("it is whole");
        assert_eq!(buf[..plain.len()], plain);
    }
}
