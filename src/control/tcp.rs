//! ng over TCP: messages back to back, each reply in one write, notifications in between.
//!
//! Bencode ends by itself, JSON by its last brace (an extension of ours). Bounded: connections, bytes of an incomplete
//! message, requests in work per connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ng_protocol::envelope::{Envelope, StreamFramer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::places::{Activity, Place, Places};
use super::reply::Replier;
use super::request::handle_payload;
use crate::limits;
use crate::registry::Control;
use crate::report::throttle::REFUSALS;

/// Serves one listener for ever.
pub async fn serve(listener: TcpListener, control: Arc<Control>) {
    let places = Arc::new(Places::default());
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                let (control, place) = (Arc::clone(&control), places.take().await);
                tokio::spawn(talk(stream, client, control, place));
            }
            Err(error) => {
                tracing::warn!(%error, "an ng connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn talk(stream: TcpStream, client: SocketAddr, control: Arc<Control>, mut place: Place) {
    // Each reply is one small write that somebody waits for.
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let (tx, rx) = mpsc::channel(limits::TCP_REPLIES);
    let (notify, notified) = mpsc::channel(limits::NOTIFICATIONS);
    control.announcer.add_client(notify);
    let writer = tokio::spawn(write_out(write, rx, notified));
    let active = place.activity();
    tokio::select! {
        () = read_in(read, client, &control, &tx, &active) => {}
        () = place.leave() => {
            REFUSALS.log(|| tracing::warn!(%client, "an idle ng connection gives way to another one"));
            return writer.abort();
        }
    }
    drop(tx);
    // Replies to what was still in work go out before the connection is closed.
    let _ = writer.await;
}

async fn read_in(
    mut read: OwnedReadHalf,
    client: SocketAddr,
    control: &Control,
    replies: &mpsc::Sender<Vec<u8>>,
    active: &Activity,
) {
    let mut framer = StreamFramer::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let len = match read.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(len) => len,
        };
        framer.handle_bytes(buffer.get(..len).unwrap_or_default());
        loop {
            // Room for the reply first: who does not read gets nothing done.
            let Ok(room) = replies.clone().reserve_owned().await else {
                return;
            };
            match framer.poll_message() {
                Ok(Some(message)) => {
                    active.note();
                    if let Some(Envelope { cookie, payload }) = Envelope::split(message) {
                        let replier = Replier::stream(room, cookie, payload);
                        handle_payload(control, payload, client, replier);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    REFUSALS.log(|| tracing::warn!(%client, "connection closed: {error}"));
                    return;
                }
            }
        }
    }
}

async fn write_out(
    mut write: OwnedWriteHalf,
    mut replies: mpsc::Receiver<Vec<u8>>,
    mut notifications: mpsc::Receiver<Vec<u8>>,
) {
    loop {
        let message = tokio::select! {
            biased;
            reply = replies.recv() => match reply {
                Some(reply) => reply,
                None => break,
            },
            Some(notification) = notifications.recv() => notification,
        };
        if write.write_all(&message).await.is_err() {
            return;
        }
    }
    let _ = write.shutdown().await;
}
