/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel half of gen: run by BPF_PROG_RUN with live frames, no skb is built on the sender. Each run
 * stamps one frame and redirects it out of the interface; pacing is done here, by spinning. */
#include "tests/harness/frame.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SPINS_MAX 2000

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gen_state);
} state SEC(".maps");

static __always_inline void wait_until_due(const struct gen_state *s)
{
	__u64 due = s->start_ns + (s->sequence - s->first) * s->picoseconds / 1000;

	for (int i = 0; i < SPINS_MAX; i++)
		if (bpf_ktime_get_ns() >= due)
			break;
}

/* `frame` is where the frame would begin if it had no tag. Returns 0 if it is too short. */
static __always_inline int stamp(struct gen_state *s, char *frame, char *end)
{
	__u32 ip_bytes = (__u32)(end - frame) - FRAME_IP_AT;

	if (frame + FRAME_MAGIC_AT + 16 > end)
		return 0;
	*(__u16 *)(frame + FRAME_IP_AT + 2) = bpf_htons(ip_bytes);
	*(__u16 *)(frame + FRAME_IP_AT + 10) =
		bpf_htons(frame_checksum(s->checksum_base, ip_bytes));
	*(__u16 *)(frame + FRAME_UDP_AT) = bpf_htons(FRAME_PORT_BASE + s->sequence % s->flows);
	*(__u16 *)(frame + FRAME_UDP_AT + 4) = bpf_htons(ip_bytes - 20);
	*(__u64 *)(frame + FRAME_MAGIC_AT) = FRAME_MAGIC;
	*(__u64 *)(frame + FRAME_MAGIC_AT + 8) = s->sequence;
	return 1;
}

/* The receiver's stack takes the tag out of the very page that comes back to us for the next run.
 */
static __always_inline int restore_tag(const struct gen_state *s, char *frame, char *end)
{
	if (frame + 18 > end)
		return 0;
	__builtin_memcpy(frame, s->ethernet, 18);
	return 1;
}

SEC("xdp") int gen(struct xdp_md *x)
{
	__u32 key = 0;
	struct gen_state *s = bpf_map_lookup_elem(&state, &key);
	char *frame, *end;

	if (!s || !s->flows)
		return XDP_DROP;
	if (s->picoseconds)
		wait_until_due(s);
	if (s->imix) {
		int want = (int)frame_imix_bytes(s->sequence);

		if (bpf_xdp_adjust_tail(x, want - (int)bpf_xdp_get_buff_len(x)))
			return XDP_DROP;
	}
	frame = (char *)(long)x->data;
	end = (char *)(long)x->data_end;
	if (s->tag_bytes) {
		if (!restore_tag(s, frame, end))
			return XDP_DROP;
		frame += 4;
	}
	if (!stamp(s, frame, end))
		return XDP_DROP;
	s->sequence++;
	return bpf_redirect(s->interface, 0);
}

char _license[] SEC("license") = "GPL";
