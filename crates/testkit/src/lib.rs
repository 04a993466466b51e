//! Test support: virtual clock, counted ports, seeded network, scripted peers, fixture parser.
#![forbid(unsafe_code)]
