/* SPDX-License-Identifier: Apache-2.0 */
/* A template of anything over values of anything: the first line is JSON, the rest the template. */
#include <errno.h>
#include <string.h>

#include "base/jinja/jinja.h"
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

static bool is_utf8(const char *text, size_t len)
{
	CLEANUP_JSON json_t *json = json_stringn(text, len);

	return json != NULL;
}

static void check_error(const struct jinja_error *err)
{
	fuzz_check(err->fault != JINJA_FAULT_NONE);
	fuzz_check(err->line >= 1 && err->column >= 1);
	fuzz_check(err->text[0] && strlen(err->text) < sizeof(err->text));
}

static void render(const struct jinja *jinja, const json_t *variables, enum jinja_escape escape)
{
	struct jinja_options options = {.escape = escape};
	CLEANUP_BUF struct buf out = BUF_INIT;
	struct jinja_error err;

	if (jinja_render(jinja, variables, &options, &out, &err)) {
		check_error(&err);
		fuzz_check(!out.len);
		return;
	}
	fuzz_check(out.len <= JINJA_OUTPUT_MAX);
	fuzz_check(is_utf8(out.data ? out.data : "", out.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *newline = size ? memchr(text, '\n', size) : NULL;
	CLEANUP_JINJA struct jinja *jinja = NULL;
	CLEANUP_JSON json_t *variables = NULL;
	struct jinja_error err;
	struct error json_err;

	if (!newline ||
	    json_parse(text, (size_t)(newline - text), JSON_BYTES_MAX, &variables, &json_err))
		return 0;
	if (jinja_compile(newline + 1, size - (size_t)(newline + 1 - text), &jinja, &err)) {
		check_error(&err);
		return 0;
	}
	for (int escape = JINJA_ESCAPE_NONE; escape <= JINJA_ESCAPE_HEADER; escape++)
		render(jinja, variables, (enum jinja_escape)escape);
	return 0;
}
