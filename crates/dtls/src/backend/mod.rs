//! Who does the protocol.

#[allow(unsafe_code)]
mod openssl;

pub(crate) use openssl::{Contexts, Session};
