/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/metrics_rings.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/metrics_text.h"

static uint64_t history_bytes(const struct shared_ring *ring)
{
	uint64_t head = atomic_load(&ring->head_seq);
	uint64_t blocks = head ? head - 1 : 0; /* numbers begin at 1 */

	/* one block is always being filled */
	if (ring->block_count && blocks > ring->block_count - 1)
		blocks = ring->block_count - 1;
	return blocks * ring->block_bytes;
}

static uint64_t capacity_bytes(const struct shared_ring *ring)
{
	return (uint64_t)ring->block_count * ring->block_bytes;
}

static uint64_t link_up(const struct shared_ring *ring)
{
	return atomic_load(&ring->state) == NIC_UP;
}

#define RING_COUNTER(member)                                                                       \
	static uint64_t ring_##member(const struct shared_ring *ring)                              \
	{                                                                                          \
		return atomic_load(&ring->member);                                                 \
	}
RING_COUNTER(packets)
RING_COUNTER(bytes)
RING_COUNTER(nic_packets)
RING_COUNTER(kernel_drops)
RING_COUNTER(nic_drops)
RING_COUNTER(lost_cursor)
RING_COUNTER(lost_disk)
RING_COUNTER(kernel_freezes)

static const struct {
	const char *name;
	const char *type;
	const char *help;
	uint64_t (*get)(const struct shared_ring *ring);
} ring_families[] = {
	{"capture_link_up", "gauge", "1 while the interface is there and has a link.", link_up},
	{"capture_packets_total", "counter", "Packets the ring received.", ring_packets},
	{"capture_bytes_total", "counter", "Ring memory these packets took.", ring_bytes},
	{"capture_nic_packets_total", "counter", "Packets the interface itself counted.",
	 ring_nic_packets},
	{"capture_freezes_total", "counter", "Times the kernel found the whole ring unread.",
	 ring_kernel_freezes},
	{"history_bytes", "gauge", "Memory of blocks that are not overwritten yet.", history_bytes},
	{"history_capacity_bytes", "gauge", "Memory of the ring.", capacity_bytes},
};

static const struct {
	const char *reason;
	uint64_t (*get)(const struct shared_ring *ring);
} drop_reasons[] = {
	{"kernel", ring_kernel_drops}, /* the ring was full */
	{"nic", ring_nic_drops},       /* before the ring */
	{"history", ring_lost_cursor}, /* overwritten before a capture had read them */
	{"disk", ring_lost_disk},      /* could not be written */
};

/* The name is the supervisor's, but every byte of shared memory is hostile. */
static void ring_name(const struct shared_ring *ring, char ret[CHILD_NIC_SIZE + 1])
{
	memcpy(ret, ring->nic, CHILD_NIC_SIZE);
	ret[CHILD_NIC_SIZE] = '\0';
	for (char *p = ret; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
}

static void add_drops(struct buf *out, const struct shared_ring *ring, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(drop_reasons); i++) {
		buf_append_text(out, "ringbell_capture_dropped_packets_total{ring=\"");
		metrics_add_escaped(out, name);
		buf_printf(out, "\",reason=\"%s\"} %" PRIu64 "\n", drop_reasons[i].reason,
			   drop_reasons[i].get(ring));
	}
}

static void add_ring_times(struct buf *out, const struct control *control, wall_t now)
{
	uint32_t count = control_ring_count(control);
	char name[CHILD_NIC_SIZE + 1];

	metrics_add_family(out, "history_window_seconds", "gauge",
			   "How far back a capture can begin.");
	for (uint32_t i = 0; i < count; i++) {
		int64_t oldest = atomic_load(&control->shared->rings[i].oldest_wall_ns);

		ring_name(&control->shared->rings[i], name);
		metrics_add_labelled(out, "history_window_seconds", "ring", name);
		buf_printf(out, "%.3f\n",
			   oldest && oldest < now.ns ? (double)(now.ns - oldest) / 1e9 : 0);
	}
	metrics_add_family(out, "newest_packet_timestamp_seconds", "gauge",
			   "When the newest packet came, 0 = none yet.");
	for (uint32_t i = 0; i < count; i++) {
		int64_t newest = atomic_load(&control->shared->rings[i].newest_wall_ns);

		ring_name(&control->shared->rings[i], name);
		metrics_add_labelled(out, "newest_packet_timestamp_seconds", "ring", name);
		buf_printf(out, "%.3f\n", (double)newest / 1e9);
	}
}

static void add_watch(struct buf *out, const struct control *control)
{
	char name[CHILD_NIC_SIZE + 1];

	metrics_add_family(out, "capture_heartbeat", "gauge",
			   "0 while the interface counts packets and the ring gets none.");
	for (uint32_t i = 0; i < control_ring_count(control); i++) {
		ring_name(&control->shared->rings[i], name);
		metrics_add_count(out, "capture_heartbeat", "ring", name,
				  !control->watch.rings[i].heartbeat.stalled);
	}
	metrics_add_family(out, "history_short", "gauge",
			   "1 while alerts come later than history reaches back.");
	for (uint32_t i = 0; i < control_ring_count(control); i++) {
		ring_name(&control->shared->rings[i], name);
		metrics_add_count(out, "history_short", "ring", name,
				  control->watch.rings[i].is_short);
	}
}

void metrics_add_rings(struct buf *out, const struct control *control, wall_t now)
{
	uint32_t count = control_ring_count(control);
	char name[CHILD_NIC_SIZE + 1];

	for (size_t f = 0; f < ARRAY_SIZE(ring_families); f++) {
		metrics_add_family(out, ring_families[f].name, ring_families[f].type,
				   ring_families[f].help);
		for (uint32_t i = 0; i < count; i++) {
			ring_name(&control->shared->rings[i], name);
			metrics_add_count(out, ring_families[f].name, "ring", name,
					  ring_families[f].get(&control->shared->rings[i]));
		}
	}
	metrics_add_family(out, "capture_dropped_packets_total", "counter",
			   "Packets lost, by where.");
	for (uint32_t i = 0; i < count; i++) {
		ring_name(&control->shared->rings[i], name);
		add_drops(out, &control->shared->rings[i], name);
	}
	add_ring_times(out, control, now);
	add_watch(out, control);
}
