//! The relay at its boundary: plans and packets in, packets and reports out.

mod allocation;
mod batches;
mod bundle;
mod control;
mod forwarding;
mod generations;
mod invariants;
mod kept;
mod learning;
mod moving;
mod offload;
mod proof;
mod rtcp;
mod srtp;
mod strangers;
mod world;
