//! An ng client over UDP: one command at a time, sent again when no reply comes.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ng_protocol::{Dict, Value, bencode};

use crate::limits::{NG_DATAGRAM_BYTES_MAX, NG_RETRY_MS, NG_TRIES_MAX};

/// A command under construction; keys go out in the order they were added.
#[derive(Clone)]
pub(crate) struct Message(Dict<'static>);

/// A reply.
pub(crate) type Reply = Value<'static>;

impl Message {
    pub(crate) fn new(command: &str) -> Self {
        Self(Dict::new()).with("command", command)
    }

    #[must_use]
    pub(crate) fn with(self, key: &'static str, value: &str) -> Self {
        Self(self.0.with(key, value.to_owned()))
    }

    #[must_use]
    pub(crate) fn with_int(self, key: &'static str, value: i64) -> Self {
        Self(self.0.with(key, value))
    }

    #[must_use]
    pub(crate) fn with_list(self, key: &'static str, items: &[&str]) -> Self {
        let items: Value = items.iter().map(|item| item.to_string()).collect();
        Self(self.0.with(key, items))
    }

    /// The dictionary as bencode.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        bencode::encode_dict(&self.0, &mut body);
        body
    }

    /// The datagram: cookie, space, dictionary.
    pub(crate) fn datagram(&self, cookie: &str) -> Vec<u8> {
        [cookie.as_bytes(), b" ", &self.body()].concat()
    }
}

/// The string under a key of a reply.
pub(crate) fn text<'a>(reply: &'a Reply, key: &str) -> Option<&'a str> {
    reply.get(key)?.as_str()
}

/// One client with its own socket.
pub(crate) struct Client {
    socket: UdpSocket,
    cookies: u64,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> Result<Self> {
        let any: SocketAddr = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }.parse()?;
        let socket = UdpSocket::bind(any)?;
        socket
            .connect(server)
            .with_context(|| format!("no way to {server}"))?;
        socket.set_read_timeout(Some(Duration::from_millis(NG_RETRY_MS)))?;
        Ok(Self {
            socket,
            cookies: 0,
            buffer: vec![0; NG_DATAGRAM_BYTES_MAX],
        })
    }

    /// The address that a server sees of us, as far as this host knows.
    pub(crate) fn local_addr(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// Sends a command and returns the reply, whatever its result is.
    pub(crate) fn request(&mut self, message: &Message) -> Result<Reply> {
        self.cookies += 1;
        let cookie = format!("{}_{}", std::process::id(), self.cookies);
        let datagram = message.datagram(&cookie);
        for _ in 0..NG_TRIES_MAX {
            // A refused datagram (nobody listens yet) is one that was lost.
            if self.socket.send(&datagram).is_ok()
                && let Some(reply) = self.await_reply(&cookie)?
            {
                return Ok(reply);
            }
            crate::sys::signals::check()?;
        }
        bail!(
            "no reply from {} after {NG_TRIES_MAX} tries",
            self.socket.peer_addr()?
        )
    }

    /// Sends a command and returns the reply if its result is `ok` (or `pong`), an error with its reason otherwise.
    pub(crate) fn command(&mut self, message: &Message) -> Result<Reply> {
        let reply = self.request(message)?;
        match text(&reply, "result") {
            Some("ok" | "pong") => Ok(reply),
            Some(result) => {
                bail!(
                    "result {result}: {}",
                    text(&reply, "error-reason").unwrap_or("no reason given")
                )
            }
            None => bail!("reply without a result"),
        }
    }

    /// Waits until a daemon that is starting answers `ping`.
    pub(crate) fn await_ping(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        self.socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        let ping = Message::new("ping");
        while self.command(&ping).is_err() {
            crate::sys::signals::check()?;
            if Instant::now() > deadline {
                bail!(
                    "no answer to ping from {} within {patience:?}",
                    self.socket.peer_addr()?
                );
            }
            // Refused at once means nobody has bound the port yet; don't spin meanwhile.
            std::thread::sleep(Duration::from_millis(5));
        }
        self.socket
            .set_read_timeout(Some(Duration::from_millis(NG_RETRY_MS)))?;
        Ok(())
    }

    fn await_reply(&mut self, cookie: &str) -> Result<Option<Reply>> {
        let deadline = Instant::now() + Duration::from_millis(NG_RETRY_MS);
        while Instant::now() < deadline {
            let received = match self.socket.recv(&mut self.buffer) {
                Ok(received) => received,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(e) if matches!(e.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted) => {
                    return Ok(None);
                }
                Err(e) => return Err(e.into()),
            };
            let Some((theirs, body)) = split_cookie(&self.buffer[..received]) else {
                continue;
            };
            if theirs == cookie.as_bytes() {
                let reply = bencode::decode(body).context("reply is not bencode")?;
                return Ok(Some(reply.into_owned()));
            }
        }
        Ok(None)
    }
}

/// Cookie and body of a datagram.
pub(crate) fn split_cookie(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = datagram.iter().position(|byte| *byte == b' ')?;
    Some((&datagram[..space], &datagram[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_cookie_and_a_dictionary() {
        let message = Message::new("delete")
            .with("call-id", "x")
            .with_int("delay", 0)
            .with_list("flags", &["a"]);
        let datagram = message.datagram("17");
        assert_eq!(
            &datagram[..],
            b"17 d7:command6:delete7:call-id1:x5:delayi0e5:flagsl1:aee"
        );
        let (cookie, body) = split_cookie(&datagram).unwrap();
        assert_eq!(cookie, b"17");
        assert_eq!(
            text(&bencode::decode(body).unwrap().into_owned(), "call-id"),
            Some("x")
        );
        assert_eq!(split_cookie(b"none"), None);
    }
}
