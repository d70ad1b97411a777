/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/outbox_stats.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "storage/db_internal.h"

static void add(struct outbox_stats *stats, const struct db_rows *rows)
{
	const char *state = db_get_text(rows, 1);

	outbox_counts_add(&stats->counts, state, db_get_integer(rows, 2));
	if (!strcmp(state, "delivered"))
		stats->last_success = db_get_wall(rows, 4);
	if ((!strcmp(state, "pending") || !strcmp(state, "leased")) &&
	    (!wall_known(stats->oldest) || wall_sub(stats->oldest, db_get_wall(rows, 3)) > 0))
		stats->oldest = db_get_wall(rows, 3);
}

int outbox_list_stats(struct db *db, struct outbox_stats **ret)
{
	CLEANUP_FREE struct outbox_stats *list = NULL;
	CLEANUP_ROWS struct db_rows rows = {0};
	int n = 0, r = db_query(db, &rows,
				"SELECT endpoint, state, count(*), min(created_at), max(settled_at)"
				" FROM outbox GROUP BY endpoint, state ORDER BY endpoint");

	while (!r && (r = db_next(&rows)) == DB_ROW) {
		if (!n || strcmp(list[n - 1].endpoint, db_get_text(&rows, 0))) {
			list = xreallocarray(list, (size_t)n + 1, sizeof(*list));
			list[n] = (struct outbox_stats){0};
			db_copy_text(&rows, 0, list[n++].endpoint, IDENT_SIZE);
		}
		add(&list[n - 1], &rows);
		r = 0;
	}
	if (r < 0)
		return r;
	*ret = take_ptr(list);
	return n;
}
