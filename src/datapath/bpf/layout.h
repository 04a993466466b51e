/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the program and the daemon share. The daemon's mirror is src/datapath/offload/layout.rs; a test compares both by
 * the object's type information.
 *
 * Addresses, ports and sums are in network order, as they stand in packets. A sum is a one's complement sum of 16-bit
 * words (RFC 1071), folded to 16 bits and not complemented.
 */
#ifndef PATCHBAY_LAYOUT_H
#define PATCHBAY_LAYOUT_H

#include <linux/types.h>

#define ADDRESS_SLOTS 256 /* of the table of local addresses: one probe, as the daemon looks for a seed without collisions */
#define PORTS_PER_LINE 16
#define RING_DEVICES 16
#define RING_QUEUES 64
#define HOP_DEVICES 64

/* A local address: IPv6 as it is; IPv4 with all bits of `high` set. */
struct address {
	__u64 high;
	__u64 low;
	__u32 index; /* of its part of `ports`; of a slot that nobody uses, one past all of them */
	__u32 spare;
};

/* A cache line of ports. A word: the upper bit says that what is not forwarded goes to the rings, the others are the
 * number of an entry plus one, or zero. */
struct ports {
	__u32 word[PORTS_PER_LINE];
};
#define WORD_RINGS 0x80000000u

#define GATE_OPEN 0
#define MARK_LEAST 2

#define FLAG_RTP 1   /* RTP only, of `ssrc` and `payload_types` */
#define FLAG_RTCP 2  /* RTCP only */
#define FLAG_LEAVES6 4 /* leaves as IPv6 */
#define FLAG_TAG 8   /* leaves with the tag `vlan` */
#define FLAG_LOCAL 16 /* goes up the stack, to a program on this host; in the family that it came in */
#define FLAG_CHAIN 32 /* goes to a port of ours */
#define FLAG_XDP 64  /* the device takes what XDP sends */

/* Where packets of a port go. All but `gate` and `cpus` is written before its number stands in `ports`. */
struct entry {
	/* First cache line: what fits. */
	__u64 gate; /* GATE_OPEN, or the mark of the last packet; see Mark in src/datapath/offload/mod.rs */
	__u64 cpus; /* processors that have counted something, modulo 64 */
	__u32 source[4];
	__u64 payload_types[2];
	__u32 ssrc;
	__u16 source_port;
	__u16 flags;
	__u16 old_sum; /* of the addresses that arrive and the protocol number */
	__u16 mtu;     /* bytes of the largest IP packet that may leave */
	__u32 spare;
	/* Second cache line: how it leaves. */
	__u8 ether[12];
	__u16 vlan;
	__u16 from_port;
	__u32 from[4];
	__u32 to[4];
	__u16 to_port;
	__u16 udp_delta; /* added to the checksum's sum: new addresses and ports less the old ones */
	__u16 ip_sum;    /* of the IPv4 header without length and identification */
	__u8 tos;
	__u8 ttl;
	__u32 device;
	__u16 hop;     /* its place in `hops` */
	__u16 new_sum; /* like old_sum, of the addresses that leave */
};

/* What one processor forwarded of one entry. */
struct count {
	__u64 packets;
	__u64 bytes; /* of UDP payload */
	__u64 last;  /* nanoseconds of the coarse monotonic clock */
	__u32 highest; /* RTP sequence number, extended by cycles since the first one this processor saw */
	__u32 timestamp;
	__u32 payload_type;
	__u32 spare[7];
};

/* Why packets of ports with an entry were not forwarded. */
enum reason {
	REASON_CLOSED,       /* the gate */
	REASON_FRAGMENT,
	REASON_FORM,         /* IP options, lengths that disagree, too short */
	REASON_SOURCE,       /* another source */
	REASON_KIND,         /* STUN, DTLS or nothing that is known */
	REASON_RTCP,         /* RTCP where RTP is forwarded, or the other way round */
	REASON_SSRC,         /* another stream */
	REASON_PAYLOAD_TYPE, /* a payload type that is not forwarded */
	REASON_SIZE,         /* larger than may leave */
	REASON_CHECKSUM,     /* no checksum where there must be one, or a segment that the stack has to cut */
	REASON_ROOM,         /* no room for longer headers, or tags that cannot be changed */
	REASON_CHAIN,        /* goes to a port of ours whose packets are not forwarded */
	REASONS,
};

struct reasons {
	__u64 count[16];
};

/* Devices whose packets may go to rings; the place of one here times RING_QUEUES plus its queue is the place in `xsks`. */
struct ring_devices {
	__u32 device[RING_DEVICES];
};

_Static_assert(sizeof(struct address) == 24, "address");
_Static_assert(sizeof(struct ports) == 64, "ports");
_Static_assert(sizeof(struct entry) == 128, "entry");
_Static_assert(__builtin_offsetof(struct entry, ether) == 64, "the second line");
_Static_assert(sizeof(struct count) == 64, "count");
_Static_assert(REASONS <= 16, "reasons");

#endif
