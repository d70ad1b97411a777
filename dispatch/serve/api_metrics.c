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
#include "dispatch/serve/metrics_text.h"
#include "dispatch/serve/server.h"
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

static void add_rings(struct buf *out, const struct control *control, wall_t now)
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
}

/* ---- the rest ---- */

static void add_processes(struct buf *out, const struct control *control)
{
	metrics_add_family(out, "process_up", "gauge", "1 while the process runs.");
	for (int role = 0; control->shared && role < ROLE_COUNT; role++)
		metrics_add_count(out, "process_up", "role", role_name((enum role)role),
				  atomic_load(&control->shared->processes[role].pid) != 0);
	metrics_add_family(out, "process_restarts_total", "counter", "Times it was started again.");
	for (int role = 0; control->shared && role < ROLE_COUNT; role++)
		metrics_add_count(out, "process_restarts_total", "role", role_name((enum role)role),
				  atomic_load(&control->shared->processes[role].restarts));
}

static void add_alerts(struct buf *out, const struct intake_counts *counts)
{
	metrics_add_family(
		out, "alerts_received_total", "counter",
		"Alerts by source and result; an unauthorized or invalid delivery counts one.");
	for (size_t i = 0; i < INTAKE_COUNT_SOURCES; i++) {
		const struct intake_count *row = &counts->rows[i];

		if (i && !row->source[0])
			break;
		for (int result = 0; result < INTAKE_RESULT_COUNT; result++) {
			buf_append_text(out, "ringbell_alerts_received_total{source=\"");
			metrics_add_escaped(out, row->source);
			buf_printf(out, "\",result=\"%s\"} %" PRIu64 "\n",
				   intake_result_name((enum intake_result)result),
				   row->results[result]);
		}
	}
}

static void add_refusals(struct buf *out, const struct refusal_counts *refusals)
{
	metrics_add_family(out, "holds_refused_total", "counter",
			   "Times an alert was not allowed to hold a policy, by reason.");
	for (unsigned i = 0; i < REFUSAL_REASONS; i++)
		metrics_add_count(out, "holds_refused_total", "reason", refusal_reason(i),
				  refusals->counts[i]);
}

static void add_captures(struct buf *out, const struct control *control)
{
	uint64_t states[CAPTURE_FINISHED] = {0};
	const struct live_capture *capture;

	LIST_FOREACH (capture, &control->live.captures, next)
		if (capture->row.state < CAPTURE_FINISHED)
			states[capture->row.state]++;
	metrics_add_family(out, "captures", "gauge", "Captures that are not finished.");
	for (int state = CAPTURE_STARTING; state < CAPTURE_FINISHED; state++)
		metrics_add_count(out, "captures", "state",
				  capture_state_name((enum capture_state)state), states[state]);
}

static void add_storage(struct buf *out, const struct statvfs *space)
{
	if (!space->f_frsize) /* it could not be asked: no figure is better than a wrong one */
		return;
	metrics_add_family(out, "storage_free_bytes", "gauge", "Free space beside the captures.");
	buf_printf(out, "ringbell_storage_free_bytes %" PRIu64 "\n",
		   (uint64_t)space->f_bavail * space->f_frsize);
	metrics_add_family(out, "storage_capacity_bytes", "gauge",
			   "Size of the captures' file system.");
	buf_printf(out, "ringbell_storage_capacity_bytes %" PRIu64 "\n",
		   (uint64_t)space->f_blocks * space->f_frsize);
}

static void add_dispatch(struct buf *out, const struct outbox_counts *counts)
{
	metrics_add_family(out, "dispatch_deliveries_total", "counter", "Pushes that are decided.");
	metrics_add_count(out, "dispatch_deliveries_total", "result", "delivered",
			  (uint64_t)counts->delivered);
	metrics_add_count(out, "dispatch_deliveries_total", "result", "dead",
			  (uint64_t)counts->dead);
	metrics_add_count(out, "dispatch_deliveries_total", "result", "suppressed",
			  (uint64_t)counts->suppressed);
	metrics_add_family(out, "dispatch_queue_length", "gauge",
			   "Pushes that wait or are on their way.");
	buf_printf(out, "ringbell_dispatch_queue_length %" PRId64 "\n", counts->pending);
}

static void add_stall(struct buf *out, const struct courier_link *courier)
{
	metrics_add_family(out, "courier_loop_stall_seconds", "gauge",
			   "Longest time the courier's loop did not turn.");
	buf_printf(out, "ringbell_courier_loop_stall_seconds %u.%06u\n",
		   courier->stall_us / 1000000, courier->stall_us % 1000000);
}

/* ---- the listener ---- */

static void add_connections(struct buf *out, const struct connection_pool *pool)
{
	const struct connection_counts *counts = connection_pool_counts(pool);
	const struct crowd *crowd = connection_pool_crowd(pool);

	metrics_add_family(out, "http_connections", "gauge",
			   "Connections through the configured address.");
	buf_printf(out, "ringbell_http_connections %" PRIu32 "\n", crowd_count(crowd));
	metrics_add_family(out, "http_connections_accepted_total", "counter",
			   "Connections, by way in.");
	for (int i = 0; i < ENTRANCE_COUNT; i++)
		metrics_add_count(out, "http_connections_accepted_total", "entrance",
				  entrance_name((enum entrance)i), counts->accepted[i]);
	metrics_add_family(out, "http_connections_ended_total", "counter",
			   "Connections that the probe ended, by why.");
	for (int i = 0; i < CONNECTION_ENDS; i++)
		metrics_add_count(out, "http_connections_ended_total", "reason",
				  connection_end_name((enum connection_end)i), counts->ended[i]);
	metrics_add_family(out, "http_busy_total", "counter",
			   "Requests answered 503 because all places of their kind were taken.");
	for (int i = 0; i < CROWD_KINDS; i++)
		metrics_add_count(out, "http_busy_total", "kind",
				  crowd_kind_name((enum crowd_kind)i), counts->busy[i]);
}

static void add_requests(struct buf *out, const struct request_counts *counts)
{
	metrics_add_family(out, "http_requests_total", "counter",
			   "Requests that were answered, by route and class of status.");
	for (size_t route = 0; route <= api_route_count && route < REQUEST_ROUTES_MAX; route++)
		for (int code = 0; code < REQUEST_CODES; code++) {
			uint64_t n = counts->answers[route][code];
			char methods[64];

			if (!n)
				continue;
			buf_printf(
				out,
				"ringbell_http_requests_total{route=\"%s\",method=\"%s\","
				"code=\"%dxx\"} %" PRIu64 "\n",
				route < api_route_count ? api_routes[route].pattern : "none",
				route < api_route_count
					? route_format_methods(api_routes[route].methods, methods)
					: "",
				code + 1, n);
		}
	metrics_add_family(out, "http_request_duration_seconds", "histogram",
			   "From the complete request to the beginning of its answer.");
	for (int i = 0; i < CROWD_KINDS; i++)
		metrics_add_histogram(out, "http_request_duration_seconds", "kind",
				      crowd_kind_name((enum crowd_kind)i), &counts->durations[i]);
}

static void add_watch(struct buf *out, const struct control *control)
{
	const struct watch_self *watch = &control->watch;
	char name[CHILD_NIC_SIZE + 1];

	metrics_add_family(out, "capture_heartbeat", "gauge",
			   "0 while the interface counts packets and the ring gets none.");
	for (uint32_t i = 0; i < control_ring_count(control); i++) {
		ring_name(&control->shared->rings[i], name);
		metrics_add_count(out, "capture_heartbeat", "ring", name,
				  !watch->rings[i].heartbeat.stalled);
	}
	metrics_add_family(out, "history_short", "gauge",
			   "1 while alerts come later than history reaches back.");
	for (uint32_t i = 0; i < control_ring_count(control); i++) {
		ring_name(&control->shared->rings[i], name);
		metrics_add_count(out, "history_short", "ring", name, watch->rings[i].is_short);
	}
	metrics_add_family(out, "source_delay_seconds", "gauge",
			   "Longest time of late between an alert's beginning and its coming.");
	metrics_add_labelled(out, "source_delay_seconds", "source", "");
	buf_append_text(out, "0\n"); /* no source: the family is always there */
	for (size_t i = 0; i < REACH_SOURCES && watch->reach.sources[i].name[0]; i++) {
		metrics_add_labelled(out, "source_delay_seconds", "source",
				     watch->reach.sources[i].name);
		buf_printf(out, "%.3f\n", (double)watch->reach.sources[i].delay / 1e9);
	}
	metrics_add_family(out, "trigger_latency_seconds", "histogram",
			   "From the request to the recorder's being told.");
	metrics_add_histogram(out, "trigger_latency_seconds", NULL, NULL, &watch->trigger);
	metrics_add_family(out, "event_loop_lag_seconds", "histogram",
			   "How late the control process's loop was.");
	metrics_add_histogram(out, "event_loop_lag_seconds", NULL, NULL, &watch->lag);
}

static void add_http(struct buf *out, const struct control *control)
{
	if (control->server)
		add_connections(out, server_connections(control->server));
	add_requests(out, &control->requests);
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
	metrics_add_family(&out, "build_info", "gauge", "Always 1.");
	metrics_add_count(&out, "build_info", "version", RINGBELL_VERSION, 1);
	add_rings(&out, control, wall_now());
	add_processes(&out, control);
	add_alerts(&out, &control->intakes);
	add_refusals(&out, &control->refusals);
	add_captures(&out, control);
	add_storage(&out, &job->space);
	metrics_add_family(&out, "storage_quarantined", "gauge", "Things moved aside by recovery.");
	buf_printf(&out, "ringbell_storage_quarantined %" PRIu32 "\n", job->quarantined);
	add_dispatch(&out, &job->counts);
	add_stall(&out, &control->courier);
	add_http(&out, control);
	add_watch(&out, control);
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
