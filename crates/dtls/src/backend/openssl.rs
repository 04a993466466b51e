//! DTLS 1.2 by OpenSSL, its datagrams kept in memory.
//!
//! OpenSSL's timer reads the clock of the machine, and nobody can give it another; that is why this module is excepted
//! from the rule that pure crates know no clock. It decides only when a flight is sent again. Two of OpenSSL's functions
//! are not wrapped by any crate, hence the unsafe blocks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_long, c_uint, timeval};
use openssl::error::ErrorStack;
use openssl::srtp::SrtpProfileId;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslRef, SslSessionCacheMode,
    SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::X509StoreContextRef;
use openssl_sys as ffi;
use srtp::Suite;
use zeroize::Zeroizing;

use crate::keys::{EXPORTER_LABEL, material_len};
use crate::limits::{CHAIN_DEPTH_MAX, HANDSHAKE_PATIENCE, RETRANSMIT_FIRST, RETRANSMIT_MAX, TRANSMITS_MAX};
use crate::{Certificate, Event, Failure, Fingerprint, Identity, Keys, Role, Settings, Time};

/// Strongest first, as for SDES. The names are those of RFC 5764 §4.1.2 and RFC 7714 §14.2.
const PROFILES: &str =
    "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32";

/// Of what OpenSSL has by default those that others have, too, and that cost little.
const GROUPS: &str = "X25519:P-256:P-384";

/// OpenSSL's names for what `DTLSv1_get_timeout` and `DTLSv1_handle_timeout` do (they are macros).
const DTLS_CTRL_GET_TIMEOUT: c_int = 73;
const DTLS_CTRL_HANDLE_TIMEOUT: c_int = 74;

// SAFETY: the declaration is that of openssl/ssl.h, in all versions since 1.1.1.
unsafe extern "C" {
    fn DTLS_set_timer_cb(ssl: *mut ffi::SSL, cb: Option<extern "C" fn(*mut ffi::SSL, c_uint) -> c_uint>);
}

/// Microseconds until a flight is sent again, given those it has waited; zero at first.
extern "C" fn back_off(_: *mut ffi::SSL, waited_us: c_uint) -> c_uint {
    let us = |d: Duration| c_uint::try_from(d.as_micros()).unwrap_or(c_uint::MAX);
    match waited_us {
        0 => us(RETRANSMIT_FIRST),
        waited => waited.saturating_mul(2).min(us(RETRANSMIT_MAX)),
    }
}

/// What OpenSSL shares among the handshakes of one certificate: with and without cookies.
#[derive(Debug)]
pub(crate) struct Contexts {
    direct: SslContext,
    cookies: SslContext,
}

impl Contexts {
    pub(crate) fn new(identity: &Identity, settings: &Settings) -> Result<Self, ErrorStack> {
        let direct = context(identity, settings)?.build();
        let mut cookies = context(identity, settings)?;
        cookies.set_options(SslOptions::COOKIE_EXCHANGE);
        // The real cookie was checked before there was a session: this one only makes OpenSSL expect a second
        // ClientHello.
        cookies.set_cookie_generate_cb(|_, out| {
            out[0] = 0;
            Ok(1)
        });
        cookies.set_cookie_verify_cb(|_, _| true);
        Ok(Self {
            direct,
            cookies: cookies.build(),
        })
    }
}

fn context(identity: &Identity, settings: &Settings) -> Result<SslContextBuilder, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::dtls())?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_cipher_list(&settings.ciphers)?;
    builder.set_groups_list(GROUPS)?;
    builder.set_certificate(&identity.x509)?;
    builder.set_private_key(&identity.key)?;
    builder.check_private_key()?;
    builder.set_tlsext_use_srtp(PROFILES)?;
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION);
    builder.set_verify_depth(CHAIN_DEPTH_MAX);
    Ok(builder)
}

/// The network as OpenSSL sees it: each read and each write is one datagram.
#[derive(Debug, Default)]
struct Datagrams {
    incoming: Option<Box<[u8]>>,
    outgoing: VecDeque<Box<[u8]>>,
}

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.incoming.take().ok_or(ErrorKind::WouldBlock)?;
        let len = datagram.len().min(buffer.len());
        buffer[..len].copy_from_slice(&datagram[..len]);
        Ok(len)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        if self.outgoing.len() < TRANSMITS_MAX {
            self.outgoing.push_back(datagram.into());
        }
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Connected,
    Over,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    /// `None` if OpenSSL could not even begin.
    stream: Option<SslStream<Datagrams>>,
    role: Role,
    phase: Phase,
    give_up: Time,
    /// When OpenSSL wants to send its last flight again.
    again: Option<Time>,
    /// Set while the peer's certificate is verified.
    mismatch: Arc<AtomicBool>,
    events: VecDeque<Event>,
}

impl Session {
    pub(crate) fn new(
        contexts: &Contexts,
        mtu: usize,
        role: Role,
        expected: &[Fingerprint],
        cookie: bool,
        now: Time,
    ) -> Self {
        let mismatch = Arc::new(AtomicBool::new(false));
        let context = if cookie {
            &contexts.cookies
        } else {
            &contexts.direct
        };
        let opened = open(context, mtu, role, expected, &mismatch);
        let mut session = Self {
            stream: None,
            role,
            phase: Phase::Handshake,
            give_up: now + HANDSHAKE_PATIENCE,
            again: None,
            mismatch,
            events: VecDeque::new(),
        };
        match opened {
            Ok(stream) => session.stream = Some(stream),
            Err(error) => session.fail(Failure::Protocol(error.to_string())),
        }
        session
    }

    /// Takes a datagram; [`Session::advance`] reads it.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        if let Some(stream) = &mut self.stream {
            stream.get_mut().incoming = Some(bytes.into());
        }
    }

    /// Goes on until OpenSSL wants another datagram.
    pub(crate) fn advance(&mut self, now: Time) {
        while self.phase != Phase::Over && self.step() {}
        self.again = self
            .stream
            .as_ref()
            .and_then(|s| remaining(s.ssl()))
            .map(|d| now + d);
        if self.phase == Phase::Over {
            self.again = None;
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if self.phase == Phase::Handshake && now >= self.give_up {
            self.fail(Failure::Timeout);
        }
        if self.phase == Phase::Over || self.again.is_none_or(|at| now < at) {
            return;
        }
        let done = self.stream.as_mut().map(|stream| {
            let ssl = stream.ssl().as_ptr();
            // SAFETY: `ssl` is the session of `stream`, which lives and is borrowed exclusively; this control takes no
            // argument.
            unsafe { ffi::SSL_ctrl(ssl, DTLS_CTRL_HANDLE_TIMEOUT, 0, std::ptr::null_mut()) }
        });
        match done {
            Some(n) if n < 0 => self.fail(Failure::Timeout),
            _ => self.advance(now),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        match self.phase {
            Phase::Handshake => Some(self.again.unwrap_or(self.give_up).min(self.give_up)),
            Phase::Connected => self.again,
            Phase::Over => None,
        }
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Box<[u8]>> {
        self.stream.as_mut()?.get_mut().outgoing.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn close(&mut self, _now: Time) {
        if let Some(stream) = self.stream.as_mut().filter(|_| self.phase == Phase::Connected) {
            // It queues close_notify; whether the peer's comes is of no interest.
            let _ = stream.shutdown();
        }
        self.phase = Phase::Over;
        self.again = None;
    }

    fn fail(&mut self, failure: Failure) {
        self.phase = Phase::Over;
        self.again = None;
        self.events.push_back(Event::Failed(failure));
    }

    /// One step; `false` if there is nothing to do until something arrives.
    fn step(&mut self) -> bool {
        let Some(stream) = self.stream.as_mut() else {
            return false;
        };
        if self.phase == Phase::Handshake {
            match stream.do_handshake() {
                Ok(()) => self.connected(),
                Err(error) if is_pending(&error) => return false,
                Err(error) => {
                    let failure = if self.mismatch.load(Relaxed) {
                        Failure::Fingerprint
                    } else {
                        Failure::Protocol(text(&error))
                    };
                    self.fail(failure);
                }
            }
            return true;
        }
        // Nothing that arrives now is for us, but OpenSSL answers to flights that are sent again.
        let mut discarded = [0; 512];
        match stream.ssl_read(&mut discarded) {
            Ok(_) => true,
            Err(error) if is_pending(&error) => false,
            Err(_) => {
                self.phase = Phase::Over;
                self.events.push_back(Event::Closed);
                false
            }
        }
    }

    fn connected(&mut self) {
        match self.stream.as_ref().map(|s| harvest(s.ssl(), self.role)) {
            Some(Ok(event)) => {
                self.phase = Phase::Connected;
                self.events.push_back(event);
            }
            Some(Err(failure)) => self.fail(failure),
            None => {}
        }
    }
}

fn open(
    context: &SslContext,
    mtu: usize,
    role: Role,
    expected: &[Fingerprint],
    mismatch: &Arc<AtomicBool>,
) -> Result<SslStream<Datagrams>, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    ssl.set_mtu(u32::try_from(mtu).unwrap_or(u32::MAX))?;
    let (expected, mismatch) = (expected.to_vec(), Arc::clone(mismatch));
    // RFC 5763 §5: both sides show a certificate. Who signed it is of no interest.
    let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    ssl.set_verify_callback(mode, move |_, chain| {
        let fine = is_expected(chain, &expected);
        if !fine {
            mismatch.store(true, Relaxed);
        }
        fine
    });
    match role {
        Role::Client => ssl.set_connect_state(),
        Role::Server => ssl.set_accept_state(),
    }
    // SAFETY: `ssl` is a live session of ours, and `back_off` has the signature that OpenSSL declares for it and uses
    // nothing but its numbers.
    unsafe { DTLS_set_timer_cb(ssl.as_ptr(), Some(back_off)) };
    SslStream::new(ssl, Datagrams::default())
}

/// Whether the certificate that is being verified is one that was told. Only the peer's own counts, at depth 0.
fn is_expected(chain: &mut X509StoreContextRef, expected: &[Fingerprint]) -> bool {
    if expected.is_empty() || chain.error_depth() != 0 {
        return true;
    }
    let der = chain.current_cert().and_then(|c| c.to_der().ok());
    der.is_some_and(|der| Certificate::new(&der).is_one_of(expected))
}

/// What a finished handshake yields.
fn harvest(ssl: &SslRef, role: Role) -> Result<Event, Failure> {
    let internal = |e: ErrorStack| Failure::Protocol(e.to_string());
    let suite = ssl
        .selected_srtp_profile()
        .and_then(|p| suite_of(p.id()))
        .ok_or(Failure::Profile)?;
    let der = ssl
        .peer_certificate()
        .and_then(|c| c.to_der().ok())
        .ok_or_else(|| Failure::Protocol("no certificate".to_owned()))?;
    let mut material = Zeroizing::new(vec![0; material_len(suite)]);
    ssl.export_keying_material(&mut material, EXPORTER_LABEL, None)
        .map_err(internal)?;
    let keys = Keys::from_exported(suite, role, &material).ok_or(Failure::Profile)?;
    Ok(Event::Connected {
        keys,
        certificate: Certificate::new(&der),
    })
}

fn suite_of(profile: SrtpProfileId) -> Option<Suite> {
    let number = u16::try_from(profile.as_raw()).ok()?;
    Suite::all().find(|s| s.spec().dtls.is_some_and(|d| d.0 == number))
}

/// How long until OpenSSL's timer runs out, if it runs.
fn remaining(ssl: &SslRef) -> Option<Duration> {
    let mut left = timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    // SAFETY: the session lives, and `left` is what this control writes to, for the length of the call.
    let runs: c_long = unsafe {
        let out = std::ptr::from_mut(&mut left).cast();
        ffi::SSL_ctrl(ssl.as_ptr(), DTLS_CTRL_GET_TIMEOUT, 0, out)
    };
    let (secs, micros) = (u64::try_from(left.tv_sec), u64::try_from(left.tv_usec));
    match (runs, secs, micros) {
        (1, Ok(secs), Ok(micros)) => Some(Duration::from_secs(secs) + Duration::from_micros(micros)),
        _ => None,
    }
}

fn is_pending(error: &openssl::ssl::Error) -> bool {
    error.code() == ErrorCode::WANT_READ || error.code() == ErrorCode::WANT_WRITE
}

/// OpenSSL's reason in a few words.
fn text(error: &openssl::ssl::Error) -> String {
    let reasons = error.ssl_error().map(ErrorStack::errors).unwrap_or_default();
    let reason = reasons.iter().rev().find_map(openssl::error::Error::reason);
    reason.unwrap_or("the peer broke off").to_owned()
}
