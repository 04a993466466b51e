//! An ng client of the tests' own: bencode written from its specification, so that a mistake of the daemon's codec
//! can't hide behind the same mistake here.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::lab::Host;

/// A bencode value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Int(i64),
    Str(Vec<u8>),
    List(Vec<Value>),
    Dict(BTreeMap<String, Value>),
}

/// As short as it can be read: failing tests print whole `query` replies.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Str(bytes) => String::from_utf8_lossy(bytes).fmt(f),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Dict(entries) => f.debug_map().entries(entries).finish(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&[&str]> for Value {
    fn from(items: &[&str]) -> Self {
        Self::List(items.iter().map(|item| Self::from(*item)).collect())
    }
}

impl<const N: usize> From<[&str; N]> for Value {
    fn from(items: [&str; N]) -> Self {
        Self::from(&items[..])
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Value {
    fn from(items: [(&str, Value); N]) -> Self {
        Self::Dict(
            items
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        )
    }
}

impl Value {
    /// What a dictionary has under `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Dict(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The text of a string; empty for anything else.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Str(bytes) => std::str::from_utf8(bytes).unwrap_or("(not UTF-8)"),
            _ => "",
        }
    }

    /// The text that a dictionary has under `key`; empty if it has none.
    pub(crate) fn text_of(&self, key: &str) -> &str {
        self.get(key).map_or("", Value::text)
    }

    /// The elements of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Value] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Appends its bencode form.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(number) => out.extend(format!("i{number}e").bytes()),
            Self::Str(bytes) => {
                out.extend(format!("{}:", bytes.len()).bytes());
                out.extend(bytes);
            }
            Self::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.encode(out));
                out.push(b'e');
            }
            Self::Dict(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    Self::from(key.as_str()).encode(out);
                    value.encode(out);
                }
                out.push(b'e');
            }
        }
    }

    /// Reads one value from the beginning of `bytes`; `None` if it isn't whole or isn't bencode.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Value, &[u8])> {
        match bytes.first()? {
            b'i' => {
                let end = bytes.iter().position(|b| *b == b'e')?;
                let number = std::str::from_utf8(&bytes[1..end]).ok()?.parse().ok()?;
                Some((Self::Int(number), &bytes[end + 1..]))
            }
            b'l' => {
                let (mut items, mut rest) = (Vec::new(), &bytes[1..]);
                while rest.first()? != &b'e' {
                    let (item, after) = Self::decode(rest)?;
                    items.push(item);
                    rest = after;
                }
                Some((Self::List(items), &rest[1..]))
            }
            b'd' => {
                let (mut entries, mut rest) = (BTreeMap::new(), &bytes[1..]);
                while rest.first()? != &b'e' {
                    let (key, after) = Self::decode(rest)?;
                    let (value, after) = Self::decode(after)?;
                    entries.insert(key.text().to_owned(), value);
                    rest = after;
                }
                Some((Self::Dict(entries), &rest[1..]))
            }
            _ => {
                let colon = bytes.iter().position(|b| *b == b':')?;
                let len: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
                let rest = &bytes[colon + 1..];
                (rest.len() >= len).then(|| (Self::Str(rest[..len].into()), &rest[len..]))
            }
        }
    }
}

/// A request under construction.
#[derive(Clone, Debug)]
pub(crate) struct Request(BTreeMap<String, Value>);

impl Request {
    /// A request of the command and nothing else.
    pub(crate) fn new(command: &str) -> Self {
        Self(BTreeMap::from([("command".into(), command.into())]))
    }

    /// Adds a key.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// What it has under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// As bencode.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Value::Dict(self.0.clone()).encode(&mut out);
        out
    }
}

/// A client on some host, bound to one relay.
pub(crate) struct Ng {
    socket: UdpSocket,
}

static COOKIE: AtomicU32 = AtomicU32::new(1);

/// How long a reply may take, resends included.
const REPLY_LIMIT: Duration = Duration::from_secs(10);
const RESEND: Duration = Duration::from_secs(1);

impl Ng {
    /// A client on `host`, for the relay that listens at `relay`.
    pub(crate) fn new(host: &Host, relay: SocketAddr) -> Self {
        let any = if relay.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = host.udp(any);
        socket.connect(relay).unwrap();
        Self { socket }
    }

    /// Sends a request and returns the reply, whatever its result.
    pub(crate) fn ask(&self, request: &Request) -> Value {
        self.ask_raw(&request.bytes(), REPLY_LIMIT)
            .unwrap_or_else(|| panic!("no reply to {:?}", String::from_utf8_lossy(&request.bytes())))
    }

    /// Sends a request that must succeed.
    pub(crate) fn ok(&self, request: &Request) -> Value {
        let reply = self.ask(request);
        assert_eq!(reply.text_of("result"), "ok", "{request:?}: {reply:?}");
        reply
    }

    /// Whether the relay answers a ping now.
    pub(crate) fn answers(&self) -> bool {
        let reply = self.ask_raw(b"d7:command4:pinge", Duration::from_millis(500));
        reply.is_some_and(|reply| reply.text_of("result") == "pong")
    }

    /// Sends any bytes behind a fresh cookie and does not wait for a reply.
    pub(crate) fn send_raw(&self, body: &[u8]) {
        let cookie = format!("{}_{} ", std::process::id(), COOKIE.fetch_add(1, Relaxed));
        let _ = self.socket.send(&[cookie.as_bytes(), body].concat());
    }

    /// Sends any bytes behind a fresh cookie, again each second as controllers do.
    pub(crate) fn ask_raw(&self, body: &[u8], limit: Duration) -> Option<Value> {
        let cookie = format!("{}_{}", std::process::id(), COOKIE.fetch_add(1, Relaxed));
        let message = [cookie.as_bytes(), b" ", body].concat();
        let give_up = Instant::now() + limit;
        let mut buffer = vec![0; 65_536];
        while Instant::now() < give_up {
            // A relay that is not listening yet refuses; that is no news to the caller.
            let _ = self.socket.send(&message);
            let resend = (Instant::now() + RESEND).min(give_up);
            while let Some(left) = resend
                .checked_duration_since(Instant::now())
                .filter(|d| !d.is_zero())
            {
                self.socket.set_read_timeout(Some(left)).unwrap();
                let Ok(len) = self.socket.recv(&mut buffer) else {
                    break;
                };
                let reply = &buffer[..len];
                if let Some(body) = reply.strip_prefix(cookie.as_bytes()) {
                    let body = body.strip_prefix(b" ").expect("a blank behind the cookie");
                    return Some(
                        Value::decode(body)
                            .unwrap_or_else(|| panic!("no bencode: {reply:?}"))
                            .0,
                    );
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}
