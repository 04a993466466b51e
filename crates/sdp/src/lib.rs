//! SDP: bytes to a tree that keeps everything, and back.
#![forbid(unsafe_code)]
