//! A media together with what its session says about all medias.

use crate::{
    Address, Attribute, Candidate, Connection, Crypto, Direction, Extmap, Fingerprint, Fmtp, Media, Rtcp,
    RtcpFb, Rtpmap, Session, Setup, Text, Value, scan,
};

/// One media with its session. Where an attribute may stand in the session for all medias, the media's own wins.
#[derive(Clone, Copy, Debug)]
pub struct MediaView<'a> {
    /// The session.
    pub session: &'a Session,
    /// The media.
    pub media: &'a Media,
    /// Which media it is, from 0.
    pub index: usize,
}

/// One entry of a format list with the attributes that belong to it.
#[derive(Clone, Debug, Default)]
pub struct FormatView<'a> {
    /// The payload type.
    pub payload_type: u8,
    /// `rtpmap`; without it the static table of RFC 3551 applies.
    pub rtpmap: Option<&'a Rtpmap>,
    /// `fmtp`.
    pub fmtp: Option<&'a Fmtp>,
    /// `rtcp-fb` lines of this very payload type.
    pub rtcp_fb: Vec<&'a RtcpFb>,
}

macro_rules! first_of {
    ($($(#[$doc:meta])* $name:ident: $variant:ident -> $type:ty,)*) => {
        $($(#[$doc])*
        pub fn $name(&self) -> Option<&'a $type> {
            self.first(|value| match value { Value::$variant(v) => Some(v), _ => None })
        })*
    };
}

macro_rules! own_first_of {
    ($($(#[$doc:meta])* $name:ident: $variant:ident -> $type:ty,)*) => {
        $($(#[$doc])*
        pub fn $name(&self) -> Option<&'a $type> {
            self.own(|value| match value { Value::$variant(v) => Some(v), _ => None }).next()
        })*
    };
}

impl Session {
    /// The media at `index` with this session's defaults.
    pub fn view(&self, index: usize) -> Option<MediaView<'_>> {
        Some(MediaView {
            session: self,
            media: self.medias.get(index)?,
            index,
        })
    }

    /// All medias with this session's defaults.
    pub fn views(&self) -> impl ExactSizeIterator<Item = MediaView<'_>> {
        self.medias.iter().enumerate().map(|(index, media)| MediaView {
            session: self,
            media,
            index,
        })
    }

    /// Attributes of the session that are copied to the receiver.
    pub fn passed_through(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|a| !a.is_consumed())
    }

    /// `group` lines with semantics BUNDLE.
    pub fn bundles(&self) -> impl Iterator<Item = &crate::Group> {
        self.attributes.iter().filter_map(|a| match &a.parsed {
            Value::Group(group) if group.is_bundle() => Some(group),
            _ => None,
        })
    }

    /// Whether the writer is an ICE-lite agent.
    pub fn is_ice_lite(&self) -> bool {
        self.attributes.iter().any(|a| a.parsed == Value::IceLite)
    }

    /// Loop-protect markers, wherever they stand.
    pub fn markers(&self) -> impl Iterator<Item = &Text> {
        let of_medias = self.medias.iter().flat_map(|m| &m.attributes);
        self.attributes
            .iter()
            .chain(of_medias)
            .filter_map(|a| match &a.parsed {
                Value::Marker(id) => Some(id),
                _ => None,
            })
    }
}

impl<'a> MediaView<'a> {
    first_of! {
        /// `ice-ufrag`.
        ice_ufrag: IceUfrag -> Text,
        /// `ice-pwd`.
        ice_pwd: IcePwd -> Text,
        /// `setup`.
        setup: Setup -> Setup,
        /// `fingerprint`, the first of them.
        fingerprint: Fingerprint -> Fingerprint,
        /// `tls-id`.
        tls_id: TlsId -> Text,
    }

    own_first_of! {
        /// `rtcp`.
        rtcp: Rtcp -> Rtcp,
        /// `mid`.
        mid: Mid -> Text,
        /// `label`.
        label: Label -> Text,
        /// `ptime` in ms.
        ptime: Ptime -> u32,
        /// `maxptime` in ms.
        maxptime: Maxptime -> u32,
    }

    /// The media's own attributes, as far as `pick` wants them.
    pub fn own<T: 'a>(&self, pick: impl Fn(&'a Value) -> Option<T>) -> impl Iterator<Item = T> {
        self.media.attributes.iter().filter_map(move |a| pick(&a.parsed))
    }

    /// The first that `pick` wants among the media's own attributes, else among the session's.
    pub fn first<T: 'a>(&self, pick: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let all = self.media.attributes.iter().chain(&self.session.attributes);
        all.map(|a| &a.parsed).find_map(pick)
    }

    /// All that `pick` wants among the media's own attributes; if there are none, the session's.
    fn own_or_session<T: 'a>(&self, pick: impl Fn(&'a Value) -> Option<T>) -> Vec<T> {
        let own: Vec<T> = self.own(&pick).collect();
        match own.is_empty() {
            true => self
                .session
                .attributes
                .iter()
                .filter_map(|a| pick(&a.parsed))
                .collect(),
            false => own,
        }
    }

    /// `c=`.
    pub fn connection(&self) -> Option<&'a Connection> {
        self.media
            .connection
            .as_ref()
            .or(self.session.connection.as_ref())
    }

    /// Address of `c=`.
    pub fn address(&self) -> Option<&'a Address> {
        self.connection().map(|c| &c.address)
    }

    /// Direction as written, if it is.
    pub fn explicit_direction(&self) -> Option<Direction> {
        // COMPAT(rtpengine): of contradicting lines the stronger one wins, whatever their order. Unlike there, a
        // session's direction never overrides a media's own (RFC 8866 §6.7).
        let strongest = |attributes: &'a [Attribute]| {
            let is = |d| attributes.iter().any(|a| a.parsed == Value::Direction(d));
            let by_strength = [
                Direction::RecvOnly,
                Direction::SendOnly,
                Direction::Inactive,
                Direction::SendRecv,
            ];
            by_strength.into_iter().find(|&d| is(d))
        };
        strongest(&self.media.attributes).or_else(|| strongest(&self.session.attributes))
    }

    /// Direction; both ways unless written (RFC 3264 §5.1).
    pub fn direction(&self) -> Direction {
        self.explicit_direction().unwrap_or_default()
    }

    /// Hold in the old form: the unspecified address (RFC 3264 §8.4). With ICE that address means that the real
    /// one is still to come, and port 0 means something else again.
    pub fn is_zero_address_hold(&self) -> bool {
        !self.media.is_zero_port() && !self.has_ice() && self.address().is_some_and(Address::is_unspecified)
    }

    /// Whether there are ICE credentials.
    pub fn has_ice(&self) -> bool {
        self.ice_ufrag().is_some() && self.ice_pwd().is_some()
    }

    /// `ice-options`, all of them.
    pub fn ice_options(&self) -> Vec<&'a Text> {
        let lists = self.own_or_session(|v| match v {
            Value::IceOptions(list) => Some(list),
            _ => None,
        });
        lists.into_iter().flatten().collect()
    }

    /// Whether candidates may come later (RFC 8838).
    pub fn is_trickle(&self) -> bool {
        self.ice_options().iter().any(|option| option.is("trickle"))
    }

    /// `candidate` lines that could be read.
    pub fn candidates(&self) -> impl Iterator<Item = &'a Candidate> {
        self.own(|v| match v {
            Value::Candidate(candidate) => Some(&**candidate),
            _ => None,
        })
    }

    /// `end-of-candidates`, here or in the session.
    pub fn is_end_of_candidates(&self) -> bool {
        self.has(&Value::EndOfCandidates)
    }

    /// `crypto` lines that could be read.
    pub fn cryptos(&self) -> Vec<&'a Crypto> {
        self.own_or_session(|v| match v {
            Value::Crypto(crypto) => Some(crypto),
            _ => None,
        })
    }

    /// `extmap` lines: the media's, then the session's with ids the media does not use.
    pub fn extmaps(&self) -> Vec<&'a Extmap> {
        let pick = |v: &'a Value| match v {
            Value::Extmap(extmap) => Some(extmap),
            _ => None,
        };
        let mut maps: Vec<&Extmap> = self.own(pick).collect();
        let mut used: Vec<u16> = maps.iter().map(|m| m.id).collect();
        used.sort_unstable();
        let of_session = self.session.attributes.iter().filter_map(|a| pick(&a.parsed));
        maps.extend(of_session.filter(|m| used.binary_search(&m.id).is_err()));
        maps
    }

    /// `extmap-allow-mixed`, here or in the session.
    pub fn is_extmap_mixed(&self) -> bool {
        self.has(&Value::ExtmapAllowMixed)
    }

    /// `rtcp-mux`.
    pub fn is_rtcp_mux(&self) -> bool {
        self.own(|v| (*v == Value::RtcpMux).then_some(()))
            .next()
            .is_some()
    }

    /// `bundle-only`.
    pub fn is_bundle_only(&self) -> bool {
        self.own(|v| (*v == Value::BundleOnly).then_some(()))
            .next()
            .is_some()
    }

    /// Whether an attribute without value stands here or in the session.
    fn has(&self, wanted: &Value) -> bool {
        self.first(|v| (v == wanted).then_some(())).is_some()
    }

    /// Attributes of the media that are copied to the receiver.
    pub fn passed_through(&self) -> impl Iterator<Item = &'a Attribute> {
        self.media.attributes.iter().filter(|a| !a.is_consumed())
    }

    /// The payload types of an RTP media in order, each with its attributes; what is no payload type is left out.
    ///
    /// A payload type that is listed twice appears once, at its first place. Of several `rtpmap` or `fmtp` lines of
    /// one payload type the last one counts, as for the reference. Takes time linear in the number of attributes.
    pub fn formats(&self) -> Vec<FormatView<'a>> {
        let mut place = [None; 128];
        let mut formats: Vec<FormatView<'a>> = Vec::new();
        for payload_type in self.media.formats.iter().filter_map(|f| scan::payload_type(f)) {
            if let Some(slot @ None) = place.get_mut(usize::from(payload_type)) {
                *slot = Some(formats.len());
                formats.push(FormatView {
                    payload_type,
                    ..FormatView::default()
                });
            }
        }
        for attribute in &self.media.attributes {
            let payload_type = match &attribute.parsed {
                Value::Rtpmap(map) => Some(map.payload_type),
                Value::Fmtp(fmtp) => fmtp.payload_type,
                Value::RtcpFb(fb) => fb.payload_type,
                _ => None,
            };
            let at = payload_type.and_then(|pt| place.get(usize::from(pt)).copied().flatten());
            let Some(format) = at.and_then(|at| formats.get_mut(at)) else {
                continue;
            };
            match &attribute.parsed {
                Value::Rtpmap(map) => format.rtpmap = Some(map),
                Value::Fmtp(fmtp) => format.fmtp = Some(fmtp),
                Value::RtcpFb(fb) => format.rtcp_fb.push(fb),
                _ => {}
            }
        }
        formats
    }
}
