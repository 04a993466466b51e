//! ICE in what a party is told: our credentials and candidates, or our candidates among those of another party.

use std::net::IpAddr;

use ice::{Agent, Component, Local, LocalCandidate, Role};
use sdp::{CandidateType, Value};

use super::attributes::Attributes;
use crate::call::Call;
use crate::connectivity::foundation;
use crate::model::{Media, Passing};
use crate::negotiate::ice::preference_beside;
use crate::negotiate::said::Said;
use crate::offer_answer::Exchange;
use crate::text;

impl Call {
    /// Everything of ICE, of a media with an agent.
    pub(crate) fn print_ice(
        &self,
        exchange: &Exchange<'_>,
        media: &Media,
        attributes: &mut Attributes<'_>,
        out: &mut Vec<u8>,
    ) {
        // COMPAT(rtpengine): what is bundled repeats what its carrier says.
        let media = self.carrier(media);
        let Some(agent) = &media.ice.agent else { return };
        let credentials = agent.credentials();
        attributes.generate(out, &["ice-ufrag:", credentials.ufrag()]);
        attributes.generate(out, &["ice-pwd:", credentials.pwd()]);
        print_options(exchange, media, attributes, out);
        let completed = agent.is_completed();
        let told = exchange.settings.addressing.media_address;
        for local in agent.locals_by_component() {
            // RFC 8839 §4.4.1.2: once it is decided, only what was selected.
            let selected = agent.selected(local.component).map(|route| route.local);
            if !completed || selected == Some(local.bound) {
                print_candidate(&local, told, attributes, out);
            }
        }
        if completed && exchange.role.is_offer() && agent.role() == Role::Controlling {
            print_remote_candidates(agent, attributes, out);
        }
        if media.ice.trickle {
            attributes.generate(out, &["end-of-candidates"]);
        }
    }

    /// Our own among the candidates of a section that passes as it came.
    pub(crate) fn print_passing_candidates(
        &self,
        exchange: &Exchange<'_>,
        said: &Said<'_>,
        media: &Media,
        attributes: &mut Attributes<'_>,
        out: &mut Vec<u8>,
    ) {
        let (kind, type_preference) = match media.passing {
            Passing::Relay => (CandidateType::Relay, 0),
            _ => (CandidateType::Host, 126),
        };
        let priorities = said.media.attributes.iter().filter_map(|a| match &a.parsed {
            Value::Candidate(c) if c.kind == kind && c.component == 1 => Some(c.priority),
            _ => None,
        });
        let (type_preference, local_preference) = preference_beside(priorities, type_preference);
        let Some(set) = media.current() else { return };
        let components = if media.mux.active { 1 } else { 2 };
        for component in 0..components {
            for (index, (address, sockets)) in (0u32..).zip(set.addresses()) {
                let (Some(local), Some(foundation), Some(socket)) = (
                    self.config.interfaces.address(address),
                    foundation(&self.config, address),
                    sockets.get(component),
                ) else {
                    continue;
                };
                let ip = exchange
                    .settings
                    .addressing
                    .media_address
                    .unwrap_or(local.advertised);
                let component = component as u32 + 1;
                // COMPAT(rtpengine): further addresses come one step lower each, whatever that leads to.
                let preference = local_preference.wrapping_sub(index);
                let priority = type_preference << 24 | preference << 8 | (256 - component);
                let (port, foundation) = (socket.addr.port(), foundation.as_str());
                let mut line =
                    format!("candidate:{foundation} {component} UDP {priority} {ip} {port} typ {kind}");
                if media.passing == Passing::Relay {
                    line += &format!(" raddr {ip} rport {port}");
                }
                attributes.generate(out, &[&line]);
            }
        }
    }
}

fn print_options(exchange: &Exchange<'_>, media: &Media, attributes: &mut Attributes<'_>, out: &mut Vec<u8>) {
    let renomination = media.ice.said.as_ref().is_some_and(|said| said.renomination);
    let options = [
        (media.ice.trickle, "trickle"),
        (exchange.settings.ice.ice2, "ice2"),
        (renomination, "renomination"),
    ];
    let on: Vec<&str> = options
        .into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, name)| name)
        .collect();
    if !on.is_empty() {
        attributes.generate(out, &["ice-options:", &on.join(" ")]);
    }
}

fn print_candidate(local: &Local, told: Option<IpAddr>, attributes: &mut Attributes<'_>, out: &mut Vec<u8>) {
    let candidate = LocalCandidate::from(local);
    let [mut component, mut priority, mut port] = [itoa::Buffer::new(); 3];
    let ip = told.unwrap_or(candidate.address.ip());
    let line = [
        "candidate:",
        candidate.foundation.as_str(),
        " ",
        component.format(candidate.component.id()),
        " UDP ",
        priority.format(candidate.priority),
        " ",
        &text::address(ip),
        " ",
        port.format(candidate.address.port()),
        " typ host",
    ];
    attributes.generate(out, &line);
}

/// RFC 8839 §5.2: where the peer is, of each component.
fn print_remote_candidates(agent: &Agent, attributes: &mut Attributes<'_>, out: &mut Vec<u8>) {
    let of = |component: Component| {
        let remote = agent.selected(component)?.remote;
        Some(format!("{} {} {}", component.id(), remote.ip(), remote.port()))
    };
    let list: Vec<String> = Component::ALL.into_iter().filter_map(of).collect();
    attributes.generate(out, &["remote-candidates:", &list.join(" ")]);
}
