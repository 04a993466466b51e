//! Behaviour of the crate at its boundary.

mod corpus;
#[path = "../walk/mod.rs"]
mod walk;
