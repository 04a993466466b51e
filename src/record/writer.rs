//! The writer thread.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use call::{RecordingAction, RecordingCommand};
use plan::TapId;

use super::recording::Recording;
use super::ring::{Job, Recordings, Shared, TappedPacket};
use crate::config::RecordFormat;
use crate::limits::RECORD_RING;

/// How long the writer sleeps when nothing wakes it. Workers never wake it, so this bounds how old unwritten packets
/// get.
const IDLE: Duration = Duration::from_millis(5);

/// The writer thread; completes what is in the ring when dropped.
pub struct Recorder {
    recordings: Recordings,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Creates the recording folders and starts the writer.
    ///
    /// # Errors
    /// The folders cannot be created, or no thread can be started.
    pub fn start(dir: &Path, format: RecordFormat) -> io::Result<Self> {
        for sub in ["pcaps", "metadata", "tmp"] {
            std::fs::create_dir_all(dir.join(sub))?;
        }
        let shared = Shared::new(RECORD_RING);
        let mut writer = Writer {
            shared: shared.clone(),
            dir: dir.to_owned(),
            format,
            open: HashMap::new(),
        };
        let thread = thread::Builder::new()
            .name("record".into())
            .spawn(move || writer.run())?;
        let recordings = Recordings::new(shared, thread.thread().clone());
        Ok(Self {
            recordings,
            thread: Some(thread),
        })
    }

    /// A way in.
    pub fn recordings(&self) -> Recordings {
        self.recordings.clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.recordings.stop();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so; there is nothing left to complete.
            let _ = thread.join();
        }
    }
}

struct Writer {
    shared: Arc<Shared>,
    dir: PathBuf,
    format: RecordFormat,
    open: HashMap<TapId, Recording>,
}

impl Writer {
    fn run(&mut self) {
        loop {
            let stop = self.shared.stop.load(Ordering::Acquire);
            while let Some(job) = self.shared.ring.pop() {
                self.handle(job);
            }
            self.flush();
            if stop {
                break;
            }
            thread::park_timeout(IDLE);
        }
        let now = crate::clock::now();
        for (_, recording) in self.open.drain() {
            if let Err(e) = recording.finish(now) {
                tracing::error!("recording could not be completed: {e}");
            }
        }
    }

    fn handle(&mut self, job: Job) {
        match job {
            Job::Packet(packet) => self.packet(&packet),
            Job::Command(command, done) => {
                let result = self.command(command);
                if let Err(e) = &result {
                    self.shared.counters.errors.fetch_add(1, Ordering::Relaxed);
                    tracing::error!("recording: {e}");
                }
                // Whoever asked may have stopped waiting.
                let _ = done.try_send(result);
            }
        }
    }

    fn packet(&mut self, packet: &TappedPacket) {
        // A tap may outlive its recording by the packets that were on their way.
        let Some(recording) = self.open.get_mut(&packet.tap) else {
            return;
        };
        let counter = match recording.packet(packet) {
            Ok(true) => &self.shared.counters.packets,
            Ok(false) | Err(_) => &self.shared.counters.lost_write,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn command(&mut self, command: RecordingCommand) -> io::Result<()> {
        let tap = command.tap;
        if let RecordingAction::Start {
            path,
            metadata_path,
            at,
            ..
        } = &command.action
        {
            let recording = Recording::create(&self.dir, self.format, path, metadata_path, *at)?;
            self.open.insert(tap, recording);
            return Ok(());
        }
        let Some(recording) = self.open.get_mut(&tap) else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no such recording"));
        };
        match command.action {
            RecordingAction::Start { .. } => Ok(()),
            RecordingAction::Sdp(body) => recording.sdp(&body),
            RecordingAction::Metadata(text) => {
                recording.metadata(text);
                Ok(())
            }
            RecordingAction::Pause => {
                recording.pause(true);
                recording.flush()
            }
            RecordingAction::Resume => {
                recording.pause(false);
                Ok(())
            }
            RecordingAction::Stop { at } => self.open.remove(&tap).map_or(Ok(()), |r| r.finish(at)),
            RecordingAction::Discard => self.open.remove(&tap).map_or(Ok(()), Recording::discard),
        }
    }

    fn flush(&mut self) {
        for recording in self.open.values_mut().filter(|r| r.is_dirty()) {
            if let Err(e) = recording.flush() {
                self.shared.counters.lost_write.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("recording: {e}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use call::{SdpDirection, SdpText};
    use plan::{Tap, TapPoint, Time};
    use relay::Tapped;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("patchbay-record-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Self(path)
        }

        fn recorder(&self) -> Recorder {
            Recorder::start(&self.0, RecordFormat::Raw).expect("recorder")
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).to_string_lossy().into_owned()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn start(folder: &Folder, file: &str) -> RecordingCommand {
        RecordingCommand {
            tap: TapId(1),
            action: RecordingAction::Start {
                call_id: "c".into(),
                path: folder.path(file),
                metadata_path: folder.path("metadata/c.txt"),
                at: Time::from_secs(10),
            },
        }
    }

    fn act(action: RecordingAction) -> RecordingCommand {
        RecordingCommand {
            tap: TapId(1),
            action,
        }
    }

    fn push(recordings: &Recordings) {
        let tapped = Tapped {
            tap: Tap {
                id: TapId(1),
                point: TapPoint::Ingress,
            },
            at: Time::from_secs(11),
            from: "192.0.2.1:4000".parse().expect("address"),
            to: "192.0.2.2:5000".parse().expect("address"),
            bytes: &[0x80; 172],
        };
        assert!(recordings.push(&tapped));
    }

    #[test]
    fn a_recording_holds_its_packets_and_its_metadata() {
        let folder = Folder::new("whole");
        let recorder = folder.recorder();
        let recordings = recorder.recordings();
        recordings.command(start(&folder, "pcaps/c.pcap")).expect("start");
        let sdp = |direction| {
            act(RecordingAction::Sdp(SdpText {
                at: Time(10_000_500),
                direction,
                tag: "a".into(),
                text: "v=0\r\n".into(),
                labels: Default::default(),
            }))
        };
        recordings.command(sdp(SdpDirection::OfferIn)).expect("sdp");
        recordings.command(sdp(SdpDirection::OfferOut)).expect("sdp");
        push(&recordings);
        recordings.command(act(RecordingAction::Pause)).expect("pause");
        push(&recordings);
        recordings.command(act(RecordingAction::Resume)).expect("resume");
        push(&recordings);
        recordings
            .command(act(RecordingAction::Metadata("k:v".into())))
            .expect("metadata");
        recordings
            .command(act(RecordingAction::Stop {
                at: Time::from_secs(12),
            }))
            .expect("stop");
        let bytes = std::fs::read(folder.path("pcaps/c.pcap")).expect("file");
        assert_eq!(bytes.len(), 24 + 2 * (16 + 20 + 8 + 172));
        let text = std::fs::read_to_string(folder.path("metadata/c.txt")).expect("metadata");
        let path = folder.path("pcaps/c.pcap");
        assert_eq!(
            text,
            format!(
                "{path}\n\n\nTimestamp started ms: 10000.500\nSDP mode: offer\nSDP before RTP packet: 1\n\nv=0\r\n\n\
                 Timestamp terminated ms(first monologue): 12000.000\n\ncall start time: 1970-01-01T00:00:10\n\
                 call end time: 1970-01-01T00:00:12\n\n\nk:v\n"
            )
        );
        assert!(!std::fs::exists(folder.path("tmp/c.txt")).expect("exists"));
    }

    #[test]
    fn a_name_used_before_is_continued_and_foreign_files_are_kept() {
        let folder = Folder::new("again");
        let recorder = folder.recorder();
        let recordings = recorder.recordings();
        for _ in 0..2 {
            recordings.command(start(&folder, "x.pcap")).expect("start");
            push(&recordings);
            recordings
                .command(act(RecordingAction::Stop {
                    at: Time::from_secs(12),
                }))
                .expect("stop");
        }
        assert_eq!(
            std::fs::read(folder.path("x.pcap")).expect("file").len(),
            24 + 2 * (16 + 20 + 8 + 172)
        );
        std::fs::write(folder.path("notes"), "mine").expect("write");
        assert!(recordings.command(start(&folder, "notes")).is_err());
        assert_eq!(
            std::fs::read_to_string(folder.path("notes")).expect("file"),
            "mine"
        );
    }

    #[test]
    fn links_out_of_the_folder_are_refused_and_discarding_removes_both_files() {
        let folder = Folder::new("links");
        let recorder = folder.recorder();
        let recordings = recorder.recordings();
        std::os::unix::fs::symlink("/dev/null", folder.path("pcaps/l.pcap")).expect("link");
        assert!(recordings.command(start(&folder, "pcaps/l.pcap")).is_err());
        assert!(recordings.command(start(&folder, "../out.pcap")).is_err());
        recordings.command(start(&folder, "pcaps/d.pcap")).expect("start");
        recordings
            .command(act(RecordingAction::Discard))
            .expect("discard");
        assert!(!std::fs::exists(folder.path("pcaps/d.pcap")).expect("exists"));
        assert_eq!(
            recordings
                .counters()
                .expect("counters")
                .errors
                .load(Ordering::Relaxed),
            2
        );
    }
}
