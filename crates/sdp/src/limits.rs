//! Bounds of what one body may hold. Beyond them parsing ends with a typed error that names the bound.

/// Bytes of one body. An ng datagram holds 64 KiB; ng over TCP may carry more.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Sessions (`v=` lines) of one body. Only the first is used to build a result.
pub const SESSIONS_MAX: usize = 16;

/// Media descriptions (`m=` lines) of one body. Each may cost ports, so this is also a bound on those.
pub const MEDIAS_MAX: usize = 256;

/// Lines of one body, of any kind.
pub const LINES_MAX: usize = 8192;

/// Formats of one `m=` line: each payload type once, twice over.
pub const FORMATS_MAX: usize = 256;

/// Consecutive ports of one `m=` line (`port/count`); the reference refuses more, too.
pub const PORT_COUNT_MAX: u16 = 10;
