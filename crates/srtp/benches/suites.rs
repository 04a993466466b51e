//! What a packet costs: `cargo bench -p srtp`. 172-byte packets (20 ms of G.711) of many calls, interleaved as they
//! come from many sockets, so that keys are as cold as in life.

use std::time::{Duration, Instant};

use srtp::{
    Job, Kind, MasterKey, Params, Protection, Receiver, Sender, Suite, protect_batch, unprotect_batch,
};

const PACKET_LEN: usize = 172;
const BATCH: usize = 32;
const PACKETS: usize = 320_000;
const ROUNDS: usize = 5;

fn main() {
    println!("ns per {PACKET_LEN}-byte packet, best of {ROUNDS}        protect  unprotect");
    for contexts in [1, 500] {
        for suite in Suite::all() {
            let runs = (0..ROUNDS).map(|_| run(suite, contexts));
            let best = runs.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)));
            let (protect, unprotect) = best.expect("some rounds");
            println!(
                "{contexts:>4} contexts  {:<26} {protect:>9.0} {unprotect:>10.0}",
                suite.spec().name
            );
        }
    }
}

fn run(suite: Suite, contexts: usize) -> (f64, f64) {
    let params: Vec<Params> = (0..contexts).map(|n| params(suite, n)).collect();
    let mut senders: Vec<Sender> = params.iter().cloned().map(Sender::new).collect();
    let mut receivers: Vec<Receiver> = params.into_iter().map(Receiver::new).collect();
    let mut bufs = vec![[0; 256]; BATCH];
    let (mut protecting, mut unprotecting) = (Duration::ZERO, Duration::ZERO);
    for batch in 0..PACKETS / BATCH {
        let numbers = batch * BATCH..;
        let mut jobs: Vec<Job<'_>> = numbers
            .zip(&mut bufs)
            .map(|(n, buf)| {
                buf[..PACKET_LEN].copy_from_slice(&packet(n / contexts));
                Job::new(n % contexts, Kind::Rtp, buf, PACKET_LEN)
            })
            .collect();
        let begin = clock();
        protect_batch(&mut senders[..], &mut jobs);
        let middle = clock();
        unprotect_batch(&mut receivers[..], &mut jobs);
        unprotecting += middle.elapsed();
        protecting += middle - begin;
        assert!(
            jobs.iter()
                .all(|job| job.outcome.is_ok() && job.len == PACKET_LEN)
        );
    }
    let each = |spent: Duration| spent.as_secs_f64() * 1e9 / (PACKETS / BATCH * BATCH) as f64;
    (each(protecting), each(unprotecting))
}

fn params(suite: Suite, n: usize) -> Params {
    let spec = suite.spec();
    let bytes: Vec<u8> = (0..spec.key_len + spec.salt_len)
        .map(|b| (n * 7 + b) as u8)
        .collect();
    let key = MasterKey::joined(suite, &bytes).expect("the suite's length");
    Params::new(vec![key], Protection::default()).expect("one key")
}

fn packet(seq: usize) -> [u8; PACKET_LEN] {
    let mut bytes = [0x55; PACKET_LEN];
    let header = rtp::Header {
        marker: false,
        pt: rtp::PayloadType::new(0).expect("seven bits"),
        seq: rtp::SeqNo((seq & 0xffff) as u16),
        ts: rtp::RtpTime(seq as u32),
        ssrc: rtp::Ssrc(1),
    };
    bytes[..12].copy_from_slice(&rtp::write_header(header));
    bytes
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn clock() -> Instant {
    Instant::now()
}
