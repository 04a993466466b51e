//! How the address of each side's peer is learned, and what is forwarded at all.

use ng_protocol::{EndpointLearning, MediaEcho, Settings};
use plan::Learning;

use crate::model::{Echo, Media};

/// Applies the request's rules to both sides; what it does not mention stays as it was.
pub(crate) fn apply(sender: &mut Media, receiver: &mut Media, settings: &Settings) {
    let rules = &settings.learning;
    for media in [&mut *sender, receiver] {
        let state = &mut media.learning;
        if let Some(mode) = rules.endpoint_learning {
            state.mode = match mode {
                EndpointLearning::Off => Learning::Off,
                EndpointLearning::Immediate => Learning::Immediate,
                EndpointLearning::Delayed => Learning::Delayed,
                EndpointLearning::Heuristic => Learning::Heuristic,
            };
        }
        state.strict |= rules.strict_source;
        state.handover |= rules.media_handover;
        state.unidirectional |= rules.unidirectional;
        state.pierce |= rules.pierce_nat;
        state.wait |= rules.nat_wait;
        media.opaque = settings.media.passthrough.unwrap_or(media.opaque);
    }
    if let Some(echo) = settings.media.echo {
        let (of_sender, of_receiver) = match echo {
            MediaEcho::Blackhole => (Echo::Swallowed, Echo::Swallowed),
            MediaEcho::Forward => (Echo::Swallowed, Echo::Back),
            MediaEcho::Backwards => (Echo::Back, Echo::Swallowed),
            MediaEcho::Both => (Echo::Back, Echo::Back),
        };
        (sender.echo, receiver.echo) = (Some(of_sender), Some(of_receiver));
    }
    let state = &mut sender.learning;
    state.asymmetric = (state.asymmetric || rules.asymmetric) && !rules.symmetric;
}
