//! The BPF programs of load.c: loading, attaching, running. All of it is gone when the value is dropped or the process
//! ends, however it ends: the program at the device hangs on a link that is a descriptor of ours.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Context, Result, bail};
use aya::programs::{Xdp, XdpMode};
use aya::{Ebpf, EbpfLoader};

use super::layout::{Arrival, BUCKETS, Control, Expected, Flow, SENT_WINDOW, Sample, Slot};
use super::maps::Mapped;

/// Compiled from load.c by build.sh; a test says whether the two agree.
static OBJECT: &[u8] = aya::include_bytes_aligned!("load.o");
/// Frames that the kernel prepares and sends together. A packet is stamped when it is made and leaves with the last of
/// its batch, and a packet that arrives waits for the end of one: the smaller, the truer the latencies; the highest rate
/// is the same from 4 to 64.
const BATCH: u32 = 8;
/// `BPF_F_TEST_XDP_LIVE_FRAMES`.
const LIVE_FRAMES: u32 = 2;
/// `BPF_PROG_TEST_RUN`.
const TEST_RUN: libc::c_long = 10;

/// How much room the programs need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) flows: usize,
    pub(crate) slots: usize,
    pub(crate) samples: usize,
}

/// The generator's programs and their maps.
pub(crate) struct Kernel {
    pub(crate) control: Mapped<Control>,
    pub(crate) flows: Mapped<Flow>,
    pub(crate) arrivals: Mapped<Arrival>,
    pub(crate) expected: Mapped<Expected>,
    pub(crate) slots: Mapped<Slot>,
    pub(crate) samples: Mapped<Sample>,
    pub(crate) latency: Mapped<u64>,
    /// Descriptor of the program.
    generate: i32,
    _programs: Ebpf,
}

impl Kernel {
    /// Loads the programs and puts the receiving one at a device of the calling thread's namespace.
    pub(crate) fn attach(device: u32, room: Room) -> Result<Self> {
        let count = |count: usize| u32::try_from(count.max(1)).context("too much");
        let mut ebpf = EbpfLoader::new()
            .map_max_entries("flows", count(room.flows)?)
            .map_max_entries("arrivals", count(room.flows)?)
            .map_max_entries("expects", count(room.flows)?)
            .map_max_entries("sent", count(room.flows * SENT_WINDOW)?)
            .map_max_entries("slots", count(room.slots)?)
            .map_max_entries("samples", count(room.samples)?)
            .load(OBJECT)
            .context("can't load the generator's BPF programs (CAP_BPF, CAP_NET_ADMIN?)")?;
        let generate = attach(&mut ebpf, "generate", device)?;
        Ok(Self {
            control: Mapped::new(&ebpf, "controls", 1)?,
            flows: Mapped::new(&ebpf, "flows", room.flows.max(1))?,
            arrivals: Mapped::new(&ebpf, "arrivals", room.flows.max(1))?,
            expected: Mapped::new(&ebpf, "expects", room.flows.max(1))?,
            slots: Mapped::new(&ebpf, "slots", room.slots.max(1))?,
            samples: Mapped::new(&ebpf, "samples", room.samples.max(1))?,
            latency: Mapped::new(&ebpf, "latency", BUCKETS)?,
            generate,
            _programs: ebpf,
        })
    }

    /// Runs the program that often with a frame of that length; `false` if a signal ended it early.
    pub(crate) fn transmit(&self, frame: &[u8], runs: u32) -> Result<bool> {
        /// The part of `union bpf_attr` that this command reads.
        #[repr(C)]
        #[derive(Default)]
        struct TestRun {
            program: u32,
            returned: u32,
            data_in_bytes: u32,
            data_out_bytes: u32,
            data_in: u64,
            data_out: u64,
            repeat: u32,
            duration: u32,
            context_in_bytes: u32,
            context_out_bytes: u32,
            context_in: u64,
            context_out: u64,
            flags: u32,
            cpu: u32,
            batch: u32,
            pad: u32,
        }
        let run = TestRun {
            program: self.generate as u32,
            data_in_bytes: frame.len() as u32,
            data_in: frame.as_ptr() as u64,
            repeat: runs,
            flags: LIVE_FRAMES,
            batch: BATCH,
            ..TestRun::default()
        };
        // SAFETY: the kernel reads the attributes and the frame, both of which outlive the call, and the program's
        // descriptor is open as long as `self`.
        let result = unsafe { libc::syscall(libc::SYS_bpf, TEST_RUN, &raw const run, size_of::<TestRun>()) };
        if result >= 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => Ok(false),
            _ => Err(error).context("can't send frames from BPF (Linux 5.18 or later?)"),
        }
    }
}

/// A device that sends every datagram back, while this lives.
pub(crate) struct Reflector(#[expect(dead_code, reason = "held, not used")] Ebpf);

impl Reflector {
    /// Makes a device of the calling thread's namespace one.
    pub(crate) fn attach(device: u32) -> Result<Self> {
        let mut ebpf = Ebpf::load(OBJECT).context("can't load the reflector")?;
        attach(&mut ebpf, "reflect", device)?;
        Ok(Self(ebpf))
    }
}

/// Loads a program and puts it at a device; returns its descriptor.
fn attach(ebpf: &mut Ebpf, name: &str, device: u32) -> Result<i32> {
    let Some(program) = ebpf.program_mut(name) else {
        bail!("the BPF object has no program {name}")
    };
    let program: &mut Xdp = program.try_into()?;
    program
        .load()
        .with_context(|| format!("the kernel refuses the program {name}"))?;
    program
        .attach_to_if_index(device, XdpMode::Driver)
        .or_else(|_| program.attach_to_if_index(device, XdpMode::Skb))
        .with_context(|| format!("can't put the program {name} at device {device}"))?;
    Ok(program.fd()?.as_fd().as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netns::Namespace;

    /// In a namespace of its own; `None`, said aloud, without the rights to make one.
    fn in_namespace<T: Send>(act: impl FnOnce() -> T + Send) -> Option<T> {
        let namespace = match Namespace::create() {
            Ok(namespace) => namespace,
            Err(error) => {
                eprintln!("skipped: {error:#}");
                assert!(std::env::var_os("CI").is_none(), "root is missing");
                return None;
            }
        };
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                namespace.enter().unwrap();
                act()
            });
            Some(inside.join().unwrap())
        })
    }

    #[test]
    fn the_object_is_that_of_the_source() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/media/xdp");
        if std::process::Command::new("clang")
            .arg("--version")
            .output()
            .is_err()
        {
            eprintln!("skipped: no clang");
            return;
        }
        let file = std::env::temp_dir().join(format!("patchbay-load-{}.o", std::process::id()));
        let built = std::process::Command::new(format!("{folder}/build.sh"))
            .arg(&file)
            .output()
            .unwrap();
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        let same = std::fs::read(&file).unwrap() == OBJECT;
        std::fs::remove_file(&file).unwrap();
        assert!(
            same,
            "run bench/src/media/xdp/build.sh (another clang makes another object)"
        );
    }

    #[test]
    fn the_verifier_takes_the_programs() {
        let room = Room {
            flows: 2,
            slots: 8,
            samples: 4,
        };
        in_namespace(|| {
            let kernel = Kernel::attach(1, room).unwrap();
            assert!(Reflector::attach(1).is_err(), "one program at a time");
            drop(kernel);
            Reflector::attach(1).unwrap();
        });
    }
}
