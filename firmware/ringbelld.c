/* SPDX-License-Identifier: Apache-2.0 */
/* ringbelld: reads what it is told, checks that the environment allows it, opens the rings, gives
 * up what it no longer needs, and becomes the supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "capture/ring_kept.h"
#include "capture/selftest.h"
#include "dispatch/serve/listen.h"
#include "firmware/folder.h"
#include "firmware/offline.h"
#include "firmware/options.h"
#include "firmware/sandbox.h"
#include "firmware/supervisor.h"

#define EXIT_USAGE 2 /* options or configuration; as systemd's RestartPreventExitStatus= knows */

#define DESCRIPTORS_MAX	   16384
#define WRITE_BUFFER_BYTES (1u << 20)
#define WRITE_BUFFERS	   64 /* 64 MiB for all tracks, used only while the disk is behind */

/* Everything the process owns; ends with it. */
struct ringbelld {
	struct config config;
	struct identity identities[USER_COUNT];
	struct process_title title;
	struct slot slots[CHILD_RINGS_MAX];
	uint32_t slot_count;
	struct ring_kept kept;
	struct shared *shared;
	int shared_fd;
	int lock_fd;
	struct source_sockets_open sockets;
	struct recorder_config recorder;
	struct control_config control;
	struct courier_config courier;
};

static void plan_listener(struct ringbelld *d)
{
	const struct config *c = &d->config;
	const struct identity *control = &d->identities[USER_CONTROL];
	struct listen_address address;
	int is_open = listen_parse(c->listen, &address, NULL) || !listen_is_loopback(&address);

	d->control.tls = c->tls.mode == TLS_ON || (c->tls.mode == TLS_AUTO && is_open);
	if (!d->control.tls && is_open)
		log_warning("supervisor",
			    "%s is open to others and not encrypted: tokens and captures can be "
			    "read on the way",
			    c->listen);
	d->control.local_group = control->is_changed ? control->shared_gid : 0;
	d->control.connections_max = (uint32_t)c->http.connections;
	d->control.connections_per_address = (uint32_t)c->http.connections_per_address;
	d->control.request_timeout_ms = (uint32_t)(c->http.request_timeout_ns / DUR_MS);
	d->control.download_rate = c->http.download_rate;
	d->control.download_rate_per_address = c->http.download_rate_per_address;
	d->control.idle_timeout_ms = (uint32_t)(c->http.idle_timeout_ns / DUR_MS);
}

static void plan_children(struct ringbelld *d)
{
	const struct config *c = &d->config;

	d->recorder.min_free_bytes = c->storage.min_free_bytes;
	d->recorder.sync_after = c->storage.sync_after_ns;
	d->recorder.buffer_bytes = WRITE_BUFFER_BYTES;
	d->recorder.buffer_count = WRITE_BUFFERS;
	d->recorder.idle_wake_ms = (uint32_t)c->rings.idle_wake_ms;
	d->recorder.replay_speed_percent = (int)c->replay.speed_percent;
	d->recorder.replay_loop = (int)c->replay.loop;
	snprintf(d->recorder.captures, sizeof(d->recorder.captures), "%s", c->captures);
	snprintf(d->recorder.test_hook, sizeof(d->recorder.test_hook), "%s", c->test.hook);
	d->control.min_free_bytes = c->storage.min_free_bytes;
	d->control.keep_free_bytes = c->storage.keep_free_bytes ? c->storage.keep_free_bytes
								: 2 * c->storage.min_free_bytes;
	d->control.captures_max_bytes = c->storage.max_bytes;
	d->control.retention_age_ns = c->storage.retention_ns;
	snprintf(d->control.state, sizeof(d->control.state), "%s", c->state);
	snprintf(d->control.captures, sizeof(d->control.captures), "%s", c->captures);
	snprintf(d->control.listen, sizeof(d->control.listen), "%s", c->listen);
	snprintf(d->control.source_folders, sizeof(d->control.source_folders), "%s",
		 c->sources.folders);
	snprintf(d->control.public_url, sizeof(d->control.public_url), "%s", c->public_url);
	plan_listener(d);
	d->courier.connect_timeout_ms = (int)(c->courier.connect_timeout_ns / DUR_MS);
	snprintf(d->courier.ca_file, sizeof(d->courier.ca_file), "%s", c->courier.ca_file);
	snprintf(d->courier.allow, sizeof(d->courier.allow), "%s", c->courier.allow);
}

/* The memory that outlives recorders. Nobody can make it fault by shortening it, and none but root
 * and those who are handed a writable descriptor can write to it. */
static int open_shared(struct ringbelld *d)
{
	d->shared_fd = memfd_create("ringbell-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (d->shared_fd < 0 || ftruncate(d->shared_fd, sizeof(struct shared)) ||
	    fchmod(d->shared_fd, 0600) ||
	    fcntl(d->shared_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	d->shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			 d->shared_fd, 0);
	if (d->shared == MAP_FAILED)
		return -errno;
	d->shared->magic = SHARED_MAGIC;
	d->shared->version = SHARED_VERSION;
	return 0;
}

static struct ring_geometry plan_rings(const struct config *config)
{
	struct ring_geometry g;

	ring_socket_plan((uint64_t)config->rings.memory_bytes, &g);
	if (config->rings.block_bytes) {
		g.block_bytes = (uint32_t)config->rings.block_bytes;
		g.block_count = (uint32_t)(config->rings.memory_bytes / g.block_bytes);
	}
	g.retire_ms = (uint32_t)config->rings.retire_ms;
	return g;
}

/* Rings cannot be swapped out: more of them than memory would end with the machine. */
static int check_memory(const struct config *config, struct error *err)
{
	int64_t rings = (int64_t)(config->nic_count + config->replay.file_count);
	int64_t machine = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);

	if (config->rings.memory_bytes <= machine / 10 * 8 / rings)
		return 0;
	error_set(err, "no_memory", "/rings/memory_bytes",
		  "\"%" PRId64 "\": %" PRId64 " rings of that size need more than 80 %% of this "
		  "machine's memory; at most %" PRId64 " is allowed here",
		  config->rings.memory_bytes, rings, machine / 10 * 8 / rings);
	return -ENOMEM;
}

static enum history_mode find_mode(const struct config *config)
{
	struct selftest_result result;

	selftest_run(config->test.hook, &result);
	if (result.mode != HISTORY_CLAIM)
		log_warning("supervisor",
			    "self-test: history cannot be claimed back on this kernel: %s; blocks "
			    "are held back instead, which costs more CPU",
			    result.reason);
	else
		log_info("supervisor", "self-test: passed, released blocks keep history");
	return result.mode;
}

static void set_mode(struct ringbelld *d)
{
	const struct config *c = &d->config;
	int failed = !strcmp(c->test.hook, "selftest=fail");
	enum history_mode of_kernel = c->nic_count ? find_mode(c) : HISTORY_UNKNOWN;

	for (uint32_t i = 0; i < d->slot_count; i++) {
		enum history_mode mode = d->slots[i].ring.kind == RING_PACKET_SOCKET ? of_kernel
					 : failed				     ? HISTORY_HOLD
						  : HISTORY_CLAIM;

		atomic_store(&d->shared->rings[i].history_mode, mode);
	}
}

static int open_rings(struct ringbelld *d, struct error *err)
{
	const struct config *c = &d->config;
	struct slot_options o = {.geometry = plan_rings(c), .kept = &d->kept};
	char nic[CHILD_NIC_SIZE];

	if (ring_kept_init(&d->kept, (uint32_t)c->rings.slice_bytes, c->rings.filter, err))
		return -EINVAL;
	for (uint32_t i = 0; i < c->nic_count; i++) {
		o.index = d->slot_count++;
		o.shared = &d->shared->rings[o.index];
		slot_init_nic(&d->slots[o.index], &o, c->nics[i]);
	}
	for (uint32_t i = 0; i < c->replay.file_count; i++) {
		int r;

		o.index = d->slot_count++;
		o.shared = &d->shared->rings[o.index];
		snprintf(nic, sizeof(nic), "file%u", i);
		r = slot_init_file(&d->slots[o.index], &o, nic, c->replay.files[i], err);
		if (r < 0)
			return r;
	}
	atomic_store(&d->shared->ring_count, d->slot_count);
	return 0;
}

static int check_root(const struct config *config, struct error *err)
{
	if (!config->nic_count || geteuid() == 0)
		return 0;
	error_set(err, "not_root", "/nics",
		  "\"%s\": recording a NIC needs root: run as root, or use --replay FILE",
		  config->nics[0]);
	return -EPERM;
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* The users, and the folders for us alone. */
static int prepare_folders(struct ringbelld *d, struct error *err)
{
	int r = privileges_find(&d->config, d->identities, err);

	if (!r)
		r = folder_prepare(&d->config, d->identities, err);
	if (r)
		return r;
	d->lock_fd = folder_lock(d->config.state, err);
	return d->lock_fd < 0 ? d->lock_fd : 0;
}

/* Whether they are good, control will say; whether they are there is known now. */
static int check_certificate(const struct config *config, struct error *err)
{
	const char *const files[] = {config->tls.certificate_file, config->tls.key_file};
	const char *const fields[] = {"/tls/certificate_file", "/tls/key_file"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP_CLOSE int fd = -1;

		if (!*files[i])
			continue;
		fd = open(files[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0)
			continue;
		error_set(err, "environment", fields[i], "%s: %s", files[i], strerror(errno));
		return -EINVAL;
	}
	return 0;
}

/* All that may fail because of the environment, before anything runs. */
static int prepare(struct ringbelld *d, struct error *err)
{
	int r = check_root(&d->config, err);

	if (!r)
		r = check_memory(&d->config, err);
	if (!r)
		r = check_certificate(&d->config, err);
	if (!r)
		r = prepare_folders(d, err);
	if (!r)
		r = folder_probe(&d->config, d->identities, err);
	if (!r) {
		r = open_shared(d);
		if (r < 0)
			error_set(err, "environment", "", "no shared memory: %s",
				  strerrordesc_np(-r));
	}
	if (!r)
		r = source_sockets_open(d->config.sources.sockets, d->config.sources.sockets_group,
					&d->sockets, err);
	if (!r)
		r = open_rings(d, err);
	return r;
}

static int run(struct ringbelld *d)
{
	struct supervisor_options o = {
		.slots = d->slots,
		.slot_count = d->slot_count,
		.shared_fd = d->shared_fd,
		.shared = d->shared,
		.identities = d->identities,
		.title = &d->title,
		.log_level = d->config.log_level,
		.recorder = &d->recorder,
		.control = &d->control,
		.courier = &d->courier,
		.sockets = &d->sockets,
		.certificate_file = d->config.tls.certificate_file,
		.key_file = d->config.tls.key_file,
	};
	struct error err;
	int r;

	set_mode(d);
	r = privileges_keep(&err);
	if (r < 0) {
		log_error("supervisor", "%s", err.text);
		return EXIT_FAILURE;
	}
	plan_children(d);
	sandbox_log();
	if (sandbox_enter(&(struct sandbox_options){.role = SYSCALL_SUPERVISOR}) < 0)
		return EXIT_FAILURE;
	r = supervisor_run(&o);
	if (r < 0)
		log_error("supervisor", "cannot run: %s", strerrordesc_np(-r));
	for (uint32_t i = 0; i < d->slot_count; i++)
		slot_fini(&d->slots[i]);
	log_info("supervisor", "stopped");
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int refuse_start(const struct error *err)
{
	log_error("supervisor", "%s%s%s", err->field, *err->field ? ": " : "", err->text);
	return EXIT_FAILURE;
}

/* What is wrong with the configuration and only the start would find. */
static int check_rest(struct ringbelld *d)
{
	const struct config *c = &d->config;
	struct error err;
	int r = source_sockets_check_group(c->sources.sockets_group, &err);

	if (!r)
		r = ring_kept_init(&d->kept, (uint32_t)c->rings.slice_bytes, c->rings.filter, &err);
	if (r)
		fprintf(stderr, "%s: %s\n", err.field, err.text);
	return r;
}

int main(int argc, char *argv[])
{
	CLEANUP_BUF struct buf errors = BUF_INIT;
	struct ringbelld d = {.shared_fd = -1, .lock_fd = -1};
	struct error err = {0};
	int task = options_load(argc, argv, &d.config, &errors);

	if (task < 0) {
		fputs(errors.data, stderr);
		return EXIT_USAGE;
	}
	if (task == OPTIONS_HELP || task == OPTIONS_VERSION) {
		fputs(task == OPTIONS_HELP ? options_help : "ringbelld " RINGBELL_VERSION "\n",
		      stdout);
		return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	if (task == OPTIONS_CHECK)
		return check_rest(&d) ? EXIT_FAILURE : EXIT_SUCCESS;
	close_range(STDERR_FILENO + 1, ~0U, 0); /* what a careless parent left open */
	process_title_init(&d.title, argc, argv);
	log_open("ringbelld", d.config.log_level);
	raise_descriptors();
	if (task == OPTIONS_REBUILD)
		return prepare_folders(&d, &err) < 0
			       ? refuse_start(&err)
			       : offline_rebuild(&d.config, &d.identities[USER_CONTROL]);
	return prepare(&d, &err) < 0 ? refuse_start(&err) : run(&d);
}
