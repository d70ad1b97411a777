/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/derived_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "dispatch/serve/control_state.h"

/* ---- which ---- */

bool derived_nic_wanted(const char *list, const char *nic)
{
	size_t len = strlen(nic);
	const char *p = list;

	while (*p) {
		size_t item = strcspn(p, ",");

		if (item == len && !strncmp(p, nic, len))
			return true;
		p += item + (p[item] == ',');
	}
	return !*list;
}

static bool row_wanted(const struct derived_order *order, const struct segment_row *row)
{
	if (row->missing || (row->sealed && !row->packets))
		return false;
	return !row->sealed ||
	       (row->last.ns >= order->job.from_ns && row->first.ns <= order->job.to_ns);
}

static const struct capture_row *find_capture(const struct derived_plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->capture_count; i++)
		if (!strcmp(plan->captures[i].id, id))
			return &plan->captures[i];
	return NULL;
}

static struct derived_source *add_source(struct derived_sources *sources,
					 const struct capture_row *capture,
					 const struct segment_row *row)
{
	struct derived_source *source;

	sources->items = xreallocarray(sources->items, sources->count + 1, sizeof(*source));
	source = &sources->items[sources->count++];
	*source = (struct derived_source){
		.ring = row->ring, .number = -1, .finished = capture->state == CAPTURE_FINISHED};
	memcpy(source->capture, row->capture, sizeof(source->capture));
	memcpy(source->folder, capture->folder, sizeof(source->folder));
	memcpy(source->nic, row->nic, sizeof(source->nic));
	return source;
}

static void add_feed(struct derived_sources *sources, struct ring_feed *feed)
{
	struct derived_source *source;

	sources->items = xreallocarray(sources->items, sources->count + 1, sizeof(*source));
	source = &sources->items[sources->count++];
	*source = (struct derived_source){
		.feed = feed, .ring = ring_feed_ring(feed), .number = -1, .finished = true};
	memcpy(source->nic, ring_feed_nic(feed), sizeof(source->nic));
}

static void add_row(struct derived_source *source, const struct segment_row *row)
{
	source->rows = xreallocarray(source->rows, source->row_count + 1, sizeof(*row));
	source->rows[source->row_count++] = *row;
}

/* Following, a capture that has no segment yet still gets its sources when it has: not now. */
void derived_sources_init(struct derived_sources *sources, struct control *control,
			  const struct derived_order *order, struct derived_plan *plan)
{
	struct derived_source *source = NULL;

	*sources = (struct derived_sources){.control = control, .order = order};
	for (size_t i = 0; i < plan->segment_count; i++) {
		const struct segment_row *row = &plan->segments[i];

		if (!derived_nic_wanted(order->nics, row->nic))
			continue;
		if (!source || strcmp(source->capture, row->capture) || source->ring != row->ring)
			source = add_source(sources, find_capture(plan, row->capture), row);
		add_row(source, row);
	}
	for (size_t i = 0; i < plan->feed_count; i++)
		add_feed(sources, plan->feeds[i]);
	snprintf(sources->name, sizeof(sources->name), "%s",
		 plan->feed_count	    ? "ring"
		 : plan->capture_count == 1 ? plan->captures[0].id
					    : "packets");
	plan->feed_count = 0;
	derived_plan_fini(plan);
	for (size_t i = 0; i < sources->count; i++)
		reading_start(&control->readings, &sources->items[i].reading,
			      sources->items[i].capture);
}

/* ---- what is known of them ---- */

void derived_sources_span(const struct derived_sources *sources, wall_t *first, wall_t *last)
{
	*first = *last = (wall_t){0};
	for (size_t i = 0; i < sources->count; i++) {
		for (size_t k = 0; k < sources->items[i].row_count; k++) {
			const struct segment_row *row = &sources->items[i].rows[k];

			if (!wall_known(row->first))
				continue;
			if (!wall_known(*first) || row->first.ns < first->ns)
				*first = row->first;
			if (row->last.ns > last->ns)
				*last = row->last;
		}
	}
}

uint64_t derived_sources_bytes(const struct derived_sources *sources)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < sources->count; i++)
		for (size_t k = 0; k < sources->items[i].row_count; k++)
			if (row_wanted(sources->order, &sources->items[i].rows[k]))
				bytes += sources->items[i].rows[k].file_bytes;
	return bytes;
}

const char *derived_sources_name(const struct derived_sources *sources, char name[128])
{
	wall_t first, last;
	char stamp[WALL_TEXT_SIZE];

	derived_sources_span(sources, &first, &last);
	if (sources->order->job.from_ns > first.ns)
		first.ns = sources->order->job.from_ns;
	snprintf(name, 128, "%s_%s", wall_format_compact(first, stamp), sources->name);
	return name;
}

static size_t count_captures(const struct derived_sources *sources)
{
	size_t n = 0;

	for (size_t i = 0; i < sources->count; i++)
		n += !i || strcmp(sources->items[i].capture, sources->items[i - 1].capture);
	return n;
}

void derived_sources_comment(const struct derived_sources *sources, char comment[REC_COMMENT_SIZE])
{
	const struct extract_job *job = &sources->order->job;
	char from[WALL_TEXT_SIZE], to[WALL_TEXT_SIZE], slice[40] = "", origin[256];

	if (job->slice == SLICE_HEADERS)
		snprintf(slice, sizeof(slice), "\ncut to headers and %u bytes", job->slice_bytes);
	if (sources->count && sources->items[0].feed)
		snprintf(origin, sizeof(origin),
			 "Found by Ringbell in the ring: without the block that was being filled");
	else
		snprintf(origin, sizeof(origin),
			 "Derived by Ringbell from %zu captures (%s): what they lack, this lacks "
			 "too",
			 count_captures(sources), sources->name);
	snprintf(comment, REC_COMMENT_SIZE, "%s\nfrom %s\nto %s\nfilter %s%s", origin,
		 job->from_ns ? wall_format((wall_t){job->from_ns}, from) : "their beginning",
		 job->to_ns < INT64_MAX ? wall_format((wall_t){job->to_ns}, to) : "their end",
		 job->filter_text[0] ? job->filter_text : "none", slice);
}

bool derived_sources_counts(const struct derived_sources *sources, struct ring_feed_counts *ret)
{
	*ret = (struct ring_feed_counts){0};
	for (size_t i = 0; i < sources->count; i++) {
		struct ring_feed_counts one = {0};

		if (sources->items[i].feed)
			one = ring_feed_counts(sources->items[i].feed);
		ret->seen += one.seen;
		ret->lost += one.lost;
		ret->untold += one.untold;
	}
	return sources->count && sources->items[0].feed;
}

/* ---- what is wanted ---- */

void derived_source_want(struct derived_source *source, bool more, uint64_t have_bytes)
{
	source->want = more ? DERIVED_MORE : DERIVED_NEXT;
	source->have_bytes = have_bytes;
	source->fresh = false;
}

static const struct live_track *find_track(const struct derived_sources *sources,
					   const struct derived_source *source)
{
	struct live_capture *capture = live_find(&sources->control->live, source->capture);
	const struct live_track *track = capture ? live_track_by_nic(capture, source->nic) : NULL;

	return track && track->progress.name[0] && track->progress.valid_bytes ? track : NULL;
}

static const struct segment_row *find_row(const struct derived_source *source, int64_t number)
{
	for (size_t i = 0; i < source->row_count; i++)
		if (source->rows[i].number == number)
			return &source->rows[i];
	return NULL;
}

static int get_more(const struct derived_sources *sources, struct derived_source *source,
		    struct extract_segment *ret)
{
	const struct segment_row *row = find_row(source, source->number);
	const struct live_track *track = find_track(sources, source);

	if (row && row->sealed) {
		ret->valid_bytes = row->file_bytes;
		ret->sealed = 1;
	} else if (track && track->progress.segment == source->number &&
		   track->progress.valid_bytes > source->have_bytes) {
		ret->valid_bytes = track->progress.valid_bytes;
	} else if (source->finished) { /* and was never sealed: there is no more of it */
		ret->valid_bytes = source->have_bytes;
		ret->sealed = 1;
	} else {
		return DERIVED_SOURCE_LATER;
	}
	source->want = DERIVED_NOTHING;
	return DERIVED_SOURCE_GROWN;
}

static int open_file(const struct derived_sources *sources, const struct derived_source *source,
		     const char *name)
{
	char path[2 * SEGMENT_NAME_SIZE + 4];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", source->folder, name);
	fd = openat(sources->control->captures_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int get_sealed(const struct derived_sources *sources, struct derived_source *source,
		      const struct segment_row *row, struct extract_segment *ret, int *ret_fd)
{
	int fd = open_file(sources, source, row->name);

	source->number = row->number;
	source->want = DERIVED_NOTHING;
	ret->valid_bytes = row->file_bytes;
	ret->sealed = 1;
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

/* The store has not heard yet, but its name says that it is sealed. */
static int get_renamed(const struct derived_sources *sources, struct derived_source *source,
		       const struct segment_row *row, struct extract_segment *ret, int *ret_fd)
{
	int fd = open_file(sources, source, row->name);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		if (fd >= 0)
			close(fd);
		return DERIVED_SOURCE_LATER;
	}
	source->number = row->number;
	source->want = DERIVED_NOTHING;
	ret->valid_bytes = (uint64_t)st.st_size;
	ret->sealed = 1;
	*ret_fd = fd;
	return 0;
}

/* The one that is being written, under its hidden name, or just got its own. */
static int get_open(const struct derived_sources *sources, struct derived_source *source,
		    const struct live_track *track, struct extract_segment *ret, int *ret_fd)
{
	int fd = open_file(sources, source, track->progress.name);

	if (fd == -ENOENT && track->progress.name[0] == '.')
		fd = open_file(sources, source, track->progress.name + 1);
	if (fd == -ENOENT) /* gone a moment ago: the next report tells its successor */
		return DERIVED_SOURCE_LATER;
	source->number = track->progress.segment;
	source->want = DERIVED_NOTHING;
	ret->valid_bytes = track->progress.valid_bytes;
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

/* The first row behind the segment given last, or NULL. */
static const struct segment_row *next_row(const struct derived_sources *sources,
					  const struct derived_source *source)
{
	for (size_t i = 0; i < source->row_count; i++)
		if (source->rows[i].number > source->number &&
		    row_wanted(sources->order, &source->rows[i]))
			return &source->rows[i];
	return NULL;
}

static int get_next(const struct derived_sources *sources, struct derived_source *source,
		    struct extract_segment *ret, int *ret_fd)
{
	const struct live_track *track = find_track(sources, source);
	const struct segment_row *row = next_row(sources, source);
	bool follow = sources->order->job.follow;

	if (row && row->sealed)
		return get_sealed(sources, source, row, ret, ret_fd);
	if (row && (!track || track->progress.segment != row->number) &&
	    !get_renamed(sources, source, row, ret, ret_fd))
		return 0;
	/* following, a row of the segment between may not be known yet */
	if (track && track->progress.segment > source->number &&
	    (!follow || source->fresh || track->progress.segment == source->number + 1))
		return get_open(sources, source, track, ret, ret_fd);
	if (follow && !source->finished)
		return DERIVED_SOURCE_LATER;
	source->want = DERIVED_NOTHING;
	return 0; /* no more */
}

static int get_found(struct derived_source *source, struct extract_segment *ret, int *ret_fd)
{
	int r = ring_feed_get(source->feed, ret_fd, &ret->valid_bytes);

	if (r == RING_FEED_LATER)
		return DERIVED_SOURCE_LATER;
	source->want = DERIVED_NOTHING;
	ret->sealed = 1;
	return r == RING_FEED_OVER ? 0 : r;
}

int derived_source_get(const struct derived_sources *sources, struct derived_source *source,
		       struct extract_segment *ret, int *ret_fd)
{
	switch (source->want) {
	case DERIVED_NEXT:
		if (source->feed)
			return get_found(source, ret, ret_fd);
		return get_next(sources, source, ret, ret_fd);
	case DERIVED_MORE:
		return get_more(sources, source, ret);
	default:
		return DERIVED_SOURCE_LATER;
	}
}

/* ---- its index ---- */

static bool can_skip(const struct extract_job *job)
{
	return job->terms.count || job->from_ns || job->to_ns < INT64_MAX;
}

int derived_source_index(const struct derived_sources *sources, const struct derived_source *source,
			 struct extract_index *ret, int *ret_fd)
{
	const struct segment_row *row = source->feed ? NULL : find_row(source, source->number);
	char name[SEGMENT_NAME_SIZE + sizeof(SEGMENT_INDEX_SUFFIX)];
	int fd;

	*ret_fd = -1;
	if (!row || !row->sealed || !row->sha256[0] || !can_skip(&sources->order->job))
		return 0;
	if (!row->index_sha256[0])
		return -ENOENT;
	if (!row->index_bytes || row->index_bytes > SEGMENT_INDEX_BYTES_MAX)
		return 0;
	snprintf(name, sizeof(name), "%s" SEGMENT_INDEX_SUFFIX, row->name);
	fd = open_file(sources, source, name);
	if (fd < 0)
		return fd;
	ret->bytes = (uint32_t)row->index_bytes;
	memcpy(ret->sha256, row->sha256, sizeof(ret->sha256));
	memcpy(ret->index_sha256, row->index_sha256, sizeof(ret->index_sha256));
	*ret_fd = fd;
	return 0;
}

void derived_source_reindex(const struct derived_sources *sources,
			    const struct derived_source *source)
{
	const struct segment_row *row = find_row(source, source->number);

	if (row)
		digest_queue_index(&sources->control->digests, row);
}

/* ---- what is new ---- */

struct derived_refresh {
	struct derived_sources *sources; /* NULL: nobody waits any more */
	void (*done)(void *owner);
	void *owner;
	char capture[IDENT_SIZE];
	struct capture_row row;
	struct segment_row *segments;
	int count;
};

static int refresh_run(struct db *db, void *arg)
{
	struct derived_refresh *refresh = arg;
	int r = catalogue_get_capture(db, refresh->capture, &refresh->row);

	if (r)
		return r < 0 ? r : -ENOENT;
	refresh->count = catalogue_list_segments(db, refresh->capture, &refresh->segments);
	return refresh->count < 0 ? refresh->count : 0;
}

static void take_rows(struct derived_source *source, const struct derived_refresh *refresh)
{
	source->row_count = 0;
	for (int i = 0; i < refresh->count; i++)
		if (refresh->segments[i].ring == source->ring)
			add_row(source, &refresh->segments[i]);
	source->finished = refresh->row.state == CAPTURE_FINISHED;
	source->fresh = true;
}

static void refresh_done(void *arg, int result)
{
	struct derived_refresh *refresh = arg;
	struct derived_sources *sources = refresh->sources;

	if (sources) {
		sources->refresh = NULL;
		for (size_t i = 0; i < sources->count; i++) {
			struct derived_source *source = &sources->items[i];

			if (strcmp(source->capture, refresh->capture))
				continue;
			if (result == 0)
				take_rows(source, refresh);
			else if (result == -ENOENT) /* deleted */
				source->finished = true;
		}
		refresh->done(refresh->owner);
	}
	free(refresh->segments);
	free(refresh);
}

/* Has the recorder left the segment that is read, or the capture? Then the store knows more. */
static bool is_stale(const struct derived_sources *sources, const struct derived_source *source)
{
	const struct live_track *track = find_track(sources, source);

	if (source->want == DERIVED_NOTHING || source->finished)
		return false;
	return !track || track->progress.segment > source->number;
}

void derived_sources_refresh(struct derived_sources *sources, void (*done)(void *owner),
			     void *owner)
{
	const struct derived_source *stale = NULL;
	struct derived_refresh *refresh;

	for (size_t i = 0; i < sources->count && !stale; i++)
		if (is_stale(sources, &sources->items[i]))
			stale = &sources->items[i];
	if (!stale || sources->refresh) {
		if (!sources->refresh)
			done(owner);
		return;
	}
	refresh = xcalloc(1, sizeof(*refresh));
	refresh->sources = sources;
	refresh->done = done;
	refresh->owner = owner;
	memcpy(refresh->capture, stale->capture, sizeof(refresh->capture));
	sources->refresh = refresh;
	store_post(sources->control->store, STORE_READ, refresh_run, refresh_done, refresh);
}

void derived_sources_fini(struct derived_sources *sources)
{
	if (sources->refresh)
		sources->refresh->sources = NULL;
	for (size_t i = 0; i < sources->count; i++) {
		reading_stop(&sources->items[i].reading);
		ring_feed_free(sources->items[i].feed);
		free(sources->items[i].rows);
	}
	free(sources->items);
}
