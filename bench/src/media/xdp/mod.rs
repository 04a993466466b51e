//! Flows whose packets the kernel makes, sends, receives and takes account of, in BPF programs: no packet is copied to
//! or from this process, so that one core does some millions a second.
//!
//! Test packets are made in the kernel and checked there, every byte of every one. Packets that a program can't make
//! (SRTP, replays) are prepared before a trial begins, in the order in which they will leave; of those that arrive
//! protected or replayed, header and length of each are checked in the kernel, and one in [`SAMPLE`] is kept and looked
//! at afterwards. Needs Linux 5.18, the capabilities for BPF and network devices, and a device that takes frames from
//! XDP.

mod kernel;
pub(crate) mod layout;
mod maps;

use std::mem::offset_of;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use self::kernel::{Kernel, Room};
use self::layout::{
    Arrival, Control, Expected, MADE, PREPARED, Plain as _, SCALE, SLOT_BYTES, SLOTS_PER_FRAME_MAX,
};
use super::engine::{DRAIN_MAX, QUIET};
use super::flows::{Checksums, Content, Flow, Flows, SAMPLE, Talk, Totals, tag_bytes};
use super::frame::{self, ChecksumState, HEADERS_BYTES};
use super::generator::{Generator, LOOK, Moment, Next, Trial, Watch};
use super::payload::PACKET_BYTES_MAX;
use super::{link, stamp};
use crate::hist::Latency;
use crate::limits::{KERNEL_BEHIND_US_MAX, PREPARED_SLOTS_MAX, SAMPLES_MAX};
use crate::sys::{clock, signals};

pub(crate) use self::kernel::Reflector;

/// Runs of the sending program between two looks at the clock, Ctrl-C and the keyboard.
const RUNS: u32 = 1 << 16;

/// Index of the loopback device, in each namespace.
const LOOPBACK: u32 = 1;

/// Flows on one network device.
pub(crate) struct XdpLoad {
    device: String,
    flows: Flows,
    kernel: Kernel,
    prepared: bool,
    /// A frame as long as the longest one of ours.
    frame: Vec<u8>,
    latency: Latency,
    /// Flow whose packet is prepared next.
    turn: usize,
    /// Hold the parties' ports, so that nobody else gets them.
    _ports: Vec<UdpSocket>,
}

impl XdpLoad {
    /// For flows that all leave by `device`; `ports` are the sockets that hold the parties' ports.
    pub(crate) fn new(device: &str, talk: &Talk, flows: Flows, ports: Vec<UdpSocket>) -> Result<Self> {
        ports.iter().try_for_each(link::discard_all)?;
        let protected = |flow: &Flow| flow.route.seal.is_some() || flow.route.open.is_some();
        let prepared = matches!(talk, Talk::Replayed(_)) || flows.flows.iter().any(protected);
        let per_frame = (HEADERS_BYTES + talk.longest() + 16).div_ceil(SLOT_BYTES);
        debug_assert!(per_frame <= SLOTS_PER_FRAME_MAX);
        let index = link::device_index(device)?;
        // Frames that the program is run with say that they come from there.
        ensure!(index != LOOPBACK, "not on the loopback device");
        let room = Room {
            flows: flows.len(),
            slots: if prepared { PREPARED_SLOTS_MAX } else { 0 },
            samples: if prepared { SAMPLES_MAX } else { 0 },
        };
        let kernel = Kernel::attach(index, room)?;
        let longest = if prepared {
            talk.longest() + 16
        } else {
            talk.longest()
        };
        let mut load = Self {
            device: device.to_owned(),
            frame: vec![0; HEADERS_BYTES + longest],
            flows,
            kernel,
            prepared,
            latency: Latency::new(),
            turn: 0,
            _ports: ports,
        };
        load.describe_flows(device)?;
        load.describe_control(index, talk);
        Ok(load)
    }

    fn describe_flows(&mut self, device: &str) -> Result<()> {
        let ours = link::own_mac(device)?;
        let mut theirs = None;
        for (index, flow) in self.flows.flows.iter().enumerate() {
            let route = &flow.route;
            let mac = match theirs {
                Some((ip, mac)) if ip == *route.to.ip() => mac,
                _ => link::neighbour_mac(*route.to.ip(), device)?,
            };
            theirs = Some((*route.to.ip(), mac));
            let length = self.frame.len() - HEADERS_BYTES;
            let headers = frame::headers((ours, route.from), (mac, route.to), length);
            self.kernel.flows.write(index, made(index as u32, flow, headers));
            self.kernel.expected.write(index, expected(index as u32, flow));
        }
        Ok(())
    }

    fn describe_control(&mut self, device: u32, talk: &Talk) {
        let ports = || self.flows.routes().map(|route| route.sink.port());
        let control = Control {
            behind_max: KERNEL_BEHIND_US_MAX * 1_000 * SCALE,
            mode: if self.prepared { PREPARED } else { MADE },
            device,
            flows: self.flows.len() as u32,
            words: words(talk.longest()),
            samples_max: if self.prepared { SAMPLES_MAX as u32 } else { 0 },
            sample_every: SAMPLE as u32,
            ssrc_base: stamp::SSRC_BASE,
            ssrc_inverse: stamp::SSRC_STEP_INVERSE,
            port_min: ports().min().unwrap_or(0),
            port_max: ports().max().unwrap_or(0),
            ..Control::ZERO
        };
        self.kernel.control.write(0, control);
    }

    /// Forgets the last trial.
    fn start_trial(&mut self) {
        for index in 0..self.flows.len() {
            let mut flow = self.kernel.flows.read(index);
            flow.sent = 0;
            self.kernel.flows.write(index, flow);
            let route = &self.flows.flows[index].route;
            self.kernel.arrivals.write(
                index,
                Arrival {
                    next: flow.next,
                    first: flow.next as u32,
                    source: u32::from_ne_bytes(route.via.ip().octets()),
                    source_port: route.via.port().to_be(),
                    port: route.sink.port().to_be(),
                    ..Arrival::ZERO
                },
            );
        }
        (0..self.kernel.latency.len()).for_each(|bucket| self.kernel.latency.write(bucket, 0));
        self.kernel.control.update(0, |control| {
            (control.forgiven, control.runs, control.samples) = (0, 0, 0);
            (control.corrupted, control.misdelivered, control.foreign) = (0, 0, 0);
            (control.sums, control.sprayed) = ([0; 4], 0);
        });
    }

    /// Prepares the packets of that many turns; returns how many there are now.
    fn prepare(&mut self, packets: u64) -> Result<u64> {
        let (mut slot, mut prepared) = (0, 0);
        let mut packet = [0; PACKET_BYTES_MAX];
        let per_frame = self.frame.len().div_ceil(SLOT_BYTES);
        while prepared < packets && slot + per_frame <= self.kernel.slots.len() {
            let index = self.turn;
            self.turn = (self.turn + 1) % self.flows.len();
            let counter = self.flows.flows[index].next;
            let length = self.flows.flows[index].next_packet(&mut packet, 0);
            let mut headers = self.kernel.flows.read(index).headers;
            frame::set_length(&mut headers, length);
            let checksum = match frame::udp_checksum(&headers, &packet[..length]) {
                0 => 0xffff_u16,
                other => other,
            };
            headers[40..42].copy_from_slice(&checksum.to_be_bytes());
            let mut bytes = [0; HEADERS_BYTES + PACKET_BYTES_MAX];
            bytes[..HEADERS_BYTES].copy_from_slice(&headers);
            bytes[HEADERS_BYTES..HEADERS_BYTES + length].copy_from_slice(&packet[..length]);
            slot = self.store(slot, (index, counter), &bytes[..HEADERS_BYTES + length]);
            prepared += 1;
            if prepared.is_multiple_of(4_096) {
                signals::check()?;
            }
        }
        // The program still counts what arrives: nothing else may be touched.
        self.kernel.control.poke(0, offset_of!(Control, slot), 0_u32);
        self.kernel
            .control
            .poke(0, offset_of!(Control, slots), slot as u32);
        Ok(prepared)
    }

    /// Writes one frame to the slots from `slot` on; returns the one after it.
    fn store(&mut self, slot: usize, (flow, counter): (usize, u64), frame: &[u8]) -> usize {
        let parts = frame.chunks(SLOT_BYTES);
        let more = parts.len() - 1;
        for (place, part) in parts.enumerate() {
            let mut value = layout::Slot {
                counter,
                flow: flow as u32,
                length: frame.len() as u16,
                more: more as u16,
                ..layout::Slot::ZERO
            };
            value.bytes[..part.len()].copy_from_slice(part);
            self.kernel.slots.write(slot + place, value);
        }
        slot + more + 1
    }

    /// Lets the program send until `end`, or until what was prepared has left. `began` is when the trial began.
    fn send(&mut self, rate: &mut f64, began: Instant, end: Instant, watch: &mut Watch<'_>) -> Result<bool> {
        let left = end.saturating_duration_since(Instant::now()).as_nanos() as u64;
        let now = clock::monotonic_ns();
        // The program still counts what arrives: nothing else may be touched.
        for (offset, value) in [
            (offset_of!(Control, due), now * SCALE),
            (offset_of!(Control, period), period(*rate)),
            (offset_of!(Control, end), now + left),
            (offset_of!(Control, spray_due), now * SCALE),
        ] {
            self.kernel.control.poke(0, offset, value);
        }
        let mut look = Instant::now() + LOOK;
        loop {
            let control = self.kernel.control.read(0);
            let now = Instant::now();
            if now >= end || (self.prepared && control.slot >= control.slots) {
                return Ok(true);
            }
            self.kernel.transmit(&self.frame, RUNS)?;
            signals::check()?;
            if now >= look {
                look += LOOK;
                match watch(self.moment(began.elapsed(), *rate)) {
                    Next::Rate(new) if new != *rate => {
                        *rate = new;
                        self.kernel
                            .control
                            .poke(0, offset_of!(Control, period), period(new));
                    }
                    Next::Rate(_) => {}
                    Next::Stop => return Ok(false),
                }
            }
        }
    }

    /// Waits for what is still under way; returns how long that took but for the silence at its end, seconds.
    fn drain(&self) -> f64 {
        let (start, ended) = (Instant::now(), clock::monotonic_ns());
        loop {
            std::thread::sleep(QUIET / 4);
            let last = self.kernel.control.read(0).last_arrival;
            let silence = clock::monotonic_ns().saturating_sub(last.max(ended));
            if silence >= QUIET.as_nanos() as u64 || start.elapsed() >= DRAIN_MAX {
                return last.saturating_sub(ended) as f64 / 1e9;
            }
        }
    }

    /// Looks at the packets that were kept; returns how many were fine and how many were not.
    fn look_at_samples(&mut self, sums: &mut Checksums) -> (u64, u64) {
        let kept = (self.kernel.control.read(0).samples as usize).min(self.kernel.samples.len());
        let (mut fine, mut wrong) = (0, 0);
        for index in 0..if self.prepared { kept } else { 0 } {
            let sample = self.kernel.samples.read(index);
            let frame = sample.bytes.get(..sample.length as usize).unwrap_or(&[]);
            let Some((headers, bytes)) = frame.split_first_chunk::<HEADERS_BYTES>() else {
                wrong += 1;
                continue;
            };
            match frame::checksum_state(headers, bytes) {
                ChecksumState::Right => sums.right += 1,
                ChecksumState::LeftToDevice => sums.left_to_device += 1,
                ChecksumState::Absent => sums.absent += 1,
                ChecksumState::Wrong => sums.wrong += 1,
            }
            let flow = self.flows.flows.get_mut(sample.flow as usize);
            match flow.and_then(|flow| flow.open(bytes, sample.counter)) {
                Some(_) => fine += 1,
                // A second copy of a protected packet is refused by its receiver: that is not damage.
                None if self.kernel.arrivals.read(sample.flow as usize).duplicates > 0 => {}
                None => wrong += 1,
            }
        }
        (fine, wrong)
    }

    fn moment(&self, elapsed: Duration, rate: f64) -> Moment {
        let (sent, received) = self.counts();
        Moment {
            elapsed,
            rate,
            sent,
            received,
        }
    }

    fn counts(&self) -> (u64, u64) {
        let flows = 0..self.flows.len();
        let sent = flows
            .clone()
            .map(|index| self.kernel.flows.read(index).sent)
            .sum();
        let received = flows
            .map(|index| u64::from(self.kernel.arrivals.read(index).received))
            .sum();
        (sent, received)
    }

    fn totals(&mut self) -> Totals {
        let control = self.kernel.control.read(0);
        let [right, left_to_device, absent, bad] = control.sums;
        let mut checksums = Checksums {
            right,
            left_to_device,
            absent,
            wrong: bad,
        };
        let (opened, wrong) = self.look_at_samples(&mut checksums);
        let mut totals = Totals {
            corrupted: control.corrupted + wrong,
            misdelivered: control.misdelivered,
            foreign: control.foreign,
            opened,
            checksums: Some(checksums),
            ..Totals::default()
        };
        for index in 0..self.flows.len() {
            let (sent, arrival) = (
                self.kernel.flows.read(index).sent,
                self.kernel.arrivals.read(index),
            );
            totals.sent += sent;
            totals.received += u64::from(arrival.received);
            totals.duplicates += u64::from(arrival.duplicates);
            totals.reordered += u64::from(arrival.reordered);
            totals.dead_flows += u64::from(sent > 0 && arrival.received == 0);
        }
        totals
    }

    fn take_latency(&mut self) {
        self.latency.clear();
        for bucket in 0..self.kernel.latency.len() {
            self.latency
                .record_many(layout::bucket_ns(bucket), self.kernel.latency.read(bucket));
        }
    }
}

impl Generator for XdpLoad {
    fn trial(&mut self, rate: f64, duration: Duration, watch: &mut Watch<'_>) -> Result<Trial> {
        self.start_trial();
        let refused_before = link::refused(&self.device)?;
        let mut rate = rate;
        let mut sending = Duration::ZERO;
        while sending < duration {
            let packets = (rate * (duration - sending).as_secs_f64()).ceil();
            let share = if self.prepared {
                let prepared = self.prepare(packets as u64)?;
                // A little longer than they need, so that the last ones leave, too.
                Duration::from_secs_f64(prepared as f64 / rate * 1.2 + 0.01)
            } else {
                duration
            };
            let began = Instant::now();
            let goes_on = self.send(&mut rate, began, began + share, watch)?;
            // The last run of the program may end a little later than the last packet.
            sending += began.elapsed().min(share);
            if !goes_on {
                break;
            }
            if self.prepared && packets as u64 <= PREPARED_SLOTS_MAX as u64 {
                break;
            }
        }
        let backlog = self.drain();
        self.take_latency();
        // What the device refused never left: a virtual one holds 256 frames, and a core that stands still for a
        // millisecond, which is nothing unusual on a virtual machine, finds it full.
        let refused = link::refused(&self.device)? - refused_before;
        let mut totals = self.totals();
        totals.sent -= refused.min(totals.sent);
        Ok(Trial {
            refused,
            backlog,
            rate,
            seconds: sending.as_secs_f64(),
            forgiven: self.kernel.control.read(0).forgiven,
            sprayed: self.kernel.control.read(0).sprayed,
            totals,
        })
    }

    fn spray(&mut self, rate: f64, (lowest, highest): (u16, u16)) -> Result<()> {
        // A frame of another length is there for a moment only.
        ensure!(
            !self.prepared,
            "a spray goes beside packets that are made, not prepared"
        );
        self.kernel.control.update(0, |control| {
            control.spray_period = if rate > 0.0 { period(rate) } else { 0 };
            (control.spray_min, control.spray_max) = (lowest, highest);
        });
        Ok(())
    }

    fn latency(&self) -> &Latency {
        &self.latency
    }

    fn flow_count(&self) -> usize {
        self.flows.len()
    }

    fn name(&self) -> &'static str {
        "xdp"
    }
}

/// A flow as the program makes its packets.
fn made(index: u32, flow: &Flow, headers: [u8; HEADERS_BYTES]) -> layout::Flow {
    let (mut samples, mut payload_type, mut sum_constant) = (0, 0, 0);
    if let Content::Made(template) = &flow.content {
        // Everything that changes is zero in the template, so this is the sum of all that does not. It counts words as
        // they lie in memory, as the program does: that swaps the bytes of the result and nothing else (RFC 1071 §2).
        sum_constant = (!frame::udp_checksum(&headers, template.bytes())).to_be();
        samples = template.samples();
        payload_type = u16::from_ne_bytes([template.bytes()[0], template.bytes()[1]]);
    }
    layout::Flow {
        headers,
        sum_constant,
        ssrc: stamp::ssrc(index).to_be(),
        samples,
        fill: stamp::filling(index),
        payload_type,
        ..layout::Flow::ZERO
    }
}

/// A flow as the program expects its packets.
fn expected(index: u32, flow: &Flow) -> Expected {
    let tag = flow.route.open.as_ref().map_or(0, tag_bytes);
    let length = match &flow.content {
        Content::Made(template) => template.bytes().len(),
        Content::Replayed { .. } => 0,
    };
    let checked_there = length > 0 && !flow.arrives_protected();
    Expected {
        fill: stamp::filling(index),
        words: if checked_there { words(length) } else { 0 },
        length: if length > 0 { (length + tag) as u32 } else { 0 },
        // What is prepared does not know yet when it will leave.
        stamped: u32::from(checked_there && flow.route.seal.is_none()),
        pad: 0,
    }
}

/// Words of filling in a test packet.
fn words(packet_bytes: usize) -> u32 {
    (packet_bytes.saturating_sub(stamp::STAMPED_BYTES) / 8) as u32
}

/// Time between two packets as the program counts it.
fn period(rate: f64) -> u64 {
    (1e9 * SCALE as f64 / rate) as u64
}
