//! Bounds of every queue and table of the daemon's shell, each with its unit.
//!
//! Whatever is refused because of one of these is counted where it is refused.

use std::time::Duration;

/// Sockets whose datagrams one batch may hold, and so the most packets between two looks at the command queue.
pub const BATCH_PACKETS: usize = 256;

/// Datagrams taken from one socket before the next one gets its turn.
pub const RECV_PER_SOCKET: usize = 32;

/// Batches that a worker handles at most before it gives a call away: more than a ring can hold of it.
pub const SETTLING_TURNS: usize = 8;

/// Packets given to the kernel in one call.
pub const SEND_PER_SOCKET: usize = 32;

/// Bytes of one receive buffer: any UDP datagram fits. Not a power of two, so that the beginnings of neighbouring
/// buffers do not compete for the same cache lines; memory that no packet touches costs nothing.
pub const DATAGRAM_BYTES: usize = 65_536 + 5 * 64;

/// Bytes for packets that a turn changes or makes.
pub const SCRATCH_BYTES: usize = 1 << 20;

/// Packets that one turn sends before it lets the next ones in.
pub const OUTBOX_PACKETS: usize = 1024;

/// Sockets reported by one `epoll_wait`.
pub const EPOLL_EVENTS: usize = 256;

/// Queues of one device that have rings.
pub const RING_QUEUES: usize = 64;

/// Frames of one queue's rings. Received ones are held for as long as the worker is busy or paused, sent ones only until
/// the device has them.
pub const RING_SIZES: crate::sys::xsk::Sizes = crate::sys::xsk::Sizes {
    frame: 2048,
    receive: 4096,
    send: 1024,
};

/// Bytes of frames of all rings, of which each queue gets the same share.
pub const RING_BYTES: usize = 256 << 20;

/// Packets on their way from other workers' rings to one worker.
pub const RING_PARCELS: usize = 2048;

/// Bytes of such packets for all workers together.
pub const RING_PARCEL_BYTES: usize = 64 << 20;

/// Time between two looks at what rings have lost.
pub const RING_PULL: Duration = Duration::from_secs(1);

/// Commands waiting for one worker. A full queue delays the reply and never drops a plan.
pub const WORKER_COMMANDS: usize = 4096;

/// Events waiting for one control shard. They are hints: what does not fit is repaired by the next pull of state.
pub const SHARD_EVENTS: usize = 8192;

/// Jobs (ng commands, CLI requests) waiting for one control shard; a full queue answers with an error.
pub const SHARD_JOBS: usize = 4096;

/// Receive buffer of a media socket in bytes: holds 150 ms of a fat video stream at about 4 kB of kernel memory a
/// packet, so that a pause of the process loses nothing.
pub const MEDIA_RCVBUF_BYTES: usize = 1 << 20;

/// Receive buffer of a control socket in bytes: proxies that retransmit do not find it full.
pub const CONTROL_RCVBUF_BYTES: usize = 4 << 20;

/// Connections at once on each of the ng-TCP, CLI and HTTP listeners.
pub const CONNECTIONS: usize = 256;

/// How long a connection must have been idle before a newcomer takes its place.
pub const CONNECTION_IDLE_MIN: Duration = Duration::from_secs(1);

/// Log lines a second about what is refused on control ports.
pub const REFUSALS_LOGGED: u32 = 20;

/// Notifications waiting for one ng-TCP client; a client that reads slower loses the newest.
pub const NOTIFICATIONS: usize = 64;

/// Bytes of one CLI line.
pub const CLI_LINE_BYTES: usize = 1024;

/// Bytes of one HTTP request body.
pub const HTTP_BODY_BYTES: usize = 1 << 20;

/// Announcements of timed-out calls waiting for the XMLRPC thread.
pub const XMLRPC_QUEUE: usize = 1024;

/// Tapped packets waiting for the recording writer.
pub const RECORD_RING: usize = 16_384;

/// Datagrams read from one control socket before others, and the shard's calls, get their turn.
pub const DATAGRAMS_PER_TURN: usize = 32;

/// Replies over UDP that leave in one system call. More would only make the first of them wait for the last.
pub const REPLIES_PER_SEND: usize = crate::sys::pktinfo::SEND_MAX;

/// Time between two wake-ups of a worker for its commands. Packets wake it whenever they come, and find every command
/// that was queued before them.
pub const WAKE_INTERVAL: Duration = Duration::from_millis(1);

/// How long an offer that finds no port waits for ports of ended calls that workers have yet to close, at most.
pub const PORTS_PATIENCE: Duration = Duration::from_millis(100);

/// Time between two looks during that.
pub const PORTS_POLL: Duration = Duration::from_micros(200);

/// Jobs that a shard does before it looks at its sockets again.
pub const JOBS_PER_TURN: usize = 256;

/// Controllers whose requests are counted apart.
pub const PROXIES: usize = 1024;

/// Requests of one ng-TCP client that are in work or whose replies it has not read; nothing else of it gets done then.
pub const TCP_REPLIES: usize = 64;

/// Control shards.
pub const SHARDS: usize = 16;

/// Ways from a local address to a peer whose next hop is known at a time; flows on others stay with the sockets.
pub const NEXT_HOPS: usize = 1 << 16;

/// Ways waiting to be looked up.
pub const NEXT_HOPS_WANTED: usize = 4096;

/// Changed routes noted one by one; more of them at a time make every way be looked up again.
pub const ROUTE_CHANGES: usize = 64;

/// Receive buffer in bytes for what the kernel tells about its network; what does not fit makes us ask for everything.
pub const NETLINK_RCVBUF_BYTES: usize = 1 << 20;

/// Local addresses whose ports the program in the kernel knows; each takes 256 KiB there.
pub const KERNEL_ADDRESSES: usize = 64;

/// Flows that may be in the kernel at once; each takes 128 bytes there, and 64 for each processor.
pub const KERNEL_ENTRIES: usize = 262_144;

/// At least so many are made room for.
pub const KERNEL_ENTRIES_MIN: usize = 1024;

/// Bytes that counters of flows in the kernel may take on machines with many processors.
const KERNEL_COUNTS_BYTES: usize = 256 << 20;

/// [`KERNEL_ENTRIES`], or what the counters leave room for.
pub const fn kernel_entries_max(processors: usize) -> usize {
    let room = KERNEL_COUNTS_BYTES / (64 * processors);
    if room < KERNEL_ENTRIES {
        room
    } else {
        KERNEL_ENTRIES
    }
}

/// How long the kernel is trusted to know a device that packets leave by: it forgets those that go.
pub const KERNEL_DEVICE_TOLD: Duration = Duration::from_secs(1);

/// How long what `/proc/sys` says of a device is taken for true.
pub const SYSCTL_TRUSTED: Duration = Duration::from_secs(1);

/// How long an entry of the kernel's table rests before it is used again: no processor handles one packet longer.
pub const KERNEL_REST: Duration = Duration::from_millis(100);

/// Time between two looks at what the kernel has counted of a flow.
pub const OFFLOAD_PULL: Duration = Duration::from_millis(200);

/// Time until a flow that could not move into the kernel tries again.
pub const OFFLOAD_RETRY: Duration = Duration::from_secs(1);

/// Visits to flows that are due within this are made together.
pub const OFFLOAD_TOGETHER: Duration = Duration::from_millis(25);

/// Visits to flows that were planned at one time are spread over so long: made in a row they would keep a processor from
/// the packets that arrive for it. An interval and this together are less than what the relay takes for the age of news.
pub const OFFLOAD_SPREAD: Duration = Duration::from_millis(40);

/// Visits to flows in the kernel in one turn of a worker: some 50 µs of work.
pub const OFFLOAD_VISITS: usize = 32;

/// How long a flow waits for a moment when none of its packets is under way to the worker, before it moves into the
/// kernel all the same: there is no such moment if more comes than the worker can handle.
pub const GATE_PATIENCE: Duration = Duration::from_millis(500);

/// Looks for such a moment that have to be in vain, too.
pub const GATE_TRIES: u32 = 64;

/// The longest that `query` and `delete` wait for the counters of packets that the kernel has forwarded.
pub const COUNTERS_WAIT: Duration = Duration::from_millis(5);
