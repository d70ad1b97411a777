/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out: a whole capture, one segment, the manifest.
 *
 * A whole capture is its segments one after another (ring, then number): pcapng allows several
 * sections in a file. What runs is served up to where the recorder says that bytes are sure; what
 * is over is served with ranges and an entity tag made of the digests. Nothing is ever answered
 * with an empty file: a capture without packets says why. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "dispatch/serve/api.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/download.h"
#include "dispatch/serve/problem.h"
#include "storage/retention.h"

#define PCAPNG_TYPE "application/x-pcapng"

/* What the catalogue and the folder say, gathered on the store thread. */
struct download_job {
	struct exchange *exchange;
	int captures_fd;
	char id[IDENT_SIZE + 1];      /* as asked for: one that is too long matches nothing */
	char name[SEGMENT_NAME_SIZE]; /* one segment; "" = the whole capture */
	bool absent;
	struct capture_row capture;
	struct segment_row *segments; /* owned; missing = file gone or shorter than its row */
	int count;
	struct coverage coverage;
	struct retention_state retention;
	int manifest_fd;
	uint64_t manifest_bytes;
};

static void job_free(struct download_job *job)
{
	if (job->manifest_fd >= 0)
		close(job->manifest_fd);
	free(job->segments);
	free(job);
}

static void check_file(const struct download_job *job, struct segment_row *row)
{
	char path[2 * SEGMENT_NAME_SIZE + 2];
	struct stat st;

	if (!row->sealed)
		return;
	snprintf(path, sizeof(path), "%s/%s", job->capture.folder, row->name);
	if (fstatat(job->captures_fd, path, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < row->file_bytes)
		row->missing = true;
}

static int plan_run(struct db *db, void *arg)
{
	struct download_job *job = arg;
	CLEANUP_FREE struct gap_row *gaps = NULL;
	int n, r = catalogue_get_capture(db, job->id, &job->capture);

	job->absent = r == CATALOGUE_ABSENT;
	if (r)
		return r < 0 ? r : 0;
	job->count = catalogue_list_segments(db, job->id, &job->segments);
	if (job->count < 0)
		return job->count;
	n = catalogue_list_gaps(db, job->id, &gaps);
	if (n < 0)
		return n;
	r = retention_get(db, job->id, wall_now(), &job->retention);
	if (r)
		return r;
	coverage_compute(&job->capture, job->segments, (size_t)job->count, gaps, (size_t)n,
			 &job->coverage);
	for (int i = 0; i < job->count; i++)
		check_file(job, &job->segments[i]);
	return 0;
}

/* ---- what to send ---- */

/* An open segment's piece: what the recorder vouches for. */
static void add_open(struct download *download, const struct download_job *job,
		     const struct segment_row *row)
{
	struct control *control = job->exchange->control;
	struct live_capture *capture = live_find(&control->live, job->id);
	const struct live_track *track = capture ? live_track_by_nic(capture, row->nic) : NULL;

	if (track && track->progress.name[0] && track->progress.segment == row->number &&
	    track->progress.valid_bytes)
		download_add(download, job->capture.folder, track->progress.name,
			     track->progress.valid_bytes);
}

static void add_segment(struct download *download, const struct download_job *job,
			const struct segment_row *row)
{
	if (row->missing)
		return;
	if (row->sealed)
		download_add(download, job->capture.folder, row->name, row->file_bytes);
	else
		add_open(download, job, row);
}

/* Packets known to be in the files, with what the recorder reported of open ones. */
static uint64_t count_packets(const struct download_job *job)
{
	struct live_capture *capture = live_find(&job->exchange->control->live, job->id);
	uint64_t packets = 0;

	for (int i = 0; i < job->count; i++)
		if (job->segments[i].sealed && !job->segments[i].missing)
			packets += job->segments[i].packets;
	for (size_t i = 0; capture && i < capture->track_count; i++)
		if (capture->tracks[i].progress.name[0])
			packets += capture->tracks[i].progress.packets;
	return packets;
}

/* Hash over the digests in order; "" if one is not there yet. */
static void make_etag(const struct download_job *job, char etag[SHA256_HEX_SIZE])
{
	struct sha256 hash;

	etag[0] = '\0';
	sha256_init(&hash);
	for (int i = 0; i < job->count; i++) {
		const struct segment_row *row = &job->segments[i];

		if (row->missing || !row->sealed)
			continue;
		if (!row->sha256[0])
			return;
		sha256_add(&hash, row->sha256, strlen(row->sha256));
	}
	sha256_format(&hash, etag);
}

/* ---- why not ---- */

static bool all_missing(const struct download_job *job)
{
	for (int i = 0; i < job->count; i++)
		if (!job->segments[i].missing)
			return false;
	return job->count > 0;
}

static void refuse_gone(const struct download_job *job, const char *what)
{
	const struct retention_state *state = &job->retention;
	char at[WALL_TEXT_SIZE];

	if (wall_known(state->removed_at))
		exchange_refuse(job->exchange, 410, "gone", "%.200s was removed at %s (%s)", what,
				wall_format(state->removed_at, at),
				retention_reason_name(state->reason));
	else
		exchange_refuse(job->exchange, 410, "gone", "the file of %.200s was deleted", what);
}

static void refuse_empty(const struct download_job *job)
{
	const struct capture_row *row = &job->capture;
	const char *code = job->coverage.code ? job->coverage.code : "nothing_matched";
	char detail[512];
	json_t *problem;

	if (row->state != CAPTURE_FINISHED)
		snprintf(detail, sizeof(detail),
			 "the capture is %s and has no packet yet, try again",
			 capture_state_name(row->state));
	else
		snprintf(detail, sizeof(detail), "the capture has no packet: %s%s%s", code,
			 row->problem[0] ? ", " : "", row->problem);
	problem = problem_format(409, code, detail);
	json_object_set_new(problem, "completeness", json_string("empty"));
	exchange_reply_problem(job->exchange, 409, problem);
}

/* ---- the whole capture ---- */

static void start_whole(struct download_job *job)
{
	struct exchange *exchange = job->exchange;
	struct download *download = download_new(exchange);
	char stamp[WALL_TEXT_SIZE], policy[48];

	for (int i = 0; i < job->count; i++)
		add_segment(download, job, &job->segments[i]);
	if (!download->count || !count_packets(job)) {
		download_abort(download);
		if (all_missing(job))
			refuse_gone(job, "each segment");
		else
			refuse_empty(job);
		return;
	}
	download->type = PCAPNG_TYPE;
	snprintf(download->file_name, sizeof(download->file_name), "%s_%s_%s.pcapng",
		 wall_format_compact(job->capture.trigger_at, stamp),
		 segment_safe(job->capture.policy_name, policy), job->capture.id);
	if (job->capture.state == CAPTURE_FINISHED) {
		download->ranges = true;
		make_etag(job, download->etag);
	}
	exchange_set_header(exchange, "X-Ringbell-Completeness",
			    job->capture.state == CAPTURE_FINISHED
				    ? coverage_completeness_name(job->coverage.completeness)
				    : "partial");
	exchange_set_header(exchange, "X-Ringbell-Coverage", job->coverage.code);
	download_start(download);
}

/* ---- one segment ---- */

static const struct segment_row *find_segment(const struct download_job *job)
{
	for (int i = 0; i < job->count; i++)
		if (!strcmp(job->segments[i].name, job->name))
			return &job->segments[i];
	return NULL;
}

static void start_segment(struct download_job *job)
{
	struct exchange *exchange = job->exchange;
	const struct segment_row *row = find_segment(job);
	struct download *download;

	if (!row) {
		exchange_refuse(exchange, 404, "not_found", "capture %s has no segment \"%.130s\"",
				job->id, job->name);
		return;
	}
	if (row->missing) {
		refuse_gone(job, row->name);
		return;
	}
	download = download_new(exchange);
	add_segment(download, job, row);
	if (!download->count) {
		download_abort(download);
		exchange_refuse(exchange, 409, "still_running",
				"nothing of segment %s is on disk yet, try again", row->name);
		return;
	}
	download->type = PCAPNG_TYPE;
	snprintf(download->file_name, sizeof(download->file_name), "%s", row->name);
	download->ranges = row->sealed;
	if (row->sealed)
		memcpy(download->etag, row->sha256, sizeof(download->etag));
	download_start(download);
}

static void plan_done(void *arg, int result)
{
	struct download_job *job = arg;
	struct exchange *exchange = job->exchange;

	if (result < 0)
		exchange_refuse_store(exchange, result);
	else if (job->absent)
		exchange_refuse(exchange, 404, "not_found", "there is no capture \"%s\"", job->id);
	else if (job->name[0])
		start_segment(job);
	else
		start_whole(job);
	job_free(job);
}

static struct download_job *job_new(struct exchange *exchange)
{
	struct download_job *job = xcalloc(1, sizeof(*job));

	job->exchange = exchange;
	job->captures_fd = exchange->control->captures_fd;
	job->manifest_fd = -1;
	snprintf(job->id, sizeof(job->id), "%s", exchange_param(exchange, 0));
	return job;
}

void api_capture_download(struct exchange *exchange)
{
	store_post(exchange->control->store, STORE_READ, plan_run, plan_done, job_new(exchange));
}

void api_segment_download(struct exchange *exchange)
{
	struct download_job *job = job_new(exchange);

	snprintf(job->name, sizeof(job->name), "%s", exchange_param(exchange, 1));
	store_post(exchange->control->store, STORE_READ, plan_run, plan_done, job);
}

/* ---- the manifest: the file itself, byte for byte ---- */

static int manifest_run(struct db *db, void *arg)
{
	struct download_job *job = arg;
	char path[SEGMENT_NAME_SIZE + 16];
	struct stat st;
	int r = catalogue_get_capture(db, job->id, &job->capture);

	job->absent = r == CATALOGUE_ABSENT;
	if (r)
		return r < 0 ? r : 0;
	snprintf(path, sizeof(path), "%s/manifest.json", job->capture.folder);
	job->manifest_fd = openat(job->captures_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (job->manifest_fd < 0 || fstat(job->manifest_fd, &st)) {
		job->absent = errno == ENOENT;
		return errno == ENOENT ? 0 : -errno;
	}
	job->manifest_bytes = (uint64_t)st.st_size;
	return 0;
}

static void manifest_start(struct download_job *job)
{
	struct download *download = download_new(job->exchange);

	download->type = "application/json";
	snprintf(download->file_name, sizeof(download->file_name), "%s-manifest.json", job->id);
	download_add(download, job->capture.folder, "manifest.json", job->manifest_bytes);
	/* opened already: the name may belong to a newer manifest by now */
	download->fd = take_fd(&job->manifest_fd);
	download_start(download);
}

static void manifest_done(void *arg, int result)
{
	struct download_job *job = arg;
	struct exchange *exchange = job->exchange;

	if (result < 0)
		exchange_refuse_store(exchange, result);
	else if (job->absent)
		exchange_refuse(exchange, 404, "not_found", "capture \"%s\" has no manifest (yet)",
				job->id);
	else
		manifest_start(job);
	job_free(job);
}

void api_manifest_download(struct exchange *exchange)
{
	store_post(exchange->control->store, STORE_READ, manifest_run, manifest_done,
		   job_new(exchange));
}
