//! Who does the protocol: OpenSSL, or where that was asked for and can be, dimpl.

use std::sync::Arc;

use ::openssl::error::ErrorStack;

use crate::{Config, Event, Fingerprint, Identity, Library, Role, Settings, Time};

#[cfg(feature = "dimpl")]
mod dimpl;
#[allow(unsafe_code)]
mod openssl;

/// What handshakes with one certificate share.
#[derive(Debug)]
pub(crate) struct Contexts {
    openssl: openssl::Contexts,
    #[cfg(feature = "dimpl")]
    dimpl: Option<dimpl::Context>,
}

impl Contexts {
    pub(crate) fn new(identity: &Identity, settings: &Settings) -> Result<Self, ErrorStack> {
        let openssl = openssl::Contexts::new(identity, settings)?;
        match settings.library {
            Library::Openssl => Ok(Self {
                openssl,
                #[cfg(feature = "dimpl")]
                dimpl: None,
            }),
            #[cfg(feature = "dimpl")]
            Library::Dimpl { origin, versions } => Ok(Self {
                openssl,
                dimpl: dimpl::Context::new(identity, settings, origin, versions)?,
            }),
        }
    }
}

/// One session.
#[derive(Debug)]
pub(crate) enum Session {
    Openssl(openssl::Session),
    #[cfg(feature = "dimpl")]
    Dimpl(Box<dimpl::Session>),
}

macro_rules! each {
    ($self:ident, $session:ident => $do:expr) => {
        match $self {
            Session::Openssl($session) => $do,
            #[cfg(feature = "dimpl")]
            Session::Dimpl($session) => $do,
        }
    };
}

impl Session {
    /// A new one. With `cookie` it is made for a client that has shown a cookie of ours, which is something between
    /// OpenSSL and us.
    pub(crate) fn new(
        config: &Arc<Config>,
        role: Role,
        expected: &[Fingerprint],
        cookie: bool,
        now: Time,
    ) -> Self {
        #[cfg(feature = "dimpl")]
        if let Some(context) = config.contexts.dimpl.as_ref().filter(|_| !cookie) {
            return Self::Dimpl(Box::new(dimpl::Session::new(context, role, expected, now)));
        }
        let contexts = &config.contexts.openssl;
        Self::Openssl(openssl::Session::new(
            contexts, config.mtu, role, expected, cookie, now,
        ))
    }

    /// Takes a datagram; [`Session::advance`] reads it.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        each!(self, session => session.receive(bytes));
    }

    /// Goes on until another datagram is wanted.
    pub(crate) fn advance(&mut self, now: Time) {
        each!(self, session => session.advance(now));
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        each!(self, session => session.handle_timeout(now));
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        each!(self, session => session.poll_timeout())
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Box<[u8]>> {
        each!(self, session => session.poll_transmit())
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        each!(self, session => session.poll_event())
    }

    pub(crate) fn close(&mut self, now: Time) {
        each!(self, session => session.close(now));
    }
}
