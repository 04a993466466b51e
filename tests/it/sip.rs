//! SIP peers of the lab: Debian's Kamailio as proxy and registrar, SIPp as phones.
//!
//! A phone does what a human would only when the test says so, by a small SIP message that it sends to the phone on
//! the phone's own host. So no step of a test waits for a length of time.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use crate::lab::{Host, Lab, run, wait_for};
use crate::nat::Place;
use crate::process::Process;
use crate::relay::{NG_PORT, RELAY_IP};

/// What `kamailio` runs with, but for the words in `@`.
const CONFIG: &str = include_str!("../fixtures/kamailio/kamailio.cfg");
const REGISTER: &str = include_str!("../fixtures/sipp/register.xml");
const CALLER: &str = include_str!("../fixtures/sipp/caller.xml");
const CALLEE: &str = include_str!("../fixtures/sipp/callee.xml");
const IN_CALL: &str = include_str!("../fixtures/sipp/in_call.xml");

const PATIENCE: Duration = Duration::from_secs(15);

/// Starts Kamailio on the core host and waits until it answers; `flags` go into each of its relay commands.
pub(crate) fn kamailio(lab: &Lab, core: &Host, flags: &str) -> Process {
    kamailio_between(lab, core, flags, flags)
}

/// The same with flags for what goes to callees, in requests, and for what goes to callers, in replies.
pub(crate) fn kamailio_between(lab: &Lab, core: &Host, to_callee: &str, to_caller: &str) -> Process {
    let config = CONFIG
        .replace("@RELAY@", &format!("{RELAY_IP}:{NG_PORT}"))
        .replace("@FLAGS@", to_callee)
        .replace("@REPLY_FLAGS@", to_caller);
    let (file, runtime) = (lab.folder().join("kamailio.cfg"), lab.folder().join("kamailio"));
    fs::write(&file, config).unwrap();
    fs::create_dir_all(&runtime).unwrap();
    let (file, runtime) = (file.to_str().unwrap(), runtime.to_str().unwrap());
    let args = ["-DD", "-E", "-f", file, "-Y", runtime, "-m", "32", "-M", "4"];
    let mut proxy = Process::start(lab, core, "kamailio", "kamailio", &args);
    let socket = core.udp(&format!("{RELAY_IP}:0"));
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let probe = format!(
        "OPTIONS sip:{RELAY_IP} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKprobe\r\nFrom: <sip:probe@{RELAY_IP}>;tag=1\r\n\
         To: <sip:{RELAY_IP}>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n",
        socket.local_addr().unwrap()
    );
    wait_for("Kamailio to answer OPTIONS", PATIENCE, || {
        assert!(proxy.alive(), "Kamailio ended at its start:\n{}", proxy.said());
        socket.send_to(probe.as_bytes(), (RELAY_IP, 5060)).unwrap();
        socket.recv(&mut [0; 2048]).is_ok()
    });
    proxy
}

/// A SIPp phone in one call, on port 5060 of its host.
pub(crate) struct Phone {
    process: Process,
    host: Host,
    addr: SocketAddr,
    call_id: String,
    heard: std::path::PathBuf,
    told: u32,
}

impl Phone {
    /// Registers `user` at the proxy from this place.
    pub(crate) fn register(lab: &Lab, place: &Place, user: &str) {
        let scenario = lab.folder().join(format!("register-{}.xml", place.ip));
        fs::write(&scenario, REGISTER).unwrap();
        let mut command = place.host.command("sipp", &[]);
        command
            .current_dir(lab.folder())
            .env("TERM", "dumb")
            .arg(format!("{RELAY_IP}:5060"));
        command.args([
            "-s", user, "-i", &place.ip, "-p", "5060", "-m", "1", "-nostdin", "-timeout", "15s",
        ]);
        command.args(["-timeout_error", "-sf"]).arg(&scenario);
        run(command);
    }

    /// A registered phone that waits for a call with this Call-ID.
    pub(crate) fn callee(lab: &Lab, place: &Place, call_id: &str, audio: u16) -> Self {
        let mut phone = Self::start(lab, place, "callee", CALLEE, call_id, audio, &[]);
        phone.wait_for("a socket", |phone| phone.process.udp_ports().contains(&5060));
        phone
    }

    /// A phone that calls bob with this Call-ID at once.
    pub(crate) fn caller(lab: &Lab, place: &Place, call_id: &str, audio: u16) -> Self {
        Self::start(
            lab,
            place,
            "caller",
            CALLER,
            call_id,
            audio,
            &["-cid_str", call_id],
        )
    }

    fn start(
        lab: &Lab,
        place: &Place,
        role: &str,
        scenario: &str,
        call_id: &str,
        audio: u16,
        more: &[&str],
    ) -> Self {
        let name = format!("{role}-{}", place.ip);
        let scenario_file = lab.folder().join(format!("{name}.xml"));
        fs::write(&scenario_file, scenario.replace("@IN_CALL@", IN_CALL)).unwrap();
        let heard = lab.folder().join(format!("{name}.heard"));
        let messages = lab.folder().join(format!("{name}.messages"));
        let errors = lab.folder().join(format!("{name}.errors"));
        let (proxy, audio) = (format!("{RELAY_IP}:5060"), audio.to_string());
        let mut args = vec![
            proxy.as_str(),
            "-s",
            role,
            "-i",
            &place.ip,
            "-p",
            "5060",
            "-m",
            "1",
            "-nostdin",
        ];
        args.extend([
            "-timeout",
            "60s",
            "-timeout_error",
            "-deadcall_wait",
            "0",
            "-key",
            "audio",
            &audio,
        ]);
        args.extend(["-trace_logs", "-log_file", heard.to_str().unwrap()]);
        args.extend(["-trace_msg", "-message_file", messages.to_str().unwrap()]);
        args.extend(["-trace_err", "-error_file", errors.to_str().unwrap()]);
        args.extend(["-sf", scenario_file.to_str().unwrap()]);
        args.extend(more);
        let process = Process::start(lab, &place.host, &name, "sipp", &args);
        let addr = format!("{}:5060", place.ip).parse().unwrap();
        Self {
            process,
            host: place.host.clone(),
            addr,
            call_id: call_id.into(),
            heard,
            told: 0,
        }
    }

    /// Tells the phone to go on: `MESSAGE` to answer, cancel or hang up, `INFO` to refuse or to send a re-INVITE.
    fn tell(&mut self, method: &str, line: &str) {
        self.told += 1;
        let socket = self.host.udp(&format!("{}:0", self.addr.ip()));
        let message = format!(
            "{method} sip:phone SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKtell{}\r\nFrom: <sip:test@test>\r\n\
             To: <sip:phone@test>\r\nCall-ID: {}\r\nCSeq: {} {method}\r\nContent-Length: {}\r\n\r\n{line}",
            socket.local_addr().unwrap(),
            self.told,
            self.call_id,
            9000 + self.told,
            line.len()
        );
        socket.send_to(message.as_bytes(), self.addr).unwrap();
    }

    /// Tells a ringing phone to answer.
    pub(crate) fn answer(&mut self) {
        self.tell("MESSAGE", "");
    }

    /// Tells a ringing phone to refuse the call.
    pub(crate) fn refuse(&mut self) {
        self.tell("INFO", "");
    }

    /// Tells a calling phone to give up before the answer, or one in a call to hang up.
    pub(crate) fn hang_up(&mut self) {
        self.tell("MESSAGE", "");
    }

    /// Tells a phone in a call to renegotiate with this direction.
    pub(crate) fn reinvite(&mut self, direction: &str) {
        self.tell("INFO", &format!("a={direction}\r\n"));
    }

    /// The SDPs it has received: the media port, and the direction if there was any.
    pub(crate) fn sdps(&self) -> Vec<(u16, String)> {
        let text = fs::read_to_string(&self.heard).unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split_once("m=audio ")?.1.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next().unwrap_or("").into()))
        });
        lines.collect()
    }

    /// Waits for the `n`th SDP it receives, counted from 1.
    pub(crate) fn sdp(&mut self, n: usize) -> (u16, String) {
        self.wait_for(&format!("SDP {n}"), |phone| phone.sdps().len() >= n);
        self.sdps().swap_remove(n - 1)
    }

    /// Waits until the SIP messages it has sent and received hold `text`.
    pub(crate) fn saw(&mut self, text: &str) {
        let log = self.heard.with_extension("messages");
        self.wait_for(text, |_| {
            fs::read_to_string(&log).unwrap_or_default().contains(text)
        });
    }

    fn wait_for(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        wait_for(&format!("{what} at the phone {}", self.addr), PATIENCE, || {
            let ended = !self.process.alive();
            let done = done(self);
            assert!(
                done || !ended,
                "the phone {} ended early:\n{}",
                self.addr,
                self.errors()
            );
            done
        });
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.heard.with_extension("errors")).unwrap_or_default()
    }

    /// Waits for the phone to end its scenario as written.
    pub(crate) fn done(mut self) {
        let status = self.process.end(PATIENCE);
        assert!(
            status.success(),
            "the phone {} failed: {status}\n{}",
            self.addr,
            self.errors()
        );
    }
}
