/* SPDX-License-Identifier: Apache-2.0 */
/* Renders what it is told, for the comparison with Jinja2: a line of JSON {template, variables,
 * html, strict} on standard input gives a line {text} or {error, line, column} on standard output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jinja/jinja.h"
#include "base/json.h"

static json_t *answer_error(const struct jinja_error *err)
{
	return json_pack("{s:s, s:i, s:i, s:i}", "error", err->text, "line", (int)err->line,
			 "column", (int)err->column, "fault", (int)err->fault);
}

static int64_t processor_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int render(const struct jinja *jinja, const json_t *line,
		  const struct jinja_options *options, struct buf *out, struct jinja_error *err)
{
	int times = (int)json_integer_value(json_object_get(line, "repeat")), r = 0;

	for (int i = 0; i < (times ? times : 1) && !r; i++) {
		buf_clear(out);
		r = jinja_render(jinja, json_object_get(line, "variables"), options, out, err);
	}
	return r;
}

static json_t *answer(const json_t *line)
{
	const json_t *source = json_object_get(line, "template");
	struct jinja_options options = {
		.escape = json_is_true(json_object_get(line, "html")) ? JINJA_ESCAPE_HTML
								      : JINJA_ESCAPE_NONE,
		.undefined = json_is_true(json_object_get(line, "strict")) ? JINJA_UNDEFINED_STRICT
									   : JINJA_UNDEFINED_EMPTY,
	};
	CLEANUP_JINJA struct jinja *jinja = NULL;
	CLEANUP_BUF struct buf out = BUF_INIT;
	struct jinja_error err;
	int64_t began;

	if (jinja_compile(json_string_value(source), json_string_length(source), &jinja, &err))
		return answer_error(&err);
	began = processor_ns();
	if (render(jinja, line, &options, &out, &err))
		return answer_error(&err);
	return json_pack("{s:s%, s:I}", "text", out.data ? out.data : "", out.len, "ns",
			 (json_int_t)(processor_ns() - began));
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		CLEANUP_JSON json_t *question = json_loads(line, JSON_ALLOW_NUL, NULL);
		CLEANUP_JSON json_t *reply = answer(question);

		/* a text with U+0000 is beyond this program, not beyond the renderer */
		if (!reply || json_dumpf(reply, stdout, JSON_COMPACT))
			printf("{\"error\":\"not representable\"}");
		printf("\n");
		fflush(stdout);
	}
	free(line);
	return 0;
}
