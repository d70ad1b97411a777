/* SPDX-License-Identifier: Apache-2.0 */
/* JSON with bounds before the parser, and the field readers on whatever came out of it. */
#include <errno.h>

#include "base/json.h"
#include "tests/fuzz/fuzz.h"

/* What was read, written and read again, is the same. */
static void check_again(const json_t *json)
{
	CLEANUP_FREE char *text = json_format(json);
	CLEANUP_JSON json_t *again = NULL;
	struct error err = {0};

	/* escapes may have made it longer than what clients may send */
	fuzz_check(!json_parse(text, strlen(text), SIZE_MAX, &again, &err));
	fuzz_check(json_equal(json, again));
}

static void check_result(int r, struct error *err)
{
	fuzz_check(r == 0 || r == JSON_ABSENT || r == -EINVAL);
	if (r < 0)
		fuzz_check_error(err);
	*err = (struct error){0};
}

/* The readers take a key, and the object may be none. */
static void read_fields(const json_t *json, const char *key)
{
	static const char *const allowed[] = {"a", "b", NULL};
	struct error err = {0};
	const char *text = "";
	json_t *part = NULL;
	int64_t number = 5;
	dur_t d = 5 * DUR_S;
	wall_t wall;
	bool flag;

	check_result(json_read_text(json, "/p", key, 1, 10, &text, &err), &err);
	fuzz_check(strlen(text) <= 10);
	check_result(json_read_int(json, "/p", key, 1, 10, &number, &err), &err);
	fuzz_check(number >= 1 && number <= 10);
	check_result(json_read_dur(json, "/p", key, DUR_S, DUR_HOUR, &d, &err), &err);
	fuzz_check(d >= DUR_S && d <= DUR_HOUR);
	check_result(json_read_bool(json, "/p", key, &flag, &err), &err);
	check_result(json_read_wall(json, "/p", key, &wall, &err), &err);
	check_result(json_read_array(json, "/p", key, 3, &part, &err), &err);
	fuzz_check(!part || json_array_size(part) <= 3);
	check_result(json_read_object(json, "/p", key, &part, &err), &err);
	check_result(json_check_keys(json, "/p", allowed, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_JSON json_t *json = NULL;
	struct error err = {0};
	int r = json_parse((const char *)data, size, JSON_BYTES_MAX, &json, &err);

	if (r) {
		fuzz_check(r == -EINVAL && !json);
		fuzz_check_error(&err);
		return 0;
	}
	check_again(json);
	read_fields(json, "a");
	if (json_object_size(json))
		read_fields(json, json_object_iter_key(json_object_iter(json)));
	return 0;
}
