/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The few declarations that a BPF program needs, so that the kernel's own headers are enough to compile it. */
#ifndef PATCHBAY_KERNEL_H
#define PATCHBAY_KERNEL_H

#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define READ_ONCE(x) (*(volatile __typeof__(x) *)&(x))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HTONS(x) ((__u16)((((x) & 0xff) << 8) | (((x) >> 8) & 0xff)))
#define HTONL(x) __builtin_bswap32(x)
#else
#error "for little-endian machines"
#endif

/* Map definitions as the kernel's type information describes them. */
#define MAP_NUMBER(name, value) int(*name)[value]
#define MAP_TYPE(name, type) __typeof__(type) *name

#define HELPER(result, name, ...) static result (*const bpf_##name)(__VA_ARGS__) = (void *)BPF_FUNC_##name
HELPER(void *, map_lookup_elem, void *map, const void *key);
HELPER(long, redirect_map, void *map, __u64 key, __u64 flags);
HELPER(long, redirect, __u32 device, __u64 flags);
HELPER(__u32, get_smp_processor_id, void);
HELPER(__u64, ktime_get_coarse_ns, void);
HELPER(long, xdp_adjust_head, struct xdp_md *ctx, int delta);
HELPER(long, skb_pull_data, struct __sk_buff *skb, __u32 len);
HELPER(long, skb_store_bytes, struct __sk_buff *skb, __u32 offset, const void *from, __u32 len, __u64 flags);
HELPER(long, l4_csum_replace, struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags);
HELPER(long, skb_change_proto, struct __sk_buff *skb, __u16 proto, __u64 flags);
HELPER(long, skb_vlan_push, struct __sk_buff *skb, __u16 proto, __u16 tci);
HELPER(long, skb_vlan_pop, struct __sk_buff *skb);

#endif
