/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/retention_job.h"

#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/serve/announce.h"
#include "dispatch/serve/control_state.h"
#include "storage/retention.h"

#define PERIOD	      (10 * DUR_S)
#define FILES_AT_ONCE 4

/* A policy whose captures have a limit of their own. */
struct policy_age {
	char policy[IDENT_SIZE];
	dur_t age;
};

/* One look; the same struct goes through all its steps. */
struct look {
	struct retention_job *job;
	struct retention_limits limits;
	int captures_fd;
	wall_t now;
	char (*reading)[IDENT_SIZE]; /* owned */
	size_t reading_count;
	struct policy_age *ages; /* owned */
	size_t age_count;
	struct retention_item *items; /* owned */
	enum retention_reason *reasons;
	int count;
	uint64_t wanting;
	bool undone; /* earlier removals wait for their files: nothing new is planned for space */
	/* the removal in work, or the last one */
	bool deleting;
	char capture[IDENT_SIZE];
	char folder[128];
	int outcome;
	struct announce announce;
};

static void look_free(struct look *look)
{
	free(look->reading);
	free(look->ages);
	free(look->items);
	free(look->reasons);
	free(look);
}

static void look_end(struct look *look)
{
	struct retention_job *job = look->job;

	look_free(look);
	job->busy = false;
	timer_set(job->timer, job->again ? 0 : PERIOD);
}

/* ---- third: the files ---- */

static int delete_run(struct db *db, void *arg)
{
	struct look *look = arg;

	if (!look->deleting) {
		look->outcome = retention_next(db, look->capture, look->folder);
		if (look->outcome)
			return look->outcome < 0 ? look->outcome : 0;
		look->deleting = true;
	}
	look->outcome = retention_delete_files(look->captures_fd, look->folder, FILES_AT_ONCE);
	return look->outcome < 0 ? look->outcome : 0;
}

static void delete_done(void *arg, int result);

static int finish_run(struct db *db, void *arg)
{
	const struct look *look = arg;
	int r = retention_finish(db, look->capture);

	return r < 0 ? r : announce_removed(db, &look->announce, look->capture);
}

static void finish_done(void *arg, int result);

static void finish_post(struct look *look)
{
	struct control *control = look->job->control;

	announce_gather(control, &look->announce);
	commit_post(&control->commits, finish_run, finish_done, look);
}

static void delete_next(struct look *look)
{
	store_post(look->job->control->store, STORE_READ, delete_run, delete_done, look);
}

static void finish_done(void *arg, int result)
{
	struct look *look = arg;

	if (result < 0) {
		look_end(look);
		return;
	}
	log_info("control", "capture %s: files removed", look->capture);
	look->job->removed++;
	look->deleting = false;
	if (look->announce.count)
		courier_link_kick(&look->job->control->courier);
	delete_next(look);
}

static void delete_done(void *arg, int result)
{
	struct look *look = arg;

	if (!look->deleting) { /* there is none left, or the store failed */
		look_end(look);
		return;
	}
	if (result < 0) { /* the next one may go better */
		log_warning("control", "capture %s: files not removed: %s, tried again in 10 s",
			    look->capture, strerrordesc_np(-result));
		look->deleting = false;
	}
	if (result < 0 || look->outcome == RETENTION_MORE)
		delete_next(look);
	else
		finish_post(look);
}

/* ---- second: the decision, durable ---- */

static int remove_run(struct db *db, void *arg)
{
	struct look *look = arg;
	int r = 0;

	for (int i = 0; i < look->count && r >= 0; i++)
		if (look->reasons[i] != RETENTION_STAYS) {
			r = retention_remove(db, look->items[i].id, look->reasons[i], look->now);
			if (r == CATALOGUE_ABSENT) /* pinned meanwhile */
				look->reasons[i] = RETENTION_STAYS;
		}
	return r < 0 ? r : 0;
}

static void remove_done(void *arg, int result)
{
	struct look *look = arg;

	if (result < 0) {
		look_end(look);
		return;
	}
	for (int i = 0; i < look->count; i++)
		if (look->reasons[i] != RETENTION_STAYS) {
			look->job->evicted[look->reasons[i]]++;
			log_info("control", "capture %s: removed by retention: %s",
				 look->items[i].id, retention_reason_name(look->reasons[i]));
		}
	delete_next(look);
}

/* ---- first: the look ---- */

static bool is_reading(const struct look *look, const char *capture)
{
	for (size_t i = 0; i < look->reading_count; i++)
		if (!strcmp(look->reading[i], capture))
			return true;
	return false;
}

static dur_t find_age(const struct look *look, const char *policy)
{
	for (size_t i = 0; i < look->age_count; i++)
		if (!strcmp(look->ages[i].policy, policy))
			return look->ages[i].age;
	return 0;
}

static int look_run(struct db *db, void *arg)
{
	struct look *look = arg;
	struct retention_facts facts = {.now = look->now, .free_bytes = UINT64_MAX};
	struct statvfs st;

	look->count = retention_list(db, look->now, &look->items, &facts.all_bytes);
	if (look->count < 0)
		return look->count;
	for (int i = 0; i < look->count; i++) {
		look->items[i].age = find_age(look, look->items[i].policy);
		if (is_reading(look, look->items[i].id))
			look->items[i].locked = true;
	}
	if (retention_next(db, look->capture, look->folder) != CATALOGUE_ABSENT)
		look->undone = true;
	look->capture[0] = '\0';
	if (!look->undone && !fstatvfs(look->captures_fd, &st))
		facts.free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	look->reasons = xcalloc((size_t)look->count + 1, sizeof(*look->reasons));
	look->wanting = retention_plan(look->items, (size_t)look->count, &look->limits, &facts,
				       look->reasons);
	return 0;
}

static void tell_wanting(struct retention_job *job, uint64_t wanting)
{
	if (wanting && !job->told)
		log_warning("control",
			    "captures folder: %" PRIu64
			    " bytes more than allowed, and what is left is "
			    "running, pinned or being read",
			    wanting);
	job->told = wanting != 0;
	job->wanting = wanting;
}

static void look_done(void *arg, int result)
{
	struct look *look = arg;
	bool any = false;

	for (int i = 0; result == 0 && i < look->count; i++)
		any = any || look->reasons[i] != RETENTION_STAYS;
	if (result == 0)
		tell_wanting(look->job, look->wanting);
	if (result < 0)
		look_end(look);
	else if (any)
		commit_post(&look->job->control->commits, remove_run, remove_done, look);
	else
		delete_next(look);
}

static void list_reading(struct look *look, const struct readings *readings)
{
	const struct reading *reading;

	LIST_FOREACH (reading, readings, next) {
		look->reading = xreallocarray(look->reading, look->reading_count + 1,
					      sizeof(*look->reading));
		memcpy(look->reading[look->reading_count++], reading->capture, IDENT_SIZE);
	}
}

static void list_ages(struct look *look, const struct engine *engine)
{
	const struct pcap_policy *policy;

	for (size_t i = 0; (policy = engine_policy_at(engine, i)); i++) {
		struct policy_age *age;

		if (!policy->retention)
			continue;
		look->ages = xreallocarray(look->ages, look->age_count + 1, sizeof(*look->ages));
		age = &look->ages[look->age_count++];
		memcpy(age->policy, policy->id, sizeof(age->policy));
		age->age = policy->retention;
	}
}

static void on_time(void *owner)
{
	struct retention_job *job = owner;
	struct control *control = job->control;
	struct look *look;

	if (job->busy || !control->store || !control->engine || control->stopping) {
		job->again = true;
		return;
	}
	job->busy = true;
	job->again = false;
	look = xcalloc(1, sizeof(*look));
	look->job = job;
	look->limits = (struct retention_limits){
		.age = control->config.retention_age_ns,
		.max_bytes = (uint64_t)control->config.captures_max_bytes,
		.keep_free_bytes = (uint64_t)control->config.keep_free_bytes};
	look->captures_fd = control->captures_fd;
	look->now = wall_now();
	list_reading(look, &control->readings);
	list_ages(look, control->engine);
	store_post(control->store, STORE_READ, look_run, look_done, look);
}

void retention_job_init(struct retention_job *job, struct control *control)
{
	*job = (struct retention_job){.control = control};
	job->timer = timer_new(control->loop, on_time, job);
}

void retention_job_fini(struct retention_job *job)
{
	job->timer = timer_free(job->timer);
}

void retention_job_kick(struct retention_job *job)
{
	if (job->busy)
		job->again = true;
	else
		timer_set(job->timer, 0);
}
