/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics, Prometheus' text format 0.0.4. docs/operations.md lists the names.
 *
 * Labels are rings, sources, roles and fixed words: never ids, addresses or free text. Outbox and
 * file system are asked on the store thread, as for the status. */
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "storage/outbox.h"
#include "storage/quarantine.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics_job {
	struct exchange *exchange;
	int captures_fd;
	struct outbox_counts counts;
	uint32_t quarantined;
	struct statvfs space;
};

/* ---- lines ---- */

static void add_family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP ringbell_%s %s\n# TYPE ringbell_%s %s\n", name, help, name, type);
}

static void add_escaped(struct buf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			buf_append_text(out, "\\n");
		else if (*value == '\\' || *value == '"')
			buf_printf(out, "\\%c", *value);
		else
			buf_append(out, value, 1);
	}
}

/* The name and one label, up to the blank. */
static void add_labelled(struct buf *out, const char *name, const char *label, const char *value)
{
	buf_printf(out, "ringbell_%s{%s=\"", name, label);
	add_escaped(out, value);
	buf_append_text(out, "\"} ");
}

static void add_count(struct buf *out, const char *name, const char *label, const char *value,
		      uint64_t n)
{
	add_labelled(out, name, label, value);
	buf_printf(out, "%" PRIu64 "\n", n);
}

/* ---- rings ---- */

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
		add_escaped(out, name);
		buf_printf(out, "\",reason=\"%s\"} %" PRIu64 "\n", drop_reasons[i].reason,
			   drop_reasons[i].get(ring));
	}
}

static void add_ring_times(struct buf *out, const struct control *control, wall_t now)
{
	uint32_t count = control_ring_count(control);
	char name[CHILD_NIC_SIZE + 1];

	add_family(out, "history_window_seconds", "gauge", "How far back a capture can begin.");
	for (uint32_t i = 0; i < count; i++) {
		int64_t oldest = atomic_load(&control->shared->rings[i].oldest_wall_ns);

		ring_name(&control->shared->rings[i], name);
		add_labelled(out, "history_window_seconds", "ring", name);
		buf_printf(out, "%.3f\n",
			   oldest && oldest < now.ns ? (double)(now.ns - oldest) / 1e9 : 0);
	}
	add_family(out, "newest_packet_timestamp_seconds", "gauge",
		   "When the newest packet came, 0 = none yet.");
	for (uint32_t i = 0; i < count; i++) {
		int64_t newest = atomic_load(&control->shared->rings[i].newest_wall_ns);

		ring_name(&control->shared->rings[i], name);
		add_labelled(out, "newest_packet_timestamp_seconds", "ring", name);
		buf_printf(out, "%.3f\n", (double)newest / 1e9);
	}
}

static void add_rings(struct buf *out, const struct control *control, wall_t now)
{
	uint32_t count = control_ring_count(control);
	char name[CHILD_NIC_SIZE + 1];

	for (size_t f = 0; f < ARRAY_SIZE(ring_families); f++) {
		add_family(out, ring_families[f].name, ring_families[f].type,
			   ring_families[f].help);
		for (uint32_t i = 0; i < count; i++) {
			ring_name(&control->shared->rings[i], name);
			add_count(out, ring_families[f].name, "ring", name,
				  ring_families[f].get(&control->shared->rings[i]));
		}
	}
	add_family(out, "capture_dropped_packets_total", "counter", "Packets lost, by where.");
	for (uint32_t i = 0; i < count; i++) {
		ring_name(&control->shared->rings[i], name);
		add_drops(out, &control->shared->rings[i], name);
	}
	add_ring_times(out, control, now);
}

/* ---- the rest ---- */

static void add_processes(struct buf *out, const struct control *control)
{
	add_family(out, "process_up", "gauge", "1 while the process runs.");
	for (int role = 0; control->shared && role < ROLE_COUNT; role++)
		add_count(out, "process_up", "role", role_name((enum role)role),
			  atomic_load(&control->shared->processes[role].pid) != 0);
	add_family(out, "process_restarts_total", "counter", "Times it was started again.");
	for (int role = 0; control->shared && role < ROLE_COUNT; role++)
		add_count(out, "process_restarts_total", "role", role_name((enum role)role),
			  atomic_load(&control->shared->processes[role].restarts));
}

static void add_alerts(struct buf *out, const struct intake_counts *counts)
{
	add_family(out, "alerts_received_total", "counter",
		   "Alerts by source and result; an unauthorized or invalid delivery counts one.");
	for (size_t i = 0; i < INTAKE_COUNT_SOURCES; i++) {
		const struct intake_count *row = &counts->rows[i];

		if (i && !row->source[0])
			break;
		for (int result = 0; result < INTAKE_RESULT_COUNT; result++) {
			buf_append_text(out, "ringbell_alerts_received_total{source=\"");
			add_escaped(out, row->source);
			buf_printf(out, "\",result=\"%s\"} %" PRIu64 "\n",
				   intake_result_name((enum intake_result)result),
				   row->results[result]);
		}
	}
}

static void add_captures(struct buf *out, const struct control *control)
{
	uint64_t states[CAPTURE_FINISHED] = {0};
	const struct live_capture *capture;

	LIST_FOREACH (capture, &control->live.captures, next)
		if (capture->row.state < CAPTURE_FINISHED)
			states[capture->row.state]++;
	add_family(out, "captures", "gauge", "Captures that are not finished.");
	for (int state = CAPTURE_STARTING; state < CAPTURE_FINISHED; state++)
		add_count(out, "captures", "state", capture_state_name((enum capture_state)state),
			  states[state]);
}

static void add_storage(struct buf *out, const struct statvfs *space)
{
	if (!space->f_frsize) /* it could not be asked: no figure is better than a wrong one */
		return;
	add_family(out, "storage_free_bytes", "gauge", "Free space beside the captures.");
	buf_printf(out, "ringbell_storage_free_bytes %" PRIu64 "\n",
		   (uint64_t)space->f_bavail * space->f_frsize);
	add_family(out, "storage_capacity_bytes", "gauge", "Size of the captures' file system.");
	buf_printf(out, "ringbell_storage_capacity_bytes %" PRIu64 "\n",
		   (uint64_t)space->f_blocks * space->f_frsize);
}

static void add_dispatch(struct buf *out, const struct outbox_counts *counts)
{
	add_family(out, "dispatch_deliveries_total", "counter", "Pushes that are decided.");
	add_count(out, "dispatch_deliveries_total", "result", "delivered",
		  (uint64_t)counts->delivered);
	add_count(out, "dispatch_deliveries_total", "result", "dead", (uint64_t)counts->dead);
	add_count(out, "dispatch_deliveries_total", "result", "suppressed",
		  (uint64_t)counts->suppressed);
	add_family(out, "dispatch_queue_length", "gauge", "Pushes that wait or are on their way.");
	buf_printf(out, "ringbell_dispatch_queue_length %" PRId64 "\n", counts->pending);
}

/* ---- the request ---- */

static int metrics_run(struct db *db, void *arg)
{
	struct metrics_job *job = arg;

	if (fstatvfs(job->captures_fd, &job->space))
		job->space.f_frsize = 0;
	job->quarantined = quarantine_count(job->captures_fd);
	return outbox_count(db, &job->counts);
}

static void metrics_done(void *arg, int result)
{
	struct metrics_job *job = arg;
	struct exchange *exchange = job->exchange;
	const struct control *control = exchange->control;
	CLEANUP_BUF struct buf out = BUF_INIT;

	if (result < 0) {
		exchange_refuse_store(exchange, result);
		free(job);
		return;
	}
	add_family(&out, "build_info", "gauge", "Always 1.");
	add_count(&out, "build_info", "version", RINGBELL_VERSION, 1);
	add_rings(&out, control, wall_now());
	add_processes(&out, control);
	add_alerts(&out, &control->intakes);
	add_captures(&out, control);
	add_storage(&out, &job->space);
	add_family(&out, "storage_quarantined", "gauge", "Things moved aside by recovery.");
	buf_printf(&out, "ringbell_storage_quarantined %" PRIu32 "\n", job->quarantined);
	add_dispatch(&out, &job->counts);
	exchange_reply_text(exchange, METRICS_TYPE, out.data, out.len);
	free(job);
}

void api_metrics(struct exchange *exchange)
{
	struct metrics_job *job = xcalloc(1, sizeof(*job));

	job->exchange = exchange;
	job->captures_fd = exchange->control->captures_fd;
	store_post(exchange->control->store, STORE_READ, metrics_run, metrics_done, job);
}
