//! ng messages and SDP bodies as controllers write them.

use std::net::SocketAddr;

use ng_protocol::{Dict, Value};

/// What a body says about direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    SendRecv,
    SendOnly,
    Inactive,
    /// The old form of hold: the address 0.0.0.0.
    Null,
}

/// A body with one audio media and, for some, a rejected or a second one.
pub(crate) fn sdp(version: u32, addr: SocketAddr, mode: Mode, video: Option<u16>) -> String {
    let ip = if mode == Mode::Null {
        "0.0.0.0".to_owned()
    } else {
        addr.ip().to_string()
    };
    let direction = match mode {
        Mode::SendRecv | Mode::Null => "sendrecv",
        Mode::SendOnly => "sendonly",
        Mode::Inactive => "inactive",
    };
    let mut body = format!(
        "v=0\r\no=- 1 {version} IN IP4 {0}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0 8 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n",
        addr.ip(),
        addr.port(),
    );
    if let Some(port) = video {
        body.push_str(&format!("m=video {port} RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"));
    }
    body
}

/// The port of the first media of a body.
pub(crate) fn port(sdp: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(sdp);
    let line = text.lines().find(|l| l.starts_with("m="))?;
    line.split(' ').nth(1)?.parse().ok()
}

/// A message of `command` about a call.
pub(crate) fn message(command: &str, call_id: &str) -> Dict<'static> {
    Value::dict()
        .with("command", command.to_owned())
        .with("call-id", call_id.to_owned())
}

/// An offer or answer.
pub(crate) fn exchange(
    command: &str,
    call_id: &str,
    from: &str,
    to: Option<&str>,
    branch: Option<&str>,
    body: String,
) -> Dict<'static> {
    message(command, call_id)
        .with("from-tag", from.to_owned())
        .with_some("to-tag", to.map(str::to_owned))
        .with_some("via-branch", branch.map(str::to_owned))
        .with("replace", Value::List(vec!["origin".into()]))
        .with("sdp", body)
}
