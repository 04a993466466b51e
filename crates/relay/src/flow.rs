//! A flow: its plan, resolved, and its state.

use plan::{CallKey, Plan, RtcpPolicy, Sink, Time};

use crate::table::Slot;

/// A sink with its flow's place; what it does beyond forwarding stays in the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkSlot {
    /// Index in the plan's list of sinks.
    pub(crate) index: u16,
    /// Where its flow lives.
    pub(crate) to: Slot,
    /// RTCP on the way.
    pub(crate) rtcp: RtcpPolicy,
    /// The process changes nothing.
    pub(crate) plain: bool,
}

impl SinkSlot {
    pub(crate) fn new(index: usize, to: Slot, sink: &Sink) -> Self {
        let plain = sink.process == plan::Process::default();
        Self {
            index: u16::try_from(index).unwrap_or(u16::MAX),
            to,
            rtcp: sink.rtcp,
            plain,
        }
    }
}

/// One flow.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) call: CallKey,
    pub(crate) plan: Plan,
    pub(crate) sinks: Vec<SinkSlot>,
    pub(crate) rtcp_sinks: Vec<SinkSlot>,
    pub(crate) rtcp_slot: Option<Slot>,
    pub(crate) rtp_slot: Option<Slot>,
}

impl Flow {
    pub(crate) fn new(_now: Time, call: CallKey, plan: Plan) -> Self {
        Self {
            call,
            plan,
            sinks: Vec::new(),
            rtcp_sinks: Vec::new(),
            rtcp_slot: None,
            rtp_slot: None,
        }
    }

    pub(crate) fn replan(&mut self, _now: Time, plan: Plan) {
        self.plan = plan;
    }
}
