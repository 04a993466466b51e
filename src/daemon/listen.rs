//! Binding the control listeners, and serving those that speak over connections.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crossbeam::channel::{Receiver, bounded};
use socket2::Socket;

use crate::config::{Config, Listener};
use crate::control::{cli, http, tcp};
use crate::limits;
use crate::registry::Control;
use crate::sys::pktinfo;

use super::StartError;

/// All listeners, bound.
pub(super) struct Listening {
    pub(super) ng: Vec<Arc<Socket>>,
    pub(super) tcp_ng: Vec<TcpListener>,
    pub(super) cli: Vec<TcpListener>,
    pub(super) http: Vec<TcpListener>,
}

impl Listening {
    pub(super) fn bind(config: &Config) -> Result<Self, StartError> {
        let udp = |addr| pktinfo::bind_control(addr, config.control_tos, limits::CONTROL_RCVBUF_BYTES);
        let udp_addr = |socket: &Socket| Ok(socket.local_addr()?.as_socket());
        let tcp_addr = |listener: &TcpListener| listener.local_addr().map(Some);
        let tcp = |addr: SocketAddr| bind_tcp(addr);
        Ok(Self {
            ng: bind_all("ng", "udp", &config.listen.ng, udp, udp_addr)?
                .into_iter()
                .map(Arc::new)
                .collect(),
            tcp_ng: bind_all("ng", "tcp", &config.listen.tcp_ng, tcp, tcp_addr)?,
            cli: bind_all("cli", "tcp", &config.listen.cli, tcp, tcp_addr)?,
            http: bind_all("http", "tcp", &config.listen.http, tcp, tcp_addr)?,
        })
    }

    /// Serves the connection-oriented listeners on a thread of their own until the returned sender is dropped.
    pub(super) fn serve(self, control: Arc<Control>) -> io::Result<Option<ServeHandle>> {
        if self.tcp_ng.is_empty() && self.cli.is_empty() && self.http.is_empty() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (ended, wait) = bounded(1);
        std::thread::Builder::new()
            .name("connections".into())
            .spawn(move || {
                runtime.block_on(async move {
                    self.spawn(&control);
                    // Dropped is as good as told.
                    let _ = stopped.await;
                });
                drop(ended);
            })?;
        Ok(Some(ServeHandle { _stop: stop, wait }))
    }

    fn spawn(self, control: &Arc<Control>) {
        let tokio_listener = |listener| match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => Some(listener),
            Err(error) => {
                tracing::error!(%error, "a listener cannot be served");
                None
            }
        };
        for listener in self.tcp_ng.into_iter().filter_map(tokio_listener) {
            tokio::spawn(tcp::serve(listener, Arc::clone(control)));
        }
        for listener in self.cli.into_iter().filter_map(tokio_listener) {
            tokio::spawn(cli::serve(listener, Arc::clone(control)));
        }
        for listener in self.http.into_iter().filter_map(tokio_listener) {
            tokio::spawn(http::serve(listener, Arc::clone(control)));
        }
    }
}

/// The thread that serves connections; ends when this is dropped.
pub(super) struct ServeHandle {
    _stop: tokio::sync::oneshot::Sender<()>,
    pub(super) wait: Receiver<()>,
}

/// Binds at least one address of each listener.
fn bind_all<S>(
    what: &str,
    protocol: &str,
    listeners: &[Listener],
    bind: impl Fn(SocketAddr) -> io::Result<S>,
    name: impl Fn(&S) -> io::Result<Option<SocketAddr>>,
) -> Result<Vec<S>, StartError> {
    let mut all = Vec::new();
    for listener in listeners {
        let (mut bound, mut failed) = (Vec::new(), None);
        for addr in &listener.addrs {
            match bind(*addr) {
                Ok(socket) => bound.push(socket),
                Err(error) => failed = Some((*addr, error)),
            }
        }
        if let (true, Some((addr, error))) = (bound.is_empty(), failed) {
            return Err(StartError::Listen {
                what: what.to_owned(),
                addr,
                error,
            });
        }
        for socket in &bound {
            if let Ok(Some(addr)) = name(socket) {
                announce(what, protocol, addr);
            }
        }
        all.extend(bound);
    }
    Ok(all)
}

/// Says where we listen. The port may have been the system's choice (port 0).
fn announce(what: &str, protocol: &str, addr: SocketAddr) {
    tracing::info!("listening for {what} on {protocol} {addr}");
}

fn bind_tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(socket2::Domain::for_address(addr), socket2::Type::STREAM, None)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for connections of the last run to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}
