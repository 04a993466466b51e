//! Debian's baresip as a phone: it sends a tone, and writes what it hears to a file. It is told what to do over its TCP
//! control port, as netstrings of JSON, and says there what becomes of its calls.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Host, Lab, wait_for};
use crate::phone::tone_share;
use crate::process::Process;
use crate::relay::RELAY_IP;

const CONTROL: &str = "127.0.0.1:4444";
const PATIENCE: Duration = Duration::from_secs(20);

/// What one phone is to be.
pub(crate) struct Setup<'a> {
    pub(crate) user: &'a str,
    pub(crate) ip: &'a str,
    /// What it sends, in Hz.
    pub(crate) hz: u32,
    /// Parameters of its account: `;mediaenc=srtp-mand`, `;medianat=ice`.
    pub(crate) account: &'a str,
}

/// A running baresip.
pub(crate) struct Baresip {
    process: Process,
    control: TcpStream,
    folder: PathBuf,
    received: Vec<u8>,
    events: Vec<Value>,
}

impl Baresip {
    /// Starts one and waits until it is registered.
    pub(crate) fn start(lab: &Lab, host: &Host, setup: &Setup<'_>) -> Self {
        let folder = lab.folder().join(setup.user);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config"), config(setup, &folder)).unwrap();
        let account = format!(
            "<sip:{}@{RELAY_IP}>;auth_pass=x;regint=3600;answermode=auto;audio_codecs=PCMA{}\n",
            setup.user, setup.account
        );
        fs::write(folder.join("accounts"), account).unwrap();
        let folder_name = folder.to_str().unwrap();
        let args = ["-f", folder_name, "-v", "-s"];
        let mut process = Process::start(lab, host, setup.user, "baresip", &args);
        let mut control = None;
        wait_for("baresip to listen", PATIENCE, || {
            assert!(process.alive(), "baresip ended at its start:\n{}", process.said());
            control = host.enter(|| TcpStream::connect(CONTROL)).ok();
            control.is_some()
        });
        let control = control.unwrap();
        control.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut phone = Self {
            process,
            control,
            folder,
            received: Vec::new(),
            events: Vec::new(),
        };
        wait_for("baresip to be registered", PATIENCE, || {
            phone.process.said().contains("200 OK")
        });
        phone.listen();
        phone
    }

    /// Gives it a command of its menu.
    pub(crate) fn tell(&mut self, command: &str, params: &str) {
        let text = json!({"command": command, "params": params, "token": command}).to_string();
        let netstring = format!("{}:{text},", text.len());
        self.control.write_all(netstring.as_bytes()).unwrap();
    }

    /// Takes in what it has said.
    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(len @ 1..) = self.control.read(&mut buffer) {
            self.received.extend(&buffer[..len]);
        }
        while let Some((message, len)) = netstring(&self.received) {
            self.events.extend(serde_json::from_slice(message).ok());
            self.received.drain(..len);
        }
    }

    /// Waits for an event of a call.
    pub(crate) fn saw(&mut self, kind: &str) {
        wait_for(&format!("{kind} of baresip"), PATIENCE, || {
            self.listen();
            assert!(self.process.alive(), "baresip ended:\n{}", self.process.said());
            self.events.iter().any(|event| event["type"] == kind)
        });
    }

    /// Waits until it hears hardly anything else than `hz`.
    pub(crate) fn hears(&mut self, hz: f64) {
        wait_for(&format!("baresip to hear {hz} Hz"), PATIENCE, || {
            let sound = heard(&self.folder);
            sound.len() >= 4000 && tone_share(&sound[sound.len() - 4000..], hz) > 0.8
        });
    }

    /// What it has written about itself.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }
}

fn config(setup: &Setup<'_>, folder: &Path) -> String {
    let modules = [
        "g711",
        "ausine",
        "aubridge",
        "sndfile",
        "stun",
        "ice",
        "srtp",
        "dtls_srtp",
    ];
    let modules: String = modules.iter().map(|name| format!("module {name}.so\n")).collect();
    format!(
        "poll_method epoll\nsip_listen {ip}:5060\ncall_max_calls 4\n\
         audio_player aubridge,nobody\naudio_source ausine,{hz}\naudio_alert aubridge,nobody\n\
         ausrc_srate 48000\nausrc_channels 2\nrtp_ports 4000-4100\njitter_buffer_delay 1-5\nsnd_path {folder}\n\
         module_path /usr/lib/baresip/modules\n{modules}\
         module_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\nctrl_tcp_listen {CONTROL}\n",
        ip = setup.ip,
        hz = setup.hz,
        folder = folder.display(),
    )
}

/// The first message, and how many bytes it takes.
fn netstring(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let len: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    let message = bytes.get(colon + 1..colon + 1 + len)?;
    Some((message, colon + len + 2))
}

/// Samples of what the decoder has given, from the file that is still being written: 16 bits behind a header.
fn heard(folder: &Path) -> Vec<f64> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files = files.filter(|file| file.file_name().to_string_lossy().ends_with("-dec.wav"));
    let bytes = files
        .next()
        .and_then(|file| fs::read(file.path()).ok())
        .unwrap_or_default();
    let samples = bytes.get(44..).unwrap_or_default().chunks_exact(2);
    samples
        .map(|sample| f64::from(i16::from_le_bytes([sample[0], sample[1]])))
        .collect()
}
