//! Flag `reset`: what endpoints have shown of themselves is forgotten, as if they were new.
//!
//! Sockets, tags, codecs and directions stay: the call goes on, only what we believe about its endpoints starts over.

use crate::call::Call;
use crate::model::{Ice, Keying, Media, Mux, PartyId};

impl Call {
    /// Forgets what is known of the endpoints of two parties: to be called before an offer between them is negotiated.
    pub(crate) fn reset_knowledge(&mut self, from: PartyId, to: PartyId) {
        for party in [from, to] {
            for media in self.model.parties[party].medias.clone() {
                self.model.medias[media].forget();
            }
        }
    }
}

impl Media {
    /// Forgets what its party's endpoint has shown. State of ICE and of keys that signalling has taught goes here too.
    fn forget(&mut self) {
        self.mux = Mux::default();
        self.keying = Keying::default();
        self.ice = Ice::default();
        self.mixed = None;
        self.rtp.learned = None;
        self.rtcp.learned = None;
        // The worker learns anew.
        self.epoch.1 = None;
    }
}
