//! Debian's headless Chromium on a host of the lab, driven over the DevTools protocol.
//!
//! The protocol runs over a pair of pipes (`--remote-debugging-pipe`: JSON texts that end with a zero byte), so no port
//! and no network is needed to reach a browser on another host. One command is under way at a time; events that arrive
//! meanwhile are kept if they say what went wrong in a page. Absent on purpose: anything but evaluating scripts.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lab::{Host, Lab};

/// How long Chromium may take to start; only a machine that is busy with other things takes more than a second or two.
const START: Duration = Duration::from_secs(40);
/// How long any command may take.
const COMMAND: Duration = Duration::from_secs(40);
/// Lines of the pages' consoles that are kept.
const CONSOLE_LINES: usize = 200;

const OPTIONS: &[&str] = &[
    "--headless=new",
    "--remote-debugging-pipe",
    // Its own sandbox needs rights that not every machine gives; the lab's namespace is sandbox enough.
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--mute-audio",
    // What its media stack thinks goes into the log.
    "--enable-logging=stderr",
    "--vmodule=*/webrtc/*=1",
    "--autoplay-policy=no-user-gesture-required",
    // A page in the background is still in a call.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
];

/// A running Chromium.
pub(crate) struct Browser {
    child: Child,
    log: std::path::PathBuf,
    wire: Mutex<Wire>,
}

impl Browser {
    /// Starts one on `host`, with `more` options, and waits until it answers. `name` names its log and its profile.
    pub(crate) fn start(lab: &Lab, host: &Host, name: &str, more: &[&str]) -> Self {
        let (log, home) = (lab.folder().join(format!("{name}.log")), lab.folder().join(name));
        fs::create_dir_all(&home).unwrap();
        // The pipes are descriptors 3 (commands) and 4 (replies).
        let script = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >&2";
        let mut command = host.command("sh", &["-c", script, "sh"]);
        command.args(OPTIONS).args(more);
        command.arg(format!("--user-data-dir={}", home.display()));
        command.env("HOME", &home).current_dir(lab.folder());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let wire = Wire::new(child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let browser = Self {
            child,
            log,
            wire: Mutex::new(wire),
        };
        browser.command(None, "Browser.getVersion", &json!({}), START);
        browser
    }

    /// Opens a page and runs `script` in it.
    pub(crate) fn page(&self, script: &str) -> Page<'_> {
        let made = self.ask(None, "Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": made["targetId"], "flatten": true});
        let attached = self.ask(None, "Target.attachToTarget", &attach);
        let session = attached["sessionId"].as_str().unwrap().to_owned();
        let page = Page {
            browser: self,
            session,
        };
        self.ask(Some(&page.session), "Runtime.enable", &json!({}));
        page.run(script);
        page
    }

    /// What its pages have written to their consoles, and the errors nobody caught.
    pub(crate) fn console(&self) -> String {
        self.wire().console.join("\n")
    }

    /// What the program itself has written.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.command(session, method, params, COMMAND)
    }

    fn command(&self, session: Option<&str>, method: &str, params: &Value, limit: Duration) -> Value {
        let reply = self.wire().ask(session, method, params, limit);
        reply.unwrap_or_else(|e| {
            panic!(
                "Chromium, {method} {params}: {e}\n{}\n{}",
                self.console(),
                self.said()
            )
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let pid = self.child.id() as i32;
        if matches!(self.child.try_wait(), Ok(None)) {
            // SAFETY: kill has no preconditions; the child leads a process group of its own and has not been waited for.
            unsafe { libc::kill(-pid, libc::SIGKILL) };
        }
        let _ = self.child.wait();
    }
}

/// One page of a browser.
pub(crate) struct Page<'a> {
    browser: &'a Browser,
    session: String,
}

impl Page<'_> {
    /// Runs a script in the page and returns its value; a promise is waited for. Fails the test if the script throws.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.try_run(script)
            .unwrap_or_else(|e| panic!("{}: {e}\n{}", script.trim(), self.browser.console()))
    }

    /// The same, with what the script threw as an error.
    pub(crate) fn try_run(&self, script: &str) -> Result<Value, String> {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let reply = self.browser.ask(Some(&self.session), "Runtime.evaluate", &params);
        match reply.get("exceptionDetails") {
            Some(thrown) => Err(said_by(thrown)),
            None => Ok(reply["result"]["value"].clone()),
        }
    }

    /// Calls a function of the page with JSON arguments.
    pub(crate) fn call(&self, function: &str, args: &[Value]) -> Value {
        let args: Vec<String> = args.iter().map(Value::to_string).collect();
        self.run(&format!("{function}({})", args.join(",")))
    }
}

fn said_by(thrown: &Value) -> String {
    let exception = thrown["exception"]["description"].as_str();
    exception
        .or(thrown["text"].as_str())
        .unwrap_or("(nothing)")
        .to_owned()
}

/// The two pipes.
struct Wire {
    commands: ChildStdin,
    replies: ChildStdout,
    received: Vec<u8>,
    next_id: u64,
    console: Vec<String>,
}

impl Wire {
    fn new(commands: ChildStdin, replies: ChildStdout) -> Self {
        let (received, console) = (Vec::new(), Vec::new());
        Self {
            commands,
            replies,
            received,
            next_id: 1,
            console,
        }
    }

    fn ask(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: &Value,
        limit: Duration,
    ) -> Result<Value, String> {
        let id = self.next_id;
        self.next_id += 1;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).map_err(|e| e.to_string())?;
        let give_up = Instant::now() + limit;
        loop {
            let mut message = self.receive(give_up).map_err(|e| e.to_string())?;
            if message["id"] == id {
                return match message.get("error") {
                    Some(error) => Err(error.to_string()),
                    None => Ok(message["result"].take()),
                };
            }
            self.note(&message);
        }
    }

    /// Keeps what a page says about itself.
    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        let line = match event["method"].as_str() {
            Some("Runtime.consoleAPICalled") => {
                let words = params["args"].as_array().into_iter().flatten();
                let words: Vec<String> = words.map(|word| plain(&word["value"])).collect();
                words.join(" ")
            }
            Some("Runtime.exceptionThrown") => said_by(&params["exceptionDetails"]),
            Some("Inspector.targetCrashed") => "the page has crashed".into(),
            _ => return,
        };
        if self.console.len() < CONSOLE_LINES {
            self.console.push(line);
        }
    }

    fn receive(&mut self, give_up: Instant) -> io::Result<Value> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == 0) {
                let message: Vec<u8> = self.received.drain(..=end).collect();
                return serde_json::from_slice(&message[..end]).map_err(io::Error::other);
            }
            readable(self.replies.as_raw_fd(), give_up)?;
            let mut buffer = [0; 65_536];
            match self.replies.read(&mut buffer)? {
                0 => return Err(io::Error::other("it has ended")),
                len => self.received.extend(&buffer[..len]),
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Waits until there is something to read.
fn readable(fd: RawFd, give_up: Instant) -> io::Result<()> {
    let left = give_up.saturating_duration_since(Instant::now());
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd that lives as long as the call.
    match unsafe { libc::poll(&mut poll, 1, left.as_millis() as i32) } {
        0 => Err(io::Error::other("no reply in time")),
        1.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
