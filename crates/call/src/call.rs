//! One call: the entry points of commands, events and time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use ng_protocol::{
    AnswerArgs, CallId, ConnectArgs, DeleteArgs, Dict, NgError, OfferArgs, QueryArgs, RecordingArgs, Text,
};
use plan::{CallKey, Event, FlowId, PuntKind, Time};

use crate::diagnosis::ReportFacts;
use crate::fragment::Held;
use crate::model::{Model, Stream};
use crate::reception::{Quality, ReceptionLog, Report, Totals};
use crate::recording::Recording;
use crate::{Config, EndReason, Env, Notification, Output, SdpText};

/// What an offer or an answer yields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SdpReply {
    /// The rewritten body; empty if the command yields none (`fragment`).
    pub sdp: Vec<u8>,
    /// Paths of the recordings that are running.
    pub recordings: Vec<String>,
    /// Oddities that did not stop the command; for `warning` in the reply and the log.
    pub warnings: Vec<String>,
}

/// A call. After each input drain [`Call::poll_output`]; the reply to a command may leave once that is done.
#[derive(Debug)]
pub struct Call {
    pub(crate) key: CallKey,
    call_id: CallId,
    created: Time,
    pub(crate) config: Arc<Config>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) model: Model,
    pub(crate) last_signal: Time,
    pub(crate) answered: bool,
    pub(crate) metadata: Option<Text>,
    pub(crate) tos: Option<u8>,
    pub(crate) generate_rtcp: bool,
    pub(crate) drop_traffic: bool,
    pub(crate) generation: u64,
    pub(crate) next_timeout: Option<Time>,
    pub(crate) dtls_due: Option<Time>,
    /// When an agent wants to be called.
    pub(crate) ice_due: Option<Time>,
    /// Fragments that came before what they belong to.
    pub(crate) held: Vec<Held>,
    pub(crate) ended: bool,
    pub(crate) recording: Option<Recording>,
    pub(crate) sdp_before_recording: Vec<SdpText>,
    pub(crate) reception: ReceptionLog,
    pub(crate) measured_at: Time,
    flows: u64,
}

impl Call {
    /// A call without parties. The first `offer` fills it.
    pub fn new(key: CallKey, call_id: CallId, now: Time, config: Arc<Config>) -> Self {
        Self {
            key,
            call_id,
            created: now,
            config,
            outputs: VecDeque::new(),
            model: Model::default(),
            last_signal: now,
            answered: false,
            metadata: None,
            tos: None,
            generate_rtcp: false,
            drop_traffic: false,
            generation: 0,
            next_timeout: None,
            dtls_due: None,
            ice_due: None,
            held: Vec::new(),
            ended: false,
            recording: None,
            sdp_before_recording: Vec::new(),
            reception: ReceptionLog::default(),
            measured_at: now,
            flows: 0,
        }
    }

    /// Its key.
    pub fn key(&self) -> CallKey {
        self.key
    }

    /// The call-id it was created under.
    pub fn call_id(&self) -> &CallId {
        &self.call_id
    }

    /// When it was created.
    pub fn created(&self) -> Time {
        self.created
    }

    /// Whether it is over; it then answers to nothing any more.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Replaces the settings, e.g. after a change of timeouts.
    pub fn configure(&mut self, now: Time, config: Arc<Config>) {
        self.config = config;
        self.schedule(now);
    }

    /// `offer`. On `Err` of the first offer of a call the outputs say that it is over.
    pub fn offer(&mut self, now: Time, env: &mut dyn Env, args: &OfferArgs) -> Result<SdpReply, NgError> {
        let result = self.run_offer(now, env, args);
        if result.is_err() && self.model.medias.is_empty() {
            self.fail(now);
        }
        result
    }

    /// `answer`.
    pub fn answer(&mut self, now: Time, env: &mut dyn Env, args: &AnswerArgs) -> Result<SdpReply, NgError> {
        self.run_answer(now, env, args)
    }

    /// `delete`: marks parties and, at the latest with the last of them, the call as over. The reply is that of
    /// `query`, or empty with the flag `fast`.
    pub fn delete(&mut self, now: Time, args: &DeleteArgs) -> Result<Dict<'static>, NgError> {
        self.run_delete(now, args)
    }

    /// `query`.
    pub fn query(&self, now: Time, args: &QueryArgs) -> Result<Dict<'static>, NgError> {
        self.run_query(now, args)
    }

    /// What `query` says without the diagnosis.
    pub fn counters(&self) -> Dict<'static> {
        self.view(None, crate::view::Detail::Counters)
    }

    /// `connect` within this call (merge first if the parties are in two).
    pub fn connect(&mut self, now: Time, args: &ConnectArgs) -> Result<(), NgError> {
        self.run_connect(now, args)
    }

    /// Takes over everything of another call, whose flows keep their ids and move here with the next plans. Fails,
    /// handing the other call back, if both have the same tag or are too many parties together.
    pub fn merge(&mut self, other: Call) -> Result<(), (Box<Call>, NgError)> {
        self.absorb(other)
    }

    /// `start recording`.
    pub fn start_recording(
        &mut self,
        now: Time,
        env: &mut dyn Env,
        args: &RecordingArgs,
    ) -> Result<Dict<'static>, NgError> {
        self.run_start_recording(now, env, args)
    }

    /// `stop recording`.
    pub fn stop_recording(&mut self, now: Time, args: &RecordingArgs) -> Result<Dict<'static>, NgError> {
        self.run_stop_recording(now, args)
    }

    /// `pause recording`.
    pub fn pause_recording(&mut self, now: Time, _args: &RecordingArgs) -> Result<Dict<'static>, NgError> {
        self.run_pause_recording(now)
    }

    /// Ends the call at once, e.g. by the operator or at shutdown.
    pub fn terminate(&mut self, now: Time, reason: EndReason) {
        self.end(now, reason);
    }

    /// All reports about the quality of the call's media, added up.
    pub fn quality(&self) -> &Quality {
        self.reception.quality()
    }

    /// A report of the worker.
    pub fn handle_event(&mut self, now: Time, event: &Event) {
        match event {
            Event::Learned {
                flow, peer, local, ..
            } if self.follow_media(now, *flow, *local, *peer) => {}
            Event::Learned {
                flow, peer, settled, ..
            } => {
                if let Some(stream) = self.stream_mut(*flow) {
                    stream.learn(now, *peer, *settled);
                    // A handshake of ours may have had nowhere to go.
                    self.drive_dtls(now);
                }
            }
            Event::Reception { .. } => self.note_reception(event),
            Event::Loop { flow, .. } => self.note_loop(*flow),
            Event::Punted {
                kind: PuntKind::Dtls,
                flow,
                local,
                from,
                bytes,
                ..
            } => self.handle_dtls(now, *flow, *local, *from, bytes),
            Event::Punted {
                kind: PuntKind::Stun,
                flow,
                local,
                from,
                bytes,
                ..
            } => self.handle_stun(now, *flow, *local, *from, bytes),
        }
    }

    /// Time has come. Call it at [`Call::poll_timeout`] or later.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.next_timeout.is_some_and(|t| t <= now) {
            self.run_timeout(now);
        }
        if self.ice_due.is_some_and(|t| t <= now) {
            self.drive_ice(now);
        }
    }

    /// When [`Call::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.next_timeout.into_iter().chain(self.ice_due).min()
    }

    /// The next thing to do outside, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A stream with a flow id that no flow of another call has: calls may merge.
    ///
    /// Keys count up in their lower bits and name the part of the daemon that owns the call in their upper 16; both
    /// must show in the id.
    pub(crate) fn new_stream(&mut self, now: Time) -> Stream {
        let owner = (self.key.0 >> 48 & 0xff) << 56;
        let call = (self.key.0 & 0xff_ffff_ffff) << 16;
        let flow = FlowId(owner | call | self.flows & 0xffff);
        self.flows += 1;
        Stream::new(flow, now)
    }

    fn stream_mut(&mut self, flow: FlowId) -> Option<&mut Stream> {
        let streams = self
            .model
            .medias
            .iter_mut()
            .flat_map(|(_, m)| [&mut m.rtp, &mut m.rtcp]);
        streams.into_iter().find(|s| s.flow == flow)
    }

    /// A report; the clock rate its jitter counts in is that of the stream it is about.
    fn note_reception(&mut self, event: &Event) {
        let Event::Reception {
            flow,
            at,
            reporter,
            ssrc,
            fraction_lost,
            lost,
            jitter,
            rtt_us,
            ..
        } = event
        else {
            return;
        };
        if let Some(stream) = self.stream_mut(*flow) {
            let fraction_lost = *fraction_lost;
            stream.report = Some(ReportFacts {
                at: *at,
                fraction_lost,
            });
        }
        let streams = self.model.medias.iter().map(|(_, m)| m);
        let (clock_rate, full_band) = streams
            .filter_map(|m| {
                Some((
                    m,
                    m.rtp
                        .stats
                        .ssrc
                        .iter()
                        .find(|s| crate::view::ssrc_of(s) == *ssrc)?,
                ))
            })
            .map(|(media, slot)| crate::view::clock_of(media, slot))
            .next()
            .unwrap_or((8000, false));
        let report = Report {
            at: *at,
            reporter: *reporter,
            about: *ssrc,
            fraction_lost: *fraction_lost,
            lost: *lost,
            jitter_ms: crate::view::milliseconds(*jitter, clock_rate),
            rtt_us: *rtt_us,
            full_band,
        };
        self.reception.report(self.config.mos, &report);
    }

    /// Scores what arrives by what we see of it ourselves (`--measure-rtp`).
    pub(crate) fn measure(&mut self, now: Time) {
        if !self.config.measure_rtp {
            return;
        }
        self.measured_at = now;
        for (_, media) in self.model.medias.iter() {
            for slot in crate::view::used_slots(&media.rtp.stats) {
                let (clock_rate, full_band) = crate::view::clock_of(media, slot);
                let totals = Totals {
                    received: slot.packets.load(Relaxed),
                    lost: slot.lost.load(Relaxed).into(),
                };
                let jitter_ms = crate::view::milliseconds(slot.jitter.load(Relaxed), clock_rate);
                let ssrc = crate::view::ssrc_of(slot);
                self.reception
                    .measured(self.config.mos, now, ssrc, totals, jitter_ms, full_band);
            }
        }
    }

    fn note_loop(&mut self, flow: FlowId) {
        let media = self
            .model
            .medias
            .iter()
            .map(|(_, m)| m)
            .find(|m| m.rtp.flow == flow || m.rtcp.flow == flow);
        if let Some(media) = media {
            let tag = self.model.parties[media.party]
                .tag
                .as_ref()
                .map(|t| t.to_str().into_owned());
            self.outputs.push_back(Output::Notify(Notification::Loop { tag }));
        }
    }
}
