//! Tells others of calls that ended by timeout: connected ng-TCP clients, and an XMLRPC server (`--b2b-url`).
//!
//! Nobody waits for either: a client that does not read, or a server that does not answer, loses announcements, which
//! are counted.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use call::EndReason;
use crossbeam::channel::Sender;
use ng_protocol::envelope::{Format, encode_message};
use ng_protocol::{Dict, Value};
use tokio::sync::mpsc;

/// A call that ended by timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedOut {
    /// Its call-ids.
    pub call_ids: Vec<String>,
    /// Tags of its parties, in order of creation.
    pub tags: Vec<String>,
    /// Which timeout.
    pub reason: EndReason,
    /// Where `%%` in the URL leads: the controller that created it, or what it asked for.
    pub callback: IpAddr,
}

/// Everybody who is told.
#[derive(Default)]
pub struct Announcer {
    clients: Mutex<Vec<mpsc::Sender<Vec<u8>>>>,
    xmlrpc: Option<Sender<TimedOut>>,
    lost: AtomicU64,
}

impl Announcer {
    /// With the way to the XMLRPC thread, if there is one.
    pub fn new(xmlrpc: Option<Sender<TimedOut>>) -> Self {
        Self {
            xmlrpc,
            ..Self::default()
        }
    }

    /// A client connected over ng-TCP.
    pub fn add_client(&self, client: mpsc::Sender<Vec<u8>>) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|c| !c.is_closed());
        clients.push(client);
    }

    /// Tells everybody. `cookie` has to be new.
    pub fn timed_out(&self, ended: TimedOut, cookie: u64) {
        let message = notification(&ended, cookie);
        for client in self.clients.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Err(mpsc::error::TrySendError::Full(_)) = client.try_send(message.clone()) {
                self.lost.fetch_add(1, Relaxed);
            }
        }
        if self
            .xmlrpc
            .as_ref()
            .is_some_and(|queue| queue.try_send(ended).is_err())
        {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    /// Announcements that did not fit into a queue.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

/// What ng-TCP clients get, in the form of the reference's DTMF notifications.
fn notification(ended: &TimedOut, cookie: u64) -> Vec<u8> {
    let list = |texts: &[String]| {
        texts
            .iter()
            .map(|t| Value::from(t.clone()))
            .collect::<Value<'static>>()
    };
    let data = Dict::new()
        .with("callid", ended.call_ids.first().cloned().unwrap_or_default())
        .with("call-ids", list(&ended.call_ids))
        .with("tags", list(&ended.tags))
        .with("type", "timeout")
        .with("reason", reason_text(ended.reason));
    let message = Dict::new().with("notify", "onTimeout").with("data", data);
    encode_message(format!("{cookie:016x}").as_bytes(), Format::Bencode, &message)
}

/// The reference's word for the end of a call.
pub fn reason_text(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Deleted => "REGULAR",
        EndReason::Forced => "FORCED",
        EndReason::Timeout => "TIMEOUT",
        EndReason::SilentTimeout => "SILENT_TIMEOUT",
        EndReason::FinalTimeout => "FINAL_TIMEOUT",
        EndReason::OfferTimeout => "OFFER_TIMEOUT",
        EndReason::Failed => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_and_slow_ones_counted() {
        let announcer = Announcer::new(None);
        let (tx, mut rx) = mpsc::channel(1);
        announcer.add_client(tx);
        let ended = TimedOut {
            call_ids: vec!["c".into()],
            tags: vec!["a".into(), "b".into()],
            reason: EndReason::SilentTimeout,
            callback: IpAddr::from([127, 0, 0, 1]),
        };
        announcer.timed_out(ended.clone(), 1);
        announcer.timed_out(ended, 2);
        let text = String::from_utf8(rx.try_recv().expect("told")).expect("text");
        assert!(
            text.starts_with("0000000000000001 d6:notify9:onTimeout4:data"),
            "{text}"
        );
        assert!(text.contains("14:SILENT_TIMEOUT"), "{text}");
        assert_eq!(announcer.lost(), 1);
    }
}
