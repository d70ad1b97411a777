/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch/serve/route.h"

#include "base/cleanup.h"
#include "tests/unit/test.h"

static void handle(struct exchange *exchange)
{
	(void)exchange;
}

static const struct route table[] = {
	{METHOD_GET, "/livez", PERMISSION_OPEN, handle},
	{METHOD_POST, "/in/{}/{}", PERMISSION_SOURCE, handle},
	{METHOD_GET, "/api/v1/policies", PERMISSION_ADMIN, handle},
	{METHOD_POST, "/api/v1/policies", PERMISSION_ADMIN, handle},
	{METHOD_GET | METHOD_HEAD, "/api/v1/policies/{}", PERMISSION_ADMIN, handle},
	{METHOD_POST, "/api/v1/policies/{}/enable", PERMISSION_ADMIN, handle},
	{METHOD_GET, "/forgotten", PERMISSION_NONE, handle},
};

static struct route_match match;

static int find(enum route_method method, const char *path)
{
	return route_find(table, ARRAY_SIZE(table), method, path, &match);
}

static void test_found(void)
{
	check_int(find(METHOD_GET, "/livez"), 0);
	check(match.route == &table[0]);
	check_int(find(METHOD_POST, "/in/native/secret"), 0);
	check_int(match.param_count, 2);
	check_text(match.params[0], "native");
	check_text(match.params[1], "secret");
	check_int(find(METHOD_HEAD, "/api/v1/policies/a%20b"), 0);
	check_text(match.params[0], "a b");
	check_int(find(METHOD_POST, "/api/v1/policies/x/enable"), 0);
	check(match.route == &table[5]);
}

static void test_unknown(void)
{
	static const char *const paths[] = {
		"",
		"/",
		"//",
		"livez",
		"/livez/",
		"//livez",
		"/livez/../livez",
		"/./livez",
		"/api/v1/policies/",
		"/api/v1/policies/..",
		"/api/v1/policies/%2e%2e",
		"/api/v1/policies/a%2fb",
		"/api/v1/policies/a%",
		"/api/v1/policies/a%0",
		"/api/v1/policies/a%zz",
		"/api/v1/policies/%00",
		"/api/v1/policies/%0a",
		"/API/v1/policies",
		"/api/v1/policies/x/enable/y",
		"/in/native",
		"/in/a/b/c",
		"/forgotten",
		"/a/b/c/d/e/f/g/h/i/j",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		check_int(find(METHOD_GET, paths[i]), ROUTE_UNKNOWN);
}

static void test_long_path(void)
{
	char path[ROUTE_PATH_MAX + 10];

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	check_int(find(METHOD_GET, path), ROUTE_UNKNOWN);
}

static void test_method(void)
{
	char text[64];

	check_int(find(METHOD_DELETE, "/api/v1/policies"), ROUTE_METHOD);
	check_text(route_format_methods(match.allow, text), "GET, POST");
	check_int(find(METHOD_PUT, "/api/v1/policies/x"), ROUTE_METHOD);
	check_text(route_format_methods(match.allow, text), "GET, HEAD");
	check_int(find(0, "/livez"), ROUTE_METHOD);
}

int main(void)
{
	test_found();
	test_unknown();
	test_long_path();
	test_method();
	return 0;
}
