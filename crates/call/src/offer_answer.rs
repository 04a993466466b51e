//! An offer or an answer on its way through: read, find the parties, negotiate, print for the other side.

use std::net::SocketAddr;

use ng_protocol::{AnswerArgs, NgError, OfferArgs, Settings, Tos};
use plan::{SocketId, Time};
use sdp::{ParseOptions, Sdp, Session, Value};

use crate::call::{Call, SdpReply};
use crate::limits::MEDIAS_MAX;
use crate::model::PartyId;
use crate::negotiate::Role;
use crate::negotiate::said::Said;
use crate::{Env, SdpDirection};

/// One body on its way.
pub(crate) struct Exchange<'a> {
    pub(crate) now: Time,
    pub(crate) role: Role,
    pub(crate) from: PartyId,
    pub(crate) to: PartyId,
    pub(crate) session: &'a Session,
    pub(crate) settings: &'a Settings,
    pub(crate) body: &'a [u8],
}

/// What is taken while a command runs: sockets to give back if it fails, and what the controller should know.
#[derive(Default)]
pub(crate) struct Takings {
    pub(crate) sockets: Vec<SocketId>,
    pub(crate) warnings: Vec<String>,
}

impl Call {
    pub(crate) fn run_offer(
        &mut self,
        now: Time,
        env: &mut dyn Env,
        args: &OfferArgs,
    ) -> Result<SdpReply, NgError> {
        let settings = &args.settings;
        if settings.dialogue.fragment {
            return self.run_fragment(now, &args.from_tag, &args.sdp);
        }
        let sdp = self.parse(&args.sdp)?;
        let session = sdp.sessions.first().ok_or(NgError::BadSdp)?;
        if settings.dialogue.loop_protect && self.is_marked(session) {
            return Ok(SdpReply {
                sdp: args.sdp.clone(),
                ..SdpReply::default()
            });
        }
        let said = self.read(session, settings)?;
        let (from, to) = self.parties_of_offer(now, args, first_endpoint(session))?;
        if let Some(tos) = settings.addressing.tos {
            self.tos = match tos {
                Tos::Set(tos) => Some(tos),
                Tos::Keep | Tos::Default => None,
            };
        }
        self.remember(from, to, settings, true);
        if settings.dialogue.reset {
            self.reset_knowledge(from, to);
        }
        self.model.parties[from].sdp_hash = Some(crate::dialogue::fingerprint(&args.sdp));
        let exchange = Exchange {
            now,
            role: Role::Offer,
            from,
            to,
            session,
            settings,
            body: &args.sdp,
        };
        self.exchange(env, &exchange, said)
    }

    pub(crate) fn run_answer(
        &mut self,
        now: Time,
        env: &mut dyn Env,
        args: &AnswerArgs,
    ) -> Result<SdpReply, NgError> {
        let settings = &args.settings;
        if settings.dialogue.fragment {
            return self.run_fragment(now, &args.to_tag, &args.sdp);
        }
        let sdp = self.parse(&args.sdp)?;
        let session = sdp.sessions.first().ok_or(NgError::BadSdp)?;
        if settings.dialogue.loop_protect && self.is_marked(session) {
            return Ok(SdpReply {
                sdp: args.sdp.clone(),
                ..SdpReply::default()
            });
        }
        let said = self.read(session, settings)?;
        let (from, to) = self.parties_of_answer(now, args)?;
        self.remember(from, to, settings, false);
        self.answered = true;
        let exchange = Exchange {
            now,
            role: Role::Answer,
            from,
            to,
            session,
            settings,
            body: &args.sdp,
        };
        self.exchange(env, &exchange, said)
    }

    fn parse(&self, body: &[u8]) -> Result<Sdp, NgError> {
        if body.is_empty() {
            return Err(NgError::NoSdp);
        }
        let options = ParseOptions {
            reject_blank_line: self.config.reject_invalid_sdp,
        };
        Sdp::parse_with(body, options).map_err(|_| NgError::BadSdp)
    }

    /// Everything that can be wrong with a body is found before anything changes.
    fn read<'a>(&self, session: &'a Session, settings: &Settings) -> Result<Vec<Said<'a>>, NgError> {
        if session.medias.len() > MEDIAS_MAX {
            return Err(NgError::Other("Too many media descriptions".to_owned()));
        }
        let read = |media| Said::read(session, media, settings, &self.config);
        session.medias.iter().map(read).collect()
    }

    /// Whether a body carries our own loop-protect mark.
    fn is_marked(&self, session: &Session) -> bool {
        session.attributes.iter().any(
            |a| matches!(&a.parsed, Value::Marker(id) if id.as_bytes() == self.config.instance_id.as_bytes()),
        )
    }

    /// What the two parties and the call keep beyond this exchange.
    fn remember(&mut self, from: PartyId, to: PartyId, settings: &Settings, offer: bool) {
        let interfaces = &settings.addressing.interfaces;
        for (party, name) in [(from, &interfaces.from), (to, &interfaces.to)] {
            let kept = &mut self.model.parties[party].interface;
            if let Some(name) = name.as_ref().filter(|_| offer || kept.is_none()) {
                *kept = Some(name.clone());
            }
        }
        if offer {
            self.model.parties[from].bundling.note_offered(&settings.bundle);
            self.model.parties[to].bundling.note_offering(&settings.bundle);
        }
        for (party, label) in [(from, &settings.label), (to, &settings.to_label)] {
            if let Some(label) = label {
                self.model.parties[party].label = Some(label.clone());
            }
        }
        if let Some(metadata) = &settings.metadata {
            self.metadata = Some(metadata.clone());
        }
        if let Some(on) = settings.rtcp.generate {
            self.generate_rtcp = on;
        }
        if let Some(on) = settings.media.drop_traffic {
            self.drop_traffic = on;
        }
    }

    fn exchange<'a>(
        &mut self,
        env: &mut dyn Env,
        exchange: &Exchange<'a>,
        said: Vec<Said<'a>>,
    ) -> Result<SdpReply, NgError> {
        let mut takings = Takings::default();
        let result = self.negotiate(env, exchange, said, &mut takings);
        let lines = match result {
            Ok(lines) => lines,
            Err(error) => {
                // COMPAT(rtpengine): a call that runs out of ports is over.
                env.ports().release(&takings.sockets);
                self.fail(exchange.now);
                return Err(error);
            }
        };
        self.settle_ice(env, exchange);
        let sdp = self.print(exchange, &lines);
        self.model.parties[exchange.from].spoken = true;
        self.last_signal = exchange.now;
        let (tag_in, tag_out) = match exchange.role {
            Role::Offer => (SdpDirection::OfferIn, SdpDirection::OfferOut),
            Role::Answer => (SdpDirection::AnswerIn, SdpDirection::AnswerOut),
        };
        self.apply_recording(exchange.now, env, exchange.settings);
        self.record_sdp(exchange.now, tag_in, exchange.from, exchange.body);
        self.record_sdp(exchange.now, tag_out, exchange.to, &sdp);
        self.install(exchange.now);
        self.drive_ice(exchange.now);
        self.drive_dtls(exchange.now);
        Ok(SdpReply {
            sdp,
            recordings: self.recordings(),
            warnings: takings.warnings,
        })
    }
}

/// Address and port of the first media (`alias-key=address`).
fn first_endpoint(session: &Session) -> Option<SocketAddr> {
    let media = session.medias.first()?;
    let connection = media.connection.as_ref().or(session.connection.as_ref())?;
    Some(SocketAddr::new(connection.address.ip?, media.port))
}
