// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Forwards in the kernel what the daemon's table says, at XDP or at tc. Looks up and acts; whatever does not fit in
 * every detail goes up the stack, or to the daemon's rings, unchanged. Each packet of a port with an entry is forwarded
 * or counted under a reason.
 *
 * What an entry sends to a port of ours is not sent, but looked up there at once: it leaves as the second entry says, or
 * goes up as it came. What is for a program on this host goes up as it has to arrive there.
 *
 * Deliberately absent: state of its own, anything that would need a second look at a packet, route lookups.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include "kernel.h"
#include "layout.h"

#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define IP_OFFSET 0x1fff
#define IP_DONT_FRAGMENT 0x4000
#define VLAN_BYTES 4
#define CHECK_AT 6 /* of the UDP header */
#define SUMMED_MAX 2048 /* bytes of the largest datagram whose checksum is made from nothing */
#define SUMMED_STEP 64
#define HEADERS 96      /* bytes that are looked at, at most, with some to spare */
#define GATE_TRIES 4
#define STUN_COOKIE HTONL(0x2112a442)

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct ports);
	MAP_NUMBER(max_entries, 1);
	MAP_NUMBER(map_flags, BPF_F_MMAPABLE);
} ports SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct entry);
	MAP_NUMBER(max_entries, 1);
	MAP_NUMBER(map_flags, BPF_F_MMAPABLE);
} entries SEC(".maps");

/* One after the other those of each entry, one for each processor. */
struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct count);
	MAP_NUMBER(max_entries, 1);
	MAP_NUMBER(map_flags, BPF_F_MMAPABLE);
} counts SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct reasons);
	MAP_NUMBER(max_entries, 1);
	MAP_NUMBER(map_flags, BPF_F_MMAPABLE);
} reasons SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct ring_devices);
	MAP_NUMBER(max_entries, 1);
	MAP_NUMBER(map_flags, BPF_F_MMAPABLE);
} ring_devices SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_DEVMAP);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct bpf_devmap_val);
	MAP_NUMBER(max_entries, HOP_DEVICES);
} hops SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_XSKMAP);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, __u32);
	MAP_NUMBER(max_entries, RING_DEVICES *RING_QUEUES);
} xsks SEC(".maps");

/* Set before the program is loaded. */
const volatile __u64 address_seed = 0;
const volatile struct address addresses[ADDRESS_SLOTS] = {};
const volatile __u32 processors = 1;

/* What is to be done with a frame. */
enum verdict { UP, RINGS, GO };

/* A frame and what was found in it. */
struct frame {
	void *data;
	void *end;
	__u32 len;         /* with what `end` does not reach */
	struct entry *arrives; /* the entry of the port that it came to */
	struct entry *entry;   /* the entry that says how it leaves: mostly the same */
	__u32 l2;          /* bytes of the Ethernet header with its tag */
	__u32 v6;          /* IPv6; otherwise IPv4 */
	__u16 id;          /* of the IPv4 header */
	__u16 udp_len;     /* network order */
	__u16 check;       /* UDP checksum */
	__u16 from_port;
	__u16 to_port;
	__u32 payload_len;
	__u32 number;      /* of the entry that it leaves by */
	__u32 arrives_number;
	enum verdict fallback;
	__u16 seq;         /* of its RTP header, if the entry is for RTP */
	__u32 timestamp;
	__u32 payload_type;
};

INLINE __u32 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

INLINE __u32 port_word(__u64 high, __u64 low, __u16 port)
{
	__u64 hash = (low + high * 0x9e3779b97f4a7c15ull) * address_seed;
	const volatile struct address *address = &addresses[hash >> 56];
	if (address->high != high || address->low != low)
		return 0;
	port = HTONS(port);
	__u32 line = address->index << 12 | port >> 4;
	struct ports *found = bpf_map_lookup_elem(&ports, &line);
	return found ? READ_ONCE(found->word[port % PORTS_PER_LINE]) : 0;
}

INLINE int refuse(enum reason reason, int fallback)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct reasons *of_cpu = bpf_map_lookup_elem(&reasons, &cpu);
	if (of_cpu)
		of_cpu->count[reason]++;
	return fallback;
}

/* What a closed gate remembers of a packet. */
INLINE __u64 mark_of(const __u8 *payload, __u32 len, void *end)
{
	__u64 mark = 0;
	if (len >= 8 && (void *)(payload + 8) <= end)
		mark = *(const __u64 *)payload;
	return mark < MARK_LEAST ? MARK_LEAST : mark;
}

/* Leaves the mark of a packet in the closed gate (see src/datapath/offload/mod.rs). True if it is open. */
INLINE int pass_gate(struct entry *entry, const __u8 *payload, __u32 len, void *end)
{
	__u64 seen = READ_ONCE(entry->gate);
	if (likely(seen == GATE_OPEN))
		return 1;
	__u64 mark = mark_of(payload, len, end);
	/* Another processor may leave a mark meanwhile, or the daemon open the gate. */
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < GATE_TRIES; i++) {
		__u64 was = __sync_val_compare_and_swap(&entry->gate, seen, mark);
		if (was == GATE_OPEN)
			return 1;
		if (was == seen)
			return 0;
		seen = was;
	}
	return 0;
}

/* Closes an open gate for this packet and those after it. */
INLINE void close_gate(struct entry *entry, __u64 mark)
{
	__u64 seen = GATE_OPEN;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < GATE_TRIES; i++) {
		__u64 was = __sync_val_compare_and_swap(&entry->gate, seen, mark);
		if (was == seen)
			return;
		seen = was;
	}
}

/* Counts what an entry forwards. */
INLINE void count_one(struct frame *frame, struct entry *entry, __u32 number)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u32 place = number * processors + cpu;
	struct count *count = bpf_map_lookup_elem(&counts, &place);
	if (!count)
		return;
	__u64 bit = 1ull << (cpu & 63);
	if (unlikely(!(READ_ONCE(entry->cpus) & bit)))
		__sync_fetch_and_or(&entry->cpus, bit);
	if (entry->flags & FLAG_RTP) {
		/* Extends itself: what carries into the upper half is a cycle. */
		__s16 ahead = frame->seq - (__u16)count->highest;
		if (count->packets == 0)
			count->highest = frame->seq;
		else if (ahead > 0)
			count->highest += ahead;
		count->timestamp = frame->timestamp;
		count->payload_type = frame->payload_type;
	}
	count->packets++;
	count->bytes += frame->payload_len;
	count->last = bpf_ktime_get_coarse_ns();
}

INLINE void count(struct frame *frame)
{
	count_one(frame, frame->entry, frame->number);
	if (unlikely(frame->entry != frame->arrives))
		count_one(frame, frame->arrives, frame->arrives_number);
}

/* Whether the payload is of the kind that the entry forwards: REASONS if so. */
INLINE enum reason fits(struct frame *frame, struct entry *entry, const __u8 *payload)
{
	__u32 flags = entry->flags;
	if (flags & (FLAG_RTP | FLAG_RTCP)) {
		/* RFC 7983 section 7; RTP against RTCP, RFC 5761 section 4. */
		if (payload + 8 > (const __u8 *)frame->end || frame->payload_len < 8)
			return REASON_FORM;
		if ((payload[0] & 0xc0) != 0x80)
			return REASON_KIND;
		int rtcp = payload[1] >= 192 && payload[1] <= 223;
		if (rtcp != ((flags & FLAG_RTCP) != 0))
			return REASON_RTCP;
		if (rtcp)
			return REASONS;
		if (payload + 12 > (const __u8 *)frame->end || frame->payload_len < 12)
			return REASON_FORM;
		if (*(const __u32 *)(payload + 8) != entry->ssrc)
			return REASON_SSRC;
		__u32 type = payload[1] & 0x7f;
		__u64 types = type < 64 ? entry->payload_types[0] : entry->payload_types[1];
		if (!(types >> (type & 63) & 1))
			return REASON_PAYLOAD_TYPE;
		frame->seq = HTONS(*(const __u16 *)(payload + 2));
		frame->timestamp = HTONL(*(const __u32 *)(payload + 4));
		frame->payload_type = type;
		return REASONS;
	}
	/* STUN is somebody's business in between, whatever the rest is. */
	if (frame->payload_len >= 8) {
		if (payload + 8 > (const __u8 *)frame->end)
			return REASON_FORM;
		if (payload[0] <= 3 && *(const __u32 *)(payload + 4) == STUN_COOKIE)
			return REASON_KIND;
	}
	return REASONS;
}

/* Whether a frame that leaves as its entry says is too large. */
INLINE int too_large(struct frame *frame, struct entry *entry)
{
	__u32 header = entry->flags & FLAG_LEAVES6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	return sizeof(struct udphdr) + frame->payload_len + header > entry->mtu;
}

/* What the entry's packets are sent to is a port of ours: its entry goes on, if it takes them, and without another stop.
 * A gate that is closed there makes ours close: only the daemon knows then what is still under way. */
INLINE enum reason follow(struct frame *frame, const __u8 *payload, int xdp)
{
	struct entry *entry = frame->entry;
	__u64 high = ~0ull, low = entry->to[0];
	if (entry->flags & FLAG_LEAVES6) {
		high = *(__u64 *)entry->to;
		low = *(__u64 *)(entry->to + 2);
	}
	__u32 number = port_word(high, low, entry->to_port) & ~WORD_RINGS;
	number--;
	struct entry *next = bpf_map_lookup_elem(&entries, &number);
	if (!next || READ_ONCE(next->gate) != GATE_OPEN) {
		close_gate(entry, mark_of(payload, frame->payload_len, frame->end));
		return REASON_CHAIN;
	}
	__u32 other = next->source_port ^ entry->from_port;
	other |= next->source[0] ^ entry->from[0];
	if (entry->flags & FLAG_LEAVES6)
		other |= (next->source[1] ^ entry->from[1]) | (next->source[2] ^ entry->from[2]) |
			 (next->source[3] ^ entry->from[3]);
	if (other)
		return REASON_SOURCE;
	if (next->flags & (FLAG_CHAIN | FLAG_LOCAL) || (xdp && !(next->flags & FLAG_XDP)))
		return REASON_CHAIN;
	if (too_large(frame, next))
		return REASON_SIZE;
	enum reason reason = fits(frame, next, payload);
	frame->entry = next;
	frame->number = number;
	return reason;
}

/* Finds the entry of a frame and decides. Nothing is changed yet. */
INLINE enum verdict judge(struct frame *frame, int xdp)
{
	void *data = frame->data, *end = frame->end;
	struct ethhdr *eth = data;
	if (eth + 1 > (struct ethhdr *)end || eth->h_dest[0] & 1) /* to everybody */
		return UP;
	__u16 proto = eth->h_proto;
	void *ip = eth + 1;
	if (proto == HTONS(ETH_P_8021Q)) {
		if (ip + VLAN_BYTES > end)
			return UP;
		proto = *(__u16 *)(ip + 2);
		ip += VLAN_BYTES;
		frame->l2 = ETH_HLEN + VLAN_BYTES;
	} else {
		frame->l2 = ETH_HLEN;
	}

	struct udphdr *udp;
	__u32 word, ip_len, fragment = 0, options = 0;
	struct iphdr *ip4 = ip;
	struct ipv6hdr *ip6 = ip;
	if (proto == HTONS(ETH_P_IP)) {
		if (ip4 + 1 > (struct iphdr *)end || ip4->version != 4 || ip4->protocol != IPPROTO_UDP)
			return UP;
		/* Of a fragmented datagram the first part has the ports, and stands for all of it. */
		fragment = ip4->frag_off & HTONS(IP_FRAGMENT);
		if (ip4->ihl < 5 || ip4->frag_off & HTONS(IP_OFFSET))
			return UP;
		options = ip4->ihl != 5;
		udp = ip + ip4->ihl * 4;
		if (udp + 1 > (struct udphdr *)end)
			return UP;
		ip_len = HTONS(ip4->tot_len) - ip4->ihl * 4;
		word = port_word(~0ull, ip4->daddr, udp->dest);
		frame->v6 = 0;
		frame->id = ip4->id;
	} else if (proto == HTONS(ETH_P_IPV6)) {
		udp = (void *)(ip6 + 1);
		if (udp + 1 > (struct udphdr *)end || ip6->version != 6 || ip6->nexthdr != IPPROTO_UDP)
			return UP;
		ip_len = HTONS(ip6->payload_len);
		__u64 high = *(__u64 *)&ip6->daddr, low = *((__u64 *)&ip6->daddr + 1);
		word = port_word(high, low, udp->dest);
		frame->v6 = 1;
		frame->id = 0;
	} else {
		return UP;
	}

	/* The rings take no fragments and no options. */
	enum verdict fallback = word & WORD_RINGS && !fragment && !options ? RINGS : UP;
	__u32 number = word & ~WORD_RINGS;
	if (number == 0)
		return fallback;
	number--;
	struct entry *entry = bpf_map_lookup_elem(&entries, &number);
	if (!entry)
		return fallback;
	frame->entry = entry;
	__u32 other = udp->source ^ entry->source_port;
	if (frame->v6) {
		const __u32 *saddr = ip6->saddr.s6_addr32;
		other |= (saddr[0] ^ entry->source[0]) | (saddr[1] ^ entry->source[1]) |
			 (saddr[2] ^ entry->source[2]) | (saddr[3] ^ entry->source[3]);
	} else {
		other |= ip4->saddr ^ entry->source[0];
	}
	if (unlikely(other))
		return refuse(REASON_SOURCE, fallback);

	__u32 udp_len = HTONS(udp->len);
	frame->payload_len = udp_len - sizeof(*udp);
	if (!pass_gate(entry, (void *)(udp + 1), frame->payload_len, end))
		return refuse(REASON_CLOSED, fallback);
	if (unlikely(fragment))
		return refuse(REASON_FRAGMENT, fallback);
	__u32 l3 = frame->v6 ? sizeof(*ip6) : sizeof(*ip4);
	if (unlikely(options || udp_len < sizeof(*udp) || udp_len != ip_len || frame->l2 + l3 + udp_len > frame->len))
		return refuse(REASON_FORM, fallback);
	frame->udp_len = udp->len;
	frame->check = udp->check;
	frame->from_port = udp->source;
	frame->to_port = udp->dest;

	enum reason reason = fits(frame, entry, (void *)(udp + 1));
	if (unlikely(reason != REASONS))
		return refuse(reason, fallback);
	if (unlikely(too_large(frame, entry)))
		return refuse(REASON_SIZE, fallback);
	/* RFC 8200 section 8.1: IPv6 has no datagrams without a checksum. */
	if (unlikely(frame->check == 0 && frame->v6))
		return refuse(REASON_CHECKSUM, fallback);
	frame->arrives = entry;
	frame->number = frame->arrives_number = number;
	frame->fallback = fallback;
	if (unlikely(entry->flags & FLAG_CHAIN)) {
		reason = follow(frame, (void *)(udp + 1), xdp);
		if (reason != REASONS)
			return refuse(reason, fallback);
	}
	return GO;
}

/* The sum of a datagram from its UDP header on, without the checksum that it has. 0 if it is longer than it seems. */
INLINE int datagram_sum(struct udphdr *udp, void *end, __u32 len, __u64 *result)
{
	__u64 sum = 0;
	__u32 done = 0;
	if (len > SUMMED_MAX)
		return 0;
	/* Large steps first: the verifier counts steps. */
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < SUMMED_MAX / SUMMED_STEP; i++) {
		const __u32 *words = (void *)udp + done;
		if (done + SUMMED_STEP > len)
			break;
		if ((void *)words + SUMMED_STEP > end)
			return 0;
#pragma clang loop unroll(full)
		for (__u32 n = 0; n < SUMMED_STEP / 4; n++)
			sum += words[n];
		done += SUMMED_STEP;
	}
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < SUMMED_STEP / 8; i++) {
		const __u64 *word = (void *)udp + done;
		if (done + 8 > len)
			break;
		if ((void *)(word + 1) > end)
			return 0;
		/* In one piece, or the compiler looks for its halves at places that the verifier cannot follow. */
		__u64 eight = READ_ONCE(*word);
		sum += (eight & 0xffffffff) + (eight >> 32);
		done += 8;
	}
	if (udp + 1 > (struct udphdr *)end)
		return 0;
	sum += 0xffff ^ udp->check;
	const void *rest = (void *)udp + done;
	if (len & 4) {
		if (rest + 4 > end)
			return 0;
		sum += READ_ONCE(*(const __u32 *)rest);
		rest += 4;
	}
	if (len & 2) {
		if (rest + 2 > end)
			return 0;
		sum += READ_ONCE(*(const __u16 *)rest);
		rest += 2;
	}
	if (len & 1) {
		if (rest + 1 > end)
			return 0;
		sum += READ_ONCE(*(const __u8 *)rest);
	}
	*result = sum;
	return 1;
}

/* Writes the IP header that leaves, and says where the UDP header is. */
INLINE struct udphdr *write_ip(struct frame *frame, __u32 leaves6, void *ip, void *end)
{
	struct entry *entry = frame->entry;
	struct udphdr *udp;
	if (leaves6) {
		struct ipv6hdr *ip6 = ip;
		udp = (void *)(ip6 + 1);
		if (udp + 1 > (struct udphdr *)end)
			return 0;
		*(__u32 *)ip = HTONL(6u << 28 | (__u32)entry->tos << 20);
		ip6->payload_len = frame->udp_len;
		ip6->nexthdr = IPPROTO_UDP;
		ip6->hop_limit = entry->ttl;
		__builtin_memcpy(&ip6->saddr, entry->from, 16);
		__builtin_memcpy(&ip6->daddr, entry->to, 16);
		return udp;
	}
	struct iphdr *ip4 = ip;
	udp = (void *)(ip4 + 1);
	if (udp + 1 > (struct udphdr *)end)
		return 0;
	__u16 len = HTONS(HTONS(frame->udp_len) + sizeof(*ip4));
	*(__u8 *)ip = 0x45;
	ip4->tos = entry->tos;
	ip4->tot_len = len;
	ip4->id = frame->id;
	ip4->frag_off = HTONS(IP_DONT_FRAGMENT);
	ip4->ttl = entry->ttl;
	ip4->protocol = IPPROTO_UDP;
	ip4->check = ~fold((__u64)entry->ip_sum + len + frame->id);
	ip4->saddr = entry->from[0];
	ip4->daddr = entry->to[0];
	return udp;
}

/* The checksum that leaves. `partial` = the skb has a mark that it is to be completed (which XDP cannot see). */
INLINE int new_check(struct frame *frame, struct udphdr *udp, void *end, int generic, __u16 *result)
{
	struct entry *entry = frame->entry;
	__u16 check = frame->check;
	__u32 leaves6 = entry->flags & FLAG_LEAVES6;
	if (check == 0 && !leaves6) {
		*result = 0; /* RFC 768: there is none */
		return 1;
	}
	/* What a local sender leaves to its device has the sum of the pseudo header there, and no more. */
	__u16 old_sum = frame->arrives->old_sum;
	int as_partial = fold((__u64)old_sum + frame->udp_len) == check;
	__u64 sum;
	if (likely(check && !as_partial)) {
		sum = (__u64)(__u16)~check + entry->udp_delta;
		if (unlikely(entry != frame->arrives))
			sum += frame->arrives->udp_delta;
	} else {
		if (!datagram_sum(udp, end, HTONS(frame->udp_len), &sum))
			return 0;
		/* The skb keeps its mark when it is sent on. A complete checksum may look like a partial one by chance. */
		__u64 whole = sum + check + old_sum + frame->udp_len;
		if (generic && as_partial && fold(whole) != 0xffff) {
			*result = fold((__u64)entry->new_sum + frame->udp_len);
			return 1;
		}
		__u64 ports = (__u64)(__u16)~frame->from_port + (__u16)~frame->to_port + entry->from_port + entry->to_port;
		sum += ports + entry->new_sum + frame->udp_len;
	}
	check = ~fold(sum);
	*result = check ? check : 0xffff;
	return 1;
}

INLINE int to_rings(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct ring_devices *devices = bpf_map_lookup_elem(&ring_devices, &zero);
	if (!devices || ctx->rx_queue_index >= RING_QUEUES)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < RING_DEVICES; i++)
		if (devices->device[i] == ctx->ingress_ifindex)
			return bpf_redirect_map(&xsks, i * RING_QUEUES + ctx->rx_queue_index, XDP_PASS);
	return XDP_PASS;
}

/* Changes a frame that fits, and says how it leaves. Otherwise it is still as it was. */
INLINE enum verdict send(struct xdp_md *ctx, struct frame *frame, int generic, int *action)
{
	struct entry *entry = frame->entry;
	__u32 flags = entry->flags;
	__u32 l3 = frame->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct udphdr *udp = frame->data + frame->l2 + l3;
	if (udp + 1 > (struct udphdr *)frame->end)
		return frame->fallback;
	__u16 check;
	if (!new_check(frame, udp, frame->end, generic, &check))
		return refuse(REASON_CHECKSUM, frame->fallback);
	if (unlikely(flags & FLAG_LOCAL)) {
		/* The same family, so it all stays where it is. */
		if (!write_ip(frame, frame->v6, frame->data + frame->l2, frame->end))
			return frame->fallback;
		count(frame);
		udp->source = entry->from_port;
		udp->dest = entry->to_port;
		udp->check = check;
		*action = XDP_PASS;
		return GO;
	}

	__u32 new_l2 = flags & FLAG_TAG ? ETH_HLEN + VLAN_BYTES : ETH_HLEN;
	__u32 new_l3 = flags & FLAG_LEAVES6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	int grows = (int)(new_l2 + new_l3) - (int)(frame->l2 + l3);
	if (grows && bpf_xdp_adjust_head(ctx, -grows))
		return refuse(REASON_ROOM, frame->fallback);
	*action = XDP_DROP;
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u16 *type = data + 2 * ETH_ALEN;
	if (flags & FLAG_TAG) {
		if ((void *)(eth + 1) + VLAN_BYTES > end)
			return GO;
		type[0] = HTONS(ETH_P_8021Q);
		type[1] = entry->vlan;
		type += 2;
	}
	udp = write_ip(frame, flags & FLAG_LEAVES6, type + 1, end);
	if (!udp)
		return GO;
	*type = flags & FLAG_LEAVES6 ? HTONS(ETH_P_IPV6) : HTONS(ETH_P_IP);
	__builtin_memcpy(eth, entry->ether, 2 * ETH_ALEN);
	count(frame);
	udp->source = entry->from_port;
	udp->dest = entry->to_port;
	udp->check = check;
	if (entry->device == ctx->ingress_ifindex)
		*action = XDP_TX;
	else
		*action = bpf_redirect_map(&hops, entry->hop, XDP_DROP);
	return GO;
}

INLINE int at_xdp(struct xdp_md *ctx, int generic)
{
	struct frame frame = {
		.data = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	int action;
	frame.len = frame.end - frame.data;
	enum verdict verdict = judge(&frame, 1);
	if (verdict == GO)
		verdict = send(ctx, &frame, generic, &action);
	if (verdict == GO)
		return action;
	return verdict == RINGS ? to_rings(ctx) : XDP_PASS;
}

SEC("xdp")
int patchbay_native(struct xdp_md *ctx)
{
	return at_xdp(ctx, 0);
}

SEC("xdp")
int patchbay_generic(struct xdp_md *ctx)
{
	return at_xdp(ctx, 1);
}

/* At tc the packet is an skb, whose checksum may be partial and whose tag stands beside it. */
INLINE int skb_check(struct __sk_buff *skb, struct frame *frame, __u32 at)
{
	struct entry *entry = frame->entry;
	__u32 ports = entry->from_port + entry->to_port + (__u16)~frame->from_port + (__u16)~frame->to_port;
	__u32 addresses = entry->new_sum + (__u16)~frame->arrives->old_sum;
	/* Of a partial one only the pseudo header counts; these know what it is. */
	return bpf_l4_csum_replace(skb, at, 0, addresses, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) ||
	       bpf_l4_csum_replace(skb, at, 0, ports, BPF_F_MARK_MANGLED_0);
}

/* The checksum of a datagram that had none and leaves where it must have one. */
INLINE int skb_sum(struct __sk_buff *skb, struct frame *frame, __u32 at, __u16 *result)
{
	struct entry *entry = frame->entry;
	__u64 sum;
	if (skb->data_end - skb->data < skb->len && bpf_skb_pull_data(skb, skb->len))
		return 0;
	struct udphdr *udp = (void *)(long)skb->data + at;
	if (!datagram_sum(udp, (void *)(long)skb->data_end, HTONS(frame->udp_len), &sum))
		return 0;
	__u64 ports = (__u64)(__u16)~frame->from_port + (__u16)~frame->to_port + entry->from_port + entry->to_port;
	__u16 check = ~fold(sum + ports + entry->new_sum + frame->udp_len);
	*result = check ? check : 0xffff;
	return 1;
}

/* Up the stack, to a program on this host. What the device has summed up stays true: the sum of an IPv4 header is always
 * the same. */
INLINE int skb_up(struct __sk_buff *skb, struct frame *frame)
{
	struct entry *entry = frame->entry;
	__u32 l3 = frame->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	if (frame->check && skb_check(skb, frame, ETH_HLEN + l3 + CHECK_AT))
		return TC_ACT_SHOT;
	if (frame->v6) {
		struct {
			struct ipv6hdr ip;
			struct udphdr udp;
		} header;
		if (!write_ip(frame, 1, &header, &header + 1) ||
		    bpf_skb_store_bytes(skb, ETH_HLEN, &header.ip, sizeof(header.ip), BPF_F_RECOMPUTE_CSUM))
			return TC_ACT_SHOT;
	}
	void *ip = (void *)(long)skb->data + ETH_HLEN, *end = (void *)(long)skb->data_end;
	struct udphdr *udp = ip + l3;
	if (udp + 1 > (struct udphdr *)end || (!frame->v6 && !write_ip(frame, 0, ip, end)))
		return TC_ACT_SHOT;
	udp->source = entry->from_port;
	udp->dest = entry->to_port;
	count(frame);
	return TC_ACT_UNSPEC;
}

SEC("classifier")
int patchbay_tc(struct __sk_buff *skb)
{
	__u32 need = skb->len < HEADERS ? skb->len : HEADERS;
	if (unlikely(skb->data_end - skb->data < need) && bpf_skb_pull_data(skb, need))
		return TC_ACT_UNSPEC;
	struct frame frame = {
		.data = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
		.len = skb->len,
	};
	/* What a device in promiscuous mode overhears is not for us. */
	if (skb->pkt_type != PACKET_HOST || judge(&frame, 0) != GO)
		return TC_ACT_UNSPEC;
	if (unlikely(skb->gso_size))
		return refuse(REASON_CHECKSUM, TC_ACT_UNSPEC);
	if (unlikely(frame.l2 != ETH_HLEN)) /* the tag beside the skb is another one */
		return refuse(REASON_ROOM, TC_ACT_UNSPEC);

	struct entry *entry = frame.entry;
	__u32 flags = entry->flags;
	if (unlikely(flags & FLAG_LOCAL))
		return skb_up(skb, &frame);
	__u32 leaves6 = flags & FLAG_LEAVES6;
	__u32 l3 = frame.v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	__u16 sum = 0;
	if (frame.check == 0 && leaves6 && !skb_sum(skb, &frame, ETH_HLEN + l3, &sum))
		return refuse(REASON_CHECKSUM, TC_ACT_UNSPEC);
	__u16 proto = leaves6 ? HTONS(ETH_P_IPV6) : HTONS(ETH_P_IP);
	if (!leaves6 != !frame.v6 && bpf_skb_change_proto(skb, proto, 0))
		return refuse(REASON_ROOM, TC_ACT_UNSPEC);
	/* From here on it is not any more what arrived. */
	__u32 new_l3 = leaves6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	if (frame.check && skb_check(skb, &frame, ETH_HLEN + new_l3 + CHECK_AT))
		return TC_ACT_SHOT;
	if (skb->vlan_present && bpf_skb_vlan_pop(skb))
		return TC_ACT_SHOT;
	if (flags & FLAG_TAG && bpf_skb_vlan_push(skb, HTONS(ETH_P_8021Q), HTONS(entry->vlan)))
		return TC_ACT_SHOT;
	struct ethhdr *eth = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	if (eth + 1 > (struct ethhdr *)end)
		return TC_ACT_SHOT;
	struct udphdr *udp = write_ip(&frame, leaves6, eth + 1, end);
	if (!udp)
		return TC_ACT_SHOT;
	eth->h_proto = proto;
	__builtin_memcpy(eth, entry->ether, 2 * ETH_ALEN);
	udp->source = entry->from_port;
	udp->dest = entry->to_port;
	if (sum)
		udp->check = sum;
	count(&frame);
	return bpf_redirect(entry->device, 0);
}

char patchbay_license[] SEC("license") = "Dual MIT/GPL";
