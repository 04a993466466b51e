//! What is checked of any bytes, by the tests and by the fuzz targets: nothing panics, what is refused is unchanged,
//! what was taken once is not taken again, what we protect we can read.
//!
//! The first byte chooses the suite, the second the session parameters, the rest is the packet.

use srtp::{Cipher, MasterKey, Params, Protection, Receiver, Reject, Sender, State, Suite};

/// Parameters from two bytes, with keys that are always the same.
pub(crate) fn params(suite: u8, flags: u8) -> Params {
    let count = Suite::all().count();
    let suite = Suite::all().nth(usize::from(suite) % count);
    let suite = suite.unwrap_or(Suite::AesCm128HmacSha1_80);
    let spec = suite.spec();
    let protection = Protection {
        encrypt_rtp: flags & 1 == 0,
        encrypt_rtcp: flags & 2 == 0,
        authenticate_rtp: flags & 4 == 0 || spec.cipher == Cipher::AesGcm,
    };
    let key = |fill: u8, mki: &[u8]| {
        let bytes = vec![fill; spec.key_len + spec.salt_len];
        let key = MasterKey::joined(suite, &bytes).expect("the suite's length");
        if flags & 8 == 0 {
            key
        } else {
            key.with_mki(mki).expect("a usable length")
        }
    };
    let mut keys = vec![key(3, b"one!")];
    if flags & 8 != 0 {
        keys.push(key(5, b"two!"));
    }
    Params::new(keys, protection).expect("keys that fit each other")
}

/// Any bytes as an SRTP packet, and as an RTP packet.
pub(crate) fn srtp(bytes: &[u8]) {
    let Some((params, packet)) = split(bytes) else {
        return;
    };
    let authentic = params.protection().authenticate_rtp;
    let verified = |receiver: &mut Receiver, packet: &[u8]| receiver.verify_rtp(packet);
    received(&params, packet, Receiver::unprotect_rtp, verified, authentic);
    sent(&params, packet, Sender::protect_rtp, Receiver::unprotect_rtp);
}

/// Any bytes as an SRTCP packet, and as an RTCP packet.
pub(crate) fn srtcp(bytes: &[u8]) {
    let Some((params, packet)) = split(bytes) else {
        return;
    };
    let verified = |receiver: &mut Receiver, packet: &[u8]| receiver.verify_rtcp(packet);
    received(&params, packet, Receiver::unprotect_rtcp, verified, true);
    sent(&params, packet, Sender::protect_rtcp, Receiver::unprotect_rtcp);
}

/// Any bytes as exported state.
pub(crate) fn state(bytes: &[u8]) {
    let Ok(state) = State::from_bytes(bytes) else {
        return;
    };
    assert_eq!(state.to_bytes(), bytes, "one state has one form");
    let params = params(0, 0);
    let (mut sender, mut receiver) = (Sender::new(params.clone()), Receiver::new(params));
    sender.resume(&state);
    receiver.resume(&state);
    let mut packet = [0; 64];
    packet[0] = 0x80;
    if let Ok(len) = sender.protect_rtp(&mut packet, 32) {
        let _ = receiver.unprotect_rtp(&mut packet[..len]);
    }
    let _ = sender.protect_rtcp(&mut packet, 32);
}

fn split(bytes: &[u8]) -> Option<(Params, &[u8])> {
    match bytes {
        [suite, flags, packet @ ..] => Some((params(*suite, *flags), packet)),
        _ => None,
    }
}

type Unprotect = fn(&mut Receiver, &mut [u8]) -> Result<usize, Reject>;
type Verify = fn(&mut Receiver, &[u8]) -> Result<usize, Reject>;
type Protect = fn(&mut Sender, &mut [u8], usize) -> Result<usize, Reject>;

fn received(params: &Params, packet: &[u8], unprotect: Unprotect, verify: Verify, authentic: bool) {
    let mut receiver = Receiver::new(params.clone());
    let mut buf = packet.to_vec();
    let outcome = unprotect(&mut receiver, &mut buf);
    let mut witness = Receiver::new(params.clone());
    assert_eq!(verify(&mut witness, packet), outcome, "judged alike");
    assert!(witness.state() == receiver.state(), "counted alike");
    match outcome {
        Ok(len) => {
            assert!(len <= packet.len());
            let again = unprotect(&mut receiver, &mut packet.to_vec());
            assert_eq!(again, Err(Reject::Replayed), "authenticated: {authentic}");
        }
        Err(_) => {
            assert_eq!(buf, packet, "refused and changed");
            assert!(receiver.state() == Receiver::new(params.clone()).state());
        }
    }
}

fn sent(params: &Params, packet: &[u8], protect: Protect, unprotect: Unprotect) {
    let mut sender = Sender::new(params.clone());
    let mut buf = packet.to_vec();
    let tight = protect(&mut sender, &mut buf, packet.len());
    if sender.rtp_overhead() > 0 {
        assert!(tight.is_err(), "no room");
        assert_eq!(buf, packet, "refused and changed");
    } else if tight.is_ok() {
        return;
    }
    buf.resize(packet.len() + 256, 0xaa);
    if let Ok(len) = protect(&mut sender, &mut buf, packet.len()) {
        let mut receiver = Receiver::new(params.clone());
        let back = unprotect(&mut receiver, &mut buf[..len]);
        assert_eq!(back, Ok(packet.len()));
        assert_eq!(&buf[..packet.len()], packet);
    }
}
