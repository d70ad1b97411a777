/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics, Prometheus' text format 0.0.4 or OpenMetrics 1.0. docs/operations.md lists the names.
 *
 * Labels are rings, sources, endpoints, roles and fixed words: never ids, addresses or free text.
 * Outbox and file system are asked on the store thread, as for the status. */
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/metrics_endpoints.h"
#include "dispatch/serve/metrics_rings.h"
#include "dispatch/serve/metrics_text.h"
#include "dispatch/serve/server.h"
#include "storage/outbox_stats.h"
#include "storage/quarantine.h"

#define METRICS_TYPE	  "text/plain; version=0.0.4; charset=utf-8"
#define OPEN_METRICS	  "application/openmetrics-text"
#define OPEN_METRICS_TYPE OPEN_METRICS "; version=1.0.0; charset=utf-8"

struct metrics_job {
	struct exchange *exchange;
	int captures_fd;
	struct outbox_stats *stats;
	int stats_count;
	uint32_t quarantined;
	struct statvfs space;
};

/* ---- processes ---- */

#define PROCESS_VALUE(member)                                                                      \
	static uint64_t process_##member(const struct shared_process *process)                     \
	{                                                                                          \
		return (uint64_t)atomic_load(&process->member);                                    \
	}
PROCESS_VALUE(restarts)
PROCESS_VALUE(resident_bytes)
PROCESS_VALUE(descriptors)

static uint64_t process_up(const struct shared_process *process)
{
	return atomic_load(&process->pid) != 0;
}

static const struct {
	const char *name;
	const char *type;
	const char *help;
	uint64_t (*get)(const struct shared_process *process);
} process_families[] = {
	{"process_up", "gauge", "1 while the process runs.", process_up},
	{"process_restarts_total", "counter", "Times it was started again.", process_restarts},
	{"process_resident_memory_bytes", "gauge", "Memory it has, the ring it maps included.",
	 process_resident_bytes},
	{"process_open_fds", "gauge", "Descriptors it has open, 0 = may not be counted.",
	 process_descriptors},
};

/* Seconds. */
static void add_process_times(struct buf *out, const struct shared *shared)
{
	metrics_add_family(out, "process_cpu_seconds_total", "counter",
			   "Processor time, user and system; begins again with the process.");
	for (int role = 0; role < ROLE_COUNT; role++) {
		metrics_add_labelled(out, "process_cpu_seconds_total", "role",
				     role_name((enum role)role));
		buf_printf(out, "%.3f\n",
			   (double)atomic_load(&shared->processes[role].cpu_ns) / 1e9);
	}
	metrics_add_family(out, "process_start_time_seconds", "gauge", "When it was started last.");
	for (int role = 0; role < ROLE_COUNT; role++) {
		int64_t at = atomic_load(&shared->processes[role].started_wall_ns);

		metrics_add_labelled(out, "process_start_time_seconds", "role",
				     role_name((enum role)role));
		buf_printf(out, "%.3f\n", (double)at / 1e9);
	}
}

static void add_processes(struct buf *out, const struct shared *shared)
{
	for (size_t f = 0; f < ARRAY_SIZE(process_families); f++) {
		metrics_add_family(out, process_families[f].name, process_families[f].type,
				   process_families[f].help);
		for (int role = 0; role < ROLE_COUNT; role++)
			metrics_add_count(out, process_families[f].name, "role",
					  role_name((enum role)role),
					  process_families[f].get(&shared->processes[role]));
	}
	add_process_times(out, shared);
}

/* ---- the rest ---- */

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
	metrics_add_family(out, "captures_finished_total", "counter",
			   "Captures that finished, by how whole they are.");
	for (int i = COMPLETE; i <= EMPTY; i++)
		metrics_add_count(out, "captures_finished_total", "completeness",
				  coverage_completeness_name((enum completeness)i),
				  control->finished.counts[i]);
}

static void add_writes(struct buf *out, const struct shared_writes *writes)
{
	struct metrics_histogram histogram = {.sum = atomic_load(&writes->sum_ns)};

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		histogram.counts[i] = atomic_load(&writes->counts[i]);
	metrics_add_family(out, "storage_write_seconds", "histogram",
			   "How long one write to a segment took.");
	metrics_add_histogram(out, "storage_write_seconds", NULL, NULL, &histogram);
}

static void add_evicted(struct buf *out, const struct retention_job *retention)
{
	metrics_add_family(out, "storage_evicted_captures_total", "counter",
			   "Captures whose files retention removed, by reason.");
	for (int i = RETENTION_AGE; i < RETENTION_OPERATOR; i++)
		metrics_add_count(out, "storage_evicted_captures_total", "reason",
				  retention_reason_name((enum retention_reason)i),
				  retention->evicted[i]);
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

/* One line per class of status that occurred. */
static void add_answers(struct buf *out, const uint64_t answers[REQUEST_CODES], const char *route,
			unsigned method)
{
	char name[64];

	for (int code = 0; code < REQUEST_CODES; code++)
		if (answers[code])
			buf_printf(out,
				   "ringbell_http_requests_total{route=\"%s\",method=\"%s\","
				   "code=\"%dxx\"} %" PRIu64 "\n",
				   route,
				   method < REQUEST_METHODS - 1
					   ? route_format_methods(1u << method, name)
					   : "other",
				   code + 1, answers[code]);
}

static void add_requests(struct buf *out, const struct request_counts *counts)
{
	metrics_add_family(out, "http_requests_total", "counter",
			   "Requests that were answered, by route, method and class of status.");
	for (size_t route = 0; route <= api_route_count && route < REQUEST_ROUTES_MAX; route++)
		for (unsigned method = 0; method < REQUEST_METHODS; method++)
			add_answers(out, counts->answers[route][method],
				    route < api_route_count ? api_routes[route].pattern : "none",
				    method);
	metrics_add_family(out, "http_request_duration_seconds", "histogram",
			   "From the complete request to the beginning of its answer.");
	for (int i = 0; i < CROWD_KINDS; i++)
		metrics_add_histogram(out, "http_request_duration_seconds", "kind",
				      crowd_kind_name((enum crowd_kind)i), &counts->durations[i]);
}

static void add_watch(struct buf *out, const struct control *control)
{
	const struct watch_self *watch = &control->watch;

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
	job->stats_count = outbox_list_stats(db, &job->stats);
	return job->stats_count < 0 ? job->stats_count : 0;
}

static void add_all(struct buf *out, const struct control *control, const struct metrics_job *job)
{
	wall_t now = wall_now();

	metrics_add_family(out, "build_info", "gauge", "Always 1.");
	metrics_add_count(out, "build_info", "version", RINGBELL_VERSION, 1);
	metrics_add_rings(out, control, now);
	if (control->shared) {
		add_processes(out, control->shared);
		add_writes(out, &control->shared->writes);
	}
	add_alerts(out, &control->intakes);
	add_refusals(out, &control->refusals);
	add_captures(out, control);
	add_storage(out, &job->space);
	add_evicted(out, &control->retention);
	metrics_add_family(out, "storage_quarantined", "gauge", "Things moved aside by recovery.");
	buf_printf(out, "ringbell_storage_quarantined %" PRIu32 "\n", job->quarantined);
	metrics_add_endpoints(out, control, job->stats, (size_t)job->stats_count, now);
	add_stall(out, &control->courier);
	add_http(out, control);
	add_watch(out, control);
}

static void metrics_done(void *arg, int result)
{
	struct metrics_job *job = arg;
	struct exchange *exchange = job->exchange;
	const char *accept = exchange_header(exchange, "Accept");
	CLEANUP_BUF struct buf out = BUF_INIT;

	if (result < 0) {
		exchange_refuse_store(exchange, result);
	} else if (accept && strstr(accept, OPEN_METRICS)) {
		add_all(&out, exchange->control, job);
		metrics_to_open(&out);
		exchange_reply_text(exchange, OPEN_METRICS_TYPE, out.data, out.len);
	} else {
		add_all(&out, exchange->control, job);
		exchange_reply_text(exchange, METRICS_TYPE, out.data, out.len);
	}
	free(job->stats);
	free(job);
}

void api_metrics(struct exchange *exchange)
{
	struct metrics_job *job = xcalloc(1, sizeof(*job));

	job->exchange = exchange;
	job->captures_fd = exchange->control->captures_fd;
	store_post(exchange->control->store, STORE_READ, metrics_run, metrics_done, job);
}
