//! DTLS in offer and answer (RFC 5763, RFC 8842): who is told our fingerprint, who begins, and when an association gives way
//! to a new one.

use dtls::{Fingerprint, HashFunction, Role as Part};
use ng_protocol::{DtlsMode, FingerprintHash, IceHandling, Settings};
use rand::RngCore;
use sdp::{Session, Setup, Text, Value};

use super::Role;
use super::said::Said;
use crate::Config;
use crate::model::{Described, Dtls, Media, Own};

/// What the receiver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// `a=setup`.
    pub(crate) setup: Setup,
    /// `a=fingerprint`.
    pub(crate) fingerprint: Fingerprint,
    /// `a=tls-id`.
    pub(crate) tls_id: Option<String>,
}

/// What a section says of DTLS; `None` without a fingerprint that we can compare with.
pub(crate) fn describe(session: &Session, media: &sdp::Media) -> Option<Described> {
    let read = |v: &Value| match v {
        Value::Fingerprint(f) => {
            let function = HashFunction::by_name(&f.hash.to_utf8())?;
            Fingerprint::new(function, &f.digest)
        }
        _ => None,
    };
    let of = |attributes: &[sdp::Attribute]| -> Vec<Fingerprint> {
        let all = attributes.iter().filter_map(|a| read(&a.parsed));
        all.take(dtls::limits::FINGERPRINTS_MAX).collect()
    };
    let mut fingerprints = of(&media.attributes);
    if fingerprints.is_empty() {
        fingerprints = of(&session.attributes);
    }
    if fingerprints.is_empty() || !media.protocol.is_rtp() {
        return None;
    }
    let both = || {
        media
            .attributes
            .iter()
            .chain(&session.attributes)
            .map(|a| &a.parsed)
    };
    Some(Described {
        fingerprints,
        setup: both().find_map(|v| if let Value::Setup(s) = v { Some(*s) } else { None }),
        tls_id: both().find_map(|v| {
            if let Value::TlsId(id) = v {
                Some(Text::new(id))
            } else {
                None
            }
        }),
        ufrag: both().find_map(|v| {
            if let Value::IceUfrag(u) = v {
                Some(Text::new(u))
            } else {
                None
            }
        }),
    })
}

/// Takes in what the sender says. To be called when it is known who speaks SRTP, and before SDES.
pub(crate) fn hear(role: Role, settings: &Settings, config: &Config, said: &Said<'_>, sender: &mut Media) {
    let rules = &settings.dtls;
    if role.is_offer() {
        let modes = [rules.forward, rules.reverse];
        let by_default = config.dtls.as_ref().is_some_and(|d| d.passive);
        let is = |mode| modes.contains(&Some(mode));
        sender.keying.dtls.passive = is(DtlsMode::Passive) || by_default && !is(DtlsMode::Active);
    }
    let keyed_otherwise = !said.cryptos.is_empty();
    let unwanted = match role {
        // `off` is also said of calls whose offerer can do nothing else.
        Role::Offer => {
            let off = rules.reverse == Some(DtlsMode::Off);
            off || keyed_otherwise && (settings.sdes.prefer || rules.forward == Some(DtlsMode::Off))
        }
        Role::Answer => !sender.keying.dtls.is_expected() || keyed_otherwise && settings.sdes.prefer,
    };
    // What passes with its addresses passes with its fingerprint, too.
    let passes = settings.ice.handling == IceHandling::ForceRelay;
    let (secure, usable) = (sender.is_secure(), config.dtls.is_some() && !passes);
    let dtls = &mut sender.keying.dtls;
    let described = said
        .dtls
        .as_ref()
        .filter(|_| secure && usable && !unwanted && !said.rejected);
    match described {
        Some(described) => {
            dtls.renew |= dtls.is_another(described, rules.no_tls_id);
            dtls.said = Some(described.clone());
            dtls.agreed = true;
            dtls.proposed = false;
            if role == Role::Answer {
                dtls.choose(described.setup.unwrap_or(Setup::Active));
                dtls.begin();
            }
        }
        // A section that is rejected says nothing of how its media would be protected.
        None if said.rejected => {}
        None => dtls.stop(),
    }
}

/// A party that leaves the choice to us, or waits for us, is greeted as soon as it has offered: to be called when our ports
/// towards it are known. Its fingerprint is known, ours it will compare when it has the answer (RFC 5763 §6.2).
///
/// COMPAT(rtpengine): RFC 5763 §5 has the answerer begin with its answer.
pub(crate) fn greet(config: &Config, sender: &mut Media) {
    let Some(host) = config.dtls.as_ref() else {
        return;
    };
    let port = sender.rtp_port();
    let dtls = &mut sender.keying.dtls;
    if !dtls.agreed || dtls.role.is_some() || port == 0 {
        return;
    }
    dtls.own.get_or_insert_with(|| Own {
        config: host.config(),
        hash: HashFunction::Sha256,
        tls_id: String::new(),
        port,
    });
    let theirs = dtls.said.as_ref().and_then(|s| s.setup);
    dtls.choose(theirs.unwrap_or(Setup::Actpass));
}

/// Decides what the receiver is told. To be called when its ports are known.
pub(crate) fn tell(
    role: Role,
    settings: &Settings,
    config: &Config,
    receiver: &mut Media,
    rng: &mut dyn RngCore,
) -> Option<Told> {
    let host = config.dtls.as_ref()?;
    let rules = &settings.dtls;
    let (secure, port) = (
        receiver.is_secure() && !receiver.passing.is_on(),
        receiver.rtp_port(),
    );
    // COMPAT(rtpengine): a party that has settled for SDES is not asked again.
    let settled = receiver.keying.sdes.is_agreed();
    let dtls = &mut receiver.keying.dtls;
    match role {
        Role::Offer if !secure || settled || rules.forward == Some(DtlsMode::Off) => {
            dtls.stop();
            return None;
        }
        Role::Answer if !dtls.agreed => return None,
        _ => {}
    }
    // A new port of ours is a new transport, and the old association has stayed behind at the old one.
    let old = dtls.own.as_ref().map_or(0, |own| own.port);
    let moved = old != 0 && port != 0 && old != port;
    dtls.renew |= moved;
    let own = dtls.own.get_or_insert_with(|| Own {
        config: host.config(),
        hash: HashFunction::Sha256,
        tls_id: String::new(),
        port,
    });
    own.port = port;
    let setup = match role {
        Role::Offer => {
            dtls.proposed = true;
            if moved {
                // Until the answer it is as it was at first: we wait.
                dtls.role = None;
                dtls.begin();
            }
            // RFC 5763 §5: whoever offers leaves the choice to the other side.
            Setup::Actpass
        }
        Role::Answer => {
            let theirs = dtls.said.as_ref().and_then(|s| s.setup);
            dtls.choose(theirs.unwrap_or(Setup::Actpass));
            dtls.begin();
            match dtls.role {
                Some(Part::Client) => Setup::Active,
                Some(Part::Server) => Setup::Passive,
                None => Setup::Holdconn,
            }
        }
    };
    let theirs = dtls.said.as_ref().and_then(|s| s.fingerprints.first());
    let theirs = theirs.map(Fingerprint::function);
    let own = dtls.own.as_mut()?;
    if own.tls_id.is_empty() {
        own.hash = theirs.unwrap_or(own.hash);
        own.tls_id = tls_id(rng);
    }
    own.hash = rules.fingerprint.map_or(own.hash, function);
    Some(Told {
        setup,
        fingerprint: own.config.identity().fingerprint(own.hash)?,
        tls_id: (!rules.no_tls_id).then(|| own.tls_id.clone()),
    })
}

impl Dtls {
    /// Whether a description speaks of another association than the one before (RFC 8842 §4): other fingerprints, another
    /// `tls-id`, or, where it says none, an ICE restart.
    fn is_another(&self, new: &Described, no_tls_id: bool) -> bool {
        let Some(old) = &self.said else {
            return false;
        };
        let restarted = old.ufrag.is_some() && new.ufrag.is_some() && old.ufrag != new.ufrag;
        old.fingerprints != new.fingerprints
            || match (&old.tls_id, &new.tls_id) {
                (Some(old), Some(new)) => old != new,
                _ => restarted && !no_tls_id,
            }
    }

    /// Who begins, after what the party says (RFC 4145 §4.1). A role that was agreed stays as long as the party allows it.
    fn choose(&mut self, theirs: Setup) {
        let chosen = match theirs {
            Setup::Active => Some(Part::Server),
            Setup::Passive => Some(Part::Client),
            Setup::Holdconn => self.role,
            Setup::Actpass if self.role.is_some() && !self.renew => self.role,
            Setup::Actpass if self.passive => Some(Part::Server),
            Setup::Actpass => Some(Part::Client),
        };
        // The other role is another association (RFC 8842 §4).
        self.renew |= self.role.is_some() && self.role != chosen;
        self.role = chosen;
    }

    /// Begins a new association if one is due.
    fn begin(&mut self) {
        if std::mem::take(&mut self.renew) {
            self.generation = self.generation.wrapping_add(1);
            if let Some(own) = &mut self.own {
                own.tls_id.clear();
            }
        }
    }
}

/// 32 hexadecimal digits.
fn tls_id(rng: &mut dyn RngCore) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn function(asked: FingerprintHash) -> HashFunction {
    match asked {
        FingerprintHash::Sha1 => HashFunction::Sha1,
        FingerprintHash::Sha224 => HashFunction::Sha224,
        FingerprintHash::Sha256 => HashFunction::Sha256,
        FingerprintHash::Sha384 => HashFunction::Sha384,
        FingerprintHash::Sha512 => HashFunction::Sha512,
    }
}
