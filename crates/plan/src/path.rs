//! Which way the packets of a flow take through this host, and why not a faster one.

macro_rules! texts {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant,)* }
        impl $name {
            /// All of them, in counter order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// As `query`, metrics and the CLI print it.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
            /// The one with this number.
            pub fn from_number(number: u8) -> Option<Self> {
                Self::ALL.get(usize::from(number)).copied()
            }
        }
    };
}

texts! {
    /// The way that packets of a flow take. Sockets can do everything; the others are caches of that.
    Path {
        /// Read from a socket, sent by a socket.
        Sockets = "sockets",
        /// Through AF_XDP rings, past the kernel's network stack, by the same code.
        Rings = "afxdp",
        /// Forwarded in the kernel by a BPF program, without us.
        Kernel = "kernel",
    }
}

texts! {
    /// Why a flow's packets are not forwarded in the kernel.
    Refusal {
        /// Not asked for (`--offload=off`, `--table=-1`).
        Off = "off",
        /// The device that its local address is on has no program of ours; `--check-offload` says why.
        NoProgram = "no-program",
        /// The peer's address has not been learned for good yet.
        Learning = "learning",
        /// The kernel may have it: from its next packet on.
        Moving = "moving",
        /// Its packets came again and again: the loop is cut here.
        Loop = "loop",
        /// No packet has said yet which stream it is.
        NoStream = "no-stream",
        /// Its packets go nowhere: no sink, or the media's direction or a command forbids it.
        NoSink = "no-sink",
        /// Its packets go to more than one place.
        Fanout = "several-sinks",
        /// Where it would send to is not known or not allowed.
        NoPeer = "no-peer",
        /// It is decrypted, authenticated or encrypted on the way.
        Srtp = "srtp",
        /// Its packets are changed on the way.
        Rewrite = "rewrite",
        /// It is recorded.
        Recording = "recording",
        /// Its RTCP is read, for the figures of quality, or generated.
        Rtcp = "rtcp",
        /// It shares a transport with other media (BUNDLE).
        Bundle = "bundle",
        /// The route and the next hop are being looked up.
        Resolving = "resolving",
        /// There is no route to the peer, or it is a blackhole or prohibited.
        NoRoute = "no-route",
        /// The next hop does not answer (ARP, neighbour discovery).
        NoNeighbour = "no-neighbour",
        /// The peer is on this host.
        LocalPeer = "local-peer",
        /// The peer is on this host, and the kernel takes IPv4 packets for it from the device only by `accept_local`.
        AcceptLocal = "accept-local",
        /// The packets would leave by a bridge or a port of one.
        Bridge = "bridge",
        /// The packets would leave by a bond or a team.
        Bond = "bond",
        /// The packets would leave by a tunnel.
        Tunnel = "tunnel",
        /// IPsec applies to the packets.
        Ipsec = "ipsec",
        /// Policy routing by something that a route lookup does not tell decides about the packets.
        PolicyRoute = "policy-route",
        /// The device that the packets would leave by cannot be sent to from XDP.
        Device = "device",
        /// The packets would leave by another kind of path (IPv4 to IPv6, VLAN) than the program can take.
        Unsupported = "unsupported",
        /// The table of flows is full.
        TableFull = "table-full",
    }
}
