//! XMLRPC requests to a B2BUA or proxy whose call has timed out (`--b2b-url`, `--xmlrpc-format`).
//!
//! One thread, one request at a time, five seconds and three tries each: what is behind the URL may be slow or gone.
//! Only plain `http://` is spoken.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::announce::TimedOut;
use crate::config::{TimeoutNotice, XmlrpcFormat};
use crate::limits;

const TIMEOUT: Duration = Duration::from_secs(5);
const TRIES: usize = 3;

/// Starts the thread; it ends when the last sender is gone.
pub fn start(notice: TimeoutNotice) -> io::Result<Sender<TimedOut>> {
    let (tx, rx) = bounded(limits::XMLRPC_QUEUE);
    std::thread::Builder::new()
        .name("xmlrpc".into())
        .spawn(move || run(&notice, &rx))?;
    Ok(tx)
}

fn run(notice: &TimeoutNotice, queue: &Receiver<TimedOut>) {
    for ended in queue {
        for body in requests(notice.format, &ended) {
            let told = (0..TRIES).any(|_| match post(&notice.url, ended.callback, &body) {
                Ok(()) => true,
                Err(error) => {
                    tracing::debug!(%error, "XMLRPC request failed");
                    false
                }
            });
            if !told {
                let call = ended.call_ids.first().map_or("", String::as_str);
                tracing::warn!(
                    call,
                    "the end of the call could not be announced to {}",
                    notice.url
                );
            }
        }
    }
}

/// The requests that announce one call's end.
fn requests(format: XmlrpcFormat, ended: &TimedOut) -> Vec<String> {
    let empty = String::new();
    let call = ended.call_ids.first().unwrap_or(&empty);
    let tag = |n: usize| ended.tags.get(n).unwrap_or(&empty).as_str();
    match format {
        XmlrpcFormat::Sems => {
            let one = |tag: &String| method_call("di", &["sbc", "postControlCmd", tag, "teardown"]);
            ended.tags.iter().map(one).collect()
        }
        XmlrpcFormat::CallId => vec![method_call("teardown", &[call])],
        XmlrpcFormat::Kamailio => vec![method_call("dlg.terminate_dlg", &[call, tag(0), tag(1)])],
    }
}

fn method_call(method: &str, params: &[&str]) -> String {
    let mut xml = format!("<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName><params>");
    for param in params {
        // Writing to a string cannot fail.
        let _ = write!(
            xml,
            "<param><value><string>{}</string></value></param>",
            escape(param)
        );
    }
    xml.push_str("</params></methodCall>");
    xml
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// One HTTP request; any 2xx answer is success.
fn post(url: &str, callback: IpAddr, body: &str) -> io::Result<()> {
    let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, text.to_owned());
    let callback = match callback {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let url = url.replace("%%", &callback);
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| bad("only http:// URLs are supported"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, p)| p.parse::<u16>().is_ok());
    let target = if has_port {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let addr = target
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| bad("the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&addr, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let length = body.len();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes())?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    match status {
        [b'H', b'T', b'T', b'P', b'/', _, b'.', _, b' ', b'2', _, _] => Ok(()),
        _ => Err(bad(&format!("answer {}", status.escape_ascii()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use call::EndReason;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    fn ended() -> TimedOut {
        TimedOut {
            call_ids: vec!["a<b".into()],
            tags: vec!["t1".into(), "t2".into()],
            reason: EndReason::Timeout,
            callback: IpAddr::from([127, 0, 0, 1]),
        }
    }

    #[test]
    fn each_format_has_its_requests() {
        let sems = requests(XmlrpcFormat::Sems, &ended());
        assert_eq!(sems.len(), 2);
        assert!(sems[1].contains("<methodName>di</methodName>") && sems[1].contains("<string>t2</string>"));
        let by_id = requests(XmlrpcFormat::CallId, &ended());
        assert!(by_id[0].contains("<methodName>teardown</methodName>"));
        assert!(by_id[0].contains("<string>a&lt;b</string>"));
        let kamailio = requests(XmlrpcFormat::Kamailio, &ended());
        assert!(kamailio[0].contains("dlg.terminate_dlg") && kamailio[0].contains("<string>t1</string>"));
    }

    #[test]
    fn a_failed_request_is_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("name").port();
        let url = format!("http://%%:{port}/RPC2");
        let queue = start(TimeoutNotice {
            url,
            format: XmlrpcFormat::CallId,
        })
        .expect("thread");
        queue.send(ended()).expect("room");
        for answer in ["HTTP/1.1 500 Oops\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut reader = BufReader::new(stream.try_clone().expect("clone"));
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).expect("header") > 2 {
                length = line
                    .strip_prefix("Content-Length: ")
                    .map_or(length, |n| n.trim().parse().expect("number"));
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("body");
            assert!(body.starts_with(b"<?xml"));
            stream.write_all(answer.as_bytes()).expect("answer");
        }
    }
}
