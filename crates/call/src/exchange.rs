//! Media by media: the state of both sides after an exchange, and what is to be printed for the receiver.

use ng_protocol::{NgError, Settings};
use plan::Time;
use sdp::Text;

use crate::call::Call;
use crate::model::{Foreign, Legacy, Media, MediaId, PartyId, Passing};
use crate::negotiate::bundle::Section;
use crate::negotiate::said::Said;
use crate::negotiate::{
    Role, address, codec, dtls, extmap, ice, learning, mux, osrtp, ports, sdes, transport,
};
use crate::offer_answer::{Exchange, Takings};
use crate::rewrite::{Deal, Line};
use crate::{Env, Family};

impl Call {
    /// Every media of the body, in order, and what is to be printed for each of the receiver's.
    pub(crate) fn negotiate<'a>(
        &mut self,
        env: &mut dyn Env,
        exchange: &Exchange<'a>,
        said: Vec<Said<'a>>,
        takings: &mut Takings,
    ) -> Result<Vec<Line<'a>>, NgError> {
        self.warn_interfaces(exchange, takings);
        let said = osrtp::collapse(said, exchange.settings, |index| self.legacy(exchange.from, index));
        let mut sections = self.sections(exchange, said);
        self.bundle_sections(
            exchange.role,
            (exchange.from, exchange.to),
            exchange.session,
            &mut sections,
        );
        let mut lines: Vec<Line<'a>> = Vec::with_capacity(sections.len());
        for section in sections {
            let Section {
                source,
                sink,
                is_new,
                said,
            } = section;
            match sink {
                None => self.hear(source, &said),
                Some(sink) => {
                    let line = self.negotiate_media(env, exchange, takings, (source, sink, is_new), said)?;
                    lines.push(line);
                }
            }
        }
        self.finish_bundle(exchange.role, exchange.to, &mut lines);
        Ok(self.complete(exchange, lines))
    }

    /// The medias that each section is about, created where they are new.
    fn sections<'a>(&mut self, exchange: &Exchange<'a>, said: Vec<Said<'a>>) -> Vec<Section<'a>> {
        let mut sections = Vec::with_capacity(said.len());
        for (index, said) in said.into_iter().enumerate() {
            let source = self.source_media(exchange, index, &said);
            let hidden = exchange.role.is_offer() && is_removed(said.media, exchange.settings);
            let known = self.model.counterpart(source, exchange.to);
            let is_new = known.is_none() && !hidden;
            let sink = known.or_else(|| is_new.then(|| self.sink_media(exchange, source, &said)));
            sections.push(Section {
                source,
                sink,
                is_new,
                said,
            });
        }
        sections
    }

    /// The receiver's media in its own order: those of this body, and stand-ins for those it does not mention.
    fn complete<'a>(&self, exchange: &Exchange<'a>, mut lines: Vec<Line<'a>>) -> Vec<Line<'a>> {
        for id in &self.model.parties[exchange.to].medias {
            if !lines.iter().any(|l| l.media == *id) {
                let media = &self.model.medias[*id];
                let known = self.model.counterpart(*id, exchange.from).is_some();
                let alive = exchange.role == Role::Answer && known && !media.rejected;
                lines.push(Line::stand_in(*id, media, !alive));
            }
        }
        lines.sort_by_key(|l| self.model.medias[l.media].index);
        lines
    }

    /// The sender's media at this position.
    fn source_media(&mut self, exchange: &Exchange<'_>, index: usize, said: &Said<'_>) -> MediaId {
        match self.model.media_at(exchange.from, index) {
            Some(known) => known,
            None => {
                let index = self.model.parties[exchange.from].medias.len();
                self.new_media(exchange.now, exchange.from, index, said.media.kind.clone())
            }
        }
    }

    /// Whether the media at this position stood in two sections before.
    fn legacy(&self, party: PartyId, index: usize) -> Option<Legacy> {
        let media = self.model.media_at(party, index)?;
        self.model.medias[media].keying.legacy
    }

    /// A new media of the receiver, the other end of `source`.
    fn sink_media(&mut self, exchange: &Exchange<'_>, source: MediaId, said: &Said<'_>) -> MediaId {
        let index = self.model.parties[exchange.to].medias.len();
        let sink = self.new_media(exchange.now, exchange.to, index, said.media.kind.clone());
        self.model.medias[source].pairs.push(sink);
        self.model.medias[sink].pairs.push(source);
        sink
    }

    pub(crate) fn new_media(
        &mut self,
        now: Time,
        party: PartyId,
        index: usize,
        kind: sdp::MediaKind,
    ) -> MediaId {
        let (rtp, rtcp) = (self.new_stream(now), self.new_stream(now));
        let mut media = Media::new(party, index, kind, rtp, rtcp);
        media.learning.mode = self.config.learning;
        media.learning.strict = self.config.strict_source;
        let id = self.model.medias.insert(media);
        self.model.parties[party].medias.push(id);
        id
    }

    /// What the sender says of its own media.
    fn hear(&mut self, source: MediaId, said: &Said<'_>) {
        let media = &mut self.model.medias[source];
        media.kind = said.media.kind.clone();
        media.set_protocol(said.media.protocol, &said.media.protocol_text);
        media.formats_text = Text::new(&said.media.formats_text);
        media.codecs = said.codecs.clone();
        let receives = said.direction.recvs() && !said.null_address();
        media.direction = sdp::Direction::new(said.direction.sends(), receives);
        media.remote = said.remote;
        media.family = said.family.or(media.family);
        media.rejected = said.rejected;
        media.feedback = said.feedback || said.media.protocol.is_feedback();
        media.mid = said.mid.clone().or(media.mid.take());
        media.label = said.label.clone();
        media.ptime = said.ptime.or(media.ptime);
        media.ice.said = said.description.clone();
        media.extmaps = said.extmaps.clone();
        media.ssrcs = said.ssrcs();
        media.mixed = match (said.mixed, said.extmaps.is_empty()) {
            // A rejected media says nothing about header extensions.
            _ if said.rejected => media.mixed,
            (true, _) => Some(true),
            (false, false) => Some(false),
            (false, true) => None,
        };
        media.foreign = (!said.media.protocol.is_udp()).then(|| Foreign {
            connection: said.media.connection.as_ref().map(|c| Text::new(&c.text)),
            port: said.media.port,
        });
    }

    /// One media of the body: the state of both sides afterwards, and the line for the receiver.
    fn negotiate_media<'a>(
        &mut self,
        env: &mut dyn Env,
        exchange: &Exchange<'a>,
        takings: &mut Takings,
        (source, sink, is_new): (MediaId, MediaId, bool),
        said: Said<'a>,
    ) -> Result<Line<'a>, NgError> {
        let (role, settings) = (exchange.role, exchange.settings);
        self.hear(source, &said);
        let mut sender = self.take_media(source);
        let mut receiver = self.take_media(sink);
        transport::negotiate(
            &mut sender,
            &mut receiver,
            &said,
            settings.transport,
            role,
            is_new,
        );
        let twice = osrtp::negotiate(role, settings, &said, (&mut sender, &mut receiver), is_new);
        if is_new || receiver.protocol == sender.protocol {
            receiver.formats_text = sender.formats_text.clone();
        }
        receiver.foreign = sender.foreign.clone();
        if role.is_offer() {
            (sender.controlling, receiver.controlling) = (false, true);
        }
        let (sides, beside) = (
            (&mut sender.ice, &mut receiver.ice),
            sender.passing == Passing::Beside,
        );
        receiver.passing = ice::negotiate(role, &settings.ice, is_new, sides, beside);
        if role.is_offer() {
            receiver.kind = sender.kind.clone();
        }
        if is_new {
            receiver.direction = sender.direction.reversed();
        }
        if role.is_offer() {
            receiver.mid = receiver.mid.take().or_else(|| sender.mid.clone());
        }
        let mut deal = Deal {
            rejected: said.rejected,
            twice,
            ..Deal::default()
        };
        deal.rejected |= role == Role::Answer && receiver.rejected;
        self.negotiate_codecs(exchange, &said, &mut sender, &mut receiver, &mut deal);
        deal.mux = match role {
            Role::Offer => mux::offer(&mut sender.mux, &mut receiver.mux, said.mux, &settings.rtcp),
            Role::Answer => mux::answer(&mut sender.mux, &mut receiver.mux, said.mux.mux),
        };
        dtls::hear(role, settings, &self.config, &said, &mut sender);
        let sides = (&mut sender, &mut receiver);
        sdes::negotiate(role, settings, &said, sides, &mut deal, env.rng());
        learning::apply(&mut sender, &mut receiver, settings);
        let taken = self.take_ports(env, exchange, takings, (&mut sender, &mut receiver), &said, &deal);
        receiver.learning.public |= taken.is_ok();
        if taken.is_ok() && !deal.rejected {
            if role.is_offer() && sender.transport.is_none() {
                dtls::greet(&self.config, &mut sender);
            }
            deal.dtls = dtls::tell(role, settings, &self.config, &mut receiver, env.rng());
        }
        self.model.medias[source] = sender;
        self.model.medias[sink] = receiver;
        taken?;
        self.warn_address(source, takings);
        match role {
            Role::Offer => self.model.join(source, sink),
            Role::Answer => self.model.pair(source, sink),
        }
        Ok(Line {
            media: sink,
            said: Some(said),
            deal,
        })
    }

    /// Takes a media out of the model while two are negotiated against each other.
    fn take_media(&mut self, id: MediaId) -> Media {
        let media = &mut self.model.medias[id];
        let blank = Media::placeholder(media);
        std::mem::replace(media, blank)
    }

    fn negotiate_codecs(
        &self,
        exchange: &Exchange<'_>,
        said: &Said<'_>,
        sender: &mut Media,
        receiver: &mut Media,
        deal: &mut Deal,
    ) {
        let settings = exchange.settings;
        let picked = match exchange.role {
            Role::Offer => {
                let (told, masked) = extmap::offer(&said.extmaps, sender, &settings.extmap);
                (deal.extmaps, sender.masked) = (told, masked);
                extmap::renumber(&mut deal.extmaps, extmap::agreed(receiver));
                codec::offer(&said.codecs, &settings.codec)
            }
            Role::Answer => {
                deal.extmaps = extmap::answer(&said.extmaps, sender, receiver, &settings.extmap);
                codec::answer(&said.codecs, &sender.proposed, &settings.codec)
            }
        };
        match picked {
            Some(codecs) => deal.codecs = codecs,
            None => deal.rejected = true,
        }
        receiver.told_extmaps = deal.extmaps.clone();
        if exchange.role.is_offer() {
            receiver.proposed = deal.codecs.clone();
            if !self.model.parties[exchange.to].spoken {
                receiver.extmaps = deal.extmaps.clone();
            }
        }
    }

    /// Sockets on both sides: the receiver's are told in this body, the sender's in the other one.
    fn take_ports(
        &self,
        env: &mut dyn Env,
        exchange: &Exchange<'_>,
        takings: &mut Takings,
        (sender, receiver): (&mut Media, &mut Media),
        said: &Said<'_>,
        deal: &Deal,
    ) -> Result<(), NgError> {
        if deal.rejected || receiver.foreign.is_some() {
            // An answer may be followed by another one that accepts, at the ports that the offer named.
            if exchange.role.is_offer() {
                sender.sockets.clear();
                receiver.sockets.clear();
            }
            return Ok(());
        }
        let addressing = &exchange.settings.addressing;
        let name = |party: PartyId| self.model.parties[party].interface.clone();
        let (from, to) = (name(exchange.from), name(exchange.to));
        let by_name = address::family_by_name(&self.config, to.as_deref());
        let asked = addressing
            .address_family
            .filter(|_| exchange.role.is_offer() || receiver.family.is_none());
        let family = address::family(asked, by_name, receiver.family, sender.family);
        receiver.family = Some(family);
        let own = sender.family.unwrap_or(Family::V4);
        let locals = [
            address::local(&self.config, from.as_deref(), own, self.key.0),
            address::local(&self.config, to.as_deref(), family, self.key.0),
        ];
        let [Some(near), Some(far)] = locals else {
            return Err(NgError::Other("No usable interface".to_owned()));
        };
        let latching = exchange.settings.learning.port_latching;
        let latch = latching.unwrap_or(said.ice || receiver.ice.active) || !sender.receives();
        let want = |media: &Media, address, stands_for, latch| ports::Wanted {
            address,
            count: if media.protocol.is_rtp() && !media.mux.active {
                2
            } else {
                1
            },
            stands_for,
            latch,
            others: Vec::new(),
        };
        // The guests of a bundle need no ports.
        if sender.transport.is_none() {
            let other = receiver.remote.map(|r| r.rtp);
            let mut wanted = want(sender, near, other, true);
            if let Some(told) = sender.current().filter(|_| exchange.role == Role::Answer) {
                // An answer comes to the ports that the offer named, even if it takes rtcp-mux less literally.
                wanted.count = wanted.count.min(told.sockets.len() as u8);
            }
            if sender.ice.active {
                wanted.others = address::others(&self.config, from.as_deref(), near, self.key.0);
            }
            ports::settle(sender, wanted, env, &mut takings.sockets)?;
        }
        if receiver.transport.is_none() {
            // What the sender has bundled comes from where the bundle does, whatever port its section names.
            let carrier = sender
                .transport
                .and_then(|carrier| self.model.medias[carrier].remote);
            let mut wanted = want(receiver, far, carrier.or(said.remote).map(|r| r.rtp), latch);
            if receiver.ice.active || receiver.passing.is_on() {
                wanted.others = address::others(&self.config, to.as_deref(), far, self.key.0);
            }
            ports::settle(receiver, wanted, env, &mut takings.sockets)?;
        } else if exchange.role.is_offer() && self.model.parties[exchange.to].bundling.confirmed {
            // Nor those they had before it was agreed (RFC 8843 §7.3.3).
            receiver.sockets.clear();
        }
        Ok(())
    }

    fn warn_address(&self, source: MediaId, takings: &mut Takings) {
        let media = &self.model.medias[source];
        let local = media
            .current()
            .and_then(|s| self.config.interfaces.address(s.address))
            .map(|a| a.ip);
        let (Some(remote), Some(local)) = (media.signalled(), local) else {
            return;
        };
        if !remote.is_unspecified() && address::is_forbidden(&self.config, local, remote) {
            takings
                .warnings
                .push(format!("nothing is sent to media address {remote}"));
        }
    }

    fn warn_interfaces(&self, exchange: &Exchange<'_>, takings: &mut Takings) {
        let interfaces = &exchange.settings.addressing.interfaces;
        for name in [&interfaces.from, &interfaces.to].into_iter().flatten() {
            if !address::is_known(&self.config, name) {
                takings
                    .warnings
                    .push(format!("no interface named '{name}', using the default"));
            }
        }
    }
}

/// Whether `sdp-media-remove` hides this media from the receiver.
fn is_removed(media: &sdp::Media, settings: &Settings) -> bool {
    settings
        .sdp
        .media_remove
        .iter()
        .any(|kind| media.kind_text.eq_ignore_ascii_case(kind))
}
