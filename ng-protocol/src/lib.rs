//! The ng control wire: envelope, bencode, JSON, cookie cache, commands, flags, replies and errors.
#![forbid(unsafe_code)]
