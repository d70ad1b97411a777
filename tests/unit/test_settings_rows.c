/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "storage/settings.h"
#include "tests/unit/scratch.h"

struct seen {
	char text[256];
	int stop_at; /* calls until one refuses; 0 = never */
	int calls;
};

static int see(void *owner, const char *id, const char *json)
{
	struct seen *seen = owner;
	size_t len = strlen(seen->text);

	snprintf(seen->text + len, sizeof(seen->text) - len, "%s=%s;", id, json);
	return ++seen->calls == seen->stop_at ? 17 : 0;
}

static void check_rows(struct db *db, const char *kind, const char *want)
{
	struct seen seen = {0};

	check_int(settings_list(db, kind, see, &seen), 0);
	check_text(seen.text, want);
}

int main(void)
{
	struct scratch scratch;
	struct seen seen = {.stop_at = 1};
	struct db *db;

	scratch_init(&scratch);
	check(!db_open(scratch_path(&scratch, "ringbell.db"), &db));
	check_rows(db, "policy", "");
	check(!settings_save(db, "policy", "b", "{\"n\":1}"));
	check(!settings_save(db, "policy", "a", "{}"));
	check(!settings_save(db, "source", "a", "[]"));
	check_rows(db, "policy", "a={};b={\"n\":1};");
	check_rows(db, "source", "a=[];");
	check(!settings_save(db, "policy", "b", "{\"n\":2}"));
	check_rows(db, "policy", "a={};b={\"n\":2};");
	check_int(settings_list(db, "policy", see, &seen), 17);
	check_int(seen.calls, 1);
	check(!settings_remove(db, "policy", "a"));
	check(!settings_remove(db, "policy", "nobody"));
	check_rows(db, "policy", "b={\"n\":2};");
	check_rows(db, "source", "a=[];");
	db_close(db);
	scratch_fini(&scratch);
	return 0;
}
