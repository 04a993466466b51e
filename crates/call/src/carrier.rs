//! Which transport a media uses: sockets, addresses of its party, and how the medias of a bundle are told apart
//! (RFC 8843 §9.2). Parts of the plans that `compile` makes.

use std::net::SocketAddr;
use std::sync::Arc;

use plan::{Bundle, BundleMember, Component, FlowId, LocalSocket};
use smallvec::SmallVec;

use crate::call::Call;
use crate::model::{Media, MediaId, SocketSet, Stream};
use crate::negotiate::extmap;

pub(crate) type Sockets = SmallVec<[LocalSocket; 1]>;

impl Call {
    /// The media whose transport one uses.
    pub(crate) fn carrier<'a>(&'a self, media: &'a Media) -> &'a Media {
        media.transport.map_or(media, |owner| &self.model.medias[owner])
    }

    /// Sockets for RTP and for RTCP. Whoever carries a bundle takes in what comes to the ports its guests had before
    /// (RFC 8843 §7.3.3); a guest has none.
    pub(crate) fn sockets(&self, id: MediaId) -> [Sockets; 2] {
        let [mut rtp, mut rtcp] = [Sockets::new(), Sockets::new()];
        if self.model.is_guest(id) {
            return [rtp, rtcp];
        }
        for member in self.model.bundle_of(id) {
            let sets = self.model.medias[member].sockets.iter();
            for sockets in sets.flat_map(SocketSet::all) {
                rtp.extend(sockets.first().copied());
                let apart = member == id || self.model.medias[id].has_rtcp_socket();
                let second = sockets.get(1).copied();
                if apart {
                    rtcp.extend(second)
                } else {
                    rtp.extend(second)
                }
            }
        }
        [rtp, rtcp]
    }

    /// Where the other medias of a party are said to be, as far as that is not where this one is.
    pub(crate) fn friends(&self, media: &Media, component: Component) -> SmallVec<[SocketAddr; 1]> {
        let own = media.remote.map(|r| r.at(component));
        let others = self.model.parties[media.party].medias.iter();
        let others = others.filter_map(|m| Some(self.model.medias[*m].remote?.at(component)));
        let usable = |p: &SocketAddr| Some(*p) != own && !p.ip().is_unspecified() && p.port() != 0;
        others.filter(usable).collect()
    }

    /// How the medias that share the transport of one are told apart.
    pub(crate) fn bundle(&self, owner: MediaId, stream: impl Fn(&Media) -> &Stream) -> Option<Arc<Bundle>> {
        let members: Vec<MediaId> = self.model.bundle_of(owner).collect();
        if members.len() < 2 {
            return None;
        }
        let medias = || members.iter().map(|m| &self.model.medias[*m]);
        let mut taken = [false; 128];
        let mut is_free = |pt: &u8| {
            let taken = taken.get_mut(usize::from(*pt));
            taken.is_some_and(|t| !std::mem::replace(t, true))
        };
        // COMPAT(rtpengine): what nothing tells apart but a payload type that several medias have goes to the first of
        // them; RFC 8843 §9.2 would have it dropped.
        let mut member = |media: &Media| BundleMember {
            flow: stream(media).flow,
            mid: media.mid.as_deref().unwrap_or_default().into(),
            mid_extension: extmap::mid_id(media),
            payload_types: numbers(media).filter(&mut is_free).collect(),
            ssrcs: media.ssrcs.clone(),
        };
        Some(Arc::new(Bundle {
            members: medias().map(&mut member).collect(),
        }))
    }

    /// Where RTCP for the party of a media leaves.
    pub(crate) fn rtcp_flow(&self, sink: &Media) -> FlowId {
        if is_shared(self.carrier(sink)) {
            sink.rtp.flow
        } else {
            sink.rtcp.flow
        }
    }
}

/// Whether RTCP of this media's party uses the RTP port.
pub(crate) fn is_shared(media: &Media) -> bool {
    media.mux.active || media.current().is_some_and(|s| s.sockets.len() == 1)
}

/// Payload types its party may send.
fn numbers(media: &Media) -> impl Iterator<Item = u8> {
    media.codecs.iter().map(|f| f.payload_type)
}
