//! Executes plans: what happens to each packet of each flow, without sockets or clocks.
#![forbid(unsafe_code)]
