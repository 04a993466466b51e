//! RTP and RTCP on the wire: packet views, builders, header extensions, sequence arithmetic, first-byte
//! demultiplexing.
//!
//! Every parser takes untrusted bytes and returns a view or nothing; none panics, copies or allocates. Deliberately
//! absent: what a packet means for a call, and any state between packets beyond sequence arithmetic.
#![forbid(unsafe_code)]

mod bytes;
pub mod demux;
pub mod ext;
mod packet;
pub mod rtcp;
mod types;

pub use demux::{Kind, classify};
pub use packet::{HEADER_LEN, Header, Packet, header_len, write_header};
pub use types::{PayloadType, RtpTime, SeqNo, Ssrc};
