//! What a call may ask of the outside while it handles a command: ports and randomness, nothing else.

use plan::{LocalSocket, SocketId};
use rand::RngCore;
use smallvec::SmallVec;

use crate::AddressId;

/// The narrow capability a command gets. The daemon binds real sockets; tests count up from 30000.
pub trait Env {
    /// The port pool.
    fn ports(&mut self) -> &mut dyn Ports;
    /// Randomness for identifiers.
    fn rng(&mut self) -> &mut dyn RngCore;
}

/// One or two bound sockets, RTP first.
pub type LocalSockets = SmallVec<[LocalSocket; 2]>;

/// Which sockets are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRequest {
    /// The local address to bind.
    pub address: AddressId,
    /// 1 = one port (rtcp-mux or a transport without RTCP), 2 = an even port and the odd one after it.
    pub count: u8,
}

/// Why there are no sockets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Every port of the range is in use. The text is the wire text.
    #[error("Ran out of ports")]
    Exhausted,
    /// The system refused to bind although ports are free (address gone, descriptor limit, ...).
    #[error("{0}")]
    Bind(String),
}

/// The pool of local ports.
pub trait Ports {
    /// Binds what is asked for; all of it or nothing.
    fn allocate(&mut self, request: &PortRequest) -> Result<LocalSockets, PortError>;
    /// Gives back sockets that no plan ever named. Those a plan has named are released by the worker when a later
    /// plan set no longer names them.
    fn release(&mut self, sockets: &[SocketId]);
}
