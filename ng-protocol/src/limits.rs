//! The bounds of this crate, with their units. What they refuse is an error or is counted by the caller.

/// Deepest nesting of lists and dictionaries that is decoded.
pub const DEPTH_MAX: usize = 32;
/// Most values in one message.
pub const NODES_MAX: usize = 32_768;
/// Longest cookie, in bytes.
pub const COOKIE_BYTES_MAX: usize = 512;
/// Longest message on a stream, cookie included, in bytes.
pub const STREAM_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Largest reply that fits into one UDP datagram over IPv4, in bytes.
pub const UDP_REPLY_BYTES_MAX: usize = 65_507;
/// Most replies kept in the cookie cache, over both generations.
pub const COOKIE_ENTRIES_MAX: usize = 131_072;
/// Most bytes of cookies and replies kept in the cookie cache, over both generations.
pub const COOKIE_CACHE_BYTES_MAX: usize = 64 << 20;
/// Lifetime of a generation of the cookie cache, in µs: a reply is kept for 30 to 60 s.
pub const COOKIE_GENERATION_US: u64 = 30_000_000;
/// Most duplicates that wait for one command; later ones are dropped, their sender will ask again.
pub const COOKIE_WAITERS_MAX: usize = 16;
/// Most entries of one list-like setting (codecs, attributes, tags).
pub const LIST_ENTRIES_MAX: usize = 1_024;
/// Most warnings that one request collects.
pub const WARNINGS_MAX: usize = 64;
/// Longest excerpt of a foreign value in a warning, in characters.
pub const WARNING_CHARS_MAX: usize = 80;
