// The kernel's half of the generator: a program that makes packets and takes account of those that come back, and one
// that sends them straight back (to measure the first).
//
// `transmit` runs once for each frame of a BPF_PROG_TEST_RUN with live frames. It sends a packet if one is due, and
// drops the frame otherwise, so it paces itself. `arrive` sees everything that comes in at the device.
// All of it runs on one core only, so nothing here is atomic. The structures are those of layout.rs.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define HEADERS 42              // Ethernet, IPv4, UDP
#define RTP 12
#define STAMP 24                // magic, flow, counter, send time
#define FILLING (HEADERS + RTP + STAMP)
#define WORDS_MAX 176           // of filling: a full Ethernet frame
#define SLOT_BYTES 240          // of a prepared frame in one slot
#define SLOTS_MAX 7             // slots of a prepared frame
#define STEP 0x9e3779b97f4a7c15ULL
#define WINDOW 256              // counters a flow remembers
#define SENT_WINDOW 64          // send times a flow remembers
#define BUCKETS 1920            // of the latency histogram
#define SAMPLE_BYTES 1528

#define MODE_MADE 0             // packets are made here
#define MODE_PREPARED 1         // packets were prepared, in the order in which they leave

struct control {
	// Written by the user's side.
	__u64 due;              // when the next packet leaves, ns << 10
	__u64 period;           // between two packets, ns << 10
	__u64 behind_max;       // further behind than this is forgiven, ns << 10
	__u64 end;              // no packets from then on, ns
	__u32 mode;
	__u32 device;           // where they leave
	__u32 flows;
	__u32 words;            // of filling in a packet that is made here
	__u32 slots;            // that are prepared
	__u32 samples_max;
	__u32 sample_every;     // of a flow whose packets can't be checked here, one packet in so many; a power of two
	__u32 ssrc_base;
	__u32 ssrc_inverse;
	__u16 port_min;         // of the parties
	__u16 port_max;
	// Written here.
	__u32 turn;             // flow whose packet is next
	__u32 slot;             // prepared packet that is next
	__u64 forgiven;
	__u64 runs;             // of `transmit`, packets or not
	__u64 last_arrival;     // ns
	__u64 received;         // of any flow, of any trial
	__u64 corrupted;
	__u64 misdelivered;
	__u64 foreign;
	__u64 samples;          // that were wanted
	__u64 sums[4];          // UDP checksums: right, left to the device, none, wrong
	// A spray: datagrams of nobody to ports of the relay. Written by the user's side, but the last.
	__u64 spray_period;     // between two, ns << 10; 0 if there is none
	__u64 spray_due;        // when the next one leaves, ns << 10
	__u16 spray_min;        // ports
	__u16 spray_max;
	__u32 pad;
	__u64 sprayed;
};

// A flow as its packets are made.
struct flow {
	__u8 headers[HEADERS];
	__u16 sum_constant;     // ones' complement sum of all that never changes, pseudo-header included
	__u32 ssrc;             // as on the wire
	__u32 samples;          // RTP time between two packets
	__u64 next;             // counter of the next packet
	__u64 sent;             // in this trial
	__u64 fill;             // first word of the filling
	__u16 payload_type;     // first two bytes of the header, as on the wire
	__u16 pad[3];
};

// A flow as its packets arrive: one cache line.
struct arrival {
	__u64 next;             // counter after the highest one seen
	__u64 seen[WINDOW / 64];
	__u32 received;
	__u32 reordered;
	__u32 duplicates;
	__u32 first;            // lower half of the first counter of this trial
	__u32 source;           // address and port the relay sends from, as on the wire
	__u16 source_port;
	__u16 port;             // the party's
} __attribute__((aligned(64)));

// What never changes of how a flow's packets arrive.
struct expected {
	__u64 fill;
	__u32 words;            // of filling; 0 if the packet can't be checked here
	__u32 length;           // of the RTP packet; 0 if it varies
	__u32 stamped;          // whether the send time stands in the packet
	__u32 pad;
};

struct slot {
	__u64 counter;
	__u32 flow;
	__u16 length;           // of the frame; slots that follow hold what does not fit in here
	__u16 more;             // slots that follow
	__u8 bytes[SLOT_BYTES];
};

struct sample {
	__u64 counter;
	__u32 flow;
	__u32 length;
	__u8 bytes[SAMPLE_BYTES];
};

_Static_assert(sizeof(struct control) == 208, "layout");
_Static_assert(sizeof(struct flow) == 88, "layout");
_Static_assert(sizeof(struct arrival) == 64, "layout");
_Static_assert(sizeof(struct expected) == 24, "layout");
_Static_assert(sizeof(struct slot) == 256, "layout");
_Static_assert(sizeof(struct sample) == 1544, "layout");

#define MAP(name, value_type)                      \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(max_entries, 1);            \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__type(key, __u32);                \
		__type(value, value_type);         \
	} name SEC(".maps")

// Their sizes are set by the loader, but that of the histogram and of the control block.
MAP(controls, struct control);
MAP(flows, struct flow);
MAP(arrivals, struct arrival);
MAP(expects, struct expected);
MAP(slots, struct slot);
MAP(samples, struct sample);
MAP(sent, __u64);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} latency SEC(".maps");

struct packet {
	__u8 ethernet[12];
	__u16 protocol;
	__u8 version;
	__u8 tos;
	__u16 total;
	__u16 id;
	__u16 fragment;
	__u8 ttl;
	__u8 transport;
	__u16 ip_sum;
	__u32 source;
	__u32 dest;
	__u16 source_port;
	__u16 dest_port;
	__u16 length;
	__u16 sum;
	__u16 rtp;
	__u16 sequence;
	__u32 time;
	__u32 ssrc;
} __attribute__((packed, aligned(2)));

struct stamp {
	__u32 magic;
	__u32 flow;
	__u64 counter;
	__u64 sent;
} __attribute__((packed, aligned(2)));

// Packets lie as they lie; the processors that run this read and write words anywhere.
static __always_inline __u32 load32(void *at)
{
	return *(__u32 *)at;
}

static __always_inline __u64 load64(void *at)
{
	return *(__u64 *)at;
}

static __always_inline void store32(void *at, __u32 value)
{
	*(__u32 *)at = value;
}

static __always_inline void store64(void *at, __u64 value)
{
	*(__u64 *)at = value;
}

#define MAGIC 0x644c6270u       // "pbLd" as it lies in memory

static __always_inline __u32 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u64 halves(__u64 value)
{
	return (value & 0xffffffff) + (value >> 32);
}

static __always_inline int send_made(struct xdp_md *ctx, struct control *c, __u64 now)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 index = c->turn;
	struct flow *flow = bpf_map_lookup_elem(&flows, &index);
	struct packet *packet = data;
	struct stamp *stamp = (void *)(packet + 1);
	__u64 counter, word;
	__u32 words = c->words, sum, time;

	if (!flow || (void *)(stamp + 1) > end)
		return XDP_ABORTED;
	c->turn = index + 1 < c->flows ? index + 1 : 0;
	counter = flow->next++;
	flow->sent++;

	for (__u32 i = 0; i < HEADERS - 2; i += 8)
		store64(data + i, load64(flow->headers + i));
	packet->rtp = flow->payload_type;
	packet->sequence = bpf_htons((__u16)counter);
	time = bpf_htonl((__u32)counter * flow->samples);
	store32(&packet->time, time);
	store32(&packet->ssrc, flow->ssrc);
	store32(&stamp->magic, MAGIC);
	store32(&stamp->flow, bpf_htonl(index));
	store64(&stamp->counter, bpf_cpu_to_be64(counter));
	store64(&stamp->sent, bpf_cpu_to_be64(now));
	sum = fold((__u64)flow->sum_constant + packet->sequence + time + halves(bpf_cpu_to_be64(counter)) +
		   halves(bpf_cpu_to_be64(now)));
	packet->sum = sum == 0xffff ? 0xffff : (__u16)~sum;

	word = flow->fill;
	for (__u32 i = 0; i < WORDS_MAX; i++) {
		__u64 *at = data + FILLING + i * 8;
		if (i >= words || (void *)(at + 1) > end)
			break;
		*at = word;
		word += STEP;
	}
	return bpf_redirect(c->device, 0);
}

static __always_inline int send_prepared(struct xdp_md *ctx, struct control *c, __u64 now)
{
	__u32 index = c->slot, at, length, have = ctx->data_end - ctx->data;
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);
	struct flow *flow;
	__u64 *when;
	__u32 more;

	if (!slot || index >= c->slots)
		return XDP_DROP;
	more = slot->more;
	length = slot->length;
	at = slot->flow;
	flow = bpf_map_lookup_elem(&flows, &at);
	if (!flow || bpf_xdp_adjust_tail(ctx, (int)length - (int)have))
		return XDP_ABORTED;
	at = at * SENT_WINDOW + (slot->counter & (SENT_WINDOW - 1));
	when = bpf_map_lookup_elem(&sent, &at);
	if (when)
		*when = now;
	// Some may have been prepared and never sent.
	flow->next = slot->counter + 1;
	flow->sent++;
	c->slot = index + 1 + more;

	for (__u32 i = 0; i < SLOTS_MAX; i++) {
		__u64 here = length < SLOT_BYTES ? length : SLOT_BYTES;
		// The verifier does not follow the line above, and the compiler drops what tells it again.
		asm volatile("%0 &= 255" : "+r"(here));
		if (here == 0 || here > SLOT_BYTES)
			break;
		if (bpf_xdp_store_bytes(ctx, i * SLOT_BYTES, slot->bytes, here))
			return XDP_ABORTED;
		length -= here;
		if (length == 0)
			break;
		index++;
		slot = bpf_map_lookup_elem(&slots, &index);
		if (!slot)
			return XDP_ABORTED;
	}
	return bpf_redirect(c->device, 0);
}

// A datagram of the length of a test packet with random bytes, from a port that is no party's to one of the relay's.
static __always_inline int send_spray(struct xdp_md *ctx, struct control *c)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet *packet = data;
	__u32 zero = 0, ports = (__u32)c->spray_max - c->spray_min + 1;
	struct flow *flow = bpf_map_lookup_elem(&flows, &zero);
	__u64 word = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();

	if (!flow || ports == 0 || (void *)(packet + 1) > end)
		return XDP_ABORTED;
	c->sprayed++;
	for (__u32 i = 0; i < HEADERS - 2; i += 8)
		store64(data + i, load64(flow->headers + i));
	// Parties have ports that the system chose, which are above.
	packet->source_port = bpf_htons(1024 + bpf_get_prandom_u32() % 30000);
	packet->dest_port = bpf_htons(c->spray_min + bpf_get_prandom_u32() % ports);
	packet->sum = 0;
	for (__u32 i = 0; i < WORDS_MAX + 5; i++) {
		__u64 *at = data + HEADERS + i * 8;
		if ((void *)(at + 1) > end)
			break;
		*at = word;
		word = (word ^ word >> 29) * STEP;
	}
	return bpf_redirect(c->device, 0);
}

static __always_inline int transmit(struct xdp_md *ctx, struct control *c)
{
	__u64 now, scaled;

	c->runs++;
	now = bpf_ktime_get_ns();
	scaled = now << 10;
	if (now >= c->end)
		return XDP_DROP;
	if (c->spray_period && scaled >= c->spray_due) {
		// What could not leave in time is not made up for.
		c->spray_due += c->spray_period;
		if (scaled > c->spray_due + c->behind_max)
			c->spray_due = scaled;
		return send_spray(ctx, c);
	}
	if (scaled < c->due)
		return XDP_DROP;
	if (scaled - c->due > c->behind_max && c->period) {
		__u64 packets = (scaled - c->due - c->behind_max) / c->period;
		c->forgiven += packets;
		c->due += packets * c->period;
	}
	c->due += c->period;
	return c->mode == MODE_PREPARED ? send_prepared(ctx, c, now) : send_made(ctx, c, now);
}

// Buckets of 1/16 of an octave: below 32 ns one for each ns, above 16 for each power of two.
static __always_inline void record(__u64 ns)
{
	__u32 power = 0, bucket;
	__u64 *count, rest = ns;

	if (rest >> 32) { power += 32; rest >>= 32; }
	if (rest >> 16) { power += 16; rest >>= 16; }
	if (rest >> 8) { power += 8; rest >>= 8; }
	if (rest >> 4) { power += 4; rest >>= 4; }
	if (rest >> 2) { power += 2; rest >>= 2; }
	if (rest >> 1) power += 1;
	bucket = power < 6 ? (__u32)ns : ((power - 4) << 5) + (__u32)((ns >> (power - 5)) & 31);
	if (bucket >= BUCKETS)
		bucket = BUCKETS - 1;
	count = bpf_map_lookup_elem(&latency, &bucket);
	if (count)
		(*count)++;
}

// Enters a packet; whether it is the first copy of one of this trial.
static __always_inline int enter(struct arrival *a, __u64 counter)
{
	__u64 word = counter / 64, bit = 1ULL << (counter % 64);
	__u32 place = word % (WINDOW / 64);

	if ((__s32)((__u32)counter - a->first) < 0)
		return 0;
	if (counter >= a->next) {
		__u64 last = (a->next - 1) / 64;
		for (__u32 i = 1; i <= WINDOW / 64; i++) {
			if (a->next == 0 || last + i > word)
				break;
			a->seen[(last + i) % (WINDOW / 64)] = 0;
		}
		if (word > last + WINDOW / 64)
			for (__u32 i = 0; i < WINDOW / 64; i++)
				a->seen[i] = 0;
		a->next = counter + 1;
	} else if (word + WINDOW / 64 <= (a->next - 1) / 64 || a->seen[place] & bit) {
		a->duplicates++;
		return 0;
	} else {
		a->reordered++;
	}
	a->seen[place] |= bit;
	a->received++;
	return 1;
}

// Enters a UDP checksum; `rest` is the sum of everything behind the UDP header.
static __always_inline void check_sum(struct control *c, struct packet *packet, __u64 rest)
{
	__u64 pseudo = (__u64)load32(&packet->source) + load32(&packet->dest) + packet->length + bpf_htons(IPPROTO_UDP);
	__u64 all = pseudo + packet->source_port + packet->dest_port + packet->length + packet->sum + rest;

	if (packet->sum == 0)
		c->sums[2]++;
	else if (fold(all) == 0xffff)
		c->sums[0]++;
	else if (packet->sum == (__u16)fold(pseudo))
		c->sums[1]++;
	else
		c->sums[3]++;
}

// Keeps a copy of a frame for the user's side to look at.
static __always_inline void keep(struct xdp_md *ctx, struct control *c, __u32 flow, __u64 counter, __u32 length)
{
	__u32 index = c->samples;
	struct sample *sample;

	c->samples++;
	if (index >= c->samples_max)
		return;
	sample = bpf_map_lookup_elem(&samples, &index);
	if (!sample)
		return;
	sample->flow = flow;
	sample->counter = counter;
	sample->length = length;
	if (length < 1 || length > SAMPLE_BYTES || bpf_xdp_load_bytes(ctx, 0, sample->bytes, length))
		sample->length = 0;
}

static __always_inline int arrive(struct xdp_md *ctx, struct control *c)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet *packet = data;
	struct stamp *stamp = (void *)(packet + 1);
	__u32 index, length;
	__u64 now, counter, back, sent_at = 0;
	struct expected *expected;
	struct arrival *a;
	struct flow *flow;

	if ((void *)(packet + 1) > end || packet->protocol != bpf_htons(ETH_P_IP) || packet->version != 0x45 ||
	    packet->transport != IPPROTO_UDP || packet->fragment & bpf_htons(0x3fff))
		return XDP_PASS;
	if (bpf_ntohs(packet->dest_port) < c->port_min || bpf_ntohs(packet->dest_port) > c->port_max)
		return XDP_PASS;
	index = (bpf_ntohl(load32(&packet->ssrc)) ^ c->ssrc_base) * c->ssrc_inverse;
	expected = bpf_map_lookup_elem(&expects, &index);
	a = bpf_map_lookup_elem(&arrivals, &index);
	flow = bpf_map_lookup_elem(&flows, &index);
	if (!expected || !a || !flow || index >= c->flows) {
		// Something else may speak to a port between ours.
		c->foreign++;
		return XDP_PASS;
	}
	now = bpf_ktime_get_ns();
	c->last_arrival = now;
	c->received++;
	length = bpf_ntohs(packet->length);
	if (a->source != load32(&packet->source) || a->source_port != packet->source_port || a->port != packet->dest_port) {
		c->misdelivered++;
		return XDP_DROP;
	}
	// Nothing arrives that was not sent: it is one of the last 65536.
	back = (__u64)(__u16)((__u16)flow->next - bpf_ntohs(packet->sequence) - 1) + 1;
	counter = flow->next - back;
	if (back > flow->next || length < 20 || data + HEADERS - 8 + length > end ||
	    (expected->length && expected->length != length - 8)) {
		c->corrupted++;
		return XDP_DROP;
	}
	if (expected->words) {
		__u64 word = expected->fill, wrong = 0, sum;
		if ((void *)(stamp + 1) > end)
			return XDP_ABORTED;
		sum = halves(load64(&stamp->counter)) + halves(load64(&stamp->sent)) + load32(&stamp->magic) +
		      load32(&stamp->flow) + load32(&packet->time) + load32(&packet->ssrc) + packet->rtp +
		      packet->sequence;
		for (__u32 i = 0; i < WORDS_MAX; i++) {
			void *at = data + FILLING + i * 8;
			if (i >= expected->words || at + 8 > end)
				break;
			wrong |= load64(at) ^ word;
			sum += halves(load64(at));
			word += STEP;
		}
		check_sum(c, packet, sum);
		wrong |= load32(&stamp->magic) ^ MAGIC;
		wrong |= bpf_ntohl(load32(&stamp->flow)) ^ index;
		wrong |= bpf_be64_to_cpu(load64(&stamp->counter)) ^ counter;
		wrong |= load32(&packet->time) ^ bpf_htonl((__u32)counter * flow->samples);
		wrong |= packet->rtp ^ flow->payload_type;
		if (wrong) {
			c->corrupted++;
			return XDP_DROP;
		}
		sent_at = bpf_be64_to_cpu(load64(&stamp->sent));
	} else if ((counter & (c->sample_every - 1)) == 0) {
		keep(ctx, c, index, counter, HEADERS - 8 + length);
	}
	if (!expected->stamped) {
		__u32 at = index * SENT_WINDOW + (counter & (SENT_WINDOW - 1));
		__u64 *when = bpf_map_lookup_elem(&sent, &at);
		// One that is older than what is remembered was slower than anything.
		sent_at = when && back <= SENT_WINDOW ? *when : 1;
	}
	if (enter(a, counter) && sent_at && now >= sent_at)
		record(now - sent_at);
	return XDP_DROP;
}

// Both in one: a program that is at a device already can be run without the kernel changing its code each time, which
// takes milliseconds. Frames of a run come from the loopback device, as far as they say.
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct control *c = bpf_map_lookup_elem(&controls, &zero);

	if (!c)
		return XDP_PASS;
	return ctx->ingress_ifindex == c->device ? arrive(ctx, c) : transmit(ctx, c);
}

// Sends each datagram back: addresses swapped, ports as they are.
SEC("xdp")
int reflect(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet *packet = data;
	__u32 address;
	__u8 mac[6];

	if ((void *)(packet + 1) > end || packet->protocol != bpf_htons(ETH_P_IP) || packet->version != 0x45 ||
	    packet->transport != IPPROTO_UDP)
		return XDP_PASS;
	__builtin_memcpy(mac, packet->ethernet, 6);
	__builtin_memcpy(packet->ethernet, packet->ethernet + 6, 6);
	__builtin_memcpy(packet->ethernet + 6, mac, 6);
	address = load32(&packet->source);
	store32(&packet->source, load32(&packet->dest));
	store32(&packet->dest, address);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
