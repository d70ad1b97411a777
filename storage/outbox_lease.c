/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows go next. A queue may be long, and this runs at every verdict: each endpoint's queue is
 * read from its head, by its own index, no further than its room reaches. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "storage/db_internal.h"
#include "storage/outbox.h"
#include "storage/outbox_internal.h"

#define FUTURE_MAX DUR_MIN /* what happened later than that was before a clock step */

/* Endpoints with pending rows, and how many each may still have leased. */
struct line {
	char endpoint[IDENT_SIZE];
	int room;
};

struct lines {
	struct line *items;
	size_t count;
};

static void lines_fini(struct lines *lines)
{
	free(lines->items);
}

static struct outbox_limit *find_limit(const struct outbox_limits *limits, const char *endpoint)
{
	for (size_t i = 0; limits && i < limits->count; i++)
		if (!strcmp(limits->items[i].endpoint, endpoint))
			return &limits->items[i];
	return NULL;
}

static int room_by_default(struct db *db, const char *endpoint, int *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT count(*) FROM outbox WHERE state = 'leased' AND endpoint = ?",
			 db_text(endpoint));

	if (r || (r = db_next(&rows)) < 0)
		return r;
	*ret = OUTBOX_LEASES_PER_ENDPOINT - (int)db_get_integer(&rows, 0);
	return 0;
}

/* Jumps from endpoint to endpoint in the index, past their rows. */
static int list_endpoints(struct db *db, struct lines *lines)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(
		db, &rows,
		"WITH RECURSIVE e(id) AS ("
		"  SELECT min(endpoint) FROM outbox INDEXED BY outbox_queue WHERE state = "
		"'pending' UNION ALL"
		"  SELECT (SELECT min(endpoint) FROM outbox INDEXED BY outbox_queue"
		"    WHERE state = 'pending' AND endpoint > e.id) FROM e WHERE e.id NOTNULL)"
		" SELECT id FROM e WHERE id NOTNULL");

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		lines->items =
			xreallocarray(lines->items, lines->count + 1, sizeof(lines->items[0]));
		db_copy_text(&rows, 0, lines->items[lines->count].endpoint, IDENT_SIZE);
		lines->items[lines->count++].room = 0;
		r = 0;
	}
	return r;
}

static int lines_load(struct db *db, const struct outbox_limits *limits, struct lines *lines)
{
	int r = list_endpoints(db, lines);

	for (size_t i = 0; !r && i < lines->count; i++) {
		struct line *line = &lines->items[i];
		const struct outbox_limit *limit = find_limit(limits, line->endpoint);

		if (limit)
			line->room = limit->room;
		else
			r = room_by_default(db, line->endpoint, &line->room);
	}
	return r;
}

/* Rows that could go, of all endpoints. */
struct chosen {
	int64_t *seqs;
	size_t count;
};

static void chosen_fini(struct chosen *choice)
{
	free(choice->seqs);
}

static int choose_of(struct db *db, const struct line *line, wall_t now, int max,
		     struct chosen *choice)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT o.seq FROM outbox AS o INDEXED BY outbox_queue"
			 " WHERE o.endpoint = ? AND " LEASABLE " AND (o.next_at <= ? OR"
			 "   max(o.created_at, o.settled_at) > ?) ORDER BY o.seq LIMIT ?",
			 db_text(line->endpoint), db_wall(now), db_wall(wall_add(now, FUTURE_MAX)),
			 db_integer(line->room < max ? line->room : max));

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		choice->seqs =
			xreallocarray(choice->seqs, choice->count + 1, sizeof(choice->seqs[0]));
		choice->seqs[choice->count++] = db_get_integer(&rows, 0);
		r = 0;
	}
	return r;
}

static int compare_seqs(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int choose(struct db *db, wall_t now, const struct outbox_limits *limits, int max,
		  struct chosen *choice)
{
	CLEANUP(lines_fini) struct lines lines = {0};
	int r = lines_load(db, limits, &lines);

	for (size_t i = 0; !r && i < lines.count; i++)
		if (lines.items[i].room > 0)
			r = choose_of(db, &lines.items[i], now, max, choice);
	if (choice->count)
		qsort(choice->seqs, choice->count, sizeof(choice->seqs[0]), compare_seqs);
	return r;
}

static void take_push(const struct db_rows *rows, struct outbox_push *ret)
{
	*ret = (struct outbox_push){0};
	db_copy_text(rows, 0, ret->id, sizeof(ret->id));
	db_copy_text(rows, 1, ret->alert, sizeof(ret->alert));
	db_copy_text(rows, 2, ret->endpoint, sizeof(ret->endpoint));
	db_copy_text(rows, 3, ret->fingerprint, sizeof(ret->fingerprint));
	ret->attempt = (int)db_get_integer(rows, 4) + 1;
	ret->created_at = db_get_wall(rows, 5);
	ret->request = xstrdup(db_get_text(rows, 6));
	db_copy_text(rows, 7, ret->event, sizeof(ret->event));
	ret->since = db_get_wall(rows, 8);
	ret->is_fallback = db_get_integer(rows, 9);
}

static int load_push(struct db *db, int64_t seq, struct outbox_push *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT id, alert, endpoint, fingerprint, attempts - lost, created_at,"
			 "  request, event, iif(since, since, created_at), fallback_of != ''"
			 " FROM outbox WHERE seq = ?",
			 db_integer(seq));

	if (!r && (r = db_next(&rows)) == DB_ROW) {
		take_push(&rows, ret);
		r = 0;
	}
	return r;
}

/* What the pair's history adds to a row being leased. */
static int take_history(struct db *db, struct outbox_push *push)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT p.reference, p.reason = 'collapsed' FROM outbox AS p, outbox AS o"
			 " WHERE o.id = ? AND p.endpoint = o.endpoint AND"
			 "   p.fingerprint = o.fingerprint AND p.seq < o.seq AND"
			 "   (p.reference != '' OR p.reason = 'collapsed')"
			 " ORDER BY p.seq DESC LIMIT 1",
			 db_text(push->id));

	if (r || (r = db_next(&rows)) != DB_ROW)
		return r;
	db_copy_text(&rows, 0, push->reference, sizeof(push->reference));
	push->is_collapsed = db_get_integer(&rows, 1) && !strcmp(push->event, "recovered");
	return 0;
}

static int mark_leased(struct db *db, const struct outbox_push pushes[], int count)
{
	int r = db_atomic_start(db);

	if (r)
		return r;
	for (int i = 0; !r && i < count; i++)
		r = db_run(db,
			   "UPDATE outbox SET state = 'leased', attempts = attempts + 1"
			   " WHERE id = ?",
			   db_text(pushes[i].id));
	return db_atomic_end(db, r);
}

/* How many, or -errno. */
static int lease_chosen(struct db *db, const struct chosen *choice, int max,
			struct outbox_push ret[])
{
	int n = 0, r = 0;

	while (!r && n < max && (size_t)n < choice->count) {
		ret[n].request = NULL;
		r = load_push(db, choice->seqs[n], &ret[n]);
		n++;
	}
	for (int i = 0; !r && i < n; i++)
		r = take_history(db, &ret[i]);
	if (!r && n)
		r = mark_leased(db, ret, n);
	if (!r)
		return n;
	while (n > 0)
		free(ret[--n].request);
	return r;
}

int outbox_lease(struct db *db, wall_t now, struct outbox_limits *limits, int max,
		 struct outbox_push ret[])
{
	CLEANUP(chosen_fini) struct chosen choice = {0};
	int r = choose(db, now, limits, max, &choice);
	int n = r ? r : lease_chosen(db, &choice, max, ret);

	for (int i = 0; i < n; i++) {
		struct outbox_limit *limit = find_limit(limits, ret[i].endpoint);

		if (limit)
			limit->room--;
	}
	return n;
}

int outbox_lease_along(struct db *db, wall_t now, const char *endpoint, int max,
		       struct outbox_push ret[])
{
	CLEANUP(chosen_fini) struct chosen choice = {0};
	struct line line = {.room = max};
	int r;

	snprintf(line.endpoint, sizeof(line.endpoint), "%s", endpoint);
	r = choose_of(db, &line, now, max, &choice);
	return r ? r : lease_chosen(db, &choice, max, ret);
}

int outbox_count_due(struct db *db, wall_t now, const char *endpoint, int max)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(db, &rows,
			 "SELECT count(*) FROM (SELECT 1 FROM outbox INDEXED BY outbox_queue"
			 " WHERE endpoint = ? AND state = 'pending' AND next_at <= ? LIMIT ?)",
			 db_text(endpoint), db_wall(now), db_integer(max));

	if (r || (r = db_next(&rows)) < 0)
		return r;
	return (int)db_get_integer(&rows, 0);
}

/* INT64_MAX = none. */
static int next_due_of(struct db *db, const struct line *line, int64_t *ret)
{
	CLEANUP_ROWS struct db_rows rows = {0};
	int r = db_query(
		db, &rows,
		"SELECT coalesce(min(o.next_at), ?)"
		" FROM outbox AS o INDEXED BY outbox_queue WHERE o.endpoint = ? AND " LEASABLE,
		db_integer(INT64_MAX), db_text(line->endpoint));

	if (r || (r = db_next(&rows)) < 0)
		return r;
	*ret = db_get_integer(&rows, 0);
	return 0;
}

int outbox_next_due(struct db *db, const struct outbox_limits *limits, wall_t *ret)
{
	CLEANUP(lines_fini) struct lines lines = {0};
	int64_t first = INT64_MAX, due;
	int r = lines_load(db, limits, &lines);

	for (size_t i = 0; !r && i < lines.count; i++) {
		if (lines.items[i].room <= 0)
			continue;
		r = next_due_of(db, &lines.items[i], &due);
		if (!r && due < first)
			first = due;
	}
	if (r)
		return r;
	if (first == INT64_MAX)
		return OUTBOX_EMPTY;
	*ret = (wall_t){first};
	return 0;
}
