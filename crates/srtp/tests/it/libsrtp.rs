//! The other implementation: every suite that Debian's libsrtp2 does as the RFCs say (all but f8 and AES-192), byte for
//! byte and both ways.
//!
//! The library is looked for when the test runs. Without it the test says so, and fails if `CI=true`.

use std::ffi::{CStr, c_int, c_uint, c_ulong, c_void};
use std::ptr::null_mut;
use std::sync::OnceLock;

use srtp::{Cipher, Params, Protection, Receiver, Sender, Suite};

use crate::support::{key, protect_rtcp, protect_rtp, rtcp, rtp, unprotect_rtcp, unprotect_rtp};

/// `srtp_crypto_policy_t`.
#[repr(C)]
#[derive(Clone, Copy)]
struct CryptoPolicy {
    cipher: u32,
    cipher_key_len: c_int,
    auth: u32,
    auth_key_len: c_int,
    auth_tag_len: c_int,
    services: c_uint,
}

/// `srtp_master_key_t`.
#[repr(C)]
struct Master {
    key: *mut u8,
    mki: *mut u8,
    mki_len: c_uint,
}

/// `srtp_policy_t`.
#[repr(C)]
struct Policy {
    ssrc_type: c_uint,
    ssrc: c_uint,
    rtp: CryptoPolicy,
    rtcp: CryptoPolicy,
    key: *mut u8,
    keys: *mut *mut Master,
    keys_len: c_ulong,
    deprecated: *mut c_void,
    window_len: c_ulong,
    allow_repeats: c_int,
    encrypted_extensions: *mut c_int,
    encrypted_extensions_len: c_int,
    next: *mut Policy,
}

const ANY_INBOUND: c_uint = 2;
const ANY_OUTBOUND: c_uint = 3;
const CONFIDENTIALITY: c_uint = 1;
const AUTHENTICATION: c_uint = 2;

type Init = unsafe extern "C" fn() -> c_int;
type Create = unsafe extern "C" fn(*mut *mut c_void, *const Policy) -> c_int;
type Dealloc = unsafe extern "C" fn(*mut c_void) -> c_int;
type Protect = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int, c_uint, c_uint) -> c_int;
type Unprotect = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int, c_uint) -> c_int;

struct Library {
    create: Create,
    dealloc: Dealloc,
    protect: Protect,
    unprotect: Unprotect,
    protect_rtcp: Protect,
    unprotect_rtcp: Unprotect,
}

fn library() -> Option<&'static Library> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    let library = LIBRARY.get_or_init(load).as_ref();
    if library.is_none() {
        eprintln!("left out: there is no libsrtp2.so.1 (Debian: libsrtp2-1)");
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "libsrtp2.so.1 is missing"
        );
    }
    library
}

fn load() -> Option<Library> {
    // SAFETY: a name that ends in zero; the library's initialisers are those of any program that links with it.
    let handle = unsafe { libc::dlopen(c"libsrtp2.so.1".as_ptr(), libc::RTLD_NOW) };
    if handle.is_null() {
        return None;
    }
    let symbol = |name: &CStr| {
        // SAFETY: the handle is open and never closed; the name ends in zero.
        let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
        assert!(!found.is_null(), "{name:?} is missing");
        found
    };
    // SAFETY: the types are those of version 2's <srtp2/srtp.h>.
    unsafe {
        let init: Init = std::mem::transmute(symbol(c"srtp_init"));
        assert_eq!(init(), 0, "srtp_init");
        Some(Library {
            create: std::mem::transmute::<*mut c_void, Create>(symbol(c"srtp_create")),
            dealloc: std::mem::transmute::<*mut c_void, Dealloc>(symbol(c"srtp_dealloc")),
            protect: std::mem::transmute::<*mut c_void, Protect>(symbol(c"srtp_protect_mki")),
            unprotect: std::mem::transmute::<*mut c_void, Unprotect>(symbol(c"srtp_unprotect_mki")),
            protect_rtcp: std::mem::transmute::<*mut c_void, Protect>(symbol(c"srtp_protect_rtcp_mki")),
            unprotect_rtcp: std::mem::transmute::<*mut c_void, Unprotect>(symbol(c"srtp_unprotect_rtcp_mki")),
        })
    }
}

/// One of its sessions, in one direction.
struct Peer {
    library: &'static Library,
    session: *mut c_void,
    mki: bool,
}

/// Numbers of `srtp_cipher_type_id_t`; `None` for what it does not do.
fn cipher(suite: Suite) -> Option<u32> {
    let spec = suite.spec();
    match (spec.cipher, spec.key_len) {
        (Cipher::Null, _) => Some(0),
        (Cipher::AesCm, 16) => Some(1),
        // It derives the session keys of AES-192 with AES-256, from key and salt filled up with zeros (2.5.0), where
        // RFC 6188 §3 says AES-192.
        (Cipher::AesCm, 24) => None,
        (Cipher::AesCm, _) => Some(5),
        (Cipher::AesGcm, 16) => Some(6),
        (Cipher::AesGcm, _) => Some(7),
        (Cipher::AesF8, _) => None,
    }
}

fn crypto_policy(suite: Suite, tag_len: usize, encrypt: bool, authenticate: bool) -> CryptoPolicy {
    let spec = suite.spec();
    let aead = spec.cipher == Cipher::AesGcm;
    let mut services = if authenticate { AUTHENTICATION } else { 0 };
    if encrypt && spec.cipher != Cipher::Null {
        services |= CONFIDENTIALITY;
    }
    CryptoPolicy {
        cipher: cipher(suite).expect("a suite that it knows"),
        cipher_key_len: (spec.key_len + spec.salt_len) as c_int,
        // SRTP_HMAC_SHA1, SRTP_NULL_AUTH.
        auth: if aead || !authenticate { 0 } else { 3 },
        auth_key_len: if aead || !authenticate { 0 } else { 20 },
        auth_tag_len: if authenticate { tag_len as c_int } else { 0 },
        services,
    }
}

impl Peer {
    fn new(params: &Params, direction: c_uint) -> Option<Self> {
        let library = library()?;
        let master = &params.keys()[0];
        let (suite, protection) = (master.suite(), params.protection());
        let spec = suite.spec();
        // The same bytes as `support::key` makes.
        let mut bytes: Vec<u8> = (0..spec.key_len + spec.salt_len)
            .map(|n| 1u8.wrapping_add(n as u8).wrapping_mul(37))
            .collect();
        let mut mki = master.mki().to_vec();
        let mut one = Master {
            key: bytes.as_mut_ptr(),
            mki: mki.as_mut_ptr(),
            mki_len: mki.len() as c_uint,
        };
        let mut list = [&raw mut one];
        let policy = Policy {
            ssrc_type: direction,
            ssrc: 0,
            rtp: crypto_policy(
                suite,
                spec.rtp_tag_len,
                protection.encrypt_rtp,
                protection.authenticate_rtp,
            ),
            rtcp: crypto_policy(suite, spec.rtcp_tag_len, protection.encrypt_rtcp, true),
            key: if mki.is_empty() {
                bytes.as_mut_ptr()
            } else {
                null_mut()
            },
            keys: if mki.is_empty() {
                null_mut()
            } else {
                list.as_mut_ptr()
            },
            keys_len: u64::from(!mki.is_empty()) as c_ulong,
            deprecated: null_mut(),
            window_len: 512,
            allow_repeats: 0,
            encrypted_extensions: null_mut(),
            encrypted_extensions_len: 0,
            next: null_mut(),
        };
        let mut session = null_mut();
        // SAFETY: policy, keys and identifiers live until the call returns, and it copies them.
        let status = unsafe { (library.create)(&raw mut session, &raw const policy) };
        assert_eq!(status, 0, "srtp_create for {suite:?}");
        Some(Self {
            library,
            session,
            mki: !mki.is_empty(),
        })
    }

    fn protect(&self, function: Protect, packet: &[u8]) -> Vec<u8> {
        let mut buf = Aligned::new(packet);
        let mut len = packet.len() as c_int;
        // SAFETY: the session is alive; behind the packet there is more room than any trailer takes.
        let status = unsafe {
            function(
                self.session,
                buf.pointer(),
                &raw mut len,
                c_uint::from(self.mki),
                0,
            )
        };
        assert_eq!(status, 0, "protecting {} bytes", packet.len());
        buf.bytes(len)
    }

    fn unprotect(&self, function: Unprotect, packet: &[u8]) -> Result<Vec<u8>, c_int> {
        let mut buf = Aligned::new(packet);
        let mut len = packet.len() as c_int;
        // SAFETY: the session is alive, and the buffer holds the packet.
        let status = unsafe { function(self.session, buf.pointer(), &raw mut len, c_uint::from(self.mki)) };
        if status == 0 {
            Ok(buf.bytes(len))
        } else {
            Err(status)
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // SAFETY: the session was created by this library and is not used again.
        unsafe { (self.library.dealloc)(self.session) };
    }
}

/// A packet with room behind it, aligned as the library wants it.
struct Aligned(Vec<u64>);

impl Aligned {
    fn new(packet: &[u8]) -> Self {
        let mut words = vec![0; (packet.len() + 256) / 8 + 1];
        for (word, chunk) in words.iter_mut().zip(packet.chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_ne_bytes(bytes);
        }
        Self(words)
    }

    fn pointer(&mut self) -> *mut c_void {
        self.0.as_mut_ptr().cast()
    }

    fn bytes(&self, len: c_int) -> Vec<u8> {
        let all = self.0.iter().flat_map(|word| word.to_ne_bytes());
        all.take(usize::try_from(len).expect("a length")).collect()
    }
}

fn known() -> impl Iterator<Item = Suite> {
    Suite::all().filter(|suite| cipher(*suite).is_some())
}

/// All session parameters that it can express, with and without a key identifier.
fn variants(suite: Suite) -> Vec<Params> {
    let mut variants = Vec::new();
    for bits in 0..16 {
        let protection = Protection {
            encrypt_rtp: bits & 1 == 0,
            encrypt_rtcp: bits & 2 == 0,
            authenticate_rtp: bits & 4 == 0,
        };
        let mut master = key(suite, 1);
        if bits & 8 != 0 {
            master = master.with_mki(b"mki1").expect("four bytes");
        }
        variants.extend(Params::new(vec![master], protection));
    }
    variants
}

fn spec(params: &Params) -> &'static srtp::Spec {
    params.keys()[0].suite().spec()
}

/// Headers with and without CSRC and extension, payloads around the block length.
fn packet(n: u64) -> Vec<u8> {
    let len = [0, 1, 15, 16, 17, 33, 160, 172, 1000, 1400][(n % 10) as usize];
    let mut packet = rtp(0xcafe_babe, n, len);
    if n % 3 == 1 {
        packet[0] |= 0x12;
        let middle = [0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0];
        packet.splice(12..12, middle);
    }
    packet
}

#[test]
fn srtp_is_the_same_and_read_both_ways() {
    // With GCM it encrypts SRTP also where only a tag was asked for.
    let tag_only_gcm = |p: &Params| spec(p).cipher == Cipher::AesGcm && !p.protection().encrypt_rtp;
    for params in known().flat_map(variants).filter(|p| !tag_only_gcm(p)) {
        let what = format!("{:?} {:?}", params.keys()[0], params.protection());
        let Some(outbound) = Peer::new(&params, ANY_OUTBOUND) else {
            return;
        };
        let inbound = Peer::new(&params, ANY_INBOUND).expect("as before");
        let (mut sender, mut receiver) = (Sender::new(params.clone()), Receiver::new(params.clone()));
        // Across a turn, with jumps and packets out of order.
        let numbers = (65_500..65_600).chain([65_620, 65_610, 65_615, 90_000, 120_000, 140_000]);
        for n in numbers {
            let plain = packet(n);
            let theirs = outbound.protect(outbound.library.protect, &plain);
            let ours = protect_rtp(&mut sender, &plain);
            assert_eq!(ours, theirs, "{what}, number {n}");
            assert_eq!(
                unprotect_rtp(&mut receiver, &theirs),
                Ok(plain.clone()),
                "{what}, {n}"
            );
            let read = inbound.unprotect(inbound.library.unprotect, &ours);
            assert_eq!(read, Ok(plain), "{what}, number {n}");
            if params.protection().authenticate_rtp {
                assert!(inbound.unprotect(inbound.library.unprotect, &ours).is_err());
            }
        }
    }
}

#[test]
fn srtcp_is_the_same_and_read_both_ways() {
    for params in known().flat_map(variants) {
        let what = format!("{:?} {:?}", params.keys()[0], params.protection());
        let Some(outbound) = Peer::new(&params, ANY_OUTBOUND) else {
            return;
        };
        let inbound = Peer::new(&params, ANY_INBOUND).expect("as before");
        let (mut sender, mut receiver) = (Sender::new(params.clone()), Receiver::new(params.clone()));
        // It looks for the key identifier of SRTCP where that of SRTP stands, before a tag of SRTP's length.
        let rtp_tag = if params.protection().authenticate_rtp {
            spec(&params).rtp_tag_len
        } else {
            0
        };
        let misread = !params.keys()[0].mki().is_empty() && rtp_tag != spec(&params).rtcp_tag_len;
        // Ours begins at index 0 (RFC 3711 §3.2.1), theirs at 1.
        let first = protect_rtcp(&mut sender, &rtcp(5, 0));
        let read = inbound.unprotect(inbound.library.unprotect_rtcp, &first);
        assert!(misread || read == Ok(rtcp(5, 0)), "{what}, index 0: {read:?}");
        for n in 1..40 {
            let mut plain = rtcp(5, n);
            plain.extend((0..n % 7 * 4).map(|b| b as u8));
            let theirs = outbound.protect(outbound.library.protect_rtcp, &plain);
            let ours = protect_rtcp(&mut sender, &plain);
            assert_eq!(ours, theirs, "{what}, index {n}");
            assert_eq!(
                unprotect_rtcp(&mut receiver, &theirs),
                Ok(plain.clone()),
                "{what}, {n}"
            );
            let read = inbound.unprotect(inbound.library.unprotect_rtcp, &ours);
            assert!(misread || read == Ok(plain), "{what}, index {n}");
        }
    }
}

/// The layouts above are those of the header: sizes on a 64-bit machine.
#[test]
fn layouts_are_those_of_the_header() {
    if size_of::<usize>() == 8 {
        assert_eq!((size_of::<CryptoPolicy>(), size_of::<Policy>()), (24, 128));
    }
}
