//! RTP and RTCP on the wire: packet views, builders, header extensions, sequence arithmetic, first-byte demultiplexing.
#![forbid(unsafe_code)]
