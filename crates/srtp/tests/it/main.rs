//! SRTP from outside.

mod allocation;
mod backends;
mod batches;
mod corpus;
mod libsrtp;
mod network;
mod rules;
mod support;
#[path = "../walk/mod.rs"]
mod walk;
