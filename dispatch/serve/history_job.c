/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/history_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/extraction.h"
#include "policy/match_bpf.h"
#include "storage/journal.h"

struct history_job {
	struct control *control;
	struct extraction *extraction;
	struct derived_order order;
	struct derived_plan plan;
	char standing[IDENT_SIZE];
	struct segment_row row; /* of the new segment */
	struct segment_name name;
	wall_t now, from; /* from: history is covered since then */
	int folder, fd;
	bool single_nic;
	int error; /* the new file could not be sealed */
};

/* ---- which capture has it ---- */

static bool is_standing(struct live_capture *capture, const char *nic)
{
	const struct live_track *track = live_track_by_nic(capture, nic);

	return !capture->committed.filter[0] && !capture->match &&
	       !strcmp(capture->committed.slice, "whole") && track &&
	       track->state == TRACK_RECORDING;
}

/* Every packet, not one of many. */
static bool is_unsampled(const struct control *control, const struct live_capture *capture)
{
	const struct pcap_policy *policy =
		control->engine ? engine_policy(control->engine, capture->row.policy) : NULL;

	return policy && policy->sampling <= 1;
}

/* The one that has been recording for longest. */
static struct live_capture *find_standing(const struct control *control,
					  const struct live_capture *wanting, const char *nic)
{
	struct live_capture *capture, *found = NULL;

	LIST_FOREACH (capture, &control->live.captures, next)
		if (capture != wanting && is_standing(capture, nic) &&
		    is_unsampled(control, capture) &&
		    (!found || capture->row.created_at.ns < found->row.created_at.ns))
			found = capture;
	return found;
}

/* The capture's filters as one BPF text of less than `size` bytes. False where there is none: then
 * nothing is taken from the disk. Of two, one could shift the offsets of the other ("vlan"). */
static bool format_filter(const struct control *control, const struct live_capture *capture,
			  const struct live_track *track, size_t size, char *ret)
{
	const struct pcap_policy *policy = engine_policy(control->engine, capture->row.policy);
	CLEANUP_BUF struct buf text = BUF_INIT;
	struct ring_view ring;

	snprintf(ret, size, "%s", capture->row.filter);
	if (!policy || (!policy->match && !policy->narrow))
		return true;
	if (!policy->match || policy->narrow || *ret ||
	    !control_ring(control, track->ring, &ring) ||
	    match_bpf_format(policy->match, ring.link_type, size - 1, &text))
		return false;
	snprintf(ret, size, "%s", text.data ? text.data : "");
	return true;
}

bool history_job_wanted(const struct control *control, const struct live_capture *capture,
			const struct live_track *track)
{
	const struct live_capture *standing = find_standing(control, capture, track->nic);
	int64_t oldest;

	if (!standing || track->ran || track->ring >= CHILD_RINGS_MAX)
		return false;
	oldest = atomic_load(&control->shared->rings[track->ring].oldest_wall_ns);
	return oldest > capture->committed.requested_from.ns &&
	       standing->row.created_at.ns < oldest;
}

/* ---- the end ---- */

static void job_free(struct history_job *job)
{
	extraction_stop(job->extraction);
	derived_plan_fini(&job->plan);
	if (job->fd >= 0)
		close(job->fd);
	if (job->folder >= 0)
		close(job->folder);
	free(job);
}

/* History reaches further back now; told only where one NIC decides it. */
static int save_reach(struct db *db, const struct history_job *job)
{
	struct capture_row capture;
	int r = catalogue_get_capture(db, job->row.capture, &capture);

	if (r || !job->single_nic)
		return r < 0 ? r : 0;
	capture.reach_from = job->from;
	return catalogue_save_capture(db, &capture);
}

static int commit_run(struct db *db, void *arg)
{
	struct history_job *job = arg;
	char text[160], from[WALL_TEXT_SIZE];
	int r = segment_seal(job->folder, job->fd, job->row.name, job->row.file_bytes);

	job->error = r; /* a file's own trouble fails no other's commit */
	if (r)
		return 0;
	r = catalogue_save_segment(db, &job->row);
	if (!r)
		r = save_reach(db, job);
	snprintf(text, sizeof(text), "%s: history since %s, %" PRIu64 " packets, from capture %s",
		 job->row.nic, wall_format(job->from, from), job->row.packets, job->standing);
	return r ? r : journal_add_note(db, job->now, "capture", job->row.capture, "", text);
}

static void commit_done(void *arg, int result)
{
	struct history_job *job = arg;
	struct control *control = job->control;
	struct live_capture *capture = live_find(&control->live, job->row.capture);

	if (result == 0 && job->error) {
		if (capture && job->single_nic)
			capture->row.reach_from = capture->committed.reach_from;
		log_warning("control", "capture %s: history from disk was not kept: %s",
			    job->row.capture, strerrordesc_np(-job->error));
	} else if (result == 0) {
		if (capture && job->single_nic)
			capture->committed.reach_from = job->from;
		manifest_job_post(control, job->row.capture);
		digest_queue_kick(&control->digests);
	}
	job_free(job);
}

static void on_end(void *owner, enum extraction_end end)
{
	struct history_job *job = owner;
	const struct extract_result *result = extraction_result(job->extraction);
	struct segment_row *row = &job->row;
	struct live_capture *capture = live_find(&job->control->live, row->capture);

	if (end != EXTRACTION_DONE || result->end != EXTRACT_END_OK || !result->packets) {
		if (end != EXTRACTION_DONE || result->end != EXTRACT_END_OK)
			log_warning("control", "capture %s: history could not be taken from disk",
				    row->capture);
		segment_remove_hidden(job->folder, row->name);
		job_free(job);
		return;
	}
	row->sealed = true;
	row->file_bytes = result->bytes;
	row->packets = result->packets;
	row->bytes = result->wire_bytes;
	row->first.ns = result->first_ns;
	row->last.ns = result->last_ns;
	if (extraction_is_short(job->extraction) || result->damaged)
		job->single_nic = false; /* it does not reach as far as it seems */
	if (capture && job->single_nic)	 /* now: what is decided later is written later */
		capture->row.reach_from = job->from;
	commit_post(&job->control->commits, commit_run, commit_done, job);
}

/* ---- the start ---- */

static int open_segment(struct history_job *job)
{
	bool direct = false;

	job->folder = openat(job->control->captures_fd, job->row.capture,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (job->folder < 0)
		return -errno;
	segment_name_format(&job->name, job->row.name);
	job->fd = segment_open(job->folder, job->row.name, &direct);
	return job->fd < 0 ? job->fd : 0;
}

static void start_extraction(struct history_job *job)
{
	struct extraction_options options = {.control = job->control,
					     .order = &job->order,
					     .plan = &job->plan,
					     .on_end = on_end,
					     .owner = job};
	int fd;

	job->extraction = extraction_new(&options);
	fd = extraction_sources(job->extraction)->count ? open_segment(job) : -ENOENT;
	if (!fd)
		fd = fcntl(job->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		log_warning("control", "capture %s: history could not be taken from disk: %s",
			    job->row.capture, strerrordesc_np(-fd));
		job_free(job);
		return;
	}
	extraction_start(job->extraction, fd);
}

static int plan_run(struct db *db, void *arg)
{
	struct history_job *job = arg;
	int n, r;

	job->plan.captures = xcalloc(1, sizeof(*job->plan.captures));
	r = catalogue_get_capture(db, job->standing, job->plan.captures);
	if (r)
		return r < 0 ? r : 0;
	job->plan.capture_count = 1;
	n = catalogue_list_segments(db, job->standing, &job->plan.segments);
	job->plan.segment_count = n > 0 ? (size_t)n : 0;
	return n < 0 ? n : 0;
}

/* Since when the standing capture has the NIC without a hole at its beginning. */
static wall_t begin_of(const struct history_job *job)
{
	wall_t begin = job->plan.captures[0].reach_from;

	for (size_t i = 0; i < job->plan.segment_count; i++)
		if (!strcmp(job->plan.segments[i].nic, job->row.nic) &&
		    wall_known(job->plan.segments[i].first)) {
			if (begin.ns < job->plan.segments[i].first.ns)
				begin = job->plan.segments[i].first;
			break;
		}
	return begin;
}

static void plan_done(void *arg, int result)
{
	struct history_job *job = arg;

	if (result < 0 || !job->plan.capture_count || job->control->stopping) {
		job_free(job);
		return;
	}
	if (begin_of(job).ns > job->from.ns)
		job->from = begin_of(job);
	start_extraction(job);
}

void history_job_start(struct control *control, const struct live_capture *capture,
		       const struct live_track *track, wall_t reach)
{
	const struct live_capture *standing = find_standing(control, capture, track->nic);
	const struct capture_row *row = &capture->row;
	struct history_job *job;

	if (!standing || reach.ns <= row->requested_from.ns)
		return;
	job = xcalloc(1, sizeof(*job));
	job->control = control;
	job->folder = job->fd = -1;
	job->now = wall_now();
	job->from = row->requested_from;
	job->single_nic = capture->track_count == 1;
	memcpy(job->standing, standing->row.id, sizeof(job->standing));
	memcpy(job->row.capture, row->id, sizeof(job->row.capture));
	memcpy(job->row.nic, track->nic, sizeof(job->row.nic));
	job->row.ring = track->ring;
	job->name.time = row->requested_from;
	segment_safe(row->policy_name, job->name.policy);
	memcpy(job->name.nic, track->nic, sizeof(job->name.nic));
	job->order.job.from_ns = row->requested_from.ns;
	job->order.job.to_ns = reach.ns - 1;
	live_slice_parse(row->slice, &job->order.job.slice, &job->order.job.slice_bytes);
	if (!format_filter(control, capture, track, sizeof(job->order.filter), job->order.filter)) {
		job_free(job);
		return;
	}
	snprintf(job->order.job.filter_text, sizeof(job->order.job.filter_text), "%s",
		 job->order.filter);
	snprintf(job->order.nics, sizeof(job->order.nics), "%s", track->nic);
	log_info("control", "capture %s: history of %s before the ring's is taken from capture %s",
		 row->id, track->nic, job->standing);
	store_post(control->store, STORE_READ, plan_run, plan_done, job);
}
