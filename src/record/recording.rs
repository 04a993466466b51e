//! One recording: its pcap file and its metadata file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use call::SdpText;
use plan::Time;

use super::ring::TappedPacket;
use super::{metadata, pcap};
use crate::config::RecordFormat;

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 64 * 1024;

/// An open recording.
pub(super) struct Recording {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
    format: RecordFormat,
    notes: Notes,
    packets: u64,
    paused: bool,
    started: Time,
}

/// The metadata file while it grows, and what is still to be said at its end.
struct Notes {
    temporary: PathBuf,
    path: PathBuf,
    file: File,
    trailer: String,
}

impl Recording {
    /// Creates both files below `dir`. A pcap file that is there already is continued.
    ///
    /// # Errors
    /// The path leaves `dir`, is a symbolic link, is something else than a pcap file of this format, or the system
    /// refuses.
    pub(super) fn create(
        dir: &Path,
        format: RecordFormat,
        path: &str,
        metadata_path: &str,
        started: Time,
    ) -> io::Result<Self> {
        let path = contained(dir, path)?;
        let metadata_path = contained(dir, metadata_path)?;
        for parent in [path.parent(), metadata_path.parent()].into_iter().flatten() {
            fs::create_dir_all(parent)?;
        }
        let temporary_dir = dir.join("tmp");
        fs::create_dir_all(&temporary_dir)?;
        let temporary = temporary_dir.join(metadata_path.file_name().unwrap_or_default());
        let mut notes = Notes {
            file: open(&temporary, true)?,
            temporary,
            path: metadata_path,
            trailer: String::new(),
        };
        notes
            .file
            .write_all(metadata::head(&path.to_string_lossy()).as_bytes())?;
        Ok(Self {
            file: open_pcap(&path, format)?,
            path,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            format,
            notes,
            packets: 0,
            paused: false,
            started,
        })
    }

    /// Takes a packet; it reaches the file when the buffer is full or [`Self::flush`] is called. Returns false if it is
    /// no packet.
    pub(super) fn packet(&mut self, packet: &TappedPacket) -> io::Result<bool> {
        if self.paused {
            return Ok(true);
        }
        let fits = pcap::record(
            &mut self.buffer,
            self.format,
            packet.at,
            packet.from,
            packet.to,
            &packet.bytes,
        );
        self.packets += u64::from(fits);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(fits)
    }

    /// Writes what was gathered. What cannot be written is lost, so that a full disk does not fill memory; a record
    /// that was written in part is taken back, so that the file stays readable.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let before = self.file.stream_position()?;
        let result = self.file.write_all(&self.buffer);
        self.buffer.clear();
        if result.is_err() {
            self.file.set_len(before)?;
            self.file.seek(SeekFrom::Start(before))?;
        }
        result
    }

    /// Whether something waits to be written.
    pub(super) fn is_dirty(&self) -> bool {
        !self.buffer.is_empty()
    }

    pub(super) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(super) fn sdp(&mut self, body: &SdpText) -> io::Result<()> {
        match metadata::sdp(body, self.packets) {
            Some(text) => self.notes.file.write_all(text.as_bytes()),
            None => Ok(()),
        }
    }

    pub(super) fn metadata(&mut self, text: String) {
        self.notes.trailer = text;
    }

    /// Completes both files; the metadata file appears in its folder as a whole.
    pub(super) fn finish(mut self, at: Time) -> io::Result<()> {
        self.flush()?;
        let tail = metadata::tail(self.started, at, &self.notes.trailer);
        self.notes.file.write_all(tail.as_bytes())?;
        fs::rename(&self.notes.temporary, &self.notes.path)
    }

    /// Removes both files.
    pub(super) fn discard(self) -> io::Result<()> {
        fs::remove_file(&self.notes.temporary)?;
        fs::remove_file(&self.path)
    }
}

/// `path` if it lies below `dir` by its text; links are refused when it is opened.
fn contained(dir: &Path, path: &str) -> io::Result<PathBuf> {
    let path = Path::new(path);
    let inside = path.strip_prefix(dir).is_ok_and(|rest| {
        rest.components().all(|c| matches!(c, Component::Normal(_))) && rest.file_name().is_some()
    });
    if inside {
        Ok(path.to_owned())
    } else {
        let text = format!(
            "'{}' is not inside the recording folder '{}'",
            path.display(),
            dir.display()
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }
}

fn open(path: &Path, truncate: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(truncate)
        .mode(0o640)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

/// A recording under a name that was used before continues that file: an operator who records into a fixed name keeps
/// what is there.
fn open_pcap(path: &Path, format: RecordFormat) -> io::Result<File> {
    let mut file = open(path, false)?;
    let header = pcap::file_header(format);
    if file.metadata()?.len() == 0 {
        file.write_all(&header)?;
        return Ok(file);
    }
    let mut found = [0; pcap::FILE_HEADER_BYTES];
    let same = file.read_exact(&mut found).is_ok() && found == header;
    if !same {
        let text = format!("'{}' exists and is no pcap file of this format", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        let dir = Path::new("/var/spool/rec");
        for good in ["/var/spool/rec/a.pcap", "/var/spool/rec/pcaps/x/y.pcap"] {
            assert!(contained(dir, good).is_ok(), "{good}");
        }
        for bad in [
            "/etc/passwd",
            "a.pcap",
            "/var/spool/rec",
            "/var/spool/rec/../x",
            "/var/spool/rec/a/../../../etc/x",
            "/var/spool/recx/a",
            "",
        ] {
            assert!(contained(dir, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_full_disk_loses_packets_and_says_so() {
        let dir = std::env::temp_dir().join(format!("patchbay-recording-{}", std::process::id()));
        let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
        let mut recording =
            Recording::create(&dir, RecordFormat::Raw, &path("f"), &path("m"), Time(0)).expect("create");
        // Refuses each write, as a full disk does.
        recording.file = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let addr = "192.0.2.1:4000".parse().expect("address");
        let packet = TappedPacket {
            tap: plan::TapId(1),
            at: Time(0),
            from: addr,
            to: addr,
            bytes: Box::from(*b"x"),
        };
        assert!(recording.packet(&packet).expect("only buffered"));
        assert!(recording.flush().is_err());
        assert!(!recording.is_dirty(), "what cannot be written is not kept");
        fs::remove_dir_all(&dir).expect("clean up");
    }
}
