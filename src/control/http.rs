//! HTTP, in a first form: `/ping`, `/metrics`, `/cli`, `/ng`, `/ng-plain`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use ng_protocol::envelope::Envelope;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use super::bounded::Bounded;
use super::cli;
use super::reply::Replier;
use super::request::handle_payload;
use crate::limits;
use crate::registry::Control;
use crate::report::paths::census;
use crate::report::prometheus;

type TextReply = (StatusCode, [(HeaderName, &'static str); 1], Vec<u8>);

#[derive(Clone)]
struct Server {
    control: Arc<Control>,
    /// Requests in work.
    room: Arc<Semaphore>,
}

/// Serves one listener for ever.
pub async fn serve(listener: TcpListener, control: Arc<Control>) -> std::io::Result<()> {
    let listener = Bounded::new(listener);
    let server = Server {
        control,
        room: Arc::new(Semaphore::new(limits::CONNECTIONS)),
    };
    let router = Router::new()
        .route("/ping", get(async || text("text/plain", "pong\n")))
        .route("/metrics", get(metrics))
        .route("/cli", post(cli_body))
        .route("/cli/{*line}", get(cli_path))
        .route("/ng", post(ng))
        .route("/ng-plain", post(ng_plain))
        .fallback(async || (StatusCode::NOT_FOUND, "not found\n"))
        .layer(DefaultBodyLimit::max(limits::HTTP_BODY_BYTES))
        .with_state(server);
    let service = router.into_make_service_with_connect_info::<Client>();
    axum::serve(listener, service).await
}

/// Who asks.
#[derive(Clone, Copy)]
struct Client(SocketAddr);

impl Connected<IncomingStream<'_, Bounded>> for Client {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

fn text(kind: &'static str, body: impl Into<Vec<u8>>) -> TextReply {
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], body.into())
}

fn busy() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "too many requests\n").into_response()
}

async fn metrics(State(server): State<Server>) -> TextReply {
    let (tx, rx) = oneshot::channel();
    census(&server.control, move |census| {
        // Whoever asked may be gone.
        let _ = tx.send(census);
    });
    let census = rx.await.unwrap_or_default();
    text(
        "text/plain; version=0.0.4",
        prometheus::page(&server.control, &census),
    )
}

/// `/cli/list+numsessions`; the path is percent-decoded already.
async fn cli_path(State(server): State<Server>, Path(line): Path<String>) -> Response {
    run_cli(&server, &line.replace('+', " ")).await
}

async fn cli_body(State(server): State<Server>, body: Bytes) -> Response {
    run_cli(&server, &String::from_utf8_lossy(&body)).await
}

async fn run_cli(server: &Server, line: &str) -> Response {
    let Ok(_permit) = server.room.try_acquire() else {
        return busy();
    };
    let (tx, rx) = oneshot::channel();
    cli::execute(&server.control, line, move |text| drop(tx.send(text)));
    match rx.await {
        Ok(answer) => text("text/plain", answer).into_response(),
        Err(_) => busy(),
    }
}

async fn ng(
    State(server): State<Server>,
    ConnectInfo(Client(client)): ConnectInfo<Client>,
    body: Bytes,
) -> Response {
    match Envelope::split(&body) {
        Some(Envelope { cookie, payload }) => run_ng(&server, client, cookie, payload).await,
        None => (StatusCode::BAD_REQUEST, "no cookie\n").into_response(),
    }
}

async fn ng_plain(
    State(server): State<Server>,
    ConnectInfo(Client(client)): ConnectInfo<Client>,
    body: Bytes,
) -> Response {
    run_ng(&server, client, b"", &body).await
}

async fn run_ng(server: &Server, client: SocketAddr, cookie: &[u8], payload: &[u8]) -> Response {
    let Ok(_permit) = server.room.try_acquire() else {
        return busy();
    };
    let (tx, rx) = oneshot::channel();
    handle_payload(
        &server.control,
        payload,
        client,
        Replier::once(tx, cookie, payload),
    );
    let json = cookie.is_empty() && payload.first() == Some(&b'{');
    let kind = if json {
        "application/json"
    } else {
        "application/x-rtpengine-ng"
    };
    match rx.await {
        Ok(reply) => text(kind, reply).into_response(),
        Err(_) => busy(),
    }
}
