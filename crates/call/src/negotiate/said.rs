//! What one `m=` section says, session-level defaults included.

use std::net::{IpAddr, SocketAddr};

use codecs::Format;
use ng_protocol::{AddressSource, NgError, Settings};
use sdp::{Address, Direction, Extmap, MediaView, Session, Text, Value};

use super::crypto;
use super::mux::MuxSaid;
use crate::limits::{CODECS_MAX, CRYPTO_LINES_MAX, SSRCS_MAX};
use crate::model::{CryptoLine, Described, Description, Formats, Legacy, Remote};
use crate::{Config, Family};

/// Attribute of who can't do without rtcp-mux (RFC 8858).
pub(crate) const MUX_ONLY: &str = "rtcp-mux-only";

/// One section, understood.
#[derive(Clone, Debug)]
pub(crate) struct Said<'a> {
    /// The section.
    pub(crate) media: &'a sdp::Media,
    /// Direction, and whether it was given in so many words.
    pub(crate) direction: Direction,
    /// Where the sender wants its packets; `None` with port 0.
    pub(crate) remote: Option<Remote>,
    /// Family of its `c=`.
    pub(crate) family: Option<Family>,
    /// Whether it offers or accepts rtcp-mux.
    pub(crate) mux: MuxSaid,
    /// Its codecs, in its order.
    pub(crate) codecs: Formats,
    /// `a=rtcp-fb` is there.
    pub(crate) feedback: bool,
    /// `a=mid`.
    pub(crate) mid: Option<Text>,
    /// `a=label`.
    pub(crate) label: Option<Text>,
    /// `a=ptime` in ms.
    pub(crate) ptime: Option<u32>,
    /// `a=maxptime` in ms.
    pub(crate) maxptime: Option<u32>,
    /// `a=extmap`, id 0 left out.
    pub(crate) extmaps: Vec<Extmap>,
    /// `a=extmap-allow-mixed`.
    pub(crate) mixed: bool,
    /// ICE is offered or accepted.
    pub(crate) ice: bool,
    /// `a=crypto` lines that we can do something with, in its order.
    pub(crate) cryptos: Vec<CryptoLine>,
    /// It has keys, or says how to come by them: `a=crypto` or `a=fingerprint`.
    pub(crate) keyed: bool,
    /// What is said of it, if that is enough to do it.
    pub(crate) description: Option<Box<Description>>,
    /// It was said in two sections, of which this is the one that counts.
    pub(crate) legacy: Option<Legacy>,
    /// `a=bundle-only`.
    pub(crate) bundle_only: bool,
    /// DTLS is offered or accepted.
    pub(crate) dtls: Option<Described>,
    /// Port zero; once bundling is settled, only if it is not a bundled one.
    pub(crate) rejected: bool,
}

impl<'a> Said<'a> {
    /// Reads a section.
    pub(crate) fn read(
        session: &'a Session,
        media: &'a sdp::Media,
        settings: &Settings,
        config: &Config,
    ) -> Result<Self, NgError> {
        let both = || session.attributes.iter().chain(&media.attributes);
        let last = |pick: fn(&Value) -> Option<Direction>| both().filter_map(|a| pick(&a.parsed)).next_back();
        let has = |want: fn(&Value) -> bool| both().any(|a| want(&a.parsed));
        let own = || media.attributes.iter().map(|a| &a.parsed);
        let ice = has(|v| matches!(v, Value::IceUfrag(_)));
        let view = MediaView {
            session,
            media,
            index: 0,
        };
        let mux_only = both().any(|a| a.name == MUX_ONLY);
        let mut said = Self {
            media,
            direction: last(|v| match v {
                Value::Direction(d) => Some(*d),
                _ => None,
            })
            .unwrap_or_default(),
            remote: None,
            family: None,
            mux: MuxSaid {
                mux: has(|v| matches!(v, Value::RtcpMux)) || mux_only,
                only: mux_only,
            },
            codecs: if media.protocol.is_rtp() {
                codecs_of(media).into()
            } else {
                Formats::default()
            },
            feedback: own().any(|v| matches!(v, Value::RtcpFb(_))),
            mid: own().find_map(|v| {
                if let Value::Mid(m) = v {
                    Some(Text::new(m))
                } else {
                    None
                }
            }),
            label: own().find_map(|v| {
                if let Value::Label(l) = v {
                    Some(Text::new(l))
                } else {
                    None
                }
            }),
            ptime: own().find_map(|v| if let Value::Ptime(p) = v { Some(*p) } else { None }),
            maxptime: own().find_map(|v| {
                if let Value::Maxptime(p) = v {
                    Some(*p)
                } else {
                    None
                }
            }),
            extmaps: own().filter_map(extmap_of).collect(),
            mixed: has(|v| matches!(v, Value::ExtmapAllowMixed)),
            ice,
            cryptos: cryptos_of(session, media),
            keyed: has(|v| matches!(v, Value::Crypto(_) | Value::Fingerprint(_))),
            legacy: None,
            bundle_only: own().any(|v| matches!(v, Value::BundleOnly)),
            dtls: super::dtls::describe(session, media),
            description: super::ice::describe(&view),
            rejected: media.is_zero_port(),
        };
        said.read_address(session, settings, config)?;
        Ok(said)
    }

    /// Whether the sender is on hold in the old form (RFC 3264 §8.4): an unspecified address, but for ICE, where that
    /// only means that candidates are still to come.
    pub(crate) fn null_address(&self) -> bool {
        !self.ice && self.remote.is_some_and(|r| r.rtp.ip().is_unspecified())
    }

    /// The SSRCs it names.
    pub(crate) fn ssrcs(&self) -> Vec<u32> {
        let mut ssrcs = Vec::new();
        for attribute in &self.media.attributes {
            if let Value::Ssrc(s) = &attribute.parsed
                && !ssrcs.contains(&s.ssrc)
                && ssrcs.len() < SSRCS_MAX
            {
                ssrcs.push(s.ssrc);
            }
        }
        ssrcs
    }

    fn read_address(
        &mut self,
        session: &Session,
        settings: &Settings,
        config: &Config,
    ) -> Result<(), NgError> {
        let connection = self.media.connection.as_ref().or(session.connection.as_ref());
        let given = connection.and_then(|c| c.address.ip);
        self.family = given.map(Family::of);
        if self.rejected || !self.media.protocol.is_udp() {
            return Ok(());
        }
        let Some(connection) = connection else {
            return Err(NgError::IncompleteSdp);
        };
        let Some(given) = connection.address.ip else {
            return Err(NgError::BadSdp);
        };
        let ip = self.believed(given, settings, config);
        self.family = Some(Family::of(ip));
        self.remote = Some(self.remote_at(ip));
        Ok(())
    }

    /// The address to believe: the SDP's, or the SIP message's source with `SIP-source-address`. A held media stays
    /// held, and ICE speaks for itself.
    fn believed(&self, given: IpAddr, settings: &Settings, config: &Config) -> IpAddr {
        let from_sip = match settings.addressing.source {
            AddressSource::Default => config.sip_source,
            AddressSource::Sdp => false,
            AddressSource::Sip => true,
        };
        match settings.addressing.received_from {
            Some(source) if from_sip && !self.ice && !given.is_unspecified() => source,
            _ => given,
        }
    }

    /// RTCP goes to the port after RTP's unless `a=rtcp` says otherwise (RFC 3605). Where rtcp-mux comes to pass, this
    /// is not used.
    fn remote_at(&self, ip: IpAddr) -> Remote {
        let rtp = SocketAddr::new(ip, self.media.port);
        let next = SocketAddr::new(ip, self.media.port.wrapping_add(1));
        let told = self.media.attributes.iter().find_map(|a| match &a.parsed {
            Value::Rtcp(rtcp) => Some(SocketAddr::new(rtcp_ip(rtcp.address.as_ref(), ip), rtcp.port)),
            _ => None,
        });
        let rtcp = match told {
            Some(told) if told.port() != 0 => told,
            _ => next,
        };
        Remote { rtp, rtcp }
    }
}

/// An `a=rtcp` with an unspecified address means the one of `c=`.
fn rtcp_ip(told: Option<&Address>, default: IpAddr) -> IpAddr {
    told.and_then(|a| a.ip)
        .filter(|ip| !ip.is_unspecified())
        .unwrap_or(default)
}

/// Its own lines, else those of the session.
fn cryptos_of(session: &Session, media: &sdp::Media) -> Vec<CryptoLine> {
    if !media.protocol.is_rtp() {
        return Vec::new();
    }
    let lines = |attributes: &[sdp::Attribute]| -> Vec<CryptoLine> {
        let lines = attributes.iter().filter_map(|a| match &a.parsed {
            Value::Crypto(line) => Some(line),
            _ => None,
        });
        lines.take(CRYPTO_LINES_MAX).filter_map(crypto::read).collect()
    };
    let own = lines(&media.attributes);
    if own.is_empty() {
        return lines(&session.attributes);
    }
    own
}

fn extmap_of(value: &Value) -> Option<Extmap> {
    match value {
        Value::Extmap(e) if e.id != 0 => Some(Extmap {
            id: e.id,
            direction: e.direction,
            uri: Text::new(&e.uri),
            parameters: e.parameters.as_ref().map(Text::new),
        }),
        _ => None,
    }
}

/// The format list of an RTP media with what `rtpmap`, `fmtp` and `rtcp-fb` say of each.
fn codecs_of(media: &sdp::Media) -> Vec<Format> {
    let mut codecs: Vec<Format> = Vec::new();
    for pt in media
        .formats
        .iter()
        .filter_map(|f| f.parse::<u8>())
        .filter(|pt| *pt < 128)
    {
        if codecs.len() < CODECS_MAX && !codecs.iter().any(|f| f.payload_type == pt) {
            codecs.push(Format {
                payload_type: pt,
                ..Format::default()
            });
        }
    }
    for attribute in &media.attributes {
        match &attribute.parsed {
            Value::Rtpmap(map) => {
                for f in codecs.iter_mut().filter(|f| f.payload_type == map.payload_type) {
                    f.spec = codecs::CodecSpec::new(map.name.to_utf8(), map.clock_rate, map.channels);
                }
            }
            Value::Fmtp(fmtp) => {
                for f in codecs
                    .iter_mut()
                    .filter(|f| Some(f.payload_type) == fmtp.payload_type)
                {
                    f.fmtp = Some(parameters(attribute, fmtp));
                }
            }
            Value::RtcpFb(fb) => {
                for f in codecs
                    .iter_mut()
                    .filter(|f| Some(f.payload_type) == fb.payload_type)
                {
                    f.rtcp_fb.push(fb.value.to_utf8().into_owned());
                }
            }
            _ => {}
        }
    }
    for format in &mut codecs {
        if format.spec.name.is_empty() {
            format.spec = codecs::static_payload_type(format.payload_type).unwrap_or_default();
        }
        if let Some(fmtp) = &mut format.fmtp {
            super::codec::normalise_fmtp(&format.spec, fmtp);
        }
    }
    codecs
}

/// Everything after the format and one blank. COMPAT(rtpengine): further blanks are kept.
fn parameters(attribute: &sdp::Attribute, fmtp: &sdp::Fmtp) -> String {
    let value = attribute.value.as_ref().map(Text::to_utf8).unwrap_or_default();
    match value.split_once(' ') {
        Some((_, parameters)) => parameters.to_owned(),
        None => fmtp.parameters.to_utf8().into_owned(),
    }
}
