/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/push_digest.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "policy/level.h"
#include "policy/utf8.h"

#define LINE_BYTES 84
#define DUE_COUNT                                                                                  \
	(4 * PUSH_DIGEST_ROWS_MAX * COURIER_LEASES_MAX) /* counting further changes nothing */

bool push_digest_is_for(const struct endpoint *endpoint)
{
	switch (endpoint->kind) {
	case ENDPOINT_SLACK:
	case ENDPOINT_WECOM_APP:
	case ENDPOINT_WECOM_ROBOT:
	case ENDPOINT_DINGTALK:
		return !endpoint_number(endpoint, "allow_override");
	default:
		return false;
	}
}

void push_digest_rows_fini(struct push_digest_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->items[i].push.request);
	free(rows->items);
	*rows = (struct push_digest_rows){0};
}

/* ---- store thread ---- */

static void add_rows(struct push_digest_rows *rows, const struct outbox_push pushes[], int count,
		     int carrier)
{
	rows->items =
		xreallocarray(rows->items, rows->count + (size_t)count, sizeof(rows->items[0]));
	for (int i = 0; i < count; i++)
		rows->items[rows->count++] =
			(struct push_digest_row){.push = pushes[i], .carrier = carrier};
}

int push_digest_lease(struct db *db, wall_t now, const struct push_digest *digest,
		      const struct outbox_push rows[], int count, struct push_digest_rows *ret)
{
	struct outbox_push along[PUSH_DIGEST_ROWS_MAX - 1];
	int64_t room = digest->room;
	int due = 0;

	for (int i = 0; i < count; i++)
		room -= !strcmp(rows[i].endpoint, digest->endpoint);
	for (int i = 0; i < count; i++) {
		if (strcmp(rows[i].endpoint, digest->endpoint) != 0)
			continue;
		due = outbox_count_due(db, now, digest->endpoint, DUE_COUNT);
		if (due < 0 || due <= room)
			break;
		due = outbox_lease_along(db, now, digest->endpoint, PUSH_DIGEST_ROWS_MAX - 1,
					 along);
		if (due <= 0)
			break;
		add_rows(ret, along, due, i);
	}
	return due < 0 ? due : 0;
}

/* ---- what it says ---- */

struct tally {
	int levels[LEVEL_INFO + 1];
	unsigned worst; /* 0 = none yet */
	int count;
};

static void add_line(struct buf *body, const char *title, bool is_collapsed)
{
	CLEANUP_FREE char *line =
		xasprintf("%s%s", is_collapsed ? "[Occurred and resolved] " : "", title);
	size_t len = utf8_fit(line, LINE_BYTES);

	for (char *p = line; *p; p++)
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	buf_append_text(body, "- ");
	buf_append(body, line, len);
	buf_append_text(body, line[len] ? "…\n" : "\n");
}

static void count_level(struct tally *tally, int64_t level)
{
	if (level < LEVEL_CRITICAL || level > LEVEL_INFO)
		return;
	tally->levels[level]++;
	if (!tally->worst || level < tally->worst)
		tally->worst = (unsigned)level;
}

static void add_push(struct buf *body, struct tally *tally, const struct outbox_push *push)
{
	CLEANUP_JSON json_t *request = json_loads(push->request, 0, NULL);
	const char *title = json_string_value(json_object_get(request, "title"));

	add_line(body, title ? title : push->alert, push->is_collapsed);
	count_level(tally, json_integer_value(json_object_get(request, "level")));
	tally->count++;
}

static char *format_title(const struct tally *tally)
{
	CLEANUP_BUF struct buf title = BUF_INIT;
	const char *separator = ": ";

	buf_printf(&title, "%d alerts", tally->count);
	for (int level = LEVEL_CRITICAL; level <= LEVEL_INFO; level++) {
		if (!tally->levels[level])
			continue;
		buf_printf(&title, "%s%d %s", separator, tally->levels[level],
			   level_name((enum level)level));
		separator = ", ";
	}
	return buf_take(&title);
}

/* Nothing is said of one alert alone. */
static int set_texts(struct courier_push *ret, const char *title, const char *body)
{
	static const enum courier_text single[] = {COURIER_LINK, COURIER_FACTS, COURIER_REFERENCE,
						   COURIER_PLAIN};

	for (size_t i = 0; i < ARRAY_SIZE(single); i++)
		ret->offsets[single[i]] = 0;
	ret->event = COURIER_DIGEST;
	if (courier_push_set(ret, COURIER_TITLE, title) ||
	    courier_push_set(ret, COURIER_BODY, body))
		return -EINVAL;
	return 0;
}

int push_digest_write(const struct outbox_push *carrier, int index,
		      const struct push_digest_rows *rows, struct courier_push *ret)
{
	CLEANUP_BUF struct buf body = BUF_INIT;
	CLEANUP_FREE char *title = NULL;
	struct tally tally = {0};

	add_push(&body, &tally, carrier);
	for (size_t i = 0; i < rows->count; i++)
		if (rows->items[i].carrier == index)
			add_push(&body, &tally, &rows->items[i].push);
	if (tally.count < 2)
		return 0;
	title = format_title(&tally);
	if (tally.worst)
		ret->level = tally.worst;
	return set_texts(ret, title, body.data);
}
