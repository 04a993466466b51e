//! The session model: calls, parties, media, and the compiler that turns them into plans.
#![forbid(unsafe_code)]
