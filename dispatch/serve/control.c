/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/decision.h"
#include "dispatch/serve/load.h"
#include "dispatch/serve/server.h"
#include "dispatch/serve/tls_files.h"
#include "storage/audit.h"

#define CONNECTIONS_MAX_DEFAULT 2048
#define PER_ADDRESS_DEFAULT	64
#define REQUEST_TIMEOUT_DEFAULT 10000
#define IDLE_TIMEOUT_DEFAULT	10000
#define RELOAD_AFTER		(2 * DUR_S)  /* loading failed: next try */
#define CUT_OFF_MAX		(10 * DUR_S) /* a link to a living process may be missing */
#define DRAIN_MAX		(3 * DUR_S) /* told to stop: time for the recorder's last reports */

/* ---- shared memory: bounds are checked here, once ---- */

uint32_t control_ring_count(const struct control *control)
{
	uint32_t count = control->shared ? atomic_load(&control->shared->ring_count) : 0;

	return count < CHILD_RINGS_MAX ? count : CHILD_RINGS_MAX;
}

bool control_ring(const struct control *control, uint32_t index, struct ring_view *ret)
{
	const struct shared_ring *ring;

	if (index >= control_ring_count(control))
		return false;
	ring = &control->shared->rings[index];
	memcpy(ret->nic, ring->nic, sizeof(ret->nic));
	ret->nic[sizeof(ret->nic) - 1] = '\0';
	ret->link_type = ring->link_type;
	ret->state = (enum nic_state)atomic_load(&ring->state);
	return true;
}

static void map_shared(struct control *control, int fd)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(struct shared)) {
		log_error("control", "shared memory of %lld bytes is too small, ignoring",
			  (long long)st.st_size);
		return;
	}
	map = mmap(NULL, sizeof(struct shared), PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		log_error("control", "shared memory: %s, ignoring", strerror(errno));
		return;
	}
	control->shared = map;
}

/* ---- readiness ---- */

const char *control_unready(const struct control *control)
{
	const struct program *program;

	if (!control->engine)
		return "the state is being loaded";
	if (!control->recorder.link)
		return "the recorder is not there";
	if (!control->recorder.synced)
		return "the recorder is not in sync yet";
	TAILQ_FOREACH (program, &control->programs.programs, next)
		if (program->state == PROGRAM_COMPILING)
			return "filters are being compiled";
	return NULL;
}

/* ---- the engine's timer ---- */

/* At least once a minute, so that a step of the wall clock is noticed: durable times follow it. */
void control_schedule(struct control *control)
{
	dur_t after = DUR_MIN;
	mono_t next;

	if (!control->engine) {
		timer_unset(control->engine_timer);
		return;
	}
	if (engine_next_time(control->engine, &next) && mono_sub(next, mono_now()) < after)
		after = mono_sub(next, mono_now());
	timer_set(control->engine_timer, after);
}

static void on_engine_time(void *owner)
{
	struct control *control = owner;
	struct decision *decision;

	if (!control->engine)
		return;
	decision = decision_new(control);
	engine_on_time(control->engine, decision->now, &decision->actions);
	if (decision->actions.count) {
		decision_commit(decision, NULL, NULL);
	} else {
		decision_abort(decision);
		control_schedule(control);
	}
}

/* ---- loading ---- */

/* A capture that no policy run knows: its decision was undone half-way, or its policy is gone. */
static void stop_orphans(struct decision *decision)
{
	struct control *control = decision->control;
	struct live_capture *capture;

	LIST_FOREACH (capture, &control->live.captures, next) {
		const struct policy_run *run = engine_run(control->engine, capture->row.policy);

		if (capture->row.state == CAPTURE_STOPPING ||
		    (run && !strcmp(run->capture, capture->row.id)))
			continue;
		capture->row.state = CAPTURE_STOPPING;
		capture->row.requested_until = decision->now.wall;
		snprintf(capture->row.stop_reason, sizeof(capture->row.stop_reason),
			 "orphaned: no policy holds it");
		fact_add_capture(&decision->facts, &capture->row);
	}
}

const char *control_exclusion(struct control *control, uint32_t index, const struct ring_view *ring)
{
	struct exclusion *kept = &control->exclusions[index];
	mono_t now = mono_now();

	if (kept->at.ns && mono_sub(now, kept->at) < DUR_S && !strcmp(kept->nic, ring->nic))
		return kept->text;
	memcpy(kept->nic, ring->nic, sizeof(kept->nic));
	listen_exclusion(&control->address, ring->nic, kept->text);
	kept->at = now;
	return kept->text;
}

/* Every policy's filter is compiled now, so that the first alert does not wait for it, and so that
 * a filter that went bad is known before it is needed. */
static void warm_programs(struct control *control)
{
	const struct pcap_policy *policy;
	char text[COMPILE_TEXT_MAX];
	struct ring_view ring;

	for (uint32_t r = 0; control_ring(control, r, &ring); r++) {
		const char *exclusion = control_exclusion(control, r, &ring);

		for (size_t i = 0; (policy = engine_policy_at(control->engine, i)); i++) {
			program_format_text(exclusion, policy->filter, text);
			program_get(&control->programs, ring.link_type, text);
		}
	}
}

static void take_load(struct control *control, struct load_result *load)
{
	struct live_capture *capture;

	control->engine = take_ptr(load->engine);
	json_decref(control->endpoint_problems);
	control->endpoint_problems = take_ptr(load->endpoint_problems);
	memcpy(control->admin_sha256, load->admin_sha256, sizeof(control->admin_sha256));
	live_clear(&control->live);
	while ((capture = LIST_FIRST(&load->live.captures))) {
		LIST_REMOVE(capture, next);
		LIST_INSERT_HEAD(&control->live.captures, capture, next);
	}
}

static void serve(struct control *control)
{
	int r;

	if (control->server || control->draining)
		return;
	r = server_start(control, api_routes, api_route_count, &control->server);
	if (r < 0) {
		log_error("control", "listen on %s: %s", control->config.listen,
			  strerrordesc_np(-r));
		control->status = 1;
		loop_stop(control->loop);
		return;
	}
	log_info("control", "listening on %s, %s", control->config.listen,
		 control->config.tls ? "TLS" : "not encrypted");
	ipc_link_send(control->supervisor, CHILD_READY, NULL, 0, -1);
}

static void on_loaded(struct control *control, struct load_result *load, int result)
{
	struct decision *decision;

	control->loading = false;
	if (result) {
		log_error("control", "loading the state failed: %s", load->message);
		timer_set(control->retry_timer, RELOAD_AFTER);
		return;
	}
	take_load(control, load);
	decision = decision_new(control);
	engine_restore(control->engine, decision->now, &decision->actions);
	stop_orphans(decision);
	decision_commit(decision, NULL, NULL);
	warm_programs(control);
	recorder_link_sync(&control->recorder);
	digest_queue_kick(&control->digests);
	retention_job_kick(&control->retention);
	courier_link_kick(&control->courier);
	serve(control);
}

/* Until it has served once, a start is tried again as a whole. */
static void control_load(struct control *control)
{
	if (control->loading || control->stopping)
		return;
	control->loading = true;
	load_post(control, control->server ? LOAD_RELOAD : LOAD_START, on_loaded);
}

static void on_retry(void *owner)
{
	control_load(owner);
}

void control_reload(struct control *control)
{
	control->engine = engine_free(control->engine);
	live_clear(&control->live);
	timer_unset(control->engine_timer);
	if (!control->loading && !control->stopping)
		timer_set(control->retry_timer, 0);
}

/* ---- the supervisor ---- */

static int on_peer(struct control *control, struct ipc_message *message)
{
	const struct child_peer *peer = (const void *)message->body;

	if (!ipc_is(message, struct child_peer) || message->fd < 0)
		return -EBADMSG;
	if (peer->role == ROLE_RECORDER)
		recorder_link_open(&control->recorder, take_fd(&message->fd));
	else if (peer->role == ROLE_COURIER)
		courier_link_open(&control->courier, take_fd(&message->fd));
	return 0;
}

/* Told to stop: no more requests, but the recorder's last reports are still taken, so that the
 * catalogue knows what it sealed. */
static void drain(struct control *control)
{
	control->draining = true;
	control->server = server_stop(control->server);
	timer_set(control->drain_timer, DRAIN_MAX);
	control_check_drained(control);
}

void control_check_drained(struct control *control)
{
	if (control->draining && !control->recorder.link && !control->commits.busy)
		loop_stop(control->loop);
}

static void on_drain_time(void *owner)
{
	loop_stop(((struct control *)owner)->loop);
}

static int on_supervisor(void *owner, struct ipc_message *message)
{
	struct control *control = owner;

	switch (message->type) {
	case CHILD_SHARED:
		if (message->fd >= 0 && !control->shared)
			map_shared(control, message->fd);
		return 0;
	case CHILD_PEER:
		return on_peer(control, message);
	case CHILD_WORKER:
		if (!ipc_is(message, struct child_worker))
			return -EBADMSG;
		worker_on_socket(&control->workers, (const void *)message->body,
				 take_fd(&message->fd));
		return 0;
	case CHILD_CERTIFICATE:
		tls_files_take(&control->certificate, take_fd(&message->fd));
		return 0;
	case CHILD_KEY:
		tls_files_take(&control->key, take_fd(&message->fd));
		return 0;
	case CHILD_SOURCE_SOCKET:
		if (!ipc_is(message, struct child_source_socket) || message->fd < 0)
			return -EBADMSG;
		return source_sockets_add(&control->source_sockets, (const void *)message->body,
					  take_fd(&message->fd));
	case CHILD_RELOAD:
		server_reload(control->server);
		return 0;
	case CHILD_GO:
		control_load(control);
		return 0;
	case CHILD_STOP:
		drain(control);
		return 0;
	default:
		return -EBADMSG;
	}
}

static void on_supervisor_gone(void *owner)
{
	loop_stop(((struct control *)owner)->loop);
}

/* ---- a link that broke between living processes ---- */

/* The process runs, and for long enough that it would have been introduced. */
static bool is_cut_off(const struct control *control, enum role role, const void *link)
{
	const struct shared_process *process;

	if (link || !control->shared)
		return false;
	process = &control->shared->processes[role];
	return atomic_load(&process->pid) &&
	       wall_now().ns - atomic_load(&process->started_wall_ns) > CUT_OFF_MAX;
}

/* Nobody makes a new link while both ends live, but for a process that starts: so we do that. */
static void on_link_time(void *owner)
{
	struct control *control = owner;

	if (control->draining || (control->recorder.link && control->courier.link))
		return;
	if (!is_cut_off(control, ROLE_RECORDER, control->recorder.link) &&
	    !is_cut_off(control, ROLE_COURIER, control->courier.link)) {
		timer_set(control->link_timer, CUT_OFF_MAX);
		return;
	}
	log_error("control", "cut off from a process that lives: starting again");
	control->status = 1;
	loop_stop(control->loop);
}

void control_on_link_lost(struct control *control)
{
	timer_set(control->link_timer, CUT_OFF_MAX);
}

/* ---- life ---- */

static void set_defaults(struct control_config *config)
{
	if (!config->connections_max)
		config->connections_max = CONNECTIONS_MAX_DEFAULT;
	if (!config->connections_per_address)
		config->connections_per_address = PER_ADDRESS_DEFAULT;
	if (!config->request_timeout_ms)
		config->request_timeout_ms = REQUEST_TIMEOUT_DEFAULT;
	if (!config->idle_timeout_ms)
		config->idle_timeout_ms = IDLE_TIMEOUT_DEFAULT;
}

/* Links in pushes: what was configured, else the address we listen on; a wildcard address becomes
 * the host's name. */
static void set_names(struct control *control)
{
	const char *listen = control->config.listen;
	const char *scheme = control->config.tls ? "https" : "http";
	bool wildcard = !strncmp(listen, "0.0.0.0:", 8) || !strncmp(listen, "[::]:", 5);

	if (gethostname(control->probe, sizeof(control->probe) - 1))
		snprintf(control->probe, sizeof(control->probe), "localhost");
	if (control->config.public_url[0])
		snprintf(control->base_url, sizeof(control->base_url), "%s",
			 control->config.public_url);
	else if (wildcard)
		snprintf(control->base_url, sizeof(control->base_url), "%s://%s:%u", scheme,
			 control->probe, control->address.port);
	else
		snprintf(control->base_url, sizeof(control->base_url), "%s://%s", scheme, listen);
}

/* Recording goes on without it: then manifests say that they are not signed. */
static void open_signing_key(struct control *control)
{
	CLEANUP_CLOSE int state = open(control->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = state < 0 ? -errno : signing_key_open(state, &control->signing_key);

	if (r < 0)
		log_error("control", "%s/" SIGNING_KEY_NAME ": %s: manifests are not signed",
			  control->config.state,
			  r == -EBADMSG ? "is not a key" : strerrordesc_np(-r));
}

static int open_folders(struct control *control)
{
	int r;

	control->captures_fd = open(control->config.captures, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (control->captures_fd < 0) {
		log_error("control", "captures folder %s: %s", control->config.captures,
			  strerror(errno));
		return -errno;
	}
	open_signing_key(control);
	r = store_open(control->loop, control->config.state, &control->store);
	if (r == -EPROTO)
		log_error("control", "store in %s is of a newer version of this program",
			  control->config.state);
	else if (r < 0)
		log_error("control", "store in %s: %s", control->config.state, strerrordesc_np(-r));
	else if (audit_close(store_db(control->store)))
		log_warning("control", "store: the audit's running downloads are not closed");
	return r;
}

static int control_init(struct control *control, const struct control_config *config)
{
	struct error err;

	control->config = *config;
	control->captures_fd = -1;
	control->started_at = wall_now();
	set_defaults(&control->config);
	if (listen_parse(config->listen, &control->address, &err) < 0) {
		log_error("control", "listen: %s", err.text);
		return -EINVAL;
	}
	set_names(control);
	control->transfer_limits =
		(struct transfer_limits){.all = (uint64_t)config->download_rate,
					 .client = (uint64_t)config->download_rate_per_address};
	live_init(&control->live);
	LIST_INIT(&control->manifests);
	ring_feeds_init(&control->feeds);
	commit_queue_init(&control->commits, control);
	recorder_link_init(&control->recorder, control);
	courier_link_init(&control->courier, control);
	worker_pool_init(&control->workers, control);
	program_cache_init(&control->programs, control);
	digest_queue_init(&control->digests, control);
	LIST_INIT(&control->readings);
	retention_job_init(&control->retention, control);
	prune_job_init(&control->prune, control);
	watch_self_init(&control->watch, control);
	tails_init(&control->tails, control);
	source_sockets_init(&control->source_sockets, control);
	topic_sources_init(&control->topics, control);
	control->engine_timer = timer_new(control->loop, on_engine_time, control);
	control->retry_timer = timer_new(control->loop, on_retry, control);
	control->drain_timer = timer_new(control->loop, on_drain_time, control);
	control->link_timer = timer_new(control->loop, on_link_time, control);
	return open_folders(control);
}

/* In the order of dependence: who is told first, who writes last. What the store still has to do is
 * done before it closes; what was not committed was never promised. */
static void control_fini(struct control *control)
{
	control->stopping = true;
	control->server = server_stop(control->server);
	control->store = store_close(control->store);
	manifest_jobs_fini(&control->manifests);
	commit_queue_fini(&control->commits);
	tails_fini(&control->tails);
	source_sockets_fini(&control->source_sockets);
	topic_sources_fini(&control->topics);
	recorder_link_fini(&control->recorder);
	courier_link_fini(&control->courier);
	worker_pool_fini(&control->workers);
	program_cache_fini(&control->programs);
	digest_queue_fini(&control->digests);
	retention_job_fini(&control->retention);
	control->supervisor = ipc_link_free(control->supervisor);
	prune_job_fini(&control->prune);
	watch_self_fini(&control->watch);
	timer_free(control->engine_timer);
	timer_free(control->retry_timer);
	timer_free(control->drain_timer);
	timer_free(control->link_timer);
	engine_free(control->engine);
	live_clear(&control->live);
	json_decref(control->endpoint_problems);
	if (control->key)
		explicit_bzero(control->key, strlen(control->key));
	free(control->key);
	signing_key_fini(&control->signing_key);
	free(control->certificate);
	if (control->captures_fd >= 0)
		close(control->captures_fd);
	if (control->shared)
		munmap((void *)control->shared, sizeof(struct shared));
}

int control_main(int supervisor, const struct control_config *config)
{
	struct control *control = xcalloc(1, sizeof(*control));
	int status = 1;

	signal(SIGPIPE, SIG_IGN);
	umask(0007);
	control->loop = loop_new();
	if (control_init(control, config) >= 0) {
		control->supervisor = ipc_link_new(control->loop, supervisor, on_supervisor,
						   on_supervisor_gone, control);
		loop_run(control->loop);
		status = control->status;
	}
	control_fini(control);
	loop_free(control->loop);
	free(control);
	return status;
}
