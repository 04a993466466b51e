//! One `m=` section.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use codecs::Format;
use ng_protocol::{RtcpAttribute, Settings};
use sdp::{Attribute, Text, Treatment, Value};

use super::attributes::Attributes;
use super::crypto::print_keying;
use super::{Deal, Line, push, push_bandwidths, push_parts};
use crate::Family;
use crate::call::Call;
use crate::model::{BundleOffer, Media, Passing};
use crate::negotiate::said::{MUX_ONLY, Said};
use crate::offer_answer::Exchange;
use crate::text;

impl Call {
    pub(crate) fn print_media(&self, exchange: &Exchange<'_>, line: &Line<'_>, out: &mut Vec<u8>) {
        let media = &self.model.medias[line.media];
        let mut attributes = Attributes::of_media(&exchange.settings.sdp.attributes, &media.kind);
        match &line.said {
            Some(said) if !line.deal.rejected && (media.foreign.is_some() || media.passing.is_on()) => {
                print_verbatim(exchange, said, media, &mut attributes, out);
                if media.passing.is_on() && said.ice {
                    self.print_passing_candidates(exchange, said, media, &mut attributes, out);
                }
                attributes.add(out);
            }
            _ => self.print_generated(exchange, line, media, &mut attributes, out),
        }
    }

    fn print_generated(
        &self,
        exchange: &Exchange<'_>,
        line: &Line<'_>,
        media: &Media,
        attributes: &mut Attributes<'_>,
        out: &mut Vec<u8>,
    ) {
        let settings = exchange.settings;
        let (said, deal) = (line.said.as_ref(), &line.deal);
        let carrier = self.carrier(media);
        let port = match self.is_portless(exchange, line, media) {
            true => 0,
            false => carrier.rtp_port(),
        };
        push_parts(
            out,
            'm',
            &[
                media.kind.name().as_bytes(),
                b" ",
                itoa::Buffer::new().format(port).as_bytes(),
                b" ",
                protocol_name(deal, media).as_bytes(),
                b" ",
                &format_list(deal, media),
            ],
        );
        for info in said.iter().flat_map(|s| &s.media.info) {
            push(out, 'i', info);
        }
        let address = self.address_to_print(exchange, line, media);
        let (family, host) = (sdp::addr_type(address), text::address(address));
        push_parts(out, 'c', &["IN ", family, " ", &host]);
        push_bandwidths(out, said.map_or(&[], |s| &s.media.bandwidths));
        if let Some(mid) = mid_to_print(media, settings) {
            attributes.generate(out, &["mid:", &mid.to_string()]);
        }
        if let Some(label) = said.and_then(|s| s.label.as_ref()) {
            attributes.generate(out, &["label:", &label.to_string()]);
        }
        if exchange.role.is_offer() && media.transport.is_some() {
            attributes.generate(out, &["bundle-only"]);
        }
        if deal.rejected {
            return;
        }
        print_codecs(&deal.codecs, attributes, out);
        print_extmaps(deal, media, attributes, out);
        if let Some(said) = said {
            // Who insists on rtcp-mux does so in an offer that has it, and there only (RFC 8858 §3).
            let offers_mux = deal.mux && exchange.role.is_offer();
            let generic = is_generic(media);
            let wanted = |a: &Attribute| {
                let copied = is_copied(a, settings) || generic && is_left_alone(a);
                copied && (offers_mux || a.name != MUX_ONLY)
            };
            copy_attributes(said, wanted, attributes, out);
        }
        if !settings.sdp.original_sendrecv && !is_generic(media) {
            attributes.generate(out, &[self.direction_to_print(line, media).name()]);
        }
        print_rtcp(
            settings,
            deal.mux,
            exchange.role.is_offer(),
            carrier,
            address,
            attributes,
            out,
        );
        print_keying(deal, settings, attributes, out);
        if let Some(ptime) = said.and_then(|s| s.ptime).or(media.ptime) {
            attributes.generate(out, &["ptime:", itoa::Buffer::new().format(ptime)]);
        }
        if let Some(maxptime) = said.and_then(|s| s.maxptime) {
            attributes.generate(out, &["maxptime:", itoa::Buffer::new().format(maxptime)]);
        }
        if !deal.silent {
            self.print_ice(exchange, carrier, attributes, out);
        }
        attributes.add(out);
    }

    /// Port zero: rejected, or offered as bundled and nothing else (RFC 8843 §7.2.1).
    fn is_portless(&self, exchange: &Exchange<'_>, line: &Line<'_>, media: &Media) -> bool {
        let bundling = &self.model.parties[exchange.to].bundling;
        let strict = bundling.offer == BundleOffer::Strict && !bundling.confirmed && exchange.role.is_offer();
        line.deal.rejected || line.deal.silent || strict && media.transport.is_some()
    }

    /// What the sender says of itself; a media it does not mention keeps what its other end said.
    fn direction_to_print(&self, line: &Line<'_>, media: &Media) -> sdp::Direction {
        match &line.said {
            Some(said) => {
                let receives = said.direction.recvs() && !said.null_address();
                sdp::Direction::new(said.direction.sends(), receives)
            }
            None => media.direction.reversed(),
        }
    }

    /// Our address; the unspecified one for a rejected media and for one on hold in the old form.
    fn address_to_print(&self, exchange: &Exchange<'_>, line: &Line<'_>, media: &Media) -> IpAddr {
        let null = match media.family.unwrap_or(Family::V4) {
            Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let held = line.said.as_ref().is_some_and(Said::null_address);
        if line.deal.rejected || line.deal.silent || held && !exchange.settings.sdp.replace.zero_address {
            return null;
        }
        if let Some(told) = exchange.settings.addressing.media_address {
            return told;
        }
        let local = self
            .carrier(media)
            .current()
            .and_then(|s| self.config.interfaces.address(s.address));
        local.map_or(null, |a| a.advertised)
    }
}

/// A section that passes as it came (other transports than UDP, `ICE=force-relay`), or nearly so (`ICE=optional`). There
/// is never a session-level `c=`, so one that was inherited is written out.
fn print_verbatim(
    exchange: &Exchange<'_>,
    said: &Said<'_>,
    media: &Media,
    attributes: &mut Attributes<'_>,
    out: &mut Vec<u8>,
) {
    let beside = media.passing == Passing::Beside;
    if beside {
        let mut port = itoa::Buffer::new();
        let of = said.media;
        let (port, protocol) = (port.format(media.rtp_port()), of.protocol_text.as_bytes());
        let parts = [&of.kind_text, port.as_bytes(), protocol, &of.formats_text];
        push(out, 'm', &parts.map(|part: &[u8]| part).join(&b' '));
    } else {
        push(out, 'm', &said.media.text);
    }
    for info in &said.media.info {
        push(out, 'i', info);
    }
    let own = said.media.connection.as_ref();
    match exchange.settings.addressing.media_address {
        // COMPAT(rtpengine): without `media-address` the sender's stays, which whoever does ICE does not look at.
        Some(told) if beside => {
            let (family, host) = (sdp::addr_type(told), text::address(told));
            push_parts(out, 'c', &["IN ", family, " ", &host]);
        }
        _ => own
            .or(exchange.session.connection.as_ref())
            .into_iter()
            .for_each(|connection| push(out, 'c', &connection.text)),
    }
    push_bandwidths(out, &said.media.bandwidths);
    for attribute in &said.media.attributes {
        attributes.copy(out, &attribute.text);
    }
}

fn protocol_name<'a>(deal: &Deal, media: &'a Media) -> Cow<'a, str> {
    match media.keying.legacy.filter(|_| deal.plain) {
        Some(legacy) => Cow::Borrowed(legacy.plain().name().unwrap_or_default()),
        None => media.protocol_name(),
    }
}

/// The payload types; else the list as it came; else `0`. That of a rejected media is not looked at.
pub(super) fn format_list<'a>(deal: &Deal, media: &'a Media) -> Cow<'a, [u8]> {
    let as_it_came = &media.formats_text;
    if deal.rejected {
        return Cow::Borrowed(as_it_came);
    }
    if deal.codecs.is_empty() {
        return Cow::Borrowed(if as_it_came.is_empty() { b"0" } else { as_it_came });
    }
    let mut list = Vec::with_capacity(deal.codecs.len() * 4);
    for (at, format) in deal.codecs.iter().enumerate() {
        if at > 0 {
            list.push(b' ');
        }
        list.extend_from_slice(itoa::Buffer::new().format(format.payload_type).as_bytes());
    }
    Cow::Owned(list)
}

fn print_codecs(codecs: &[Format], attributes: &mut Attributes<'_>, out: &mut Vec<u8>) {
    for format in codecs {
        let spec = &format.spec;
        let [mut pt, mut clock_rate, mut channels] = [itoa::Buffer::new(); 3];
        let (pt, clock_rate) = (pt.format(format.payload_type), clock_rate.format(spec.clock_rate));
        let map = [
            "rtpmap:",
            pt,
            " ",
            &spec.name,
            "/",
            clock_rate,
            "/",
            channels.format(spec.channels),
        ];
        let shown = if spec.channels > 1 { &map[..] } else { &map[..6] };
        attributes.generate(out, shown);
        if let Some(fmtp) = format.fmtp.as_ref().filter(|f| !f.is_empty()) {
            attributes.generate(out, &["fmtp:", pt, " ", fmtp]);
        }
        for fb in &format.rtcp_fb {
            attributes.generate(out, &["rtcp-fb:", pt, " ", fb]);
        }
    }
}

fn print_extmaps(deal: &Deal, media: &Media, attributes: &mut Attributes<'_>, out: &mut Vec<u8>) {
    if !deal.extmaps.is_empty() && media.mixed != Some(false) {
        attributes.generate(out, &["extmap-allow-mixed"]);
    }
    for extmap in &deal.extmaps {
        attributes.generate(out, &[&extmap_text(extmap)]);
    }
}

/// The sender's lines that mean nothing to us.
fn copy_attributes(
    said: &Said<'_>,
    wanted: impl Fn(&Attribute) -> bool,
    attributes: &mut Attributes<'_>,
    out: &mut Vec<u8>,
) {
    let copied = || {
        let lines = said.media.attributes.iter();
        lines.filter(|a| wanted(a))
    };
    // COMPAT(rtpengine): feedback for all payload types goes before what else is copied.
    let feedback = |a: &&Attribute| matches!(a.parsed, Value::RtcpFb(_));
    for attribute in copied().filter(feedback).chain(copied().filter(|a| !feedback(a))) {
        attributes.copy(out, &attribute.text);
    }
}

/// The receiver's own mid if it has one: those of an answer must be those of the offer (RFC 8843 §7.3).
fn mid_to_print(media: &Media, settings: &Settings) -> Option<Text> {
    let generated = || {
        settings
            .sdp
            .generate_mid
            .then(|| Text::from((media.index + 1).to_string()))
    };
    media.mid.clone().or_else(generated)
}

fn extmap_text(extmap: &sdp::Extmap) -> String {
    let direction = extmap.direction.map(|d| format!("/{d}")).unwrap_or_default();
    let parameters = extmap
        .parameters
        .as_ref()
        .map(|p| format!(" {p}"))
        .unwrap_or_default();
    format!("extmap:{}{direction} {}{parameters}", extmap.id, extmap.uri)
}

/// Whether a media is datagrams of a protocol that we do not know (`UDP/DTLS/SCTP`): they pass as they are, and so does
/// what their description says of how they are protected.
fn is_generic(media: &Media) -> bool {
    matches!(media.protocol, sdp::Protocol::Unknown { .. })
}

fn is_left_alone(attribute: &Attribute) -> bool {
    matches!(
        attribute.parsed,
        Value::Direction(_) | Value::Setup(_) | Value::Fingerprint(_) | Value::TlsId(_)
    )
}

fn is_copied(attribute: &Attribute, settings: &Settings) -> bool {
    match attribute.parsed {
        Value::Direction(_) => settings.sdp.original_sendrecv,
        _ => attribute.treatment() != Treatment::Consumed,
    }
}

fn print_rtcp(
    settings: &Settings,
    mux: bool,
    offer: bool,
    media: &Media,
    address: IpAddr,
    attributes: &mut Attributes<'_>,
    out: &mut Vec<u8>,
) {
    if !media.protocol.is_rtp() {
        return;
    }
    let shared = mux && (!offer || media.mux.active);
    let port = if shared {
        media.rtp_port()
    } else {
        media.rtcp_port()
    };
    let mut digits = itoa::Buffer::new();
    let port = digits.format(port);
    match settings.rtcp.attribute {
        RtcpAttribute::None => {}
        RtcpAttribute::Port => attributes.generate(out, &["rtcp:", port]),
        RtcpAttribute::Full => {
            let (family, host) = (sdp::addr_type(address), text::address(address));
            attributes.generate(out, &["rtcp:", port, " IN ", family, " ", &host]);
        }
    }
    if mux {
        attributes.generate(out, &["rtcp-mux"]);
    }
}
