//! Codec registry and codecs: names, clock rates, static payload types, fmtp comparison, G.711.
#![forbid(unsafe_code)]
