/* SPDX-License-Identifier: Apache-2.0 */
/* A request's raw path against a route table: one byte of method, then the path. */
#include "base/buf.h"
#include "dispatch/serve/route.h"
#include "tests/fuzz/fuzz.h"

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
	{METHOD_GET, "/{}", PERMISSION_NONE, handle},
};
#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

static void check_param(const char *param)
{
	fuzz_check(*param && !strchr(param, '/'));
	fuzz_check(strcmp(param, ".") && strcmp(param, ".."));
	for (; *param; param++)
		fuzz_check((unsigned char)*param >= 0x20 && *param != 0x7f);
}

/* The pattern with the parameters put in, every byte escaped. */
static void build_path(const struct route_match *match, struct buf *path)
{
	const char *pattern = match->route->pattern;
	size_t used = 0;

	for (; *pattern; pattern++) {
		if (strncmp(pattern, "{}", 2)) {
			buf_append(path, pattern, 1);
			continue;
		}
		fuzz_check(used < match->param_count);
		for (const char *c = match->params[used++]; *c; c++)
			buf_printf(path, "%%%02x", (unsigned char)*c);
		pattern++;
	}
	fuzz_check(used == match->param_count);
}

/* The same place, written with escapes, is the same place. */
static void check_again(enum route_method method, const struct route_match *match)
{
	CLEANUP_BUF struct buf path = BUF_INIT;
	struct route_match again;

	build_path(match, &path);
	if (path.len >= ROUTE_PATH_MAX)
		return;
	fuzz_check(!route_find(table, TABLE_SIZE, method, path.data, &again));
	fuzz_check(again.route == match->route && again.param_count == match->param_count);
	for (size_t i = 0; i < again.param_count; i++)
		fuzz_check(!strcmp(again.params[i], match->params[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	enum route_method method = 1u << (fuzz_take(&input, 1) % 6);
	CLEANUP_FREE char *path = fuzz_take_text(&input);
	struct route_match match;
	char methods[64];
	int r = route_find(table, TABLE_SIZE, method, path, &match);

	fuzz_check(r == 0 || r == ROUTE_UNKNOWN || r == ROUTE_METHOD);
	fuzz_check((r == ROUTE_METHOD) == (r && match.allow != 0));
	fuzz_check(strlen(route_format_methods(match.allow, methods)) < sizeof(methods));
	if (r)
		return 0;
	fuzz_check(match.route->methods & method);
	fuzz_check(match.route->permission != PERMISSION_NONE);
	for (size_t i = 0; i < match.param_count; i++)
		check_param(match.params[i]);
	check_again(method, &match);
	return 0;
}
