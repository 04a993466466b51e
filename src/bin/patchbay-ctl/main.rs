//! `patchbay-ctl`: sends one line to the daemon's command-line interface and prints the answer.
//!
//! Takes rtpengine-ctl's words and options. What the words mean is the daemon's business; nothing is interpreted here.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use patchbay::config::KeyFile;

const USAGE: &str = "\
Usage: patchbay-ctl [OPTIONS] COMMAND...

Sends COMMAND to the running daemon and prints what it answers; 'help' lists the commands.

Options:
  -ip, --ip HOST[:PORT]     where the daemon's command-line interface listens; an IPv6 address with a port stands in
                            brackets (default: listen-cli of the configuration file, else 127.0.0.1:9900)
  -port, --port PORT        its port
  --config-file FILE        where to look for listen-cli (default: /etc/rtpengine/rtpengine.conf; 'none': nowhere)
  --config-section NAME     in which section (default: rtpengine)
  --timeout SECONDS         give up after so long (default: 10)
  -h, --help                this text
  --version                 the version
";

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 9900;

/// Exit statuses: 0 the daemon answered, 1 it could not be asked, 2 the command line is wrong.
fn main() -> ExitCode {
    let request = match Request::parse(std::env::args().skip(1)) {
        Ok(Parsed::Ask(request)) => request,
        Ok(Parsed::Print(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("patchbay-ctl: {error:#}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match request.ask(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("patchbay-ctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    host: Option<String>,
    port: Option<u16>,
    config_file: String,
    config_section: String,
    timeout: Duration,
    line: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Ask(Request),
    Print(String),
}

impl Request {
    fn parse(args: impl Iterator<Item = String>) -> anyhow::Result<Parsed> {
        let mut request = Self {
            host: None,
            port: None,
            config_file: "/etc/rtpengine/rtpengine.conf".into(),
            config_section: "rtpengine".into(),
            timeout: Duration::from_secs(10),
            line: String::new(),
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            if !arg.starts_with('-') {
                let words: Vec<String> = std::iter::once(arg).chain(args).collect();
                request.line = words.join(" ");
                break;
            }
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            let mut value = || {
                inline
                    .clone()
                    .or_else(|| args.next())
                    .with_context(|| format!("{name} wants a value"))
            };
            // rtpengine-ctl's long options have one hyphen.
            match name.trim_start_matches('-') {
                "ip" | "i" => (request.host, request.port) = host_and_port(&value()?, request.port)?,
                "port" | "p" => request.port = Some(port(&value()?)?),
                "config-file" => request.config_file = value()?,
                "config-section" => request.config_section = value()?,
                "timeout" => {
                    request.timeout =
                        Duration::from_secs(value()?.parse().context("--timeout takes seconds")?)
                }
                "help" | "h" => return Ok(Parsed::Print(USAGE.into())),
                "version" => {
                    return Ok(Parsed::Print(format!(
                        "patchbay-ctl {}\n",
                        env!("CARGO_PKG_VERSION")
                    )));
                }
                _ => bail!("unknown option {name}"),
            }
        }
        if request.line.is_empty() {
            bail!("no command given");
        }
        if request.line.contains(['\n', '\r']) {
            bail!("a command is one line");
        }
        Ok(Parsed::Ask(request))
    }

    /// Sends the line and copies the answer to `out`, as it comes, until the daemon closes the connection.
    fn ask(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let (host, port) = self.address()?;
        let mut stream = connect(&host, port, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        writeln!(stream, "{}", self.line).context("the daemon does not listen")?;
        let mut buffer = [0; 16 * 1024];
        loop {
            match stream.read(&mut buffer).context("no answer")? {
                0 => return Ok(()),
                n => out.write_all(&buffer[..n])?,
            }
        }
    }

    fn address(&self) -> anyhow::Result<(String, u16)> {
        let (mut host, mut port) = (self.host.clone(), self.port);
        if host.is_none()
            && let Some(configured) = self.configured()?
        {
            (host, port) = host_and_port(&configured, port)?;
        }
        Ok((
            host.unwrap_or_else(|| DEFAULT_HOST.into()),
            port.unwrap_or(DEFAULT_PORT),
        ))
    }

    /// The first `listen-cli` of the configuration file; a file that is not there is no error.
    fn configured(&self) -> anyhow::Result<Option<String>> {
        if self.config_file == "none" {
            return Ok(None);
        }
        let text = match std::fs::read_to_string(&self.config_file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| self.config_file.clone()),
        };
        let file = KeyFile::parse(&self.config_file, &text)?;
        let entry = file
            .section(&self.config_section)
            .and_then(|section| section.keys.get("listen-cli"));
        Ok(entry.and_then(|entry| entry.list().into_iter().next()))
    }
}

fn connect(host: &str, port: u16, timeout: Duration) -> anyhow::Result<TcpStream> {
    let what = || format!("{host} port {port}");
    let mut last = None;
    for addr in (host, port).to_socket_addrs().with_context(what)? {
        match TcpStream::connect_timeout(&addr, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| anyhow::anyhow!("no address"), Into::into)).with_context(what)
}

fn port(text: &str) -> anyhow::Result<u16> {
    text.parse().with_context(|| format!("'{text}' is no port"))
}

/// `HOST`, `PORT`, `HOST:PORT`, `[V6]`, `[V6]:PORT` or a bare IPv6 address; a port in it wins over `given`. The
/// unspecified address, which a listener may have, means this host.
fn host_and_port(text: &str, given: Option<u16>) -> anyhow::Result<(Option<String>, Option<u16>)> {
    let (host, found) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').map(port).transpose()?),
        None if text.matches(':').count() > 1 => (text, None),
        None if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => ("", Some(port(text)?)),
        None => match text.rsplit_once(':') {
            Some((host, digits)) => (host, Some(port(digits)?)),
            None => (text, None),
        },
    };
    let host = match host {
        "" | "0.0.0.0" | "*" => None,
        "::" => Some("::1".to_owned()),
        host => Some(host.to_owned()),
    };
    Ok((host, found.or(given)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> anyhow::Result<Parsed> {
        Request::parse(args.iter().map(|s| (*s).to_owned()))
    }

    #[test]
    fn addresses_in_every_form() {
        let s = |t: &str| Some(t.to_owned());
        for (text, host, port) in [
            ("192.0.2.1", s("192.0.2.1"), None),
            ("192.0.2.1:99", s("192.0.2.1"), Some(99)),
            ("9901", None, Some(9901)),
            ("0.0.0.0:9901", None, Some(9901)),
            ("[2001:db8::1]:99", s("2001:db8::1"), Some(99)),
            ("[2001:db8::1]", s("2001:db8::1"), None),
            ("2001:db8::1", s("2001:db8::1"), None),
            ("[::]:99", s("::1"), Some(99)),
            ("localhost:99", s("localhost"), Some(99)),
        ] {
            assert_eq!(host_and_port(text, None).expect(text), (host, port), "{text}");
        }
        assert!(host_and_port("h:99999", None).is_err());
        assert!(host_and_port("h:x", None).is_err());
        assert_eq!(host_and_port("h", Some(5)).expect("h"), (s("h"), Some(5)));
    }

    #[test]
    fn options_come_before_the_command_and_in_both_spellings() {
        for args in [
            ["-ip", "192.0.2.1:99", "list", "sessions", "all"].as_slice(),
            &["--ip=192.0.2.1", "-port", "99", "list", "sessions", "all"],
            &["--port=99", "-i", "192.0.2.1", "list", "sessions", "all"],
        ] {
            let Ok(Parsed::Ask(request)) = parse(args) else {
                panic!("{args:?}")
            };
            assert_eq!(request.line, "list sessions all");
            assert_eq!(request.address().expect("address"), ("192.0.2.1".to_owned(), 99));
        }
        assert!(parse(&[]).is_err());
        assert!(parse(&["--prot", "9", "list"]).is_err());
        assert!(parse(&["list\nterminate all"]).is_err());
        assert!(matches!(parse(&["--help"]), Ok(Parsed::Print(_))));
    }
}
