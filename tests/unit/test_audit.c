/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/audit.h"

#include <string.h>

#include "base/json.h"
#include "tests/unit/scratch.h"
#include "tests/unit/test.h"

static struct audit_row row_of(unsigned number, const char *capture)
{
	struct audit_row row = {.at = {(int64_t)(number + 1) * DUR_S}, .outcome = "running"};

	ident_new(row.at, row.id);
	snprintf(row.who, sizeof(row.who), "token admin");
	snprintf(row.request, sizeof(row.request), "/%u", number);
	snprintf(row.capture, sizeof(row.capture), "%s", capture);
	return row;
}

static void a_row_is_completed(struct db *db)
{
	struct audit_row first = row_of(1, "c1"), second = row_of(2, "");
	CLEANUP_JSON json_t *all = NULL, *some = NULL, *older = NULL;
	const json_t *item;

	check(!audit_add(db, &first));
	check(!audit_add(db, &second));
	first.until = (wall_t){9 * DUR_S};
	first.bytes = 77;
	first.outcome = "complete";
	memset(first.hash, 'a', 64);
	check(!audit_end(db, &first));
	check(!audit_close(db));
	check(!audit_list(db, "", "", 10, &all));
	check_int(json_array_size(all), 2);
	item = json_array_get(all, 0);
	check_text(json_string_value(json_object_get(item, "outcome")), "restart");
	check(json_is_null(json_object_get(item, "capture")));
	check(!audit_list(db, "c1", "", 10, &some));
	check_int(json_array_size(some), 1);
	item = json_array_get(some, 0);
	check_text(json_string_value(json_object_get(item, "outcome")), "complete");
	check_int(json_integer_value(json_object_get(item, "bytes")), 77);
	check(!audit_list(db, "", second.id, 10, &older));
	check_int(json_array_size(older), 1);
}

int main(void)
{
	struct scratch scratch;
	struct db *db;

	scratch_init(&scratch);
	check(!db_open(scratch_path(&scratch, "ringbell.db"), &db));
	a_row_is_completed(db);
	db_close(db);
	scratch_fini(&scratch);
	return 0;
}
