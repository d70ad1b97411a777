/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/problem.h"

#include "base/json.h"
#include "tests/unit/test.h"

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void test_plain(void)
{
	CLEANUP_JSON json_t *problem = problem_format(404, "unknown_policy", "no \"x\"");

	check_text(text_of(problem, "code"), "unknown_policy");
	check_text(text_of(problem, "title"), "Not Found");
	check_text(text_of(problem, "type"), "urn:ringbell:problem:unknown_policy");
	check_text(text_of(problem, "detail"), "no \"x\"");
	check_int(json_integer_value(json_object_get(problem, "status")), 404);
	check(!json_object_get(problem, "errors"));
}

static void test_field(void)
{
	CLEANUP_JSON json_t *problem = NULL;
	const json_t *first;
	struct error err;

	error_set(&err, "invalid_value", "/level", "\"x\": critical, error or warning expected");
	problem = problem_format_error(422, &err);
	first = json_array_get(json_object_get(problem, "errors"), 0);
	check_text(text_of(first, "pointer"), "/level");
	check_text(text_of(first, "code"), "invalid_value");
	check(strstr(text_of(first, "detail"), "critical"));
}

static void test_not_utf8(void)
{
	CLEANUP_JSON json_t *problem = problem_format(400, "bad", "\xff\xfe");

	check(problem);
	check(text_of(problem, "detail"));
}

int main(void)
{
	test_plain();
	test_field();
	test_not_utf8();
	return 0;
}
