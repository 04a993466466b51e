//! What is measured, and what is wanted of it: at 100 calls, and at 1,000 or more.

use super::measure::Media;
use super::rows::Better::{Higher, Lower};
use super::rows::Kind;
use super::rows::Target::{AtMost, Times};

/// From so many calls on, a peer that works in batches has its best days, and less is wanted.
const MANY: usize = 1_000;

fn by_calls(calls: usize, few: f64, many: f64) -> f64 {
    if calls < MANY { few } else { many }
}

/// Highest rate over sockets.
pub(crate) fn over_sockets(media: Media, calls: usize) -> Kind {
    let (name, few, many) = match media {
        Media::Plain => ("plain RTP over sockets", 2.2, 1.25),
        Media::Bridged => ("SRTP <-> RTP over sockets", 2.5, 1.5),
        Media::Reencrypted => ("SRTP <-> SRTP over sockets", 3.5, 1.8),
    };
    Kind {
        name,
        unit: "packets/s at loss <= 0.1 %",
        better: Higher,
        targets: vec![Times(by_calls(calls, few, many))],
    }
}

/// Highest rate over AF_XDP.
pub(crate) fn over_rings(media: Media, calls: usize) -> Kind {
    let (name, targets) = match media {
        Media::Plain => ("plain RTP over AF_XDP", vec![]),
        Media::Bridged => ("SRTP <-> RTP over AF_XDP", vec![Times(by_calls(calls, 5.0, 3.0))]),
        Media::Reencrypted => (
            "SRTP <-> SRTP over AF_XDP",
            vec![Times(by_calls(calls, 6.0, 3.0))],
        ),
    };
    Kind {
        name,
        unit: "packets/s at loss <= 0.1 %",
        better: Higher,
        targets,
    }
}

/// What a packet costs in the kernel.
pub(crate) fn over_xdp(calls: usize) -> Kind {
    let mut targets = vec![Times(by_calls(calls, 20.0, 10.0))];
    if calls < MANY {
        targets.push(AtMost(350.0));
    }
    Kind {
        name: "plain RTP over XDP, processor time",
        unit: "ns per packet",
        better: Lower,
        targets,
    }
}

/// Flows that stay dead after a step that was too much.
pub(crate) fn dead_after_search(media: Media) -> Kind {
    let name = match media {
        Media::Plain => "plain RTP: flows dead after a rate that was too much",
        Media::Bridged => "SRTP <-> RTP: flows dead after a rate that was too much",
        Media::Reencrypted => "SRTP <-> SRTP: flows dead after a rate that was too much",
    };
    kind(name, "", vec![AtMost(0.0)])
}

fn kind(name: &'static str, unit: &'static str, targets: Vec<super::rows::Target>) -> Kind {
    Kind {
        name,
        unit,
        better: Lower,
        targets,
    }
}

pub(crate) fn partial() -> Kind {
    kind(
        "processor time at 30 % of the peer's highest rate, sockets",
        "ns per packet",
        vec![Times(2.0)],
    )
}

pub(crate) fn latency_sockets() -> Kind {
    kind(
        "added latency p99 at half the peer's highest rate, sockets",
        "µs",
        vec![Times(1.0)],
    )
}

pub(crate) fn latency_xdp() -> Kind {
    kind(
        "added latency p99 at half of each one's highest rate, XDP",
        "µs",
        vec![AtMost(100.0)],
    )
}

pub(crate) fn control() -> Kind {
    Kind {
        name: "ng: offer+answer+delete",
        unit: "per second",
        better: Higher,
        targets: vec![Times(3.0)],
    }
}

pub(crate) fn control_p99() -> Kind {
    kind("ng: p99 of an answer under that load", "µs", vec![])
}

pub(crate) fn control_cpu() -> Kind {
    kind("ng: processor time of offer+answer+delete", "µs", vec![])
}

pub(crate) fn memory() -> Kind {
    kind("memory per idle call, RSS", "kB", vec![Times(2.0)])
}

pub(crate) fn memory_empty() -> Kind {
    kind("memory before any call, RSS", "kB", vec![])
}

pub(crate) fn descriptors() -> Kind {
    kind("descriptors per idle call", "", vec![Times(1.0)])
}

/// Ours at many calls beside ours at 1,000: at most 1.5 times as much.
pub(crate) fn scale(path: &'static str) -> Kind {
    let name = match path {
        "native" => "XDP, ours with many calls beside ours with 1,000 (as `peer`)",
        _ => "sockets, ours with many calls beside ours with 1,000 (as `peer`)",
    };
    kind(name, "ns per packet", vec![Times(1.0 / 1.5)])
}

/// What a packet costs by each path at the same rate.
pub(crate) fn order(path: &str) -> Kind {
    let name = match path {
        "native" => "plain RTP, one rate for all paths: native XDP",
        "tc" => "plain RTP, one rate for all paths: tc",
        "generic" => "plain RTP, one rate for all paths: generic XDP",
        "afxdp" => "plain RTP, one rate for all paths: AF_XDP",
        _ => "plain RTP, one rate for all paths: sockets",
    };
    kind(name, "ns per packet", vec![])
}

pub(crate) fn sprayed_loss(path: &str) -> Kind {
    let name = match path {
        "native" => "loss of calls under a spray at the relay's ports, XDP",
        _ => "loss of calls under a spray at the relay's ports, sockets",
    };
    kind(name, "%", vec![AtMost(0.1)])
}

pub(crate) fn sprayed_cost(path: &str) -> Kind {
    let name = match path {
        "native" => "processor time per datagram of a spray, XDP",
        _ => "processor time per datagram of a spray, sockets",
    };
    kind(name, "ns", vec![])
}

pub(crate) fn dead_after_overload() -> Kind {
    kind(
        "flows dead a second after 10 s of twice the highest rate",
        "",
        vec![AtMost(0.0)],
    )
}

pub(crate) fn loss_after_overload() -> Kind {
    kind(
        "loss at half the highest rate, a second after that",
        "%",
        vec![AtMost(0.1)],
    )
}

pub(crate) fn lost_in_pause() -> Kind {
    kind(
        "packets lost when the relay stands still for 150 ms",
        "",
        vec![AtMost(0.0)],
    )
}
