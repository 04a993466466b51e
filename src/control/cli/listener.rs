//! The CLI over TCP: one line in, the answer out, closed.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::control::places::Places;
use crate::limits;
use crate::registry::Control;

/// How long a client may take to send its line, and to read the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves one listener for ever.
pub async fn serve(listener: TcpListener, control: Arc<Control>) {
    let places = Arc::new(Places::default());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (control, mut place) = (Arc::clone(&control), places.take().await);
                tokio::spawn(async move {
                    // A client that went away, or is too slow, gets no answer.
                    tokio::select! {
                        _ = tokio::time::timeout(PATIENCE, talk(stream, control)) => {}
                        () = place.leave() => {}
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a CLI connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn talk(mut stream: TcpStream, control: Arc<Control>) -> std::io::Result<()> {
    let mut line = Vec::with_capacity(limits::CLI_LINE_BYTES);
    let mut limited = (&mut stream).take(limits::CLI_LINE_BYTES as u64);
    while !line.contains(&b'\n') && limited.read_buf(&mut line).await? > 0 {}
    let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    let (tx, rx) = oneshot::channel();
    super::execute(&control, &line, move |text| drop(tx.send(text)));
    let answer = rx
        .await
        .unwrap_or_else(|_| "Too many requests are waiting\n".to_owned());
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
