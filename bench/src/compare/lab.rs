//! Two network namespaces joined by a virtual cable: the relay's on one core, the generator's on the other.
//!
//! Each end of the cable is polled by a kernel thread of its own (threaded NAPI), pinned to that end's core. So the
//! kernel's work for what the relay receives is done, and counted, on the relay's core. There it is as urgent as the
//! relay and no more, as on any machine whose interrupts are many: were it more urgent, each packet would interrupt the
//! relay, which costs two switches a packet and is worst for a relay that takes them one by one. The generator's end
//! is more urgent than the generator, so that a packet is never late only because another is being sent.
//! Nothing has a name outside: when this process ends, however it ends, the lab is gone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, bail};

use super::relay::Daemon;
use crate::media::link;
use crate::media::xdp::Reflector;
use crate::sys::netns::Namespace;
use crate::sys::{cpu, process};

const RELAY_IP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const GENERATOR_IP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const RELAY_MAC: &str = "02:00:00:00:00:01";
const GENERATOR_MAC: &str = "02:00:00:00:00:02";
/// Frames that wait for the relay's core, as in the ring of a network card.
const CABLE_FRAMES: u32 = 2_048;
const NG_PORT: u16 = 2223;
/// The relay's media ports, unless more are needed.
pub(crate) const MEDIA_PORTS: (u16, u16) = (20_000, 60_000);

/// A relay to be measured.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) program: PathBuf,
    /// Options that only this one has.
    pub(crate) more: Vec<String>,
    pub(crate) ours: bool,
    /// For people.
    pub(crate) name: &'static str,
}

/// One end of the cable.
struct End {
    namespace: Namespace,
    device: String,
    core: usize,
    pollers: Vec<i32>,
}

/// The laboratory.
pub(crate) struct Lab {
    relay: End,
    generator: End,
}

/// What a measurement sees of the relay under test.
pub(crate) struct UnderTest {
    pub(crate) ng: SocketAddr,
    pub(crate) pid: u32,
    /// Kernel threads that poll the relay's network device.
    pub(crate) pollers: Vec<i32>,
    pub(crate) device: String,
    pub(crate) local: Ipv4Addr,
}

impl UnderTest {
    /// Processor time so far, ns: the process, and the kernel threads that feed it.
    pub(crate) fn cpu_ns(&self) -> Result<(u64, u64)> {
        let pollers = self
            .pollers
            .iter()
            .map(|pid| process::cpu_ns(*pid as u32))
            .sum::<Result<u64>>()?;
        Ok((process::cpu_ns(self.pid)?, pollers))
    }
}

impl Lab {
    /// Builds it; needs root.
    pub(crate) fn build(relay_core: usize, generator_core: usize) -> Result<Self> {
        cpu::own_session();
        let allowed = cpu::allowed()?;
        if relay_core == generator_core || ![relay_core, generator_core].iter().all(|c| allowed.contains(c)) {
            bail!("relay and generator need a core each, of {allowed:?}");
        }
        // Unique while this process lives, and short enough for a device's name.
        let tag = std::process::id() % 1_000_000;
        let mut lab = Self {
            relay: End::new(format!("pbr{tag}"), relay_core)?,
            generator: End::new(format!("pbg{tag}"), generator_core)?,
        };
        lab.lay_cable().context("building the lab")?;
        lab.relay.pin_pollers(cpu::prefer_thread)?;
        lab.generator.pin_pollers(cpu::make_urgent)?;
        Ok(lab)
    }

    /// Starts a relay, runs a measurement on the generator's core and side, stops the relay.
    pub(crate) fn with_relay<T: Send>(
        &self,
        candidate: &Candidate,
        media_ports: (u16, u16),
        measure: impl FnOnce(&UnderTest) -> Result<T> + Send,
    ) -> Result<T> {
        let daemon = Daemon {
            ip: RELAY_IP,
            ng_port: NG_PORT,
            media_ports,
            more: candidate.more.clone(),
        };
        let mut started = daemon.start(&candidate.program, &self.relay.namespace, self.relay.core)?;
        let measured = self.on_generator_side(started.pid(), measure);
        let ended = started.stop();
        let measured = measured.with_context(|| started.last_words())?;
        ended?;
        Ok(measured)
    }

    /// Runs a measurement against no relay at all: the kernel sends each media packet straight back with the two
    /// addresses swapped and the ports as they are. What is found is the limit of the generator and the cable.
    pub(crate) fn with_reflector<T: Send>(
        &self,
        measure: impl FnOnce(&UnderTest) -> Result<T> + Send,
    ) -> Result<T> {
        let device = self.relay.device.clone();
        let reflector = thread::scope(|scope| {
            let attached = scope.spawn(|| {
                self.relay.namespace.enter()?;
                Reflector::attach(link::device_index(&device)?)
            });
            attached
                .join()
                .unwrap_or_else(|_| bail!("attaching the reflector panicked"))
        })?;
        let measured = self.on_generator_side(0, measure);
        drop(reflector);
        measured
    }

    fn on_generator_side<T: Send>(
        &self,
        pid: u32,
        measure: impl FnOnce(&UnderTest) -> Result<T> + Send,
    ) -> Result<T> {
        let under_test = UnderTest {
            ng: SocketAddr::from((RELAY_IP, NG_PORT)),
            pid,
            pollers: self.relay.pollers.clone(),
            device: self.generator.device.clone(),
            local: GENERATOR_IP,
        };
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                self.generator.namespace.enter()?;
                cpu::pin(0, self.generator.core)?;
                cpu::prefer()?;
                measure(&under_test)
            });
            worker
                .join()
                .unwrap_or_else(|_| bail!("the measurement panicked"))
        })
    }

    fn lay_cable(&mut self) -> Result<()> {
        let (relay, generator) = (&self.relay, &self.generator);
        generator.namespace.run(&format!(
            "ip link add {} address {GENERATOR_MAC} type veth peer name {} address {RELAY_MAC} netns {}",
            generator.device,
            relay.device,
            relay.namespace.path()
        ))?;
        relay.bring_up(RELAY_IP, (GENERATOR_IP, GENERATOR_MAC))?;
        generator.bring_up(GENERATOR_IP, (RELAY_IP, RELAY_MAC))?;
        relay.hold_back()?;
        generator.hold_back()
    }
}

impl End {
    fn new(device: String, core: usize) -> Result<Self> {
        Ok(Self {
            namespace: Namespace::create()?,
            device,
            core,
            pollers: Vec::new(),
        })
    }

    fn bring_up(&self, ip: Ipv4Addr, (neighbour, mac): (Ipv4Addr, &str)) -> Result<()> {
        let (namespace, device) = (&self.namespace, &self.device);
        namespace.run("ip link set lo up")?;
        namespace.run(&format!("ip address add {ip}/24 dev {device}"))?;
        namespace.run(&format!("ip link set {device} up"))?;
        namespace.run(&format!(
            "ip neighbour replace {neighbour} lladdr {mac} dev {device} nud permanent"
        ))?;
        // Frames as a card would deliver them: none joined, none to be cut. A veth polls only with GRO on.
        namespace.run(&format!("ethtool -K {device} tso off gso off"))?;
        namespace.run(&format!("ethtool -K {device} gro on"))?;
        namespace.script(&format!("echo 1 > /sys/class/net/{device}/threaded"))
    }

    /// Lets frames of the network stack wait for the other core: the cable itself holds 256, less than a card's ring.
    fn hold_back(&self) -> Result<()> {
        let device = &self.device;
        self.namespace.run(&format!(
            "tc qdisc add dev {device} root pfifo limit {CABLE_FRAMES}"
        ))
    }

    fn pin_pollers(&mut self, rank: fn(i32) -> Result<()>) -> Result<()> {
        self.pollers = process::napi_threads(&self.device)?;
        if self.pollers.is_empty() {
            bail!(
                "the kernel made no polling thread for {}: no threaded NAPI?",
                self.device
            );
        }
        for tid in &self.pollers {
            cpu::pin(*tid, self.core)?;
            rank(*tid)?;
        }
        Ok(())
    }
}
