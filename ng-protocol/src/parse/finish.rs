//! From what a request says to the arguments of its command: what is required is checked here.

use super::draft::Draft;
use crate::args::*;
use crate::{AllScope, Command, CommandKind, NgError};

/// Bounds of a DTMF digit's length and of the pause after it, in ms.
const DIGIT_MS: (i64, i64) = (100, 5000);
/// `list` without a limit.
const LIST_LIMIT: u32 = 32;

impl Draft {
    /// Makes the command.
    pub(super) fn finish(mut self, kind: CommandKind) -> Result<Command, NgError> {
        use CommandKind as K;
        Ok(match kind {
            K::Ping => Command::Ping,
            K::Statistics => Command::Statistics,
            K::Offer => Command::Offer(Box::new(self.offer()?)),
            K::Answer => Command::Answer(Box::new(self.answer()?)),
            K::Delete => Command::Delete(Box::new(self.delete()?)),
            K::Query => Command::Query(Box::new(QueryArgs {
                call_id: self.call_id()?,
                from_tag: self.identity.from_tag,
                to_tag: self.identity.to_tag,
            })),
            K::List => Command::List(Box::new(ListArgs {
                limit: self.limit.unwrap_or(LIST_LIMIT),
            })),
            K::StartRecording => Command::StartRecording(Box::new(self.recording()?)),
            K::StopRecording => Command::StopRecording(Box::new(self.recording()?)),
            K::PauseRecording => Command::PauseRecording(Box::new(self.recording()?)),
            K::StartForwarding => Command::StartForwarding(Box::new(self.selected()?)),
            K::StopForwarding => Command::StopForwarding(Box::new(self.selected()?)),
            K::BlockMedia => Command::BlockMedia(Box::new(self.selected()?)),
            K::UnblockMedia => Command::UnblockMedia(Box::new(self.selected()?)),
            K::SilenceMedia => Command::SilenceMedia(Box::new(self.selected()?)),
            K::UnsilenceMedia => Command::UnsilenceMedia(Box::new(self.selected()?)),
            K::BlockDtmf => Command::BlockDtmf(Box::new(self.dtmf()?)),
            K::UnblockDtmf => Command::UnblockDtmf(Box::new(self.dtmf()?)),
            K::PlayMedia => Command::PlayMedia(Box::new(self.play_media()?)),
            K::StopMedia => Command::StopMedia(Box::new(StopMediaArgs {
                call_id: self.call_id()?,
                selection: self.selection(true)?,
            })),
            K::PlayDtmf => Command::PlayDtmf(Box::new(self.play_dtmf()?)),
            K::Publish => Command::Publish(Box::new(self.publish()?)),
            K::SubscribeRequest => Command::SubscribeRequest(Box::new(self.subscribe_request()?)),
            K::SubscribeAnswer => Command::SubscribeAnswer(Box::new(SubscribeAnswerArgs {
                call_id: self.call_id()?,
                to_tag: self.identity.to_tag.ok_or(NgError::NoToTag)?,
                sdp: self.sdp.ok_or(NgError::NoSdp)?,
                settings: self.settings,
            })),
            K::Unsubscribe => Command::Unsubscribe(Box::new(UnsubscribeArgs {
                call_id: self.call_id()?,
                to_tag: self.identity.to_tag.ok_or(NgError::NoToTag)?,
                from_tag: self.identity.from_tag.filter(|_| self.who.directional),
            })),
            K::InjectStart => Command::InjectStart(Box::new(self.inject()?)),
            K::InjectStop => Command::InjectStop(Box::new(self.inject()?)),
            K::Connect => Command::Connect(Box::new(self.connect()?)),
            K::Cli => Command::Cli(Box::new(CliArgs {
                body: self.body.ok_or(NgError::MissingKey("body"))?,
            })),
            K::Transform => Command::Transform(Box::new(self.transform()?)),
            K::Create => Command::Create(Box::new(CreateArgs {
                call_id: self.identity.call_id,
                from_tag: self.identity.from_tag,
                medias: self.media.medias,
                settings: self.settings,
            })),
            K::CreateAnswer => Command::CreateAnswer(Box::new(CreateAnswerArgs {
                call_id: self.call_id()?,
                from_tag: self.identity.from_tag.ok_or(NgError::NoFromTag)?,
                sdp: self.sdp.ok_or(NgError::NoSdp)?,
                settings: self.settings,
            })),
            K::Mesh => Command::Mesh(Box::new(self.mesh()?)),
        })
    }

    fn call_id(&mut self) -> Result<crate::CallId, NgError> {
        self.identity.call_id.take().ok_or(NgError::NoCallId)
    }

    /// The order of these checks is the reference's.
    fn offer(mut self) -> Result<OfferArgs, NgError> {
        let sdp = self.sdp.take().ok_or(NgError::NoSdp)?;
        Ok(OfferArgs {
            call_id: self.call_id()?,
            from_tag: self.identity.from_tag.ok_or(NgError::NoFromTag)?,
            to_tag: self.identity.to_tag,
            via_branch: self.identity.via_branch,
            sdp,
            settings: self.settings,
        })
    }

    fn answer(mut self) -> Result<AnswerArgs, NgError> {
        let sdp = self.sdp.take().ok_or(NgError::NoSdp)?;
        Ok(AnswerArgs {
            call_id: self.call_id()?,
            from_tag: self.identity.from_tag.ok_or(NgError::NoFromTag)?,
            to_tag: self.identity.to_tag.ok_or(NgError::NoToTag)?,
            via_branch: self.identity.via_branch,
            sdp,
            settings: self.settings,
        })
    }

    fn delete(mut self) -> Result<DeleteArgs, NgError> {
        Ok(DeleteArgs {
            call_id: self.call_id()?,
            from_tag: self.identity.from_tag,
            to_tag: self.identity.to_tag,
            via_branch: self.identity.via_branch,
            delay_s: self.delete.delay_s,
            match_to_tag: self.delete.match_to_tag,
            fatal: self.delete.fatal,
            fast: self.delete.fast,
            discard_recording: self.settings.recording.discard,
            metadata: self.settings.metadata,
        })
    }

    /// `always`: whether the command looks at from-tag without the flag `directional`.
    fn selection(&mut self, always: bool) -> Result<Selection, NgError> {
        let address = self.who.address.take().transpose();
        Ok(Selection {
            from_tag: self
                .identity
                .from_tag
                .take()
                .filter(|_| always || self.who.directional),
            from_tags: std::mem::take(&mut self.who.from_tags),
            label: self.settings.label.clone(),
            address: address.map_err(|()| NgError::BadAddress)?,
            to_tag: self.identity.to_tag.take(),
            to_label: self.settings.to_label.clone(),
            set_label: self.settings.set_label.clone(),
            all: self.who.all,
            directional: self.who.directional,
            via_branch: self.identity.via_branch.take(),
        })
    }

    fn recording(mut self) -> Result<RecordingArgs, NgError> {
        Ok(RecordingArgs {
            call_id: self.call_id()?,
            selection: self.selection(true)?,
            rules: self.settings.recording,
            metadata: self.settings.metadata,
        })
    }

    fn selected(mut self) -> Result<SelectionArgs, NgError> {
        Ok(SelectionArgs {
            call_id: self.call_id()?,
            selection: self.selection(false)?,
            metadata: self.settings.metadata,
        })
    }

    fn dtmf(mut self) -> Result<DtmfArgs, NgError> {
        Ok(DtmfArgs {
            call_id: self.call_id()?,
            selection: self.selection(false)?,
            dtmf: self.settings.dtmf,
            delay_buffer: self.settings.media.delay_buffer,
        })
    }

    fn play_media(mut self) -> Result<PlayMediaArgs, NgError> {
        Ok(PlayMediaArgs {
            call_id: self.call_id()?,
            selection: self.selection(true)?,
            source: self.play.source,
            repeat_times: self.play.repeat_times.unwrap_or(1),
            repeat_duration: self.play.repeat_duration,
            start_pos: self.play.start_pos.unwrap_or(0),
            block_egress: self.settings.media.block_egress,
            codec_set: self.play.codec_set,
        })
    }

    fn play_dtmf(mut self) -> Result<PlayDtmfArgs, NgError> {
        let bounded = |ms: Option<i64>, default: i64| {
            let ms = ms.unwrap_or(default).clamp(DIGIT_MS.0, DIGIT_MS.1);
            u32::try_from(ms).unwrap_or_default()
        };
        let volume = self.settings.dtmf.volume.unwrap_or(-8);
        Ok(PlayDtmfArgs {
            call_id: self.call_id()?,
            selection: self.selection(true)?,
            digit: self.settings.dtmf.digit,
            duration_ms: bounded(self.play.duration_ms, 250),
            pause_ms: bounded(self.play.pause_ms, 100),
            // RFC 4733 §2.3.4: the volume has six bits, the sign is understood.
            volume: -i32::try_from(volume.unsigned_abs().min(63)).unwrap_or_default(),
        })
    }

    fn publish(self) -> Result<PublishArgs, NgError> {
        Ok(PublishArgs {
            sdp: self.sdp.ok_or(NgError::NoSdp)?,
            call_id: self.identity.call_id,
            from_tag: self.identity.from_tag,
            bidirectional: self.who.bidirectional,
            settings: self.settings,
        })
    }

    fn subscribe_request(mut self) -> Result<SubscribeRequestArgs, NgError> {
        Ok(SubscribeRequestArgs {
            call_id: self.call_id()?,
            selection: self.selection(true)?,
            siprec: self.who.siprec,
            mix: self.who.mix,
            inactive: self.who.inactive,
            bidirectional: self.who.bidirectional,
            egress: self.who.egress,
            settings: self.settings,
        })
    }

    fn inject(mut self) -> Result<InjectArgs, NgError> {
        Ok(InjectArgs {
            call_id: self.call_id()?,
            to_tag: self.identity.to_tag.ok_or(NgError::NoToTag)?,
            source_tag: self.multi.source_tag.ok_or(NgError::NoSourceTag)?,
            source_call_id: self.multi.source_call_id,
        })
    }

    fn connect(mut self) -> Result<ConnectArgs, NgError> {
        let call_id = self.call_id()?;
        let many = !self.who.from_tags.is_empty() || self.who.all != AllScope::No;
        if self.identity.from_tag.is_none() && !many {
            return Err(NgError::NoFromTag);
        }
        Ok(ConnectArgs {
            call_id,
            from_tag: self.identity.from_tag,
            from_tags: self.who.from_tags,
            all: self.who.all,
            to_tag: self.identity.to_tag.ok_or(NgError::NoToTag)?,
            to_call_id: self.multi.to_call_id,
            directional: self.who.directional,
            bidirectional: self.who.bidirectional,
        })
    }

    fn transform(mut self) -> Result<TransformArgs, NgError> {
        Ok(TransformArgs {
            call_id: self.call_id()?,
            from_tag: self.identity.from_tag,
            instance: self.media.instance,
            interface: self.media.interface,
            medias: self.media.medias,
        })
    }

    fn mesh(mut self) -> Result<MeshArgs, NgError> {
        // A single call may stand under its ordinary key.
        let mut calls = self.multi.calls;
        if calls.is_empty() {
            calls.extend(self.identity.call_id.take());
        }
        if calls.is_empty() {
            return Err(NgError::NoCallId);
        }
        Ok(MeshArgs {
            calls,
            tags: self.multi.tags,
            unsubscribe: self.who.unsubscribe,
            bidirectional: self.who.bidirectional,
        })
    }
}
