/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "tests/unit/test.h"

static json_t *parse(const char *text, struct error *err)
{
	json_t *json = NULL;

	*err = (struct error){0};
	json_parse(text, strlen(text), JSON_BYTES_MAX, &json, err);
	return json;
}

static void test_limits(void)
{
	struct error err;
	char deep[80];

	memset(deep, '[', 40);
	memset(deep + 40, ']', 40);
	check(json_parse(deep, 80, 1000, &(json_t *){NULL}, &err) < 0);
	check_text(err.code, "too_deep");
	check(json_parse("[1]", 3, 2, &(json_t *){NULL}, &err) < 0);
	check_text(err.code, "too_large");
	check(!parse("{\"a\":1,\"a\":2}", &err));
	check_text(err.code, "invalid_json");
	check(!parse("{\"a\":\"\\u0000\"}", &err));
	check(!parse("\"\xff\"", &err));
	check(!parse("", &err));
}

static void test_readers(void)
{
	static const char *const keys[] = {"n", "s", "d", NULL};
	struct error err;
	CLEANUP_JSON json_t *o = parse("{\"n\":70000,\"s\":\"\",\"d\":\"5\"}", &err);
	const char *s = "kept";
	int64_t n = 7;
	dur_t d = 9;

	check(o != NULL);
	check_int(json_read_int(o, "/p", "x", 1, 9, &n, &err), JSON_ABSENT);
	check_int(n, 7);
	check(json_read_int(o, "/p", "n", 1, 65535, &n, &err) < 0);
	check_text(err.field, "/p/n");
	check_text(err.text, "70000: whole number from 1 to 65535 expected");
	check(json_read_text(o, "", "s", 1, 64, &s, &err) < 0);
	check_text(s, "kept");
	check(json_read_dur(o, "", "d", 0, DUR_HOUR, &d, &err) < 0);
	check_text(err.text, "\"5\": duration like \"30s\" or \"5m\" from 0s to 1h expected");
	check(!json_check_keys(o, "", keys, &err));
	check(json_check_keys(o, "", keys + 1, &err) < 0);
	check_text(err.text, "unknown field \"n\"; allowed: s, d");
}

int main(void)
{
	test_limits();
	test_readers();
	return 0;
}
