//! The network the peer tests stand in: a core host with a public address, and phones behind NATs of their own.
//!
//! The NATs are the kernel's: nftables masquerade with fully random ports, so that the port in an SDP is never the
//! one the packets come from, and nobody gets in who was not spoken to first.

use crate::lab::{Host, Lab};
use crate::relay::RELAY_IP;

/// A lab whose core host has [`RELAY_IP`] on a network of public addresses.
pub(crate) fn core(lab: &mut Lab) -> Host {
    let core = lab.host("core");
    core.ip("link add public type bridge");
    core.ip(&format!("addr add {RELAY_IP}/24 dev public"));
    core.ip("link set public up");
    core
}

/// A phone's place: a host with a private address, and the NAT before it.
pub(crate) struct Place {
    /// The host that phones and RTP parties run on.
    pub(crate) host: Host,
    /// Its router.
    pub(crate) nat: Host,
    /// The phone's private address.
    pub(crate) ip: String,
}

/// Adds the place number `n` (1..=200) to the network.
pub(crate) fn place(lab: &mut Lab, core: &Host, n: u8) -> Place {
    let (host, nat) = (lab.host(&format!("phone{n}")), lab.host(&format!("nat{n}")));
    lab.wire((core, &format!("nat{n}")), (&nat, "wan"));
    lab.wire((&nat, "lan"), (&host, "eth0"));
    core.ip(&format!("link set nat{n} master public"));
    nat.ip(&format!("addr add 203.0.113.{}/24 dev wan", 50 + n));
    nat.ip(&format!("addr add 10.0.{n}.1/24 dev lan"));
    host.ip(&format!("addr add 10.0.{n}.2/24 dev eth0"));
    host.ip(&format!("route add default via 10.0.{n}.1"));
    nat.route_packets();
    nat.nft(
        "table ip nat {
            chain out { type nat hook postrouting priority srcnat; oifname wan masquerade fully-random; }
        }
        table ip guard {
            chain pass {
                type filter hook forward priority filter; policy drop;
                iifname lan accept
                ct state established,related accept
            }
        }",
    );
    Place {
        host,
        nat,
        ip: format!("10.0.{n}.2"),
    }
}

impl Place {
    /// From now on each `nth` packet of UDP that leaves the phone from `port` is lost at its NAT; counted as `lost`.
    pub(crate) fn lose_from(&self, port: u16, nth: u32) {
        self.nat.nft(&format!(
            "table ip loss {{
                counter lost {{ }}
                chain pass {{
                    type filter hook forward priority -10;
                    iifname lan udp sport {port} numgen inc mod {nth} 0 counter name lost drop
                }}
            }}"
        ));
    }

    /// Ends the loss and returns how many packets it took.
    pub(crate) fn lose_no_more(&self) -> u64 {
        let lost = self.nat.counted("ip loss", "lost");
        self.nat.nft("delete table ip loss");
        lost
    }
}
