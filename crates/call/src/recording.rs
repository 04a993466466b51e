//! Recording: on, off or paused, where to, and what the metadata file will need. Writing is `src/record`'s.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ng_protocol::{Dict, NgError, RecordCall, RecordingArgs, RecordingRules, Settings};
use plan::{TapId, Time};

use crate::call::Call;
use crate::limits::RECORDED_TEXT_BYTES_MAX;
use crate::model::PartyId;
use crate::{Env, Output, RecordingAction, RecordingCommand, SdpDirection, SdpText};

/// A recording that is running or paused.
#[derive(Debug)]
pub(crate) struct Recording {
    tap: TapId,
    path: String,
    paused: bool,
}

impl Call {
    /// `start recording`, also the resumption of a paused one.
    pub(crate) fn run_start_recording(
        &mut self,
        now: Time,
        env: &mut dyn Env,
        args: &RecordingArgs,
    ) -> Result<Dict<'static>, NgError> {
        if let Some(metadata) = &args.metadata {
            self.metadata = Some(metadata.clone());
        }
        self.begin_recording(now, env, &args.rules)?;
        self.install(now);
        Ok(Dict::new())
    }

    /// `stop recording`, with `pause` and `discard-recording`.
    pub(crate) fn run_stop_recording(
        &mut self,
        now: Time,
        args: &RecordingArgs,
    ) -> Result<Dict<'static>, NgError> {
        match args.rules.pause {
            true => self.pause(),
            false => self.end_recording(now, args.rules.discard),
        }
        self.install(now);
        Ok(Dict::new())
    }

    /// `pause recording`.
    pub(crate) fn run_pause_recording(&mut self, now: Time) -> Result<Dict<'static>, NgError> {
        self.pause();
        self.install(now);
        Ok(Dict::new())
    }

    /// `record-call` of an offer or answer.
    pub(crate) fn apply_recording(&mut self, now: Time, env: &mut dyn Env, settings: &Settings) {
        match settings.recording.record_call {
            // COMPAT(rtpengine): where recording is not configured, the flag is ignored.
            Some(RecordCall::On) => drop(self.begin_recording(now, env, &settings.recording)),
            Some(RecordCall::Off) => self.end_recording(now, false),
            Some(RecordCall::Discard) => self.end_recording(now, true),
            None => {}
        }
    }

    fn begin_recording(
        &mut self,
        now: Time,
        env: &mut dyn Env,
        rules: &RecordingRules,
    ) -> Result<(), NgError> {
        if let Some(running) = &mut self.recording {
            if std::mem::take(&mut running.paused) {
                let tap = running.tap;
                self.tell_recording(tap, RecordingAction::Resume);
            }
            return Ok(());
        }
        let Some(dir) = self.config.recording.dir.clone() else {
            return Err(NgError::Other("Recording is not configured".to_owned()));
        };
        let random = env.rng().next_u64();
        let name = format!("{}-{random:016x}", escape(self.call_id()));
        let path = contained(&dir, rules, &name)?;
        let tap = TapId(random);
        let action = RecordingAction::Start {
            call_id: self.call_id().to_string(),
            path: path.clone(),
            metadata_path: format!("{dir}/metadata/{name}.txt"),
            at: now,
        };
        self.recording = Some(Recording {
            tap,
            path,
            paused: false,
        });
        self.tell_recording(tap, action);
        for text in std::mem::take(&mut self.sdp_before_recording) {
            self.tell_recording(tap, RecordingAction::Sdp(text));
        }
        if let Some(metadata) = &self.metadata {
            let metadata = metadata.to_str().into_owned();
            self.tell_recording(tap, RecordingAction::Metadata(metadata));
        }
        Ok(())
    }

    fn pause(&mut self) {
        if let Some(running) = &mut self.recording
            && !std::mem::replace(&mut running.paused, true)
        {
            let tap = running.tap;
            self.tell_recording(tap, RecordingAction::Pause);
        }
    }

    pub(crate) fn end_recording(&mut self, now: Time, discard: bool) {
        if let Some(ended) = self.recording.take() {
            if discard {
                self.tell_recording(ended.tap, RecordingAction::Discard);
            }
            self.tell_recording(ended.tap, RecordingAction::Stop { at: now });
        }
    }

    fn tell_recording(&mut self, tap: TapId, action: RecordingAction) {
        self.outputs
            .push_back(Output::Recording(RecordingCommand { tap, action }));
    }

    /// Notes a body for the metadata file, also before a recording starts: recordings mostly start after the answer.
    pub(crate) fn record_sdp(&mut self, at: Time, direction: SdpDirection, party: PartyId, body: &[u8]) {
        if self.config.recording.dir.is_none() || body.len() > RECORDED_TEXT_BYTES_MAX {
            return;
        }
        let tag = self.model.parties[party]
            .tag
            .as_ref()
            .map(|t| t.to_str().into_owned());
        let text = SdpText {
            at,
            direction,
            tag: tag.unwrap_or_default(),
            text: without_keys(&String::from_utf8_lossy(body)),
            labels: BTreeMap::new(),
        };
        match &self.recording {
            Some(running) => {
                let tap = running.tap;
                self.tell_recording(tap, RecordingAction::Sdp(text));
            }
            None => {
                // The latest of each direction is enough to know how media was set up.
                self.sdp_before_recording.retain(|t| t.direction != direction);
                self.sdp_before_recording.push(text);
            }
        }
    }

    /// The tap to put into plans.
    pub(crate) fn active_tap(&self) -> Option<TapId> {
        self.recording.as_ref().filter(|r| !r.paused).map(|r| r.tap)
    }

    /// What completes its recording, should the call itself be in no state to say so.
    pub fn last_recording_command(&self, at: Time) -> Option<RecordingCommand> {
        self.recording.as_ref().map(|running| RecordingCommand {
            tap: running.tap,
            action: RecordingAction::Stop { at },
        })
    }

    /// Whether a recording runs (paused ones count).
    pub fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// Paths for the reply.
    pub(crate) fn recordings(&self) -> Vec<String> {
        self.recording.iter().map(|r| r.path.clone()).collect()
    }
}

/// The path of the capture file: as asked for if that stays inside the recording folder, else an error.
fn contained(dir: &str, rules: &RecordingRules, name: &str) -> Result<String, NgError> {
    let refused = || NgError::Other("Recording path is outside the recording folder".to_owned());
    let text = |t: &ng_protocol::Text| std::str::from_utf8(t).map(str::to_owned).map_err(|_| refused());
    let path = match (&rules.file, &rules.dir) {
        (Some(file), _) => absolute(dir, &text(file)?),
        (None, Some(folder)) => format!("{}/{name}.pcap", absolute(dir, &text(folder)?)),
        (None, None) => return Ok(format!("{dir}/pcaps/{name}.pcap")),
    };
    let inside = path
        .strip_prefix(dir.trim_end_matches('/'))
        .is_some_and(|rest| rest.starts_with('/'));
    let climbs = path.split('/').any(|part| part == "..") || path.contains('\0');
    if inside && !climbs {
        Ok(path)
    } else {
        Err(refused())
    }
}

fn absolute(dir: &str, path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{dir}/{path}")
    }
}

/// A call-id as part of a file name: what could leave the folder or confuse a shell is percent-encoded.
fn escape(call_id: &[u8]) -> String {
    let mut out = String::with_capacity(call_id.len());
    for &b in call_id.iter().take(128) {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(b));
        } else {
            // Writing to a string can't fail.
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}

/// A body for keeping: a recording may lie about for years, and whoever holds the keys of its call as well could read
/// what was captured elsewhere.
fn without_keys(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    for line in body.split_inclusive(['\r', '\n']) {
        let name = |name: &str| {
            line.get(..name.len())
                .is_some_and(|l| l.eq_ignore_ascii_case(name))
        };
        if name("a=crypto:") {
            hide_keys(line, &mut out);
        } else if name("k=") {
            out.push_str("k=*");
            out.push_str(line.trim_start_matches(|c| !matches!(c, '\r' | '\n')));
        } else {
            out.push_str(line);
        }
    }
    out
}

/// Everything between `inline:` and what may follow a key.
fn hide_keys(line: &str, out: &mut String) {
    const METHOD: &str = "inline:";
    let mut rest = line;
    while let Some(at) = rest.to_ascii_lowercase().find(METHOD) {
        let (before, key) = rest.split_at(at + METHOD.len());
        out.push_str(before);
        out.push('*');
        rest = key.trim_start_matches(|c| !matches!(c, '|' | ';' | ' ' | '\t' | '\r' | '\n'));
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_kept_without_their_keys() {
        for (body, kept) in [
            (
                "a=sendrecv\r\na=mid:inline:x\r\n",
                "a=sendrecv\r\na=mid:inline:x\r\n",
            ),
            (
                "a=crypto:1 S inline:SECRET\r\na=ptime:20\r\n",
                "a=crypto:1 S inline:*\r\na=ptime:20\r\n",
            ),
            (
                "A=CRYPTO:1 S INLINE:SECRET|2^31|1:4;inline:SECRET|2:4 KDR=1\na=crypto:2 S inline:SECRET",
                "A=CRYPTO:1 S INLINE:*|2^31|1:4;inline:*|2:4 KDR=1\na=crypto:2 S inline:*",
            ),
            ("k=base64:SECRET\r\na=x\r\n", "k=*\r\na=x\r\n"),
            ("a=crypto:\r\n", "a=crypto:\r\n"),
        ] {
            assert_eq!(without_keys(body), kept);
        }
    }

    #[test]
    fn paths_stay_inside() {
        let rules = |file: Option<&str>, dir: Option<&str>| RecordingRules {
            file: file.map(Into::into),
            dir: dir.map(Into::into),
            ..RecordingRules::default()
        };
        let path = |r| contained("/rec", &r, "n");
        assert_eq!(path(rules(None, None)).unwrap(), "/rec/pcaps/n.pcap");
        assert_eq!(path(rules(Some("/rec/a.pcap"), None)).unwrap(), "/rec/a.pcap");
        assert_eq!(path(rules(Some("a.pcap"), None)).unwrap(), "/rec/a.pcap");
        assert_eq!(path(rules(None, Some("x/y"))).unwrap(), "/rec/x/y/n.pcap");
        for bad in [
            "/etc/passwd",
            "../x",
            "/rec/../x",
            "/record/x",
            "/rec/a/../../x",
            "a\0b",
        ] {
            assert!(path(rules(Some(bad), None)).is_err(), "{bad}");
        }
        assert_eq!(escape(b"a/../b c@h"), "a%2F..%2Fb%20c%40h");
    }
}
