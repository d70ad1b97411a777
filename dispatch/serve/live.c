/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "dispatch/serve/control_state.h"

#define ROTATE_BYTES_DEFAULT (64ull << 20)
#define ROTATE_DEFAULT	     (300 * DUR_S)

void live_init(struct live *live)
{
	LIST_INIT(&live->captures);
}

void live_clear(struct live *live)
{
	while (!LIST_EMPTY(&live->captures))
		live_remove(LIST_FIRST(&live->captures));
}

void live_slice_parse(const char *text, uint32_t *slice, uint32_t *slice_bytes)
{
	*slice = SLICE_WHOLE;
	*slice_bytes = 0;
	if (strncmp(text, "headers", 7))
		return;
	*slice = SLICE_HEADERS;
	if (text[7] == '+')
		*slice_bytes = (uint32_t)strtoul(text + 8, NULL, 10);
}

/* One ABSENT track per name of the comma-separated list. */
static void tracks_parse(struct live_capture *capture)
{
	char list[sizeof(capture->row.rings)];
	char *rest = list, *nic;

	memcpy(list, capture->row.rings, sizeof(list));
	while ((nic = strsep(&rest, ",")) && capture->track_count < CHILD_RINGS_MAX) {
		struct live_track *track = &capture->tracks[capture->track_count];

		if (!*nic)
			continue;
		snprintf(track->nic, sizeof(track->nic), "%s", nic);
		track->state = TRACK_ABSENT;
		capture->track_count++;
	}
}

struct live_capture *live_add(struct live *live, const struct capture_row *row)
{
	struct live_capture *capture = xcalloc(1, sizeof(*capture));

	capture->row = *row;
	capture->rotate_bytes = ROTATE_BYTES_DEFAULT;
	capture->rotate = ROTATE_DEFAULT;
	tracks_parse(capture);
	LIST_INSERT_HEAD(&live->captures, capture, next);
	return capture;
}

void live_remove(struct live_capture *capture)
{
	LIST_REMOVE(capture, next);
	live_match_free(capture->match);
	live_match_free(capture->next_match);
	for (size_t i = 0; i < capture->narrow_count; i++)
		match_fini(&capture->narrow[i]);
	free(capture);
}

void live_match_decide(struct live_capture *capture, struct live_match *match)
{
	live_match_free(capture->next_match);
	capture->next_match = match;
	capture->has_next_match = true;
}

void live_match_commit(struct live_capture *capture)
{
	if (!capture->has_next_match)
		return;
	live_match_free(capture->match);
	capture->match = take_ptr(capture->next_match);
	capture->has_next_match = false;
}

struct live_capture *live_find(struct live *live, const char *id)
{
	struct live_capture *capture;

	LIST_FOREACH (capture, &live->captures, next)
		if (!strcmp(capture->row.id, id))
			return capture;
	return NULL;
}

struct live_track *live_track_find(struct live_capture *capture, uint32_t ring)
{
	for (size_t i = 0; i < capture->track_count; i++)
		if (capture->tracks[i].state != TRACK_ABSENT && capture->tracks[i].ring == ring)
			return &capture->tracks[i];
	return NULL;
}

struct live_track *live_track_by_nic(struct live_capture *capture, const char *nic)
{
	for (size_t i = 0; i < capture->track_count; i++)
		if (!strcmp(capture->tracks[i].nic, nic))
			return &capture->tracks[i];
	return NULL;
}

void live_fail(struct live_capture *capture, const char *reason)
{
	if (!capture->failure[0])
		snprintf(capture->failure, sizeof(capture->failure), "%s", reason);
	if (!capture->row.problem[0])
		snprintf(capture->row.problem, sizeof(capture->row.problem), "%s", reason);
}

void live_retry(const struct control *control, struct live_capture *capture)
{
	capture->failed = false;
	capture->failure[0] = '\0';
	for (size_t i = 0; i < capture->track_count; i++)
		if (capture->tracks[i].state == TRACK_OVER)
			capture->tracks[i].state = TRACK_WANTED;
	live_resolve(control, capture);
}

static void track_resolve(const struct control *control, struct live_capture *capture,
			  struct live_track *track)
{
	struct ring_view ring;
	char reason[80];

	for (uint32_t i = 0; control_ring(control, i, &ring); i++) {
		if (strcmp(ring.nic, track->nic) || ring.state == NIC_ABSENT)
			continue;
		track->ring = i;
		track->state = TRACK_WANTED;
		return;
	}
	snprintf(reason, sizeof(reason), "interface_absent: no such interface \"%s\"", track->nic);
	live_fail(capture, reason);
}

void live_resolve(const struct control *control, struct live_capture *capture)
{
	for (size_t i = 0; i < capture->track_count; i++)
		if (capture->tracks[i].state == TRACK_ABSENT)
			track_resolve(control, capture, &capture->tracks[i]);
	if (!capture->track_count)
		live_fail(capture, "interface_absent: this probe has no interface");
}

bool live_is_over(const struct live_capture *capture)
{
	for (size_t i = 0; i < capture->track_count; i++)
		if (capture->tracks[i].state != TRACK_OVER &&
		    capture->tracks[i].state != TRACK_ABSENT)
			return false;
	return true;
}
