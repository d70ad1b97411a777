/* SPDX-License-Identifier: Apache-2.0 */
/* Is it alive, is it ready, how is it. */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/alloc.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/policy_view.h"
#include "dispatch/serve/server.h"
#include "storage/outbox.h"
#include "storage/quarantine.h"

void api_livez(struct exchange *exchange)
{
	exchange_reply(exchange, 200, json_pack("{s:s}", "status", "alive"));
}

void api_readyz(struct exchange *exchange)
{
	const char *why = control_unready(exchange->control);

	if (why) {
		exchange_set_header(exchange, "Retry-After", "1");
		exchange_refuse(exchange, 503, "not_ready", "%s", why);
		return;
	}
	exchange_reply(exchange, 200, json_pack("{s:s}", "status", "ready"));
}

/* ---- parts of the status ---- */

static json_t *wall_json(int64_t ns)
{
	char text[WALL_TEXT_SIZE];

	return ns ? json_string(wall_format((wall_t){ns}, text)) : json_null();
}

static json_t *seconds_since(int64_t ns, wall_t now)
{
	return ns && ns <= now.ns ? json_real((double)(now.ns - ns) / 1e9) : json_null();
}

static const char *nic_state_name(uint32_t state)
{
	static const char *const names[] = {"absent", "down", "up"};

	return state <= NIC_UP ? names[state] : "unknown";
}

static const char *history_mode_name(uint32_t mode)
{
	static const char *const names[] = {"unknown", "claim", "hold"};

	return mode <= HISTORY_HOLD ? names[mode] : "unknown";
}

#define COUNT(member) ((json_int_t)atomic_load(&ring->member))

static json_t *ring_view(const struct shared_ring *ring, wall_t now)
{
	int64_t oldest = atomic_load(&ring->oldest_wall_ns);
	int64_t newest = atomic_load(&ring->newest_wall_ns);
	char nic[CHILD_NIC_SIZE + 1] = "";

	memcpy(nic, ring->nic, CHILD_NIC_SIZE);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I}, s:I, s:o, s:o, s:o, "
			 "s:o, s:I, s:s, s:I, s:I, s:o, s:o}",
			 "nic", nic, "state", nic_state_name(atomic_load(&ring->state)), "packets",
			 COUNT(packets), "bytes", COUNT(bytes), "nic_packets", COUNT(nic_packets),
			 "drops", "kernel", COUNT(kernel_drops), "nic", COUNT(nic_drops), "cursor",
			 COUNT(lost_cursor), "torn_blocks", COUNT(torn), "freezes",
			 COUNT(kernel_freezes), "reach_from", wall_json(oldest), "reach_seconds",
			 seconds_since(oldest, now), "newest_packet_at", wall_json(newest),
			 "newest_packet_age_seconds", seconds_since(newest, now),
			 "quiet_reach_seconds",
			 (json_int_t)ring->reach_blocks * ring->retire_ms / 1000, "history",
			 history_mode_name(atomic_load(&ring->history_mode)), "ring_bytes",
			 (json_int_t)ring->block_bytes * ring->block_count, "allocation_ms",
			 (json_int_t)ring->allocation_ms, "slice_bytes",
			 ring->slice_bytes ? json_integer(ring->slice_bytes) : json_null(),
			 "filter", *ring->filter ? json_string(ring->filter) : json_null());
}

static json_t *rings_view(const struct control *control, wall_t now)
{
	json_t *rings = json_array();

	for (uint32_t i = 0; i < control_ring_count(control); i++)
		json_array_append_new(rings, ring_view(&control->shared->rings[i], now));
	return rings;
}

static json_t *processes_view(const struct control *control)
{
	json_t *processes = json_array();

	for (int role = 0; control->shared && role < ROLE_COUNT; role++) {
		const struct shared_process *process = &control->shared->processes[role];

		json_array_append_new(processes,
				      json_pack("{s:s, s:i, s:i, s:o}", "role",
						role_name((enum role)role), "pid",
						atomic_load(&process->pid), "restarts",
						(int)atomic_load(&process->restarts), "started_at",
						wall_json(atomic_load(&process->started_wall_ns))));
	}
	return processes;
}

static json_t *captures_view(const struct control *control)
{
	const struct live_capture *capture;
	json_t *captures = json_array();

	LIST_FOREACH (capture, &control->live.captures, next)
		json_array_append_new(captures,
				      json_pack("{s:s, s:s, s:s, s:o, s:s}", "id", capture->row.id,
						"policy", capture->row.policy_name, "state",
						capture_state_name(capture->row.state), "since",
						wall_json(capture->row.created_at.ns), "problem",
						capture->row.problem));
	return captures;
}

static json_t *problems_view(const struct control *control)
{
	json_t *problems = json_array(), *reason;
	const struct pcap_policy *policy;
	const struct endpoint *endpoint;

	watch_self_problems(&control->watch, problems);
	for (size_t i = 0; (policy = engine_policy_at(control->engine, i)); i++)
		policy_view_problems(control, policy, problems);
	for (size_t i = 0; (endpoint = engine_endpoint_at(control->engine, i)); i++) {
		reason = json_object_get(control->endpoint_problems, endpoint->id);
		if (reason)
			json_array_append_new(problems,
					      json_pack("{s:s, s:s, s:s, s:O}", "object",
							"endpoint", "id", endpoint->id, "name",
							endpoint->name, "problem", reason));
	}
	return problems;
}

/* ---- the status: outbox and file system are asked on the store thread ---- */

struct status_job {
	struct exchange *exchange;
	int captures_fd;
	struct outbox_counts counts;
	uint32_t quarantined;
	struct statvfs space;
	int space_error;
};

static int status_run(struct db *db, void *arg)
{
	struct status_job *job = arg;

	if (fstatvfs(job->captures_fd, &job->space))
		job->space_error = errno;
	job->quarantined = quarantine_count(job->captures_fd);
	return outbox_count(db, &job->counts);
}

static json_t *storage_view(const struct control *control, const struct status_job *job)
{
	json_int_t unit = (json_int_t)job->space.f_frsize;

	if (job->space_error)
		return json_pack("{s:s}", "problem", strerrordesc_np(job->space_error));
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "captures",
			 control->config.captures, "free_bytes",
			 (json_int_t)job->space.f_bavail * unit, "total_bytes",
			 (json_int_t)job->space.f_blocks * unit, "min_free_bytes",
			 (json_int_t)control->config.min_free_bytes, "keep_free_bytes",
			 (json_int_t)control->config.keep_free_bytes, "max_bytes",
			 (json_int_t)control->config.captures_max_bytes, "quarantined",
			 (json_int_t)job->quarantined);
}

static json_t *tls_view(const struct tls_facts *facts)
{
	if (!facts)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "fingerprint", facts->fingerprint,
			 "certificate_sha256", facts->sha256, "subject", facts->subject,
			 "not_before", wall_json(facts->not_before.ns), "not_after",
			 wall_json(facts->not_after.ns));
}

static json_t *listener_view(const struct control *control)
{
	const struct crowd *crowd;

	if (!control->server)
		return json_null();
	crowd = connection_pool_crowd(server_connections(control->server));
	return json_pack("{s:s, s:o, s:b, s:i, s:i}", "address", control->config.listen, "tls",
			 tls_view(server_tls(control->server)), "local_socket",
			 control->config.local_socket > 0, "connections", (int)crowd_count(crowd),
			 "connections_max", (int)control->config.connections_max);
}

static json_t *outbox_view(const struct outbox_counts *counts)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "accepted", (json_int_t)counts->accepted,
			 "delivered", (json_int_t)counts->delivered, "suppressed",
			 (json_int_t)counts->suppressed, "pending", (json_int_t)counts->pending,
			 "dead", (json_int_t)counts->dead);
}

static void status_done(void *arg, int result)
{
	struct status_job *job = arg;
	struct exchange *exchange = job->exchange;
	const struct control *control = exchange->control;
	const char *unready = control_unready(control);
	wall_t now = wall_now();

	if (result < 0)
		exchange_refuse_store(exchange, result);
	else if (!control->engine)
		exchange_refuse(exchange, 503, "starting", "%s", unready);
	else
		exchange_reply(
			exchange, 200,
			json_pack("{s:s, s:s, s:o, s:o, s:b, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, "
				  "s:o}",
				  "version", RINGBELL_VERSION, "probe", control->probe, "now",
				  wall_json(now.ns), "started_at",
				  wall_json(control->started_at.ns), "ready", unready == NULL,
				  "not_ready", unready, "rings", rings_view(control, now),
				  "processes", processes_view(control), "captures",
				  captures_view(control), "outbox", outbox_view(&job->counts),
				  "storage", storage_view(control, job), "listener",
				  listener_view(control), "problems", problems_view(control)));
	free(job);
}

void api_status(struct exchange *exchange)
{
	struct status_job *job = xcalloc(1, sizeof(*job));

	job->exchange = exchange;
	job->captures_fd = exchange->control->captures_fd;
	store_post(exchange->control->store, STORE_READ, status_run, status_done, job);
}
