//! DTLS 1.2 and 1.3 by dimpl, whose time is the caller's: for simulations, and for peers with DTLS 1.3.
//!
//! It knows neither RSA nor the SRTP profile with the short tag. A certificate with an RSA key is left to OpenSSL.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::crypto::rust_crypto;
use dimpl::{Config as Dimpl, Dtls, DtlsCertificate, Error, Output, SrtpProfile};
use openssl::error::ErrorStack;
use openssl::pkey::Id;
use srtp::Suite;
use zeroize::Zeroizing;

use crate::limits::{HANDSHAKE_PATIENCE, RETRANSMIT_FIRST, TRANSMITS_MAX};
use crate::{Certificate, Event, Failure, Fingerprint, Identity, Keys, Role, Settings, Time, Versions};

/// Transmissions of a flight after the first.
const RETRIES: usize = 8;
/// Records are packed into no less than this.
const BUFFER_BYTES: usize = 2048;

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Context {
    config: Arc<Dimpl>,
    certificate: DtlsCertificate,
    versions: Versions,
    /// The moment that is zero in our time.
    origin: Instant,
}

impl Context {
    /// `None` if the certificate is of a kind that dimpl does not know.
    pub(crate) fn new(
        identity: &Identity,
        settings: &Settings,
        origin: Instant,
        versions: Versions,
    ) -> Result<Option<Self>, ErrorStack> {
        if identity.key.id() != Id::EC {
            return Ok(None);
        }
        let builder = Dimpl::builder()
            .mtu(settings.mtu)
            .flight_start_rto(RETRANSMIT_FIRST)
            .flight_retries(RETRIES)
            .handshake_timeout(HANDSHAKE_PATIENCE)
            // Whoever gets here has shown that it receives what is sent to it.
            .use_server_cookie(false)
            .with_crypto_provider(rust_crypto::default_provider());
        let Ok(config) = builder.build() else {
            return Ok(None);
        };
        Ok(Some(Self {
            config: Arc::new(config),
            certificate: DtlsCertificate {
                certificate: identity.certificate().der().to_vec(),
                private_key: identity.key.private_key_to_pkcs8()?,
            },
            versions,
            origin,
        }))
    }
}

/// One session.
pub(crate) struct Session {
    dtls: Option<Dtls>,
    role: Role,
    origin: Instant,
    expected: Vec<Fingerprint>,
    incoming: Option<Box<[u8]>>,
    outgoing: VecDeque<Box<[u8]>>,
    certificate: Option<Certificate>,
    material: Option<(Suite, Zeroizing<Vec<u8>>)>,
    connected: bool,
    closed: bool,
    due: Option<Time>,
    events: VecDeque<Event>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("role", &self.role)
            .field("connected", &self.connected)
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(context: &Context, role: Role, expected: &[Fingerprint], now: Time) -> Self {
        let begin = match context.versions {
            Versions::Only12 => Dtls::new_12,
            Versions::Only13 => Dtls::new_13,
            Versions::Both => Dtls::new_auto,
        };
        let config = Arc::clone(&context.config);
        let mut session = Self {
            dtls: None,
            role,
            origin: context.origin,
            expected: expected.to_vec(),
            incoming: None,
            outgoing: VecDeque::new(),
            certificate: None,
            material: None,
            connected: false,
            closed: false,
            due: None,
            events: VecDeque::new(),
        };
        let mut dtls = begin(config, context.certificate.clone(), session.instant(now));
        dtls.set_active(role == Role::Client);
        session.dtls = Some(dtls);
        session
    }

    fn instant(&self, time: Time) -> Instant {
        self.origin + Duration::from_micros(time.as_micros())
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.incoming = Some(bytes.into());
    }

    pub(crate) fn advance(&mut self, now: Time) {
        let incoming = self.incoming.take();
        self.turn(now, incoming.as_deref());
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if self.due.is_some_and(|due| due <= now) {
            self.turn(now, None);
        }
    }

    /// Tells it the time, gives it a packet, and takes whatever it has to say.
    fn turn(&mut self, now: Time, packet: Option<&[u8]>) {
        let at = self.instant(now);
        let Some(mut dtls) = self.dtls.take() else {
            return;
        };
        let done = dtls.handle_timeout(at).and_then(|()| {
            self.drain(&mut dtls);
            packet.map_or(Ok(()), |packet| dtls.handle_packet(packet))
        });
        self.drain(&mut dtls);
        if let Err(error) = done {
            return self.fail(match error {
                Error::Timeout(_) => Failure::Timeout,
                Error::ConnectionClosed if self.connected => return self.over(),
                other => Failure::Protocol(other.to_string()),
            });
        }
        self.dtls = Some(dtls);
        self.settle();
    }

    fn drain(&mut self, dtls: &mut Dtls) {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match dtls.poll_output(&mut buffer) {
                Output::Packet(packet) if self.outgoing.len() < TRANSMITS_MAX => {
                    self.outgoing.push_back(packet.into());
                }
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                Output::PeerCert(der) => self.certificate = Some(Certificate::new(der)),
                Output::KeyingMaterial(material, profile) => {
                    let material = Zeroizing::new(material.to_vec());
                    self.material = suite_of(profile).map(|suite| (suite, material));
                }
                Output::CloseNotify => self.closed = true,
                Output::Timeout(at) => {
                    let since = at.saturating_duration_since(self.origin);
                    // Up, or the timer would be found not to have run out yet.
                    let micros = u64::try_from(since.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
                    self.due = Some(Time::from_micros(micros));
                    return;
                }
                // Connected comes with the keys; nothing else is for us.
                _ => {}
            }
        }
    }

    /// Draws the conclusions: the wrong certificate ends it, the keys complete it.
    fn settle(&mut self) {
        if let (false, Some(certificate)) = (self.expected.is_empty(), &self.certificate)
            && !certificate.is_one_of(&self.expected)
        {
            return self.fail(Failure::Fingerprint);
        }
        if let (Some(certificate), Some((suite, material))) = (&self.certificate, self.material.take()) {
            let Some(keys) = Keys::from_exported(suite, self.role, &material) else {
                return self.fail(Failure::Profile);
            };
            self.connected = true;
            self.events.push_back(Event::Connected {
                keys,
                certificate: certificate.clone(),
            });
        }
        if self.closed {
            self.over();
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.dtls = None;
        self.due = None;
        self.events.push_back(Event::Failed(failure));
    }

    fn over(&mut self) {
        self.dtls = None;
        self.due = None;
        self.events.push_back(Event::Closed);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.due
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Box<[u8]>> {
        self.outgoing.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn close(&mut self, _now: Time) {
        if let Some(mut dtls) = self.dtls.take() {
            // It may refuse in the middle of a handshake; then there is nobody to tell.
            let _ = dtls.close();
            self.drain(&mut dtls);
        }
        self.due = None;
    }
}

fn suite_of(profile: SrtpProfile) -> Option<Suite> {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Some(Suite::AesCm128HmacSha1_80),
        SrtpProfile::AEAD_AES_128_GCM => Some(Suite::AeadAes128Gcm),
        SrtpProfile::AEAD_AES_256_GCM => Some(Suite::AeadAes256Gcm),
        _ => None,
    }
}
