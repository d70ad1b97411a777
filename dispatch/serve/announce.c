/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/announce.h"

#include <string.h>

#include "base/json.h"
#include "dispatch/serve/control_state.h"
#include "dispatch/serve/push_message.h"
#include "storage/manifest.h"
#include "storage/outbox.h"

#define SEGMENTS_TOLD 32 /* of a longer capture only their number is told */

void announce_gather(const struct control *control, struct announce *ret)
{
	const struct endpoint *endpoint;

	*ret = (struct announce){0};
	snprintf(ret->probe, sizeof(ret->probe), "%s", control->probe);
	for (size_t i = 0; control->engine && (endpoint = engine_endpoint_at(control->engine, i));
	     i++)
		if (endpoint->enabled && endpoint_takes_captures(endpoint) &&
		    ret->count < ANNOUNCE_MAX)
			memcpy(ret->endpoints[ret->count++], endpoint->id, IDENT_SIZE);
}

/* The catalogue's rows as the manifest has them, without the timeline and without a long list. */
static int record_format(struct db *db, const struct capture_row *row, json_t **ret)
{
	CLEANUP_FREE struct segment_row *segments = NULL;
	CLEANUP_FREE struct gap_row *gaps = NULL;
	int segment_count = catalogue_list_segments(db, row->id, &segments), gap_count;

	if (segment_count < 0)
		return segment_count;
	gap_count = catalogue_list_gaps(db, row->id, &gaps);
	if (gap_count < 0)
		return gap_count;
	*ret = manifest_format(row, segments, (size_t)segment_count, gaps, (size_t)gap_count, NULL);
	json_object_set_new(*ret, "segment_count", json_integer(segment_count));
	if (segment_count > SEGMENTS_TOLD)
		json_object_del(*ret, "segments");
	if (gap_count > SEGMENTS_TOLD)
		json_object_del(*ret, "gaps");
	return 0;
}

static int add_push(struct db *db, const char *endpoint, const struct capture_row *row,
		    const char *request, wall_t now)
{
	struct outbox_push push = {.created_at = now, .request = (char *)request};

	ident_new(now, push.id);
	memcpy(push.alert, row->alert, sizeof(push.alert));
	memcpy(push.endpoint, endpoint, sizeof(push.endpoint));
	snprintf(push.fingerprint, sizeof(push.fingerprint), "%s", row->id);
	return outbox_add(db, &push);
}

static int announce_event(struct db *db, const struct announce *announce,
			  const struct capture_row *row, const char *event)
{
	CLEANUP_JSON json_t *body = NULL, *record = NULL;
	CLEANUP_FREE char *request = NULL;
	wall_t now = wall_now();
	char at[WALL_TEXT_SIZE];
	int r = record_format(db, row, &record);

	if (r)
		return r;
	body = json_pack("{s:i, s:s, s:s, s:s, s:O}", "version", 1, "event", event, "probe",
			 announce->probe, "at", wall_format(now, at), "capture", record);
	request = push_message_format_record(body, row->id, row->policy_name, announce->probe, now);
	for (unsigned i = 0; !r && i < announce->count; i++)
		r = add_push(db, announce->endpoints[i], row, request, now);
	return r;
}

int announce_finished(struct db *db, const struct announce *announce, const char *capture)
{
	struct capture_row row;
	int r = announce->count ? catalogue_get_capture(db, capture, &row) : CATALOGUE_ABSENT;

	if (r || row.state != CAPTURE_FINISHED)
		return r < 0 ? r : 0;
	r = catalogue_is_digested(db, capture);
	return r <= 0 ? r : announce_event(db, announce, &row, "finished");
}

int announce_removed(struct db *db, const struct announce *announce, const char *capture)
{
	struct capture_row row;
	int r = announce->count ? catalogue_get_capture(db, capture, &row) : CATALOGUE_ABSENT;

	if (r)
		return r < 0 ? r : 0;
	return announce_event(db, announce, &row, "removed");
}
